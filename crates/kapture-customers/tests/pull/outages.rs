//! Outages: those that pass are outlasted or named, and none passes for a quiet day.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::against::{
    InMemory, expect_right_or_named, may, population, pull, pull_from, take_one, truth,
};
use async_trait::async_trait;
use kapture_customers::PullError;
use kapture_sandbox::{
    Behaviour, EmptyForm, FaultKind, Faults, Limit, Outage, PerDay, Population, SandboxTransport,
    SessionEnd, SessionEndForm, SessionLife, Tenant, When, Windows,
};
use kapture_transport::{
    ClientOptions, Error, Request, Response, StopReason, Transport, TransportError,
};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_dead_server_is_given_up_within_minutes() {
    let behaviour = Behaviour {
        faults: Faults::random(1.0, [FaultKind::Stall], 1),
        ..Behaviour::default()
    };
    let tenant = Arc::new(Tenant::new(population(1, PerDay::Fixed(3)), behaviour));
    let begun = tokio::time::Instant::now();
    let pulled = pull(&tenant, may(1), may(7)).await;
    assert!(begun.elapsed().as_secs() < 210, "{:?}", begun.elapsed());
    assert!(matches!(
        pulled.error,
        Some(PullError::Call {
            source: Error::Exhausted {
                reason: StopReason::NeverAnswered,
                ..
            },
            ..
        })
    ));
}

/// Thirteen months, of which the first days are read when the session ends. The words for it look like
/// those for a day without customers, since a control is answered with them too.
#[tokio::test(start_paused = true)]
async fn a_session_that_ends_in_words_ends_the_run() {
    let (first, last) = (may(1), may(396));
    let session_end = Outage {
        when: When::Requests(61..=u64::MAX),
        form: Some(EmptyForm::Failed(
            "Session expired, please login again".into(),
        )),
    };
    let behaviour = Behaviour {
        outages: vec![session_end],
        ..Behaviour::default()
    };
    let population = Population::new(1).days(first, last, PerDay::Fixed(12));
    let tenant = Arc::new(Tenant::new(population, behaviour));
    let begun = Instant::now();
    let pulled = pull(&tenant, first, last).await;
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    assert!(
        tenant.request_count() < 60 + 200,
        "{}",
        tenant.request_count()
    );
    let Some(PullError::RefusesEverything { answer, .. }) = &pulled.error else {
        panic!("{:?}", pulled.error);
    };
    assert!(answer.message.contains("Session expired"), "{answer}");
    assert!(pulled.failed.is_empty(), "{:?}", pulled.failed);
}

/// A server that answers some requests and then none.
struct Mortal {
    tenant: InMemory,
    left: AtomicU64,
}

#[async_trait]
impl Transport for Mortal {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        match take_one(&self.left) {
            true => self.tenant.send(request).await,
            false => Err(TransportError::Broken("reset".into())),
        }
    }
}

