//! A pull against a fake tenant in memory: no sockets, no real clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::NaiveDate;
use futures_util::{Stream, StreamExt};
use kapture_customers::{Checksum, Days, Event, Pull, PullError, Receipt};
use kapture_model::{CustomerId, CustomerQuery};
use kapture_sandbox::{Behaviour, Fault, PerDay, Population, Request as Asked, Tenant};
use kapture_transport::{
    Client, ClientOptions, Endpoint, Request, Response, RetryPolicy, TenantUrl, Token, Transport,
    TransportError,
};

/// A day of May 2024; 0 and 32 are the days beside the month.
pub(crate) fn may(day: i64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 5, 1).expect("a date") + chrono::TimeDelta::days(day - 1)
}

/// Customers on every day of May 2024 and the weeks around it.
pub(crate) fn population(seed: u64, per_day: PerDay) -> Population {
    Population::new(seed).days(may(-20), may(60), per_day)
}

/// The tenant as a transport.
#[derive(Clone)]
pub(crate) struct InMemory(pub(crate) Arc<Tenant>);

#[async_trait]
impl Transport for InMemory {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        // As on a network, others may go first.
        tokio::task::yield_now().await;
        let reply = self.0.answer(&Asked {
            path: request.url.path(),
            ..Asked::search(&request.body)
        });
        match reply.fault {
            Some(Fault::Truncated) => Err(TransportError::Broken("half a body".into())),
            Some(Fault::Reset) => Err(TransportError::Broken("reset".into())),
            Some(Fault::Stall) => {
                tokio::time::sleep(request.timeout).await;
                Err(TransportError::Timeout(request.timeout))
            }
            Some(Fault::Slow { .. }) | None => {
                let mut response = Response::new(reply.status, Bytes::copy_from_slice(&reply.body));
                response.retry_after = reply.header("retry-after").map(str::to_owned);
                Ok(response)
            }
        }
    }
}

/// The same, but each answer takes so many milliseconds, told from the offset that is asked for.
pub(crate) struct Late(pub(crate) InMemory, pub(crate) fn(u64) -> u64);

#[async_trait]
impl Transport for Late {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let takes = (self.1)(number(&request, "offset"));
        tokio::time::sleep(Duration::from_millis(takes)).await;
        self.0.send(request).await
    }
}

/// Whether there was one left; then it is one less.
pub(crate) fn take_one(left: &AtomicU64) -> bool {
    let one_less = |left: u64| left.checked_sub(1);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
        .is_ok()
}

/// A number that a request asks with, which is text as documented.
pub(crate) fn number(request: &Request, key: &str) -> u64 {
    let asked: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
    let number = asked[key].as_str().and_then(|text| text.parse().ok());
    number.expect("a number")
}

/// What came out of a pull.
#[derive(Debug, Default)]
pub(crate) struct Pulled {
    /// How often each customer was told of, by day.
    pub(crate) customers: BTreeMap<NaiveDate, BTreeMap<CustomerId, u32>>,
    /// The bytes of each.
    records: BTreeMap<CustomerId, Bytes>,
    pub(crate) receipts: BTreeMap<NaiveDate, Receipt>,
    pub(crate) failed: BTreeMap<NaiveDate, PullError>,
    pub(crate) error: Option<PullError>,
    /// How many days were begun and not yet done, at most.
    pub(crate) most_open: usize,
    started: usize,
}

impl Pulled {
    /// Panics if what was told of a customer of a day that is done is not what the tenant holds.
    pub(crate) fn expect_contents(&self, tenant: &Tenant) {
        for day in self.receipts.keys() {
            for customer in tenant.truth(*day, *day) {
                let told = self.records.get(&CustomerId::Number(customer.id));
                let told = told.map(|bytes| String::from_utf8_lossy(bytes));
                assert!(
                    told.as_ref().is_none_or(|told| *told == customer.json),
                    "{told:?} is not {}",
                    customer.json
                );
            }
        }
    }

    /// The ids of each day, sorted; panics if one came twice or a receipt does not agree.
    pub(crate) fn ids(&self) -> BTreeMap<NaiveDate, Vec<u64>> {
        for (day, customers) in &self.customers {
            let twice: Vec<_> = customers.iter().filter(|(_, times)| **times > 1).collect();
            assert!(twice.is_empty(), "{day}: more than once: {twice:?}");
        }
        for (day, receipt) in &self.receipts {
            let mut checksum = Checksum::default();
            let customers = self.customers.get(day);
            customers
                .into_iter()
                .flatten()
                .for_each(|(id, _)| checksum.add(id));
            assert_eq!(
                receipt.customers,
                customers.map_or(0, |ids| ids.len() as u64),
                "{day}"
            );
            assert_eq!(receipt.checksum, checksum, "{day}");
        }
        let number = |id: &CustomerId| match id {
            CustomerId::Number(number) => *number,
            CustomerId::Text(text) => panic!("not a number: {text}"),
        };
        self.customers
            .iter()
            .map(|(day, ids)| (*day, ids.keys().map(number).collect()))
            .collect()
    }
}

/// The customers who stood in place on `day` throughout and are not among those `told` of.
pub(crate) fn missing(tenant: &Tenant, day: NaiveDate, told: &[u64]) -> Vec<u64> {
    let standing = tenant.standing_truth_ids(day, day);
    standing
        .into_iter()
        .filter(|id| !told.contains(id))
        .collect()
}

