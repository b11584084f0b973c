//! `kapture verify`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::{Result, anyhow};
use chrono::NaiveDate;
use futures_util::StreamExt;
use kapture_customers::{Checksum, DayState, Days, Event, Pull, PullError, Receipt};
use kapture_model::CustomerId;
use kapture_sinks::{Destination, Ledger, RowHashes, Sink, SinkError, StaleReason, Stray};
use kapture_transport::Endpoint;
use serde_json::json;

use crate::args::{DayArgs, OutputArgs, VerifyArgs};
use crate::config::connection::Connection;
use crate::config::{dates, destination, query};
use crate::error::{CliError, hinted, prefixed};
use crate::metrics;
use crate::output::message::Message;
use crate::output::progress::Progress;
use crate::output::stdout;
use crate::output::summary::{Summary, counted};
use crate::pipeline::date_ranges::ranges;
use crate::pipeline::events::events;
use crate::pipeline::failed_days::FailedDays;
use crate::pipeline::run_end::StartedRun;
use crate::signals::stop_signal;

/// How many ids are named in one line of text.
const NAMED: usize = 20;

/// Pulls days again and prints every difference.
pub(crate) async fn run(arguments: &VerifyArgs, output: &OutputArgs) -> Result<(), CliError> {
    let usage = CliError::usage;
    metrics::check(arguments.metrics.as_deref()).map_err(usage)?;
    let connection = Connection::resolve(&arguments.connection)?;
    let calendar = dates::Calendar::of(connection.zone);
    let destination = destination::incremental(&arguments.destination).map_err(usage)?;
    let query = query::resolve(connection.cm_id, &arguments.filters).map_err(usage)?;

    let sink = destination
        .open(Some(&connection.source(&query)))
        .await
        .map_err(CliError::sink)?;
    let ledger = sink.ledger().await.map_err(CliError::sink)?;
    let asked = asked(arguments, &calendar, &ledger, &destination).map_err(usage)?;
    let (days, open) = sealed(&asked, &ledger);
    let strays = sink.strays().await.map_err(CliError::sink)?;
    let VerifyArgs {
        from,
        to,
        last,
        month,
        ..
    } = arguments;
    let is_whole = [from, to, last, month].iter().all(|it| it.is_none());
    let is_asked = |stray: &Stray| is_whole || stray.day().is_none_or(|day| asked.contains(day));
    let strays = strays.into_iter().filter(is_asked);
    // A deleted customer leaves its contacts behind, and its day is printed as different: contacts
    // without a customer are printed only where no day differs.
    let is_contacts = |stray: &Stray| matches!(stray, Stray::Contacts { .. });
    let (contacts, strays): (Vec<_>, Vec<_>) = strays.partition(is_contacts);
    let metrics = arguments.metrics.as_deref();
    let started = StartedRun::new("verify", &destination, metrics, calendar.now);
    let mut summary = Summary {
        days_asked: days.len(),
        ..Summary::default()
    };
    let compared = async {
        tell_strays(&strays, arguments.json)?;
        let connected = connection.open().await?;
        let pull = connected.pull(&ledger, query, &days);
        let pull = pull.fewer_requests(arguments.proof.fewer_requests);
        let verification = Verification {
            sink: &*sink,
            ledger: &ledger,
            endpoint: connected.endpoint(),
            json: arguments.json,
            fetched: BTreeMap::new(),
            outstanding: days.iter().collect(),
            differences: BTreeMap::new(),
            progress: Progress::start(days.len(), &connected.client, &destination, output),
            differing: 0,
            alike: 0,
            failed: FailedDays::new(connected.endpoint()),
        };
        let outcome = verification.finish(pull, &mut summary).await;
        summary.stats = connected.client.stats();
        let mut counts = outcome?;
        counts.strays = strays.len();
        if counts.differing == 0 {
            tell_strays(&contacts, arguments.json)?;
            counts.strays += contacts.len();
        }
        Ok(counts)
    };
    let counts = compared.await;
    let verified = counts
        .as_ref()
        .map_or((0, 0), |counts| (counts.alike, counts.differing));
    let outcome = counts.and_then(|counts| report(counts, &open, &destination));
    started
        .end_of_verification(&*sink, &summary, verified, outcome)
        .await
}

