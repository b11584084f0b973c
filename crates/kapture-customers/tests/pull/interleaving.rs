//! What goes on at the same time: answers that come late, consumers that are slow, and waits for a
//! place or a moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use crate::against::{
    InMemory, Late, events, gather, may, missing, number, population, pull_from, pull_with, truth,
};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use futures_util::StreamExt;
use kapture_customers::{DayState, Pull};
use kapture_sandbox::{
    Behaviour, Change, EmptyForm, Movement, Order, PerDay, Population, Position, Tenant,
};
use kapture_transport::{ClientOptions, Request, Response, Transport, TransportError};
use tokio::time::{sleep, timeout};

/// Longer than any of these pulls takes in simulated time.
const FOR_EVER: Duration = Duration::from_secs(86_400);

/// Proof for many quiet days is asked for while others are read: nobody waits for a moment that
/// somebody else has taken and does not use.
#[tokio::test(start_paused = true)]
async fn proof_and_reading_do_not_wait_for_each_other() {
    for empty_window in [
        EmptyForm::Failed("E-1017".into()),
        EmptyForm::NotFound("Not Found".into()),
    ] {
        for requests_per_second in [None, Some(50.0)] {
            let behaviour = Behaviour {
                empty_window: empty_window.clone(),
                ..Behaviour::default()
            };
            let weekly = PerDay::Weekly {
                weekday: 1..=9,
                weekend: 0..=0,
            };
            let population = Population::new(6).days(may(-5), may(510), weekly);
            let tenant = Arc::new(Tenant::new(population, behaviour));
            let server = Late(InMemory(Arc::clone(&tenant)), |_| 40);
            let options = ClientOptions::default().requests_per_second(requests_per_second);
            let pull = pull_from(server, may(1), may(500), |pull| pull, options);
            let pulled = timeout(FOR_EVER, pull).await.expect("it comes to an end");
            assert_eq!(pulled.receipts.len(), 500, "{:?}", pulled.error);
            assert_eq!(pulled.ids(), truth(&tenant, may(1), may(500)));
        }
    }
}

/// The offset of the first scout of a window that is read from the beginning.
const SCOUTED: u64 = 8_476;

/// Refuses the page that is scouted, late and often enough for that to be its answer. Later it
/// gives it.
struct RefusingScouts(Late, AtomicU32);

#[async_trait]
impl Transport for RefusingScouts {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        if number(&request, "offset") == SCOUTED && self.1.fetch_add(1, Ordering::Relaxed) < 3 {
            sleep(Duration::from_secs(1)).await;
            return Ok(Response::new(
                200,
                r#"{"message":"Please try again","status":"failed"}"#,
            ));
        }
        self.0.send(request).await
    }
}

/// A page that was asked for far ahead of its turn is refused when its turn has come: it is asked
/// for again.
#[tokio::test(start_paused = true)]
async fn a_scout_that_comes_back_with_nothing_when_it_is_waited_for() {
    let population = population(3, PerDay::Listed(vec![(may(5), 30_000)]));
    let tenant = Arc::new(Tenant::new(population, Behaviour::default()));
    let late = Late(InMemory(Arc::clone(&tenant)), |_| 100);
    let server = RefusingScouts(late, AtomicU32::new(0));
    let options = ClientOptions::default();
    let pulled = pull_from(server, may(5), may(5), |pull| pull, options).await;
    assert!(pulled.failed.is_empty(), "{:?}", pulled.failed);
    assert_eq!(pulled.ids(), truth(&tenant, may(5), may(5)));
    let asked = tenant.requests();
    assert!(
        asked.iter().any(|asked| asked.offset == SCOUTED),
        "{asked:?}"
    );
}

/// What a page has brought is told whatever becomes of those before it, though the consumer is slow
/// and several days are on each page.
#[tokio::test(start_paused = true)]
async fn a_page_that_is_asked_again_is_told_as_a_whole() {
    for (seed, every) in (0..6).zip([5, 6, 7, 8, 9, 11]) {
        let behaviour = Behaviour {
            zone_shift_minutes: -330,
            order: Order::Name,
            movement: Some(Movement {
                every,
                change: Change::Delete,
                position: Position::BeforeOffset,
                at_most: Some(40),
            }),
            ..Behaviour::default()
        };
        let tenant = Arc::new(Tenant::new(
            population(seed, PerDay::Fixed(8_000)),
            behaviour,
        ));
        let late = |offset| 20 + offset * 7 % 83;
        let server = Late(InMemory(Arc::clone(&tenant)), late);
        let options = ClientOptions::default();
        let told = events(server, may(1), may(4), |pull| pull, options);
        let slowly = told.then(|event| async {
            sleep(Duration::from_millis(100)).await;
            event
        });
        // The receipts agree with what was told, or it panics.
        let pulled = gather(slowly).await;
        let ids = pulled.ids();
        for day in pulled.receipts.keys() {
            let missing = missing(&tenant, *day, &ids[day]);
            assert!(missing.is_empty(), "{day}: {missing:?}");
        }
    }
}

/// Each answer takes an hour and a half of the day.
struct Hours(InMemory);

static CLOCK: AtomicI64 = AtomicI64::new(0);

fn clock() -> DateTime<Utc> {
    let start = may(6).and_hms_opt(4, 0, 0).expect("a time").and_utc();
    start + TimeDelta::minutes(90 * CLOCK.load(Ordering::Relaxed))
}

#[async_trait]
impl Transport for Hours {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        CLOCK.fetch_add(1, Ordering::Relaxed);
        self.0.send(request).await
    }
}

/// Whoever was created after a day was read, and before the pull was done with it, is missing.
#[tokio::test(start_paused = true)]
async fn a_day_that_was_over_only_once_it_had_been_read_is_open() {
    let population = population(3, PerDay::Between(600, 700));
    let tenant = Arc::new(Tenant::new(population, Behaviour::default()));
    let server = Hours(InMemory(Arc::clone(&tenant)));
    let zoned = |pull: Pull| {
        pull.time_zone(Tz::UTC)
            .grace_period(TimeDelta::hours(6))
            .clock(clock)
    };
    let pulled = pull_from(server, may(4), may(5), zoned, ClientOptions::default()).await;
    let states: Vec<_> = pulled.receipts.values().map(|day| day.state).collect();
    assert_eq!(states, [DayState::Sealed, DayState::Open]);
    let settled = may(6).and_hms_opt(6, 0, 0).expect("a time").and_utc();
    assert!(pulled.receipts[&may(5)].fetched > settled);
}

/// Days that are quiet are answers as good as others, however they are said.
#[tokio::test(start_paused = true)]
async fn years_before_the_first_customer_do_not_use_up_the_retries() {
    let behaviour = Behaviour {
        empty_window: EmptyForm::Failed("E-1017".into()),
        ..Behaviour::default()
    };
    let sizes = vec![(may(1), 5)];
    let population = Population::new(6).days(may(-5), may(810), PerDay::Listed(sizes));
    let tenant = Arc::new(Tenant::new(population, behaviour));
    let options = ClientOptions::default();
    let pulled = pull_with(&tenant, may(1), may(800), |pull| pull, options).await;
    assert_eq!(pulled.receipts.len(), 800, "{:?}", pulled.error);
    assert_eq!(pulled.ids(), truth(&tenant, may(1), may(800)));
}