pub(crate) async fn pull(tenant: &Arc<Tenant>, from: NaiveDate, to: NaiveDate) -> Pulled {
    pull_with(tenant, from, to, |pull| pull, ClientOptions::default()).await
}

pub(crate) async fn pull_with(
    tenant: &Arc<Tenant>,
    from: NaiveDate,
    to: NaiveDate,
    adjust: impl FnOnce(Pull) -> Pull,
    options: ClientOptions,
) -> Pulled {
    pull_from(InMemory(Arc::clone(tenant)), from, to, adjust, options).await
}

/// Pulls from any transport.
pub(crate) async fn pull_from(
    transport: impl Transport + 'static,
    from: NaiveDate,
    to: NaiveDate,
    adjust: impl FnOnce(Pull) -> Pull,
    options: ClientOptions,
) -> Pulled {
    gather(events(transport, from, to, adjust, options)).await
}

/// What a pull from any transport tells.
pub(crate) fn events(
    transport: impl Transport + 'static,
    from: NaiveDate,
    to: NaiveDate,
    adjust: impl FnOnce(Pull) -> Pull,
    options: ClientOptions,
) -> impl Stream<Item = Result<Event, PullError>> {
    let client = Client::new(
        transport,
        &TenantUrl::base_url("http://127.0.0.1").expect("loopback"),
        Token::from_user("sandbox", "sandbox"),
        options
            .seed(1)
            .endpoint(Endpoint::Search)
            .retry(RetryPolicy::default().initial_backoff(Duration::from_millis(100))),
    );
    let days = Days::between(from, to).expect("a range");
    let pull = Pull::new(client, CustomerQuery::new(424_242), days);
    adjust(pull.clock(new_years_day)).events()
}

/// Long after every day that a test asks for.
fn new_years_day() -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp(1_893_456_000, 0).expect("a time")
}

/// Reads to the end what a pull tells.
pub(crate) async fn gather(events: impl Stream<Item = Result<Event, PullError>>) -> Pulled {
    let mut events = std::pin::pin!(events);
    let mut pulled = Pulled::default();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Records { day, records }) => {
                assert!(
                    !pulled.receipts.contains_key(&day),
                    "{day} was already done"
                );
                let customers = pulled.customers.entry(day).or_default();
                for record in records {
                    *customers.entry(record.id().clone()).or_default() += 1;
                    let bytes = record.raw().clone();
                    pulled.records.insert(record.id().clone(), bytes);
                }
            }
            Ok(Event::DayStarted(_)) => {
                pulled.started += 1;
                let done = pulled.receipts.len() + pulled.failed.len();
                pulled.most_open = pulled.most_open.max(pulled.started - done);
            }
            Ok(Event::DayDone(receipt)) => {
                let before = pulled.receipts.insert(receipt.day, receipt);
                assert!(before.is_none(), "two receipts: {before:?}");
            }
            Ok(Event::DayFailed { day, error }) => {
                pulled.failed.insert(day, error);
            }
            Ok(_) => {}
            Err(error) => pulled.error = Some(error),
        }
    }
    pulled
}

/// What should come out: the ids of each day that has any.
pub(crate) fn truth(
    tenant: &Tenant,
    from: NaiveDate,
    to: NaiveDate,
) -> BTreeMap<NaiveDate, Vec<u64>> {
    from.iter_days()
        .take_while(|day| *day <= to)
        .map(|day| {
            (
                day,
                tenant.truth_ids(day, day).into_iter().collect::<Vec<_>>(),
            )
        })
        .filter(|(_, ids)| !ids.is_empty())
        .collect()
}

/// Pulls `from` to `to` and expects the truth, each customer once and each day with a receipt.
pub(crate) async fn expect_truth(
    population: Population,
    behaviour: Behaviour,
    from: NaiveDate,
    to: NaiveDate,
) -> Arc<Tenant> {
    let told = format!("{behaviour:?}");
    let tenant = Arc::new(Tenant::new(population, behaviour));
    let pulled = pull(&tenant, from, to).await;
    assert!(pulled.error.is_none(), "{:?}\n{told}", pulled.error);
    assert!(pulled.failed.is_empty(), "{:?}\n{told}", pulled.failed);
    assert_eq!(pulled.ids(), truth(&tenant, from, to), "{told}");
    pulled.expect_contents(&tenant);
    let days = (to - from).num_days() + 1;
    assert_eq!(pulled.receipts.len() as i64, days, "{told}");
    for asked in tenant.requests() {
        if let Some((start, end)) = asked.window {
            assert!(
                (0..=1).contains(&(end - start).num_days()),
                "{start} … {end}\n{told}"
            );
        }
    }
    tenant
}

/// Each day is the truth, or fails by name.
pub(crate) fn expect_right_or_named(
    pulled: &Pulled,
    tenant: &Tenant,
    (from, to): (chrono::NaiveDate, chrono::NaiveDate),
    told: &str,
) {
    let (ids, truth) = (pulled.ids(), truth(tenant, from, to));
    for day in pulled.receipts.keys() {
        assert_eq!(ids.get(day), truth.get(day), "{day}: {told}");
    }
    let days = pulled.receipts.len() + pulled.failed.len();
    let all = (to - from).num_days() as usize + 1;
    assert!(pulled.error.is_some() || days == all, "{told}");
}
