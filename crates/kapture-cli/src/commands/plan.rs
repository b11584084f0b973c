//! `kapture plan`.

use chrono::NaiveDate;
use chrono_tz::Tz;
use kapture_customers::Days;
use kapture_sinks::{Ledger, SinkError};
use serde_json::json;

use crate::args::PlanArgs;
use crate::commands::sync::{self, Range};
use crate::config::connection::Connection;
use crate::config::{dates, destination};
use crate::error::CliError;
use crate::output::message::Message;
use crate::output::stdout;
use crate::output::summary::counted;

/// Prints the days that a pull or sync would ask for. Makes no requests.
pub(crate) async fn run(arguments: &PlanArgs) -> Result<(), CliError> {
    let zone = Connection::zone(&arguments.connection).map_err(CliError::usage)?;
    let calendar = dates::Calendar::of(zone);
    let days = match &arguments.destination {
        Some(destination) => lacking(destination, arguments, zone, &calendar).await?,
        None => dates::resolve(&arguments.days, &calendar).map_err(CliError::usage)?,
    };
    let windows: Days = days.padded().collect();
    let text: String = if arguments.json {
        days.iter()
            .map(|day| format!("{}\n", described(day)))
            .collect()
    } else {
        days.iter().map(|day| format!("{day}\n")).collect()
    };
    stdout::print(&text)?;
    let padding = match windows.bounds() {
        Some((first, last)) => format!(", {first} to {last}"),
        None => String::new(),
    };
    Message::info(format!(
        "{} to pull, in {} of one day each{padding}; a window takes at least one request",
        counted(days.len() as u64, "day"),
        counted(windows.len() as u64, "window")
    ))
    .print();
    Ok(())
}

/// A day with its windows: its own and its neighbours, since a server may use another time zone.
fn described(day: NaiveDate) -> serde_json::Value {
    let windows = Days::from_iter([day]).padded().collect::<Vec<_>>();
    json!({"day": day, "windows": windows})
}

/// The days that a sync of `destination` would pull.
async fn lacking(
    destination: &str,
    arguments: &PlanArgs,
    zone: Option<Tz>,
    calendar: &dates::Calendar,
) -> Result<Days, CliError> {
    let usage = CliError::usage;
    let destination = destination::incremental(destination).map_err(usage)?;
    let ledger = match destination.open(None).await {
        Ok(sink) => sink.ledger().await.map_err(CliError::sink)?,
        Err(SinkError::NotFound { .. }) => Ledger::default(),
        Err(error) => return Err(CliError::sink(error)),
    };
    // A sync would be refused as well.
    let asked = zone.unwrap_or(Tz::UTC).name();
    if let Some(held) = ledger.time_zone().filter(|held| *held != asked) {
        return Err(CliError::sink(SinkError::OtherZone {
            destination: destination.to_string(),
            held: held.to_owned(),
            asked: asked.to_owned(),
        }));
    }
    let days = &arguments.days;
    let wanted = if days.last.is_some() || days.days.is_some() {
        dates::asked(days, calendar)
    } else {
        let to = days.to.as_deref().unwrap_or("today");
        let range = Range::resolve(days.from.as_deref(), to, calendar);
        range.and_then(|range| range.wanted(&ledger))
    };
    let wanted = wanted.map_err(usage)?;
    let lacking = sync::lacking(&ledger, &wanted, arguments.refresh, calendar.now);
    dates::part(&lacking, days.shard.as_deref()).map_err(usage)
}
