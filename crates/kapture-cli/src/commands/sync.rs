//! `kapture sync`.

use anyhow::{Result, anyhow};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use kapture_customers::Days;
use kapture_sinks::{Destination, Ledger, RangeEnd, SinkError, Tracking};

use crate::args::{OutputArgs, OutputFormatArgs, SyncArgs};
use crate::commands::plan;
use crate::config::connection::Connection;
use crate::config::destination::{RecordOutput, check_incremental};
use crate::config::refresh::Refresh;
use crate::config::{dates, duration, privacy, query};
use crate::error::{CliError, hinted, prefixed};
use crate::metrics;
use crate::output::message::Message;
use crate::output::summary::{self, Summary};
use crate::pipeline::Pipeline;
use crate::pipeline::date_ranges::{by_reason, ranges};
use crate::pipeline::run_end::StartedRun;
use crate::pipeline::volatile_fields;

/// Brings a destination with a ledger up to date.
pub(crate) async fn run(arguments: &SyncArgs, output: &OutputArgs) -> Result<(), CliError> {
    let usage = CliError::usage;
    refuse_shard(arguments).map_err(usage)?;
    if arguments.dry_run {
        return plan::sync(arguments).await;
    }
    summary::check(arguments.summary.as_deref()).map_err(usage)?;
    metrics::check(arguments.metrics.as_deref()).map_err(usage)?;
    let connection = Connection::resolve(&arguments.connection)?;
    let connection = connection.protected(&arguments.connection, &arguments.privacy);
    let connection = connection.map_err(usage)?;
    let calendar = dates::Calendar::of(connection.zone);
    let (from, to) = (arguments.from.as_deref(), &arguments.to);
    let range = Range::resolve(from, to, &calendar).map_err(usage)?;
    let refresh = Refresh::parse(&arguments.refresh).map_err(usage)?;
    let grace_period = grace_period(&arguments.grace_period).map_err(usage)?;
    let form = OutputFormatArgs {
        format: arguments.format.clone(),
        table: arguments.table.clone(),
        unlocked: arguments.unlocked,
        ..OutputFormatArgs::default()
    };
    let destination = RecordOutput::resolve(&arguments.destination, &form, connection.zone).await;
    let mut destination = destination.map_err(usage)?;
    check_incremental(&destination.destination).map_err(usage)?;
    destination.destination =
        tracking(&destination.destination, arguments, calendar.now).map_err(usage)?;
    destination
        .check_apart(&[
            ("--summary", arguments.summary.as_deref()),
            ("--metrics", arguments.metrics.as_deref()),
            ("--token-file", arguments.connection.token_file.as_deref()),
            (
                "--hash-key-file",
                arguments.privacy.hash_key_file.as_deref(),
            ),
        ])
        .map_err(usage)?;
    let filters = &arguments.filters;
    privacy::check(
        &connection.privacy,
        filters,
        &destination.destination,
        false,
    )
    .map_err(usage)?;
    let query = query::resolve(connection.cm_id, filters).map_err(usage)?;

    let source = connection.source(&query);
    if range.from.is_none() {
        // Nothing is created before the first day is known.
        match destination.destination.open(Some(&source)).await {
            Err(SinkError::NotFound { .. }) => return Err(usage(nowhere_to_begin())),
            // Opened for writing, it is migrated.
            Ok(_) | Err(SinkError::SchemaTooOld { .. }) => {}
            Err(error) => return Err(CliError::sink(error)),
        }
    }
    let metrics = arguments.metrics.as_deref();
    let started = StartedRun::new("sync", &destination.destination, metrics, calendar.now);
    let mut summary = Summary::default();
    let sink = match destination.create(&source).await {
        Ok(sink) => sink,
        Err(error) => {
            return started
                .end(None, &summary, Err(CliError::sink(error)))
                .await;
        }
    };
    let outcome = async {
        started.begin(&*sink).await?;
        let ledger = sink.ledger().await.map_err(CliError::sink)?;
        let wanted = range.wanted(&ledger).map_err(usage)?;
        let days = lacking(&ledger, &wanted, &refresh, &calendar);
        range.note_another_end(&ledger);
        note_days_pulled_again(&ledger, &days, calendar.now);
        let filters = connection.filter_check(&query);
        let connected = connection.open().await?;
        let pull = connected.pull(&ledger, query, &days);
        let course = Pipeline {
            connected: &connected,
            destination: &destination.destination,
            sink: &*sink,
            wanted: &wanted,
            until: range.end,
            days: &days,
            filters,
            summary: arguments.summary.as_deref(),
            output,
            on_wait: None,
        };
        let pull = pull
            .grace_period(grace_period)
            .fewer_requests(arguments.proof.fewer_requests);
        let outcome = course.run(pull, &mut summary).await;
        volatile_fields::note(&*sink, &ledger, &days, calendar.now).await;
        outcome
    };
    let outcome = outcome.await;
    started.end(Some(&*sink), &summary, outcome).await
}

