//! Pulls into an aggregation: customers by city, with progress, and a pull that is cancelled.
//! `cargo run --example aggregate`.
//!
//! The tenant is a fake one in memory. A program would give `Client` an `HttpTransport`.
//!
//! It depends on `futures-util`, `kapture-model`, `kapture-transport`, on `kapture-sandbox` with the
//! feature `transport`, and on `tokio` with the features `macros`, `rt` and `time`.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use kapture_customers::{Days, Event, Pull, PullError};
use kapture_model::CustomerQuery;
use kapture_sandbox::{DEFAULT_CM_ID, SandboxTransport, Tenant};
use kapture_transport::{Client, ClientOptions, TenantUrl, Token};

/// What a run has found.
#[derive(Default)]
struct Found {
    /// Of the complete days.
    by_city: BTreeMap<String, u64>,
    /// The customers of days that are not complete yet.
    pending: BTreeMap<kapture_customers::chrono::NaiveDate, Vec<String>>,
    complete: usize,
    failed: Vec<PullError>,
}

/// Counts the customers of complete days; those of a failed day do not count.
async fn count(pull: Pull, days: usize, found: &mut Found) -> Result<(), PullError> {
    let mut events = pull.events();
    while let Some(event) = events.next().await {
        match event? {
            Event::Records { day, records } => {
                let city = |record: &kapture_model::Record| {
                    let customer = record.customer().ok()?;
                    customer.city.value().cloned()
                };
                let cities = records
                    .iter()
                    .map(|record| city(record).unwrap_or_default());
                found.pending.entry(day).or_default().extend(cities);
            }
            Event::DayDone(receipt) => {
                for city in found.pending.remove(&receipt.day).unwrap_or_default() {
                    *found.by_city.entry(city).or_default() += 1;
                }
                found.complete += 1;
                eprintln!("{} of {days} days", found.complete);
            }
            Event::DayFailed { day, error } => {
                found.pending.remove(&day);
                found.failed.push(error);
            }
            Event::RetryScheduled { wait, error, .. } => {
                eprintln!("asking again in {} s: {error}", wait.as_secs());
            }
            _ => {}
        }
    }
    Ok(())
}

fn client() -> Result<Client, Box<dyn Error>> {
    Ok(Client::new(
        SandboxTransport::new(Arc::new(Tenant::demo())),
        &TenantUrl::base_url("http://localhost")?,
        Token::from_user("sandbox", "sandbox"),
        ClientOptions::default(),
    ))
}

/// An error with the causes below it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let query = CustomerQuery::new(DEFAULT_CM_ID);
    let days = Days::between("2024-05-01".parse()?, "2024-05-07".parse()?)?;
    let mut found = Found::default();
    count(
        Pull::new(client()?, query.clone(), days.clone()),
        days.len(),
        &mut found,
    )
    .await?;
    for (city, customers) in &found.by_city {
        println!("{city:?}: {customers}");
    }
    if let Some(error) = found.failed.first() {
        return Err(chain(error).into());
    }

    // A pull is cancelled by dropping it, here at the end of a time limit.
    let years = Days::between("2020-01-01".parse()?, "2024-12-31".parse()?)?;
    let mut found = Found::default();
    let pull = Pull::new(client()?, query, years.clone());
    let limit = Duration::from_millis(50);
    match tokio::time::timeout(limit, count(pull, years.len(), &mut found)).await {
        Ok(outcome) => outcome?,
        Err(_) => println!("cancelled after {} of {} days", found.complete, years.len()),
    }
    Ok(())
}
