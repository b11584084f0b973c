//! `kapture changes`.

use std::io::{BufWriter, ErrorKind, Write};

use anyhow::{Result, anyhow};
use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use futures_util::StreamExt;
use kapture_sinks::{Change, ChangeKind, Destination, RunLog, SeenBetween, SinkError};
use serde_json::{Value, json};

use crate::args::{ChangesArgs, ChangesFormat};
use crate::config::{dates, destination, duration};
use crate::error::{CliError, hinted, prefixed};

/// Prints the changes of a destination.
pub(crate) async fn run(arguments: &ChangesArgs) -> Result<(), CliError> {
    let destination = destination::incremental(&arguments.destination).map_err(CliError::usage)?;
    let mut span = span(arguments).map_err(CliError::usage)?;
    let sink = destination.open(None).await.map_err(CliError::sink)?;
    if let Some(number) = run_number(arguments.since.as_deref()) {
        let runs = sink.runs().await.map_err(CliError::sink)?;
        span.after = Some(before_run(&runs, number).map_err(CliError::usage)?);
    }
    let mut changes = sink.changes(span).map_err(CliError::sink)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    if arguments.format == ChangesFormat::Csv {
        written(writeln!(out, "seen,op,id,created_date,changed"))?;
    }
    while let Some(change) = changes.next().await {
        let change = change.map_err(CliError::sink)?;
        written(match arguments.format {
            ChangesFormat::Ndjson => writeln!(out, "{}", debezium(&destination, change)),
            ChangesFormat::Csv => writeln!(out, "{}", csv(&change)),
        })?;
    }
    written(out.flush())
}

fn written(outcome: std::io::Result<()>) -> Result<(), CliError> {
    outcome.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => CliError::sink(SinkError::Closed),
        _ => CliError::sink(SinkError::Stream(error)),
    })
}

/// The number of a run, where the option has one.
fn run_number(since: Option<&str>) -> Option<u64> {
    since?.parse().ok()
}

/// The time after which a run saw its changes.
fn before_run(runs: &RunLog, number: u64) -> Result<DateTime<Utc>> {
    let run = runs.iter().find(|run| run.number == number);
    let run = run.ok_or_else(|| {
        hinted(
            format!("--since: there is no run {number}"),
            "kapture status WHERE --runs lists the last hundred runs; or give a date",
        )
    })?;
    Ok(run.started - TimeDelta::microseconds(1))
}

/// The span that the options select. A run is resolved once the destination is open.
fn span(arguments: &ChangesArgs) -> Result<SeenBetween> {
    // Changes are seen in UTC, whatever the zone of the days is.
    let calendar = dates::Calendar::of(Some(Tz::UTC));
    let since = arguments.since.as_deref();
    let since = since.filter(|_| run_number(since).is_none());
    let time = |text: &str| time(text).or_else(|| ago(text, calendar.now));
    let since = since.map(|text| match time(text) {
        Some(time) => Ok(time),
        None => {
            let day = calendar.date(text);
            // The changes of the first moment count.
            let start = day.map(|day| day.and_time(NaiveTime::MIN).and_utc());
            start.map(|start| start - TimeDelta::microseconds(1))
        }
    });
    let until = arguments.until.as_deref().map(|text| match time(text) {
        Some(time) => Ok(time),
        None => {
            let day = calendar.date(text);
            let end = day.map(|day| (day + Days::new(1)).and_time(NaiveTime::MIN).and_utc());
            end.map(|end| end - TimeDelta::microseconds(1))
        }
    });
    let span = SeenBetween {
        after: since
            .transpose()
            .map_err(|error| prefixed("--since", error))?,
        until: until
            .transpose()
            .map_err(|error| prefixed("--until", error))?,
    };
    match (span.after, span.until) {
        // Equal ones are two days in the wrong order.
        (Some(after), Some(until)) if after >= until => {
            Err(anyhow!("--since is later than --until"))
        }
        _ => Ok(span),
    }
}

/// A time with its offset, in RFC 3339.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(time.with_timezone(&Utc))
}

/// The time that was so long ago: `24h`, `90m`, `2d`.
fn ago(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let time = TimeDelta::from_std(duration::parse(text, "").ok()?).ok()?;
    now.checked_sub_signed(time)
}

/// A change in the envelope of Debezium.
fn debezium(destination: &Destination, change: Change) -> Value {
    let op = match change.kind {
        ChangeKind::Insert => "c",
        ChangeKind::Update => "u",
        ChangeKind::Delete => "d",
    };
    let seen = change.seen.timestamp_millis();
    json!({
        "op": op,
        "ts_ms": seen,
        "before": change.before,
        "after": change.after,
        "source": {
            "version": env!("CARGO_PKG_VERSION"),
            "connector": "kapture",
            "name": destination.to_string(),
            "ts_ms": seen,
            "ts_us": change.seen.timestamp_micros(),
            "table": "customers",
            "created_date": change.day,
        },
    })
}

/// A change as a line of CSV. No value needs quotes but an id that is text.
fn csv(change: &Change) -> String {
    let op = match change.kind {
        ChangeKind::Insert => "insert",
        ChangeKind::Update => "update",
        ChangeKind::Delete => "delete",
    };
    let seen = change.seen.format("%Y-%m-%dT%H:%M:%S%.6fZ");
    let changed = change.changed_fields().join(" ");
    let id = match change.id() {
        Value::String(text) => quoted(text),
        id => id.to_string(),
    };
    format!("{seen},{op},{id},{},{}", change.day, quoted(&changed))
}

/// A value of CSV, in quotes where it needs them.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(since: &str, until: &str) -> Result<SeenBetween> {
        span(&ChangesArgs {
            destination: "customers.db".into(),
            since: Some(since.into()),
            until: Some(until.into()),
            format: ChangesFormat::Ndjson,
        })
    }

    #[test]
    fn dates_are_whole_days_of_utc() {
        let at = |text: &str| Some(text.parse::<DateTime<Utc>>().unwrap());
        let days = resolved("2024-05-01", "2024-05-02").unwrap();
        assert_eq!(days.after, at("2024-04-30T23:59:59.999999Z"));
        assert_eq!(days.until, at("2024-05-02T23:59:59.999999Z"));
        let times = resolved("2024-05-01T10:00:00+05:30", "2024-05-01T04:30:00.5Z").unwrap();
        assert_eq!(times.after, at("2024-05-01T04:30:00Z"));
        assert_eq!(times.until, at("2024-05-01T04:30:00.5Z"));
        let before = Utc::now();
        let day = resolved("24h", "90m").unwrap();
        let ago = |hours| before - TimeDelta::minutes(hours);
        let (after, until) = (day.after.unwrap(), day.until.unwrap());
        assert!(after >= ago(24 * 60) && after < ago(24 * 60 - 1), "{after}");
        assert!(until >= ago(90) && until < ago(89), "{until}");
        for (since, until, named) in [
            ("soon", "today", "--since"),
            ("today", "2024-13-01", "--until"),
            ("2024-05-02", "2024-05-01", "later than --until"),
        ] {
            let error = resolved(since, until).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn values_with_separators_are_quoted() {
        assert_eq!(quoted("name contacts.phone"), "name contacts.phone");
        assert_eq!(quoted("a\"b,c"), "\"a\"\"b,c\"");
    }
}