/// What became of the days that were compared.
struct Counts {
    alike: usize,
    differing: usize,
    failing: Days,
    failures: Vec<CliError>,
    /// What was told that belongs to no day.
    strays: usize,
}

/// Prints what became of the days, and says whether all are alike.
fn report(counts: Counts, open: &Days, destination: &Destination) -> Result<(), CliError> {
    let Counts {
        alike,
        differing,
        failing,
        mut failures,
        strays,
    } = counts;
    if !open.is_empty() {
        Message::note(format!(
            "not compared, because they were open: {}",
            ranges(open)
        ))
        .print();
    }
    let compared = counted((alike + differing) as u64, "day");
    let not_fetched = match failing.len() {
        0 => String::new(),
        days => format!("; {} failed", counted(days as u64, "day")),
    };
    Message::info(format!(
        "{compared} compared with {destination}: {alike} alike, {differing} different{not_fetched}"
    ))
    .with(
        "summary",
        json!({
            "days": alike + differing,
            "alike": alike,
            "different": differing,
            "failed": failing.len(),
            "failed_days": failing.iter().collect::<Vec<_>>(),
            "strays": strays,
        }),
    )
    .print();
    let failure = failures.pop();
    for failed in failures {
        failed.report();
    }
    match (failure, differing, strays) {
        (Some(failure), ..) => Err(failure),
        (None, 0, 0) => Ok(()),
        (None, 0, _) => Err(CliError::strays(destination.to_string())),
        (None, days, _) => Err(CliError::differences(days, sync_again(destination))),
    }
}

/// Prints what the destination holds that belongs to no day of its ledger.
fn tell_strays(strays: &[Stray], as_json: bool) -> Result<(), CliError> {
    for stray in strays {
        let line = match as_json {
            true => json!({"day": stray.day(), "stray": stray.to_string()}).to_string(),
            false => stray.to_string(),
        };
        stdout::print(&format!("{line}\n")).map_err(CliError::after_a_difference)?;
    }
    Ok(())
}

fn sync_again(destination: &Destination) -> String {
    format!(
        "customers may have been added, changed or removed since; kapture sync {destination} --refresh DAYS or kapture pull -o {destination} --again pulls the days again"
    )
}

fn asked(
    arguments: &VerifyArgs,
    calendar: &dates::Calendar,
    ledger: &Ledger,
    destination: &Destination,
) -> Result<Days> {
    if arguments.last.is_some() || arguments.month.is_some() {
        let days = DayArgs {
            last: arguments.last.clone(),
            month: arguments.month.clone(),
            ..DayArgs::default()
        };
        return dates::asked(&days, calendar);
    }
    let bounds = ledger.bounds();
    let date = |text: &Option<String>, flag: &'static str, held: Option<NaiveDate>| match text {
        Some(text) => calendar.date(text).map_err(|error| prefixed(flag, error)),
        None => held.ok_or_else(|| anyhow!("nothing to verify: {destination} has no days yet")),
    };
    let from = date(&arguments.from, "--from", bounds.map(|(first, _)| first))?;
    let to = date(&arguments.to, "--to", bounds.map(|(_, last)| last))?;
    Days::between(from, to)
        .map_err(|error| hinted(error.to_string(), "choose other days with --from and --to"))
}

/// The days to compare, and the open ones, which are not compared.
fn sealed(days: &Days, ledger: &Ledger) -> (Days, Days) {
    let is_open = |day: &NaiveDate| {
        let receipt = ledger.get(*day);
        receipt.is_some_and(|receipt| receipt.state == DayState::Open)
    };
    let open: Days = days.iter().filter(is_open).collect();
    (
        days.iter().filter(|day| !open.contains(*day)).collect(),
        open,
    )
}

