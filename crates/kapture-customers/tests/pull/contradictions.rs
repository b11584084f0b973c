//! A server that does not mean what it says: what it has shown counts, and what it cannot know does not.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::against::{
    InMemory, Pulled, expect_right_or_named, may, population, pull_from, take_one, truth,
};
use async_trait::async_trait;
use kapture_customers::{Pull, PullError};
use kapture_model::{Answer, CustomerId};
use kapture_sandbox::{Behaviour, EmptyForm, Limit, PerDay, SameDay, Tenant, Windows};
use kapture_transport::{ClientOptions, Request, Response, Transport, TransportError};
use tokio::time::Instant;

const EXCLUSIVE: Windows = Windows::Exclusive {
    same_day: SameDay::Empty,
};

/// A server that now and then says "no customers", whatever it is asked.
#[derive(Clone)]
struct Forgetful {
    tenant: InMemory,
    /// Whether it remembers, by the number of the request: else how it says so.
    says: fn(u64, u64) -> Option<&'static str>,
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
        let Some(empty) = (self.says)(number, self.every) else {
            let response = self.tenant.send(request).await?;
            if let Ok(Answer::Customers(records)) = Answer::decode(response.body.clone()) {
                let ids = records.iter().map(|record| record.id().clone());
                self.shown.lock().expect("nobody panics").extend(ids);
            }
            return Ok(response);
        };
        Ok(Response::new(200, empty))
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_page_has_shown_is_not_missing_whatever_the_server_says_later() {
    let now_and_then = |number, every| match number / every % 3 {
        0 => None,
        1 => Some(r#"{"message":[],"status":"success"}"#),
        _ => Some(r#"{"message":"No customers found","status":"failed"}"#),
    };
    let for_ever =
        |number, after| (number >= after).then_some(r#"{"message":[],"status":"success"}"#);
    let kinds: [fn(u64, u64) -> Option<&'static str>; 2] = [now_and_then, for_ever];
    let mut sealed = 0;
    for (every, says) in (1..12).flat_map(|every| kinds.map(|says| (every, says))) {
        for windows in [Windows::Inclusive, EXCLUSIVE, Windows::Strict] {
            let behaviour = Behaviour {
                windows,
                ..Behaviour::default()
            };
            let sizes = vec![(may(2), 40), (may(4), 3), (may(5), 2)];
            let tenant = Arc::new(Tenant::new(population(5, PerDay::Listed(sizes)), behaviour));
            let server = Forgetful {
                tenant: InMemory(Arc::clone(&tenant)),
                says,
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
    assert!(sealed > 20, "{sealed}");
}

/// A server whose answers take turns: as they are, an empty list, a sentence, and three rows at most.
struct Fickle {
    tenant: InMemory,
    /// How many requests it answers in one way before it changes.
    every: u64,
    number: AtomicU64,
}

#[async_trait]
impl Transport for Fickle {
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let empty = match number / self.every % 4 {
            0 => return self.tenant.send(request).await,
            1 => r#"{"message":[],"status":"success"}"#,
            2 => r#"{"message":"No customers found","status":"failed"}"#,
            _ => {
                let mut body: serde_json::Value =
                    serde_json::from_slice(&request.body).expect("JSON");
                body["limit"] = "3".into();
                request.body = body.to_string().into();
                return self.tenant.send(request).await;
            }
        };
        Ok(Response::new(200, empty))
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_take_turns_are_right_or_named_in_time() {
    for windows in [Windows::Inclusive, EXCLUSIVE, Windows::Strict] {
        for (every, concurrency) in (1..9).flat_map(|every| [(every, 1), (every, 16)]) {
            let behaviour = Behaviour {
                windows,
                ..Behaviour::default()
            };
            let sizes = PerDay::Listed(vec![(may(2), 40)]);
            let tenant = Arc::new(Tenant::new(population(5, sizes), behaviour));
            let server = Fickle {
                tenant: InMemory(Arc::clone(&tenant)),
                every,
                number: AtomicU64::new(0),
            };
            let begun = Instant::now();
            let options = ClientOptions::default().concurrency(concurrency);
            let pulled = pull_from(server, may(2), may(2), |pull| pull, options).await;
            let told = format!("{every} {concurrency} {windows:?}");
            expect_right_or_named(&pulled, &tenant, (may(2), may(2)), &told);
            // Four rounds of looks, each of which may have to wait for a canary.
            assert!(begun.elapsed() < Duration::from_secs(90), "{told}");
        }
    }
}

/// A server that takes one day for another.
#[derive(Clone)]
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
    let options = ClientOptions::default().concurrency(1);
    // Also where nobody asked for the day whose customers come instead.
    for from in [3, 20] {
        let adjust = |pull: Pull| pull;
        let pulled = pull_from(server.clone(), may(from), may(20), adjust, options.clone()).await;
        assert!(
            matches!(
                pulled.failed.get(&may(20)),
                Some(PullError::OutsideWindow { day, .. }) if *day == may(3)
            ),
            "{:?}",
            pulled.failed
        );
        let told = pulled.ids().remove(&may(3));
        let expected = (from == 3).then(|| truth(&tenant, may(3), may(3))[&may(3)].clone());
        assert_eq!(told, expected);
    }
}

/// A server that fails where it is asked about a time to come.
struct Timeless(InMemory);

#[async_trait]
impl Transport for Timeless {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let body = String::from_utf8_lossy(&request.body);
        match body.contains(r#""createStartDate":"2024"#) {
            true => self.0.send(request).await,
            false => Ok(Response::new(500, "")),
        }
    }
}

/// What a day without customers looks like is asked about a day years ahead. Where nothing is refused,
/// nobody needs to know.
#[tokio::test(start_paused = true)]
async fn a_server_that_fails_years_ahead_is_pulled_from_like_any_other() {
    for windows in [Windows::Inclusive, EXCLUSIVE, Windows::Strict] {
        let behaviour = Behaviour {
            windows,
            ..Behaviour::default()
        };
        let tenant = Arc::new(Tenant::new(population(8, PerDay::Between(0, 9)), behaviour));
        let begun = tokio::time::Instant::now();
        let server = Timeless(InMemory(Arc::clone(&tenant)));
        let options = ClientOptions::default();
        let pulled = pull_from(server, may(3), may(20), |pull| pull, options).await;
        assert!(pulled.error.is_none(), "{:?}", pulled.error);
        assert_eq!(pulled.receipts.len(), 18, "{:?}", pulled.failed);
        assert_eq!(pulled.ids(), truth(&tenant, may(3), may(20)));
        assert!(begun.elapsed() < Duration::from_secs(10), "{windows:?}");
    }
}

/// A server that refuses now and then what is asked of one day.
struct Troubled<F> {
    tenant: InMemory,
    /// The sentence of the refusal, by how often windows that begin with 5 May were asked, and
    /// whether this is one of them.
    says: F,
    asked: AtomicU64,
}

impl<F: Fn(u64, bool) -> Option<&'static str> + Send + Sync> Troubled<F> {
    fn new(tenant: &Arc<Tenant>, says: F) -> Self {
        Self {
            tenant: InMemory(Arc::clone(tenant)),
            says,
            asked: AtomicU64::new(0),
        }
    }
}

#[async_trait]
impl<F: Fn(u64, bool) -> Option<&'static str> + Send + Sync> Transport for Troubled<F> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let body = String::from_utf8_lossy(&request.body);
        let is_asked = body.contains(&format!(r#""createStartDate":"{}""#, may(5)));
        let asked = self.asked.fetch_add(is_asked.into(), Ordering::Relaxed) + u64::from(is_asked);
        let Some(sentence) = (self.says)(asked, is_asked) else {
            return self.tenant.send(request).await;
        };
        let body = serde_json::json!({ "message": sentence, "status": "failed" });
        Ok(Response::new(200, body.to_string()))
    }
}

/// A day of sixty customers that is refused once in the words that mean “no customers”, or in these and
/// others, or as an outage begins: it is asked again, and what is answered then counts.
#[tokio::test(start_paused = true)]
async fn what_was_taken_for_a_quiet_day_is_asked_again() {
    for windows in [Windows::Inclusive, EXCLUSIVE, Windows::Strict] {
        for quiet in 1..=1 {
            for (busy, outage) in [(0, 0), (3, 0), (6, 0), (0, 9), (0, 20)] {
                let behaviour = Behaviour {
                    windows,
                    limit: Limit::CappedAt(37),
                    empty_window: EmptyForm::Failed("E-1017".into()),
                    ..Behaviour::default()
                };
                let told = format!("{quiet} times quiet, {busy} busy, {outage} out, {windows:?}");
                let tenant = Arc::new(Tenant::new(population(7, PerDay::Fixed(60)), behaviour));
                let left = AtomicU64::new(outage);
                let server = Troubled::new(&tenant, move |asked, is_asked| {
                    if is_asked && asked <= quiet {
                        Some("E-1017")
                    } else if is_asked && asked <= quiet + busy {
                        Some("Overloaded")
                    } else if asked > quiet && take_one(&left) {
                        Some("E-1017")
                    } else {
                        None
                    }
                });
                let options = ClientOptions::default();
                let pulled = pull_from(server, may(3), may(8), |pull| pull, options).await;
                assert!(pulled.error.is_none(), "{:?}: {told}", pulled.error);
                // An outage that says "no customers" of every window may outlast the canaries.
                let is_named =
                    |error: &PullError| matches!(error, PullError::InconsistentServer { .. });
                assert!(
                    pulled
                        .failed
                        .values()
                        .all(|error| outage > 0 && is_named(error)),
                    "{:?}: {told}",
                    pulled.failed
                );
                let (ids, truth) = (pulled.ids(), truth(&tenant, may(3), may(8)));
                for day in pulled.receipts.keys() {
                    assert_eq!(ids.get(day), truth.get(day), "{day}: {told}");
                }
            }
        }
    }
}

/// Expects that 5 May fails, which its server refuses in these sentences, and with it the days beside it:
/// their windows may hold its customers.
async fn expect_to_fail_in_the_end(
    says: impl Fn(u64, bool) -> Option<&'static str> + Send + Sync + 'static,
) -> Pulled {
    let behaviour = Behaviour {
        empty_window: EmptyForm::Failed("E-1017".into()),
        ..Behaviour::default()
    };
    let tenant = Arc::new(Tenant::new(population(7, PerDay::Fixed(2)), behaviour));
    let server = Troubled::new(&tenant, says);
    let options = ClientOptions::default();
    let pulled = pull_from(server, may(1), may(9), |pull| pull, options).await;
    assert!(pulled.error.is_none(), "{:?}", pulled.error);
    let failed: Vec<_> = pulled.failed.keys().copied().collect();
    assert_eq!(failed, [4, 5, 6].map(may));
    assert_eq!(pulled.receipts.len(), 6);
    let asked = tenant.request_count();
    assert!(asked < 300, "{asked}");
    pulled
}

#[tokio::test(start_paused = true)]
async fn a_day_that_is_refused_in_changing_words_fails_in_the_end() {
    expect_to_fail_in_the_end(|asked, is_asked| {
        let quiet = asked % 4 == 1;
        is_asked.then_some(if quiet { "E-1017" } else { "Overloaded" })
    })
    .await;
}

/// Refused whenever it is asked for the first time, and shown when that is to be confirmed.
#[tokio::test(start_paused = true)]
async fn a_day_that_is_refused_every_other_time_fails_in_the_end() {
    let says = |asked, is_asked| (is_asked && asked % 2 == 1).then_some("E-1017");
    let pulled = expect_to_fail_in_the_end(says).await;
    for error in pulled.failed.values() {
        // Every second reading meets the refusal, so that no two of them agree.
        let is_named = matches!(error, PullError::InconsistentRefusal { .. });
        assert!(is_named, "{error}");
    }
}

/// Once another window has shown how far they reach, the one that was refused meanwhile is read as
/// all others are.
#[tokio::test(start_paused = true)]
async fn a_window_that_is_refused_while_others_show_the_reach_is_asked_again() {
    for from in 2..=4 {
        for busy in [3, 4] {
            for refused in 1..=9 {
                let told = format!("from {from}, busy {busy}, {refused} times refused");
                let behaviour = Behaviour {
                    windows: EXCLUSIVE,
                    ..Behaviour::default()
                };
                let sizes = PerDay::Listed(vec![(may(busy), 4), (may(5), 3)]);
                let tenant = Arc::new(Tenant::new(population(7, sizes), behaviour));
                let server = Troubled::new(&tenant, move |asked, is_asked| {
                    (is_asked && asked <= refused).then_some("Overloaded")
                });
                let options = ClientOptions::default();
                let pulled = pull_from(server, may(from), may(9), |pull| pull, options).await;
                assert!(pulled.error.is_none(), "{:?}: {told}", pulled.error);
                assert!(pulled.failed.is_empty(), "{:?}: {told}", pulled.failed);
                assert_eq!(pulled.ids(), truth(&tenant, may(from), may(9)), "{told}");
            }
        }
    }
}

/// Trouble in words has some half a minute to pass, once for each day.
#[tokio::test(start_paused = true)]
async fn a_day_that_is_refused_for_good_is_given_up_in_time() {
    let population = population(7, PerDay::Fixed(9));
    let tenant = Arc::new(Tenant::new(population, Behaviour::default()));
    let server = Troubled::new(&tenant, |_, is_asked| is_asked.then_some("Overloaded"));
    let options = ClientOptions::default();
    let begun = Instant::now();
    let pulled = pull_from(server, may(1), may(31), |pull| pull, options).await;
    let failed: Vec<_> = pulled.failed.keys().copied().collect();
    assert_eq!(failed, [4, 5, 6].map(may));
    let seconds = begun.elapsed().as_secs();
    assert!((10..60).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_no_empty_answer_where_empty_windows_are_answered_with_success() {
    let tenant = Arc::new(Tenant::new(
        population(7, PerDay::Fixed(9)),
        Behaviour::default(),
    ));
    let server = Troubled::new(&tenant, |asked, is_asked| {
        (is_asked && asked <= 3).then_some("Overloaded")
    });
    let options = ClientOptions::default();
    let pulled = pull_from(server, may(3), may(8), |pull| pull, options).await;
    assert_eq!(pulled.ids(), truth(&tenant, may(3), may(8)));
    let asked = tenant.requests().into_iter();
    let far_away = asked.filter(|asked| asked.window.is_some_and(|(start, _)| start > may(60)));
    assert_eq!(far_away.count(), 1, "asked as the reach is learnt");
}
