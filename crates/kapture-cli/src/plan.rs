//! `kapture plan`.

use chrono::NaiveDate;
use kapture_customers::Days;
use kapture_sinks::{Ledger, SinkError};
use serde_json::json;

use crate::arguments::PlanArguments;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::message::Message;
use crate::summary::counted;
use crate::sync::Range;
use crate::{dates, destination};

/// Says which days and windows a pull or sync would ask for. Asks nothing.
pub(crate) async fn run(arguments: &PlanArguments) -> Result<(), Failure> {
    let zone = Connection::zone(&arguments.connection).map_err(Failure::usage)?;
    let calendar = dates::Calendar::of(zone);
    let days = match &arguments.place {
        Some(place) => lacking(place, arguments, &calendar).await?,
        None => dates::settle(&arguments.days, &calendar).map_err(Failure::usage)?,
    };
    let windows: Days = days.padded().collect();
    let text: String = if arguments.json {
        days.iter()
            .map(|day| format!("{}\n", described(day)))
            .collect()
    } else {
        days.iter().map(|day| format!("{day}\n")).collect()
    };
    Failure::printed(&text)?;
    let padding = match windows.bounds() {
        Some((first, last)) => format!(", {first} to {last}"),
        None => String::new(),
    };
    Message::told(format!(
        "{} to ask for, in {} of one day each{padding}; a window has one request or more",
        counted(days.len() as u64, "day"),
        counted(windows.len() as u64, "window")
    ))
    .say();
    Ok(())
}

/// A day with the windows that it needs: a server may cut them in another zone.
fn described(day: NaiveDate) -> serde_json::Value {
    let windows = Days::from_iter([day]).padded().collect::<Vec<_>>();
    json!({"day": day, "windows": windows})
}

/// The days that a sync of `place` would pull.
async fn lacking(
    place: &str,
    arguments: &PlanArguments,
    calendar: &dates::Calendar,
) -> Result<Days, Failure> {
    let usage = Failure::usage;
    let location = destination::remembering(place).map_err(usage)?;
    let ledger = match location.open(None).await {
        Ok(sink) => sink.ledger().await.map_err(Failure::sink)?,
        Err(SinkError::Absent { .. }) => Ledger::default(),
        Err(error) => return Err(Failure::sink(error)),
    };
    let days = &arguments.days;
    if days.last.is_some() || days.days.is_some() {
        let wanted = dates::asked(days, calendar).map_err(usage)?;
        let Some((_, last)) = wanted.bounds() else {
            return Ok(wanted);
        };
        let range = Range::settle(None, &last.to_string(), arguments.refresh, calendar);
        let lacking = range.map_err(usage)?.lacking(&ledger, &wanted);
        return dates::part(&lacking, days.shard.as_deref()).map_err(usage);
    }
    let to = days.to.as_deref().unwrap_or("today");
    let range = Range::settle(days.from.as_deref(), to, arguments.refresh, calendar);
    let range = range.map_err(usage)?;
    let wanted = range.wanted(&ledger).map_err(usage)?;
    let lacking = range.lacking(&ledger, &wanted);
    dates::part(&lacking, days.shard.as_deref()).map_err(usage)
}
