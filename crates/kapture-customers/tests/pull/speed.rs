//! How long a pull takes on a server that takes a tenth of a second for each answer, in simulated
//! time, against what it would take if every request were known from the beginning.

use std::sync::Arc;
use std::time::Duration;

use crate::against::{InMemory, Late, may, population, pull_from, truth};
use kapture_sandbox::{Behaviour, PerDay, Tenant};
use kapture_transport::ClientOptions;
use tokio::time::Instant;

/// In milliseconds.
const LATENCY: u64 = 100;

/// Pulls the first `days` of May, which have about so many customers each.
async fn expect_few_rounds(days: i64, customers: u32, concurrency: usize) {
    // As many on each day would look like a bound of the server's.
    let size = |day: i64| customers + u32::try_from(day % 7).expect("a few");
    let sizes: Vec<_> = (1..=days).map(|day| (may(day), size(day))).collect();
    let further = sizes.iter().map(|(_, size)| u64::from(size - 2) / 499);
    let pages = days as u64 + further.sum::<u64>();
    let population = population(3, PerDay::Listed(sizes));
    let tenant = Arc::new(Tenant::new(population, Behaviour::default()));
    let server = Late(InMemory(Arc::clone(&tenant)), |_| LATENCY);
    let options = ClientOptions::default().concurrency(concurrency);
    let begun = Instant::now();
    let pulled = pull_from(server, may(1), may(days), |pull| pull, options).await;
    let rounds = begun
        .elapsed()
        .div_duration_f64(Duration::from_millis(LATENCY));
    assert_eq!(pulled.ids(), truth(&tenant, may(1), may(days)));
    let asked = tenant.request_count();
    let told = format!("{days} days of {customers}, {concurrency} at once: {pages} pages");
    let windows = days as u64 + 2;
    assert!(asked <= pages + windows + 24, "{told}, {asked} requests");
    // Each window is asked for its end.
    let requests = pages + windows;
    let most = (requests as f64 + 8.0) / concurrency as f64 + 13.0;
    assert!(rounds <= most, "{told}, {rounds} rounds instead of {most}");
}

/// What is to be learnt first, the two days beside them, and the last windows cost six times the
/// latency in all.
#[tokio::test(start_paused = true)]
async fn as_many_requests_are_in_flight_as_may_be_to_the_end() {
    for concurrency in [2, 8, 32] {
        for customers in [400, 1_200, 3_000, 8_000, 20_000, 50_000, 100_000] {
            expect_few_rounds(1, customers, concurrency).await;
        }
        expect_few_rounds(30, 400, concurrency).await;
        // Some begin when most of the others end.
        expect_few_rounds(concurrency as i64 + 12, 6_000, concurrency).await;
        expect_few_rounds(31, 1_000, concurrency).await;
    }
}