/// Not each of sixty days has to find that out for itself; two may, where one is asked after the other.
#[tokio::test(start_paused = true)]
async fn a_server_that_goes_down_for_good_ends_the_run_however_far_it_came() {
    for windows in Windows::ALL {
        for answers in 0..9 {
            let behaviour = Behaviour {
                windows,
                ..Behaviour::default()
            };
            let population = population(1, PerDay::Listed(vec![(may(4), 3), (may(5), 3)]));
            let server = Mortal {
                tenant: InMemory(Arc::new(Tenant::new(population, behaviour))),
                left: AtomicU64::new(answers),
            };
            let begun = tokio::time::Instant::now();
            let options = ClientOptions::default();
            let pulled = pull_from(server, may(1), may(60), |pull| pull, options).await;
            let told = format!("{windows:?}, {answers} answers");
            assert!(
                begun.elapsed().as_secs() < 1_300,
                "{:?}: {told}",
                begun.elapsed()
            );
            let error = pulled.error.expect("the run to end");
            assert!(error.is_fatal(), "{error}: {told}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_passing_outage_is_no_quiet_day() {
    let sentence = "System under maintenance";
    let outage = |from: u64, to: u64| {
        Faults::scheduled((from..to).map(|number| (number, FaultKind::Failed(sentence.into()))))
    };
    for (from, to) in [(1, 12), (2, 14), (4, 25), (8, 40), (12, 60)] {
        for empty_window in [EmptyForm::EmptyList, EmptyForm::Failed("E-1017".into())] {
            for windows in Windows::ALL {
                let told = format!("requests {from} to {to}, {windows:?}, {empty_window:?}");
                let behaviour = Behaviour {
                    windows,
                    empty_window: empty_window.clone(),
                    faults: outage(from, to),
                    ..Behaviour::default()
                };
                let weekly = PerDay::Weekly {
                    weekday: 1..=80,
                    weekend: 0..=0,
                };
                let tenant = Arc::new(Tenant::new(population(from, weekly), behaviour));
                let pulled = pull(&tenant, may(1), may(21)).await;
                let (ids, truth) = (pulled.ids(), truth(&tenant, may(1), may(21)));
                for day in pulled.receipts.keys() {
                    assert_eq!(ids.get(day), truth.get(day), "{told}: {day}");
                }
                let named = pulled.failed.values().chain(&pulled.error);
                for error in named.clone() {
                    let words =
                        std::iter::successors(Some(error as &dyn std::error::Error), |error| {
                            error.source()
                        });
                    let words: String = words.map(|error| error.to_string()).collect();
                    assert!(words.contains(sentence), "{told}: {words}");
                }
                assert!(pulled.receipts.len() == 21 || named.count() > 0, "{told}");
            }
        }
    }
}

/// A server that answers within a tenth of a second, and is out of order three times, for eight seconds
/// each: it says so with HTTP 200.
struct Interrupted {
    server: InMemory,
    begun: Instant,
    /// When it is out of order for the first time.
    first: Duration,
    /// How often it said so.
    refused: Arc<AtomicU64>,
}

const OUTAGE: Duration = Duration::from_secs(8);
const BETWEEN: Duration = Duration::from_secs(2);

#[async_trait]
impl Transport for Interrupted {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = self.begun.elapsed();
        let mut outages = (0..3).map(|number| self.first + number * (OUTAGE + BETWEEN));
        if outages.any(|begins| (begins..begins + OUTAGE).contains(&now)) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Ok(Response::new(
                200,
                r#"{"message":"Something went wrong","status":"failed"}"#,
            ));
        }
        self.server.send(request).await
    }
}

/// Not everything that fails says so with a status.
#[tokio::test(start_paused = true)]
async fn an_outage_that_is_told_in_words_is_outlasted() {
    for empty_window in [EmptyForm::EmptyList, EmptyForm::Failed("E-1017".into())] {
        for windows in Windows::ALL {
            for first in [950, 1_050, 1_250, 1_450] {
                let told = format!("after {first} ms, {windows:?}, {empty_window:?}");
                let behaviour = Behaviour {
                    windows,
                    empty_window: empty_window.clone(),
                    limit: Limit::CappedAt(20),
                    ..Behaviour::default()
                };
                let weekly = PerDay::Weekly {
                    weekday: 1..=400,
                    weekend: 0..=0,
                };
                let tenant = Arc::new(Tenant::new(population(9, weekly), behaviour));
                let refused = Arc::new(AtomicU64::new(0));
                let server = Interrupted {
                    server: InMemory(Arc::clone(&tenant)),
                    begun: Instant::now(),
                    first: Duration::from_millis(first),
                    refused: Arc::clone(&refused),
                };
                let options = ClientOptions::default();
                let pulled = pull_from(server, may(1), may(21), |pull| pull, options).await;
                if empty_window == EmptyForm::EmptyList {
                    assert!(pulled.error.is_none(), "{told}: {:?}", pulled.error);
                    assert!(pulled.failed.is_empty(), "{told}: {:?}", pulled.failed);
                }
                // Where quiet days are refused in odd words, what these are may be asked in an outage.
                expect_right_or_named(&pulled, &tenant, (may(1), may(21)), &told);
                assert!(refused.load(Ordering::Relaxed) > 0, "{told}");
            }
        }
    }
}

/// Only a new session shows that an old one has ended, where that is told in words. Sessions of a few requests
/// contradict themselves too often.
#[tokio::test(start_paused = true)]
async fn session_that_ends_in_words_is_renewed() {
    for empty_window in [EmptyForm::EmptyList, EmptyForm::Failed("E-1017".into())] {
        for requests in [1, 2, 5, 15, 40] {
            for concurrency in [1, 4, 16] {
                let behaviour = Behaviour {
                    empty_window: empty_window.clone(),
                    session_end: Some(SessionEnd {
                        after: SessionLife::Requests(requests),
                        form: SessionEndForm::Words("Session expired".into()),
                    }),
                    ..Behaviour::default()
                };
                let sizes = PerDay::Listed(vec![(may(3), 60), (may(4), 130), (may(9), 7)]);
                let tenant = Arc::new(Tenant::new(population(7, sizes), behaviour));
                let server = SandboxTransport::new(Arc::clone(&tenant));
                let options = ClientOptions::default().concurrency(concurrency);
                let pulled = pull_from(server, may(1), may(12), |pull| pull, options).await;
                let told = format!("{requests} requests, {concurrency} at once, {empty_window:?}");
                expect_right_or_named(&pulled, &tenant, (may(1), may(12)), &told);
                let is_short = empty_window != EmptyForm::EmptyList && requests < 40;
                assert!(
                    requests < 5 || is_short || pulled.receipts.len() == 12,
                    "{:?} {:?}: {told}",
                    pulled.failed,
                    pulled.error
                );
            }
        }
    }
}