/// A running verification.
struct Verification<'a> {
    sink: &'a dyn Sink,
    ledger: &'a Ledger,
    endpoint: Endpoint,
    json: bool,
    /// The customers of days that are being pulled.
    fetched: BTreeMap<NaiveDate, RowHashes>,
    /// The days that are not compared yet.
    outstanding: BTreeSet<NaiveDate>,
    /// Differences that are not printed yet: days end in any order and are printed in calendar order.
    differences: BTreeMap<NaiveDate, String>,
    progress: Progress,
    differing: usize,
    alike: usize,
    /// The other days are still compared.
    failed: FailedDays,
}

impl Verification<'_> {
    /// Compares all days, and prints the differences, which are printed even if the run fails.
    async fn finish(mut self, pull: Pull, summary: &mut Summary) -> Result<Counts, CliError> {
        let outcome = tokio::select! {
            outcome = self.run(pull) => outcome,
            signal = stop_signal() => Err(CliError::stopped(signal)),
        };
        self.outstanding.clear();
        self.tell()?;
        summary.days_done = self.alike + self.differing;
        let failing = self.failed.days();
        summary.failed = failing.iter().collect();
        summary.failures = self.failed.by_kind().collect();
        let failures = self.failed.take(|days| format!("cannot pull {days} again"));
        // The progress bar would clear the lines that follow.
        drop(self.progress);
        if let Err(failure) = outcome {
            // Days failed before the run ended for another reason.
            for failed in failures {
                failed.report();
            }
            return Err(failure);
        }
        Ok(Counts {
            alike: self.alike,
            differing: self.differing,
            failing,
            failures,
            strays: 0,
        })
    }

    async fn run(&mut self, pull: Pull) -> Result<(), CliError> {
        let mut events = events(pull, self.outstanding.len());
        while let Some(event) = events.next().await {
            match event.map_err(|error| CliError::pull(error, self.endpoint))? {
                Event::Records { day, records } => {
                    self.progress.customers(records.len());
                    let hashes = self.sink.row_hashes_of(day, &records).await;
                    let hashes = hashes.map_err(CliError::sink)?;
                    self.fetched.entry(day).or_default().extend(hashes);
                }
                Event::DayDone(receipt) => {
                    self.progress.day_done();
                    self.compare(receipt.day).await?;
                }
                Event::DayFailed { day, error } => {
                    self.progress.day_done();
                    self.fail(day, error)?;
                }
                Event::RetryScheduled { wait, error, .. } => {
                    self.progress.waiting(wait, &error.to_string());
                }
                _ => {}
            }
        }
        if self.outstanding.is_empty() {
            return Ok(());
        }
        let days = ranges(&self.outstanding.iter().copied().collect());
        Err(CliError::bug(format!(
            "the pull ended without a result for {days}"
        )))
    }

    /// Records that a day failed. The other days are still compared.
    fn fail(&mut self, day: NaiveDate, error: PullError) -> Result<(), CliError> {
        self.failed.add([day], error);
        self.fetched.remove(&day);
        self.outstanding.remove(&day);
        self.tell()
    }

    async fn compare(&mut self, day: NaiveDate) -> Result<(), CliError> {
        let mut there = self.fetched.remove(&day).unwrap_or_default();
        there.retain(|id, _| !self.ledger.is_forgotten(id));
        let stale_reason = self.ledger.stale_reason(day);
        let mut unreadable = None;
        let here = match self.sink.row_hashes(day).await {
            // A stale day may be unreadable.
            Err(_) if stale_reason.is_some() => RowHashes::new(),
            Err(error) if is_unreadable(&error) => {
                unreadable = Some(format!("{:#}", anyhow!(error)));
                RowHashes::new()
            }
            here => here.map_err(CliError::sink)?,
        };
        let without = |some: &RowHashes, others: &RowHashes| {
            let ids = some.keys().filter(|id| !others.contains_key(id));
            ids.cloned().collect()
        };
        let changed = here.iter().filter(|(id, hash)| {
            let there = there.get(id);
            there.is_some_and(|there| there != *hash)
        });
        let comparison = Comparison {
            day,
            receipt: self.ledger.get(day),
            stale_reason,
            unreadable,
            missing: without(&there, &here),
            surplus: without(&here, &there),
            changed: changed.map(|(id, _)| id.clone()).collect(),
            here: here.into_keys().collect(),
        };
        if comparison.is_alike() {
            self.alike += 1;
        } else {
            self.differing += 1;
            let line = if self.json {
                comparison.json().to_string()
            } else {
                comparison.text()
            };
            self.differences.insert(day, line);
        }
        self.outstanding.remove(&day);
        self.tell()
    }

    /// Prints the differences of all days before the first outstanding one.
    fn tell(&mut self) -> Result<(), CliError> {
        while let Some(difference) = self.differences.first_entry()
            && self
                .outstanding
                .first()
                .is_none_or(|day| difference.key() < day)
        {
            let line = difference.remove();
            let printed = self
                .progress
                .suspend(|| stdout::print(&format!("{line}\n")));
            // A closed output still means that there is a difference.
            printed.map_err(CliError::after_a_difference)?;
        }
        Ok(())
    }
}

