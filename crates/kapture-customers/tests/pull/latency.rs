//! How long a pull may take on servers that take 50 ms for each answer, in simulated time: no server is
//! slow because what has to be proven is requested alone.

use std::sync::Arc;
use std::time::Duration;

use crate::against::{Pulled, may, pull_from, truth};
use chrono::NaiveDate;
use kapture_customers::{Pull, PullError};
use kapture_sandbox::{
    Behaviour, EmptyForm, FaultKind, Faults, Firewall, PerDay, Population, SameDay,
    SandboxTransport, Tenant, When, Windows,
};
use kapture_transport::ClientOptions;
use tokio::time::Instant;

/// For each answer.
const LATENCY: Duration = Duration::from_millis(50);

/// Whether the end day counts or not.
const WINDOWS: [Windows; 2] = [
    Windows::Inclusive,
    Windows::Exclusive {
        same_day: SameDay::Empty,
    },
];

/// Pulls these days over sixteen connections from a server that takes its time. Returns what came, and how
/// long it took.
async fn pull_late(
    per_day: PerDay,
    behaviour: Behaviour,
    (from, to): (NaiveDate, NaiveDate),
    adjust: impl FnOnce(Pull) -> Pull,
) -> (Arc<Tenant>, Pulled, Duration) {
    let population = Population::new(3).days(may(-20), may(500), per_day);
    let behaviour = Behaviour {
        think_time: LATENCY,
        ..behaviour
    };
    let tenant = Arc::new(Tenant::new(population, behaviour));
    let begun = Instant::now();
    let transport = SandboxTransport::new(Arc::clone(&tenant));
    let pulled = pull_from(transport, from, to, adjust, ClientOptions::default()).await;
    let took = begun.elapsed();
    (tenant, pulled, took)
}

/// Every day is complete, and the pull took no longer than this.
async fn expect_within(
    most: Duration,
    per_day: PerDay,
    behaviour: Behaviour,
    (from, to): (NaiveDate, NaiveDate),
) {
    let told = format!("{behaviour:?}");
    let (tenant, pulled, took) = pull_late(per_day, behaviour, (from, to), |pull| pull).await;
    assert!(pulled.error.is_none(), "{:?}: {told}", pulled.error);
    assert!(pulled.failed.is_empty(), "{:?}: {told}", pulled.failed);
    assert_eq!(pulled.ids(), truth(&tenant, from, to), "{told}");
    assert!(took <= most, "{took:?}: {told}");
}

/// The connections are busy for three quarters of the time.
#[tokio::test(start_paused = true)]
async fn sixty_days_of_one_page_keep_sixteen_connections_busy() {
    for windows in WINDOWS {
        let behaviour = Behaviour {
            windows,
            ..Behaviour::default()
        };
        let days = (may(1), may(60));
        let (tenant, pulled, took) =
            pull_late(PerDay::Fixed(500), behaviour, days, |pull| pull).await;
        assert_eq!(pulled.ids(), truth(&tenant, days.0, days.1));
        let needed = LATENCY.mul_f64(tenant.request_count() as f64 / 16.0);
        let share = needed.div_duration_f64(took);
        assert!(share >= 0.75, "{share:.2} of {took:?}: {windows:?}");
    }
}

/// Its neighbours are as large, and are read beside it. Their ends are looked for far ahead and early, in vain at
/// times: where that is not done, the last pages are asked one by one, and half of the time is lost.
#[tokio::test(start_paused = true)]
async fn one_day_of_very_many_customers_keeps_sixteen_connections_busy() {
    let day = (may(10), may(10));
    for (per_day, infers) in [
        (PerDay::Fixed(50_000), false),
        (PerDay::Fixed(50_000), true),
        (PerDay::Fixed(100_000), false),
        (PerDay::Fixed(100_000), true),
        (PerDay::Between(65_000, 135_000), false),
    ] {
        let told = format!("{per_day:?}, fewer requests: {infers}");
        let adjust = |pull: Pull| pull.fewer_requests(infers);
        let (tenant, pulled, took) = pull_late(per_day, Behaviour::default(), day, adjust).await;
        assert_eq!(pulled.ids(), truth(&tenant, day.0, day.1));
        let needed = LATENCY.mul_f64(tenant.request_count() as f64 / 16.0);
        let share = needed.div_duration_f64(took);
        assert!(share >= 0.8, "{share:.2} of {took:?}: {told}");
    }
}

#[tokio::test(start_paused = true)]
async fn six_years_before_the_first_customer() {
    let days = (may(1 - 6 * 365), may(3));
    let first = PerDay::Listed(vec![(may(1), 40), (may(2), 30), (may(3), 50)]);
    for windows in Windows::ALL {
        let behaviour = Behaviour {
            windows,
            ..Behaviour::default()
        };
        expect_within(Duration::from_secs(18), first.clone(), behaviour, days).await;
    }
}

#[tokio::test(start_paused = true)]
async fn three_quiet_years_that_are_refused_in_odd_words() {
    let days = (may(1 - 3 * 365), may(3));
    let first = PerDay::Listed(vec![(may(1), 40), (may(2), 30), (may(3), 50)]);
    for windows in WINDOWS {
        let behaviour = Behaviour {
            windows,
            empty_window: EmptyForm::Failed("E-1017".into()),
            ..Behaviour::default()
        };
        expect_within(Duration::from_secs(12), first.clone(), behaviour, days).await;
    }
}

/// What is refused teaches the rate.
#[tokio::test(start_paused = true)]
async fn firewall_that_bans_clients_that_are_too_fast() {
    let behaviour = Behaviour {
        firewall: Some(Firewall {
            per_second: 20,
            ban: Duration::from_secs(10),
        }),
        ..Behaviour::default()
    };
    let days = (may(1), may(300));
    expect_within(Duration::from_secs(60), PerDay::Fixed(50), behaviour, days).await;
}

/// An index that bounds paging answers no more, however often it is asked.
#[tokio::test(start_paused = true)]
async fn index_that_ends_at_a_row_is_soon_named() {
    for when in [When::OffsetFrom(10_000), When::LastRowAbove(10_000)] {
        for windows in Windows::ALL {
            let behaviour = Behaviour {
                windows,
                faults: Faults::when([(when.clone(), FaultKind::Status500)]),
                ..Behaviour::default()
            };
            let busy = PerDay::Listed(vec![(may(3), 400), (may(4), 12_000), (may(5), 400)]);
            let days = (may(3), may(5));
            let (tenant, pulled, took) = pull_late(busy, behaviour, days, |pull| pull).await;
            let told = format!("{when:?} {windows:?}");
            let error = pulled.failed.get(&may(4));
            let is_named = matches!(error, Some(PullError::OffsetCapped { .. }));
            assert!(is_named, "{error:?}: {told}");
            for day in pulled.receipts.keys() {
                let ids = pulled.ids().remove(day).unwrap_or_default();
                let truth: Vec<_> = tenant.truth_ids(*day, *day).into_iter().collect();
                assert_eq!(ids, truth, "{day}: {told}");
            }
            assert!(took <= Duration::from_secs(15), "{took:?}: {told}");
        }
    }
}