/// A part of the days until today has other days tomorrow, so that a destination would never have
/// all of its days.
fn refuse_shard(arguments: &SyncArgs) -> Result<()> {
    match arguments.shard {
        Some(_) => Err(hinted(
            "sync has no --shard: its days go on until today, so the parts would be other days in each run; and one run at a time writes to a destination",
            "sync is concurrent by itself (--concurrency). To divide a first pull among machines, give each its own days and its own destination: kapture sync 2023/ --from 2023-01-01 --to 2023-12-31; or use kapture pull --shard I/N -o part-I.parquet",
        )),
        None => Ok(()),
    }
}

/// The destination, which remembers changes as the arguments say.
fn tracking(
    destination: &Destination,
    arguments: &SyncArgs,
    now: DateTime<Utc>,
) -> Result<Destination> {
    let ignored = match &arguments.ignore_change[..] {
        [] => None,
        [none] if none == "none" => Some(Vec::new()),
        fields => {
            Some(privacy::fields(fields).map_err(|error| prefixed("--ignore-change", error))?)
        }
    };
    let tracking = Tracking {
        history_from: arguments.history.then_some(now),
        ignored,
    };
    // Every destination of a sync remembers.
    let tracked = destination.tracking(&tracking);
    Ok(tracked.unwrap_or_else(|| destination.clone()))
}

/// Notes the days that are pulled again although they have a receipt.
fn note_days_pulled_again(ledger: &Ledger, days: &Days, now: DateTime<Utc>) {
    for (reason, stale) in by_reason(ledger) {
        let again: Days = stale.iter().filter(|day| days.contains(*day)).collect();
        if !again.is_empty() {
            let again = ranges(&again);
            Message::note(format!("pulled again, because {reason}: {again}")).print();
        }
    }
    let fetched_later = ledger.iter().filter(|receipt| receipt.fetched > now);
    let ahead: Days = fetched_later
        .map(|receipt| receipt.day)
        .filter(|day| days.contains(*day))
        .collect();
    if !ahead.is_empty() {
        Message::note(format!(
            "pulled again, because the clock was ahead when they were pulled: {}",
            ranges(&ahead)
        ))
        .print();
    }
}

fn grace_period(text: &str) -> Result<TimeDelta> {
    let time = duration::parse(text, "--grace-period")?;
    TimeDelta::from_std(time).map_err(|_| anyhow!("--grace-period: `{text}` is too long"))
}

fn nowhere_to_begin() -> anyhow::Error {
    hinted(
        "no first day: the destination has no days yet",
        "add --from and the first day that it is to hold, for example --from 2024-01-01 or --from -30d",
    )
}

/// The range of days to bring up to date.
#[derive(Debug)]
pub(crate) struct Range {
    /// `None`: the first day of the ledger.
    from: Option<NaiveDate>,
    to: NaiveDate,
    /// The last day that the destination is to hold.
    end: RangeEnd,
}

impl Range {
    pub(crate) fn resolve(
        from: Option<&str>,
        to: &str,
        calendar: &dates::Calendar,
    ) -> Result<Self> {
        let from = from.map(|text| calendar.date(text)).transpose();
        let range = Self {
            from: from.map_err(|error| prefixed("--from", error))?,
            to: calendar.date(to).map_err(|error| prefixed("--to", error))?,
            // Of the others, such as `today`, each run makes another day.
            end: to.parse().unwrap_or(RangeEnd::Today),
        };
        if let Some(from) = range.from {
            range.since(from)?;
        }
        Ok(range)
    }

    pub(crate) fn wanted(&self, ledger: &Ledger) -> Result<Days> {
        let held = ledger.bounds().map(|(first, _)| first);
        self.since(self.from.or(held).ok_or_else(nowhere_to_begin)?)
    }

    /// Notes that this run goes beyond the last day that the destination was to hold, which is easily forgotten.
    fn note_another_end(&self, ledger: &Ledger) {
        if let (Some(RangeEnd::Day(end)), RangeEnd::Today) = (ledger.end(), self.end)
            && end < self.to
        {
            Message::note(format!(
                "earlier runs were to end on {end}, this one goes on until today; --to {end} keeps the end"
            ))
            .print();
        }
    }

    fn since(&self, from: NaiveDate) -> Result<Days> {
        Days::between(from, self.to)
            .map_err(|error| hinted(error.to_string(), "choose other days with --from and --to"))
    }
}

/// The wanted days that have to be pulled: days that are not sealed, and those to refresh.
pub(crate) fn lacking(
    ledger: &Ledger,
    wanted: &Days,
    refresh: &Refresh,
    calendar: &dates::Calendar,
) -> Days {
    let lacking = ledger.missing_or_stale(wanted, calendar.now);
    let read = |day| {
        let receipt = ledger.get(day);
        receipt.map(|receipt| calendar.day_of(receipt.fetched))
    };
    let due = refresh.due(wanted, calendar, read);
    lacking.iter().chain(due.iter()).collect()
}
