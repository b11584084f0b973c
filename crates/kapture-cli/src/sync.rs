//! `kapture sync`.

use std::io::ErrorKind;

use anyhow::{Context, Result, anyhow};
use chrono::{Days as DayCount, NaiveDate, TimeDelta};
use kapture_customers::Days;
use kapture_sinks::{Ledger, SinkError};

use crate::arguments::{FormArguments, OutputArguments, SyncArguments};
use crate::connection::Connection;
use crate::course::{Course, check_summary};
use crate::destination::{self, Destination};
use crate::failure::Failure;
use crate::{dates, duration, query};

/// Brings a place that remembers up to date.
pub(crate) async fn run(
    arguments: &SyncArguments,
    output: &OutputArguments,
) -> Result<(), Failure> {
    let usage = Failure::usage;
    check_summary(arguments.summary.as_ref()).map_err(usage)?;
    let calendar = dates::Calendar::settle(arguments.time_zone.as_deref()).map_err(usage)?;
    let range = Range::settle(arguments, &calendar).map_err(usage)?;
    let settling = duration::parse(&arguments.settle, "--settle")
        .and_then(|time| Ok(TimeDelta::from_std(time)?))
        .map_err(usage)?;
    let form = FormArguments {
        format: arguments.format.clone(),
        ..FormArguments::default()
    };
    destination::keeping(&arguments.place).map_err(usage)?;
    let destination = Destination::settle(&arguments.place, &form, calendar.zone).map_err(usage)?;
    destination
        .check_apart(&[
            ("--summary", arguments.summary.as_deref()),
            ("--token-file", arguments.connection.token_file.as_deref()),
        ])
        .map_err(usage)?;
    let connection = Connection::settle(&arguments.connection).map_err(usage)?;
    let query = query::settle(connection.cm_id, &arguments.filters).map_err(usage)?;

    let source = query.selection();
    if range.from.is_none() {
        // Nothing is made before it is known where to begin.
        let held = destination.location.open(Some(&source)).await;
        if let Err(SinkError::Read { source, .. }) = &held
            && source.kind() == ErrorKind::NotFound
        {
            return Err(usage(nowhere_to_begin()));
        }
        drop(held.map_err(Failure::sink)?);
    }
    let created = destination.create(&source).await;
    let sink = created.map_err(Failure::sink)?;
    let ledger = sink.ledger().await.map_err(Failure::sink)?;
    let wanted = range.wanted(&ledger).map_err(usage)?;
    let days = range.lacking(&ledger, &wanted);
    let connected = connection.open().await.map_err(Failure::unexpected)?;
    let pull = connected
        .pull(query, &days, calendar.zone)
        .settling(settling);
    let course = Course {
        connected: &connected,
        location: &destination.location,
        sink,
        skipped: wanted.len() - days.len(),
        days: &days,
        summary: arguments.summary.as_deref(),
        output,
    };
    course.run(pull).await
}

fn nowhere_to_begin() -> anyhow::Error {
    anyhow!("nothing is there yet: say with --from DATE which day is to be the first")
}

/// The days that are to be up to date afterwards.
#[derive(Debug)]
struct Range {
    /// `None`: the first day that the place holds.
    from: Option<NaiveDate>,
    to: NaiveDate,
    refresh: u64,
}

impl Range {
    fn settle(arguments: &SyncArguments, calendar: &dates::Calendar) -> Result<Self> {
        let from = arguments.from.as_deref();
        let from = from.map(|text| calendar.date(text)).transpose();
        Ok(Self {
            from: from.context("--from")?,
            to: calendar.date(&arguments.to).context("--to")?,
            refresh: arguments.refresh,
        })
    }

    fn wanted(&self, ledger: &Ledger) -> Result<Days> {
        let held = ledger.bounds().map(|(first, _)| first);
        let from = self.from.or(held).ok_or_else(nowhere_to_begin)?;
        Days::between(from, self.to)
            .map_err(|error| anyhow!("{error}: give other days with --from and --to"))
    }

    /// Those of the wanted days that have to be pulled.
    fn lacking(&self, ledger: &Ledger, wanted: &Days) -> Days {
        let fresh = |day: &NaiveDate| {
            let since = self.to.checked_sub_days(DayCount::new(self.refresh));
            self.refresh > 0 && since.is_none_or(|since| *day > since)
        };
        let lacking = ledger.lacking(wanted);
        let fresh = wanted.iter().filter(fresh);
        lacking.iter().chain(fresh).collect()
    }
}
