//! `kapture forget`.

use std::collections::BTreeSet;

use anyhow::bail;
use kapture_model::CustomerId;
use kapture_sinks::Destination;
use serde_json::json;

use crate::args::ForgetArgs;
use crate::config::destination;
use crate::error::CliError;
use crate::output::message::Message;
use crate::output::summary::counted;

/// Erases customers from a destination, or lets them return.
pub(crate) async fn run(arguments: &ForgetArgs) -> Result<(), CliError> {
    let ids = ids(&arguments.id).map_err(CliError::usage)?;
    let destination = destination::incremental(&arguments.destination).map_err(CliError::usage)?;
    let destination = match arguments.unlocked {
        true => destination::unlocked(&destination).map_err(CliError::usage)?,
        false => destination,
    };
    match arguments.allow_return {
        true => allow_return(&destination, &ids).await,
        false => forget(&destination, &ids).await,
    }
}

async fn forget(destination: &Destination, ids: &BTreeSet<CustomerId>) -> Result<(), CliError> {
    let erased = destination.forget(ids).await.map_err(CliError::sink)?;
    let (held, days) = (erased.customers().len(), erased.days().len());
    for id in ids.iter().filter(|id| id.as_u64().is_none()) {
        Message::note(format!(
            "`{}` is no number, as the ids of customers are",
            kapture_model::sanitize(&id.to_string())
        ))
        .print();
    }
    let found = match held {
        0 => "nothing was erased, since none of them is here".into(),
        held if held == ids.len() => format!("erased from {}", counted(days as u64, "day")),
        held => format!("{held} of them erased from {}", counted(days as u64, "day")),
    };
    let customers = counted(ids.len() as u64, "customer");
    Message::info(format!(
        "forgot {customers} in {destination}: {found}; no run writes them here again"
    ))
    .with(
        "summary",
        json!({"customers": ids.len(), "held": held, "days": days}),
    )
    .print();
    Ok(())
}

async fn allow_return(
    destination: &Destination,
    ids: &BTreeSet<CustomerId>,
) -> Result<(), CliError> {
    let allowed = destination
        .allow_return(ids)
        .await
        .map_err(CliError::sink)?;
    let customers = counted(allowed.len() as u64, "customer");
    Message::info(format!(
        "{customers} may return to {destination}; kapture sync --refresh DAYS reads their days again"
    ))
    .with("summary", json!({"customers": allowed.len()}))
    .print();
    Ok(())
}

fn ids(texts: &[String]) -> anyhow::Result<BTreeSet<CustomerId>> {
    let texts = texts.iter().map(|text| text.trim());
    let ids: BTreeSet<_> = texts
        .filter(|text| !text.is_empty())
        .map(CustomerId::from)
        .collect();
    if ids.is_empty() {
        bail!("--id: expected the ids of customers, separated by commas");
    }
    Ok(ids)
}
