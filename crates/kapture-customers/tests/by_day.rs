//! A pull as whole days.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap: the panic is the failure report"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use futures_util::StreamExt;
use kapture_customers::{CompleteDay, Days, Pull};
use kapture_model::CustomerQuery;
use kapture_sandbox::{
    Behaviour, DEFAULT_CM_ID, FaultKind, Faults, PerDay, Population, SandboxTransport, Tenant, When,
};
use kapture_transport::{Client, ClientOptions, TenantUrl, Token};

fn may(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
}

fn tenant(faults: Faults) -> Arc<Tenant> {
    let behaviour = Behaviour {
        faults,
        ..Behaviour::default()
    };
    let population = Population::new(1).days(may(1), may(20), PerDay::Between(0, 9));
    Arc::new(Tenant::new(population, behaviour))
}

/// 5 to 11 May.
fn pull(tenant: &Arc<Tenant>) -> Pull {
    let client = Client::new(
        SandboxTransport::new(Arc::clone(tenant)),
        &TenantUrl::base_url("http://localhost").unwrap(),
        Token::from_user("sandbox", "sandbox"),
        ClientOptions::default(),
    );
    let days = Days::between(may(5), may(11)).unwrap();
    Pull::new(client, CustomerQuery::new(DEFAULT_CM_ID), days)
        .clock(|| "2024-07-01T00:00:00Z".parse().unwrap())
}

fn ids(day: &CompleteDay) -> BTreeSet<u64> {
    let ids = day.records.iter().filter_map(|record| record.id().as_u64());
    ids.collect()
}

/// All windows that have to do with the eighth fail.
fn one_bad_day() -> Faults {
    Faults::when([(When::Touches(may(8)), FaultKind::Status500)])
}

#[tokio::test(start_paused = true)]
async fn days_are_collected_whole_and_in_order() {
    let tenant = tenant(Faults::none());
    let days = pull(&tenant).collect_days().await.unwrap();
    let found: Vec<_> = days.iter().map(|day| day.receipt.day).collect();
    assert_eq!(found, (5..=11).map(may).collect::<Vec<_>>());
    for day in &days {
        assert_eq!(ids(day), tenant.truth_ids(day.receipt.day, day.receipt.day));
        assert_eq!(day.records.len() as u64, day.receipt.customers);
    }
}

#[tokio::test(start_paused = true)]
async fn failed_day_is_an_error_and_other_days_follow() {
    let tenant = tenant(one_bad_day());
    let days: Vec<_> = pull(&tenant).by_day().collect().await;
    assert_eq!(days.len(), 7);
    let failed: BTreeSet<_> = days
        .iter()
        .filter_map(|day| day.as_ref().err()?.day)
        .collect();
    assert!(failed.contains(&may(8)), "{failed:?}");
    let complete: Vec<_> = days.iter().flatten().collect();
    assert!(!complete.is_empty());
    for day in complete {
        assert_eq!(ids(day), tenant.truth_ids(day.receipt.day, day.receipt.day));
    }
}

#[tokio::test(start_paused = true)]
async fn collecting_ends_with_the_day_that_fails() {
    let error = pull(&tenant(one_bad_day()))
        .collect_days()
        .await
        .unwrap_err();
    let day = error.day.unwrap();
    assert!((may(7)..=may(9)).contains(&day), "{day}");
    let expected = format!("cannot prove that the customers of {day} are complete");
    assert_eq!(error.to_string(), expected);
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test(start_paused = true)]
async fn pull_that_ends_early_is_an_error_without_a_day() {
    let refused = Faults::when([(When::Always, FaultKind::Failed("Invalid Auth Key".into()))]);
    let days: Vec<_> = pull(&tenant(refused)).by_day().collect().await;
    let last = days.last().unwrap().as_ref().unwrap_err();
    assert_eq!(last.day, None);
}
