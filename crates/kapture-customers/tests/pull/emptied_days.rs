//! Days that held customers when an earlier run read them, or this one did before: what they hold now
//! is believed with care.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::against::{InMemory, may, population, pull_from, pull_with, truth};
use async_trait::async_trait;
use kapture_customers::{EndBound, Pull, PullError};
use kapture_sandbox::{Behaviour, EmptyForm, Limit, PerDay, Tenant, Windows};
use kapture_transport::{ClientOptions, Request, Response, Transport, TransportError};

/// A server that answers some requests with an empty list.
struct OutOfOrder<F> {
    tenant: InMemory,
    asked: AtomicU64,
    /// Whether it is out of order, by the request and how many came before.
    is_out: F,
}

impl<F: Fn(&Request, u64) -> bool + Send + Sync> OutOfOrder<F> {
    fn new(tenant: &Arc<Tenant>, is_out: F) -> Self {
        Self {
            tenant: InMemory(Arc::clone(tenant)),
            asked: AtomicU64::new(0),
            is_out,
        }
    }
}

#[async_trait]
impl<F: Fn(&Request, u64) -> bool + Send + Sync> Transport for OutOfOrder<F> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        match (self.is_out)(&request, asked) {
            true => Ok(Response::new(200, r#"{"message":[],"status":"success"}"#)),
            false => self.tenant.send(request).await,
        }
    }
}

/// It may be that they are gone, or that the server is out of order, for a while or for good.
#[tokio::test(start_paused = true)]
async fn a_day_that_held_customers_does_not_lose_them_to_an_empty_list() {
    for windows in Windows::ALL {
        for empty_answers in (1..=14).chain([u64::MAX]) {
            let behaviour = Behaviour {
                windows,
                ..Behaviour::default()
            };
            let sizes = PerDay::Listed((3..=8).map(|day| (may(day), 3)).collect());
            let tenant = Arc::new(Tenant::new(population(7, sizes), behaviour));
            let server = OutOfOrder::new(&tenant, move |_, asked| asked < empty_answers);
            let adjust = |pull: Pull| pull.previously_nonempty((3..=8).map(may).collect());
            let options = ClientOptions::default();
            let pulled = pull_from(server, may(3), may(8), adjust, options).await;
            let told = format!("{empty_answers} empty answers, {windows:?}");
            assert!(pulled.error.is_none(), "{:?}: {told}", pulled.error);
            // A window that was answered, and is then refused for its width, fails for that.
            let is_named = |error: &PullError| match error {
                PullError::EmptiedEverywhere { .. } => true,
                error => error.to_string().contains("asking for") && windows == Windows::Strict,
            };
            assert!(pulled.failed.values().all(is_named), "{:?}", pulled.failed);
            let (ids, truth) = (pulled.ids(), truth(&tenant, may(3), may(8)));
            for day in pulled.receipts.keys() {
                assert_eq!(ids.get(day), truth.get(day), "{day}: {told}");
            }
            match empty_answers {
                ..6 => assert_eq!(pulled.failed.len(), 0, "{told}"),
                u64::MAX => assert_eq!(pulled.failed.len(), 6, "{told}"),
                _ => {}
            }
        }
    }
}

/// They were deleted, and others show that the server is well.
#[tokio::test(start_paused = true)]
async fn a_day_that_held_customers_may_hold_none() {
    for windows in Windows::ALL {
        for empty_window in [EmptyForm::EmptyList, EmptyForm::Failed("E-1017".into())] {
            let behaviour = Behaviour {
                windows,
                empty_window,
                ..Behaviour::default()
            };
            let sizes = PerDay::Listed(vec![(may(2), 3), (may(7), 3)]);
            let tenant = Arc::new(Tenant::new(population(7, sizes), behaviour));
            let adjust = |pull: Pull| pull.previously_nonempty((1..=8).map(may).collect());
            let options = ClientOptions::default();
            let pulled = pull_with(&tenant, may(1), may(8), adjust, options).await;
            assert_eq!(pulled.receipts.len(), 8, "{:?}", pulled.failed);
            assert_eq!(pulled.ids(), truth(&tenant, may(1), may(8)));
        }
    }
}

/// Whoever shows none of those that were there shows nothing of the other days either.
#[tokio::test(start_paused = true)]
async fn a_server_that_shows_nothing_any_more_is_not_believed() {
    for windows in [Windows::Inclusive, Windows::Strict] {
        for answers in 1..=40 {
            let behaviour = Behaviour {
                windows,
                limit: Limit::CappedAt(7),
                ..Behaviour::default()
            };
            let sizes = PerDay::Listed((3..=8).map(|day| (may(day), 20)).collect());
            let tenant = Arc::new(Tenant::new(population(7, sizes), behaviour));
            let server = OutOfOrder::new(&tenant, move |_, asked| asked >= answers);
            let options = ClientOptions::default();
            let pulled = pull_from(server, may(3), may(8), |pull| pull, options).await;
            let told = format!("{answers} answers, {windows:?}");
            let (ids, truth) = (pulled.ids(), truth(&tenant, may(3), may(8)));
            if pulled.customers.is_empty() {
                continue;
            }
            for day in pulled.receipts.keys() {
                assert_eq!(ids.get(day), truth.get(day), "{day}: {told}");
            }
        }
    }
}

