//! A server that does not mean what it says: what it has shown counts, and what it cannot know does not.

mod against;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use against::{InMemory, may, population, pull_from, truth};
use async_trait::async_trait;
use kapture_customers::PullError;
use kapture_model::{Answer, CustomerId};
use kapture_sandbox::{Behaviour, PerDay, SameDay, Tenant, Windows};
use kapture_transport::{ClientOptions, Request, Response, Transport, TransportError};

const EXCLUSIVE: Windows = Windows::Exclusive {
    same_day: SameDay::Empty,
};

/// A server that now and then says "no customers", whatever it is asked.
#[derive(Clone)]
struct Forgetful {
    tenant: InMemory,
    /// How many requests it answers in one way before it changes.
    every: u64,
    number: Arc<AtomicU64>,
    /// The customers that any of its answers held.
    shown: Arc<Mutex<HashSet<CustomerId>>>,
}

#[async_trait]
impl Transport for Forgetful {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let empty = match number / self.every % 3 {
            0 => {
                let response = self.tenant.send(request).await?;
                if let Ok(Answer::Customers(records)) = Answer::decode(response.body.clone()) {
                    let ids = records.iter().map(|record| record.id().clone());
                    self.shown.lock().expect("nobody panics").extend(ids);
                }
                return Ok(response);
            }
            1 => r#"{"message":[],"status":"success"}"#,
            _ => r#"{"message":"No customers found","status":"failed"}"#,
        };
        Ok(Response {
            status: 200,
            retry_after: None,
            body: empty.into(),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_page_has_shown_is_not_missing_whatever_the_server_says_later() {
    let mut sealed = 0;
    for every in 1..12 {
        for windows in [Windows::Inclusive, EXCLUSIVE, Windows::Strict] {
            let behaviour = Behaviour {
                windows,
                ..Behaviour::default()
            };
            let sizes = vec![(may(2), 40), (may(4), 3)];
            let tenant = Arc::new(Tenant::new(population(5, PerDay::Listed(sizes)), behaviour));
            let server = Forgetful {
                tenant: InMemory(Arc::clone(&tenant)),
                every,
                number: Arc::default(),
                shown: Arc::default(),
            };
            let options = ClientOptions::default();
            let pulled = pull_from(server.clone(), may(1), may(5), |pull| pull, options).await;
            let ids = pulled.ids();
            let shown = server.shown.lock().unwrap();
            for day in pulled.receipts.keys() {
                sealed += 1;
                let told = ids.get(day).cloned().unwrap_or_default();
                let lacking: Vec<_> = tenant
                    .truth_ids(*day, *day)
                    .into_iter()
                    .filter(|id| shown.contains(&CustomerId::Number(*id)) && !told.contains(id))
                    .collect();
                assert!(
                    lacking.is_empty(),
                    "{day} lacks {lacking:?}: {every} {windows:?}"
                );
            }
        }
    }
    assert!(sealed > 50, "{sealed}");
}

/// A server that takes one day for another.
struct Confused {
    tenant: InMemory,
    asked: &'static str,
    answered: &'static str,
}

#[async_trait]
impl Transport for Confused {
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        let body = String::from_utf8_lossy(&request.body);
        request.body = body.replace(self.asked, self.answered).into();
        self.tenant.send(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_with_another_day_is_not_believed() {
    let tenant = Arc::new(Tenant::new(
        population(6, PerDay::Fixed(9)),
        Behaviour::default(),
    ));
    let server = Confused {
        tenant: InMemory(Arc::clone(&tenant)),
        asked: "2024-05-20",
        answered: "2024-05-03",
    };
    let options = ClientOptions {
        concurrency: 1,
        ..ClientOptions::default()
    };
    let pulled = pull_from(server, may(3), may(20), |pull| pull, options).await;
    assert!(
        matches!(
            pulled.failed.get(&may(20)),
            Some(PullError::Astray { day, .. }) if *day == may(3)
        ),
        "{:?}",
        pulled.failed
    );
    assert_eq!(
        pulled.ids()[&may(3)],
        truth(&tenant, may(3), may(3))[&may(3)]
    );
}