/// The customers of a day in the destination and on the server.
struct Comparison<'a> {
    day: NaiveDate,
    receipt: Option<&'a Receipt>,
    stale_reason: Option<StaleReason>,
    /// Why nothing of it can be read in the destination.
    unreadable: Option<String>,
    here: BTreeSet<CustomerId>,
    /// Only on the server.
    missing: Vec<CustomerId>,
    /// Only in the destination.
    surplus: Vec<CustomerId>,
    /// On both, with other values.
    changed: Vec<CustomerId>,
}

impl Comparison<'_> {
    /// Whether the receipt matches the destination.
    fn agrees_with_receipt(&self) -> bool {
        let mut checksum = Checksum::default();
        self.here.iter().for_each(|id| checksum.add(id));
        self.receipt.is_some_and(|receipt| {
            receipt.customers == self.here.len() as u64 && receipt.checksum == checksum
        })
    }

    fn is_alike(&self) -> bool {
        let differing = [&self.missing, &self.surplus, &self.changed];
        differing.iter().all(|ids| ids.is_empty()) && self.agrees_with_receipt()
    }

    fn text(&self) -> String {
        let mut text = self.day.to_string();
        if let Some(reason) = &self.unreadable {
            return format!("{text}: {reason}");
        }
        if let Some(reason) = self.stale_reason {
            let _ = write!(text, ": {reason}");
        } else if self.receipt.is_none() {
            text += ": not pulled yet";
        } else if !self.agrees_with_receipt() {
            text += ": changed in the destination since it was pulled";
        }
        for (what, ids) in [
            ("only on the server", &self.missing),
            ("only here", &self.surplus),
            ("with other values", &self.changed),
        ] {
            if !ids.is_empty() {
                let _ = write!(text, ": {} {what}: {}", ids.len(), named(ids));
            }
        }
        text
    }

    fn json(&self) -> serde_json::Value {
        let ids = |ids: &[CustomerId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        json!({
            "day": self.day,
            "pulled": self.receipt.is_some() || self.stale_reason.is_some(),
            "agrees_with_receipt": self.agrees_with_receipt(),
            "unreadable": self.unreadable,
            "missing": ids(&self.missing),
            "surplus": ids(&self.surplus),
            "changed": ids(&self.changed),
        })
    }
}

/// Whether what is stored of a day is no customers, and other days may be read.
fn is_unreadable(error: &SinkError) -> bool {
    use std::io::ErrorKind::{InvalidData, Other, UnexpectedEof};
    match error {
        SinkError::Damaged { .. } => true,
        SinkError::Read { source, .. } => {
            matches!(source.kind(), InvalidData | Other | UnexpectedEof)
        }
        _ => false,
    }
}

fn named(ids: &[CustomerId]) -> String {
    let names: Vec<_> = ids.iter().take(NAMED).map(ToString::to_string).collect();
    let further = match ids.len().saturating_sub(NAMED) {
        0 => String::new(),
        further => format!(" and {further} more (--json names all)"),
    };
    // An id can be any text, and must not contain control characters on a terminal.
    format!("{}{further}", kapture_model::sanitize(&names.join(", ")))
}