/// It is asked again while others show that the server is well.
#[tokio::test(start_paused = true)]
async fn a_day_that_showed_customers_in_this_run_does_not_lose_them_either() {
    for empty in 1..=18 {
        let behaviour = Behaviour {
            limit: Limit::CappedAt(7),
            ..Behaviour::default()
        };
        let sizes = PerDay::Listed((3..=8).map(|day| (may(day), 20)).collect());
        let tenant = Arc::new(Tenant::new(population(7, sizes), behaviour));
        // The first page of 5 May is shown, and then none so many times.
        let of_the_day = AtomicU64::new(0);
        let server = OutOfOrder::new(&tenant, move |request, _| {
            let body = String::from_utf8_lossy(&request.body);
            let is_asked = body.contains(&format!(r#""createStartDate":"{}""#, may(5)));
            let asked = of_the_day.fetch_add(is_asked.into(), Ordering::Relaxed);
            is_asked && (1..=empty).contains(&asked)
        });
        let options = ClientOptions::default();
        let pulled = pull_from(server, may(3), may(8), |pull| pull, options).await;
        let (ids, truth) = (pulled.ids(), truth(&tenant, may(3), may(8)));
        for day in pulled.receipts.keys() {
            assert_eq!(ids.get(day), truth.get(day), "{day}: {empty} empty lists");
        }
    }
}

/// Some servers answer a `limit` that is too large with an empty list.
#[tokio::test(start_paused = true)]
async fn a_window_is_looked_at_with_the_documented_limit() {
    for windows in Windows::ALL {
        let behaviour = Behaviour {
            windows,
            ..Behaviour::default()
        };
        let tenant = Arc::new(Tenant::new(population(3, PerDay::Fixed(130)), behaviour));
        let asks_for_more = |request: &Request, _| {
            let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
            let limit = body["limit"].as_str().and_then(|it| it.parse().ok());
            limit.is_some_and(|limit: u32| limit > 200)
        };
        let server = OutOfOrder::new(&tenant, asks_for_more);
        let options = ClientOptions::default();
        let pulled = pull_from(server, may(1), may(12), |pull| pull, options).await;
        let (ids, truth) = (pulled.ids(), truth(&tenant, may(1), may(12)));
        for day in pulled.receipts.keys() {
            assert_eq!(ids.get(day), truth.get(day), "{day}: {windows:?}");
        }
        assert!(pulled.receipts.len() + pulled.failed.len() == 12 || pulled.error.is_some());
    }
}

/// A search that wakes up with the first question, as one behind a cold cache may.
#[tokio::test(start_paused = true)]
async fn the_first_answer_to_a_question_is_not_believed() {
    for windows in Windows::ALL {
        let behaviour = Behaviour {
            windows,
            ..Behaviour::default()
        };
        let tenant = Arc::new(Tenant::new(population(3, PerDay::Fixed(30)), behaviour));
        let asked = Mutex::new(HashSet::new());
        let is_first = move |request: &Request, _| {
            let mut asked = asked.lock().expect("no panic");
            asked.insert(request.body.clone())
        };
        let server = OutOfOrder::new(&tenant, is_first);
        let options = ClientOptions::default();
        let pulled = pull_from(server, may(1), may(7), |pull| pull, options).await;
        let (ids, truth) = (pulled.ids(), truth(&tenant, may(1), may(7)));
        for day in pulled.receipts.keys() {
            assert_eq!(ids.get(day), truth.get(day), "{day}: {windows:?}");
        }
        assert!(pulled.receipts.len() + pulled.failed.len() == 7 || pulled.error.is_some());
    }
}

/// A server that takes single dates only may say so with an empty list.
#[tokio::test(start_paused = true)]
async fn windows_of_two_days_that_are_always_empty_are_not_read() {
    let population = population(3, PerDay::Fixed(30));
    let tenant = Arc::new(Tenant::new(population, Behaviour::default()));
    let is_wide = |request: &Request, _| {
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        body["createStartDate"] != body["createEndDate"]
    };
    let server = OutOfOrder::new(&tenant, is_wide);
    let options = ClientOptions::default();
    let pulled = pull_from(server, may(1), may(7), |pull| pull, options).await;
    assert_eq!(pulled.ids(), truth(&tenant, may(1), may(7)));
    for receipt in pulled.receipts.values() {
        assert_eq!(receipt.end_bound, EndBound::SingleDay);
    }
}
