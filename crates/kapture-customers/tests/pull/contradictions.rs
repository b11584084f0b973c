//! A server that does not mean what it says: what it has shown counts, and what it cannot know does not.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::against::{InMemory, may, population, pull_from, pull_with, truth};
use async_trait::async_trait;
use kapture_customers::{Pull, PullError};
use kapture_model::{Answer, CustomerId};
use kapture_sandbox::{Behaviour, EmptyForm, Limit, PerDay, SameDay, Tenant, Windows};
use kapture_transport::{ClientOptions, Request, Response, Transport, TransportError};

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
        Ok(Response {
            status: 200,
            retry_after: None,
            body: empty.into(),
        })
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
    assert!(sealed > 50, "{sealed}");
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
    let options = ClientOptions {
        concurrency: 1,
        ..ClientOptions::default()
    };
    // Also where nobody asked for the day whose customers come instead.
    for from in [3, 20] {
        let adjust = |pull: Pull| pull;
        let pulled = pull_from(server.clone(), may(from), may(20), adjust, options.clone()).await;
        assert!(
            matches!(
                pulled.failed.get(&may(20)),
                Some(PullError::Astray { day, .. }) if *day == may(3)
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
            false => Ok(Response {
                status: 500,
                ..Response::default()
            }),
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

/// A tenant with a customer that it cannot show: every window of which it is a part is answered with
/// something else instead, and perhaps every window years ahead.
#[derive(Clone)]
struct Poisoned {
    tenant: InMemory,
    customer: String,
    answer: Result<Response, TransportError>,
    years_ahead: Option<Result<Response, TransportError>>,
}

#[async_trait]
impl Transport for Poisoned {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let body = String::from_utf8_lossy(&request.body);
        if !body.contains(r#""createStartDate":"2024"#)
            && let Some(answer) = &self.years_ahead
        {
            return answer.clone();
        }
        let response = self.tenant.send(request).await?;
        let shown = String::from_utf8_lossy(&response.body).contains(&self.customer);
        match shown {
            true => self.answer.clone(),
            false => Ok(response),
        }
    }
}

/// The first pages that are asked for may be answered so, or those of windows beside quiet days: the
/// days to which the customer might belong fail, and all others are whole.
#[tokio::test(start_paused = true)]
async fn a_window_that_is_never_shown_fails_its_days_alone() {
    let refused = serde_json::json!({ "message": "E-1017", "status": "failed" });
    let refused = Ok(Response {
        status: 200,
        body: refused.to_string().into(),
        ..Response::default()
    });
    let down = Ok(Response {
        status: 500,
        ..Response::default()
    });
    let too_large = Err(TransportError::TooLarge(1));
    let is_refused =
        |answer: &Result<Response, _>| answer.as_ref().is_ok_and(|it| it.status == 200);
    let list = EmptyForm::EmptyList;
    let plain = EmptyForm::Failed("No customers found".into());
    for (answer, years_ahead) in [
        (&refused, None),
        (&refused, Some(&refused)),
        (&refused, Some(&down)),
        (&down, None),
        (&down, Some(&down)),
        (&too_large, None),
        (&too_large, Some(&too_large)),
    ] {
        for windows in Windows::ALL {
            for (sizes, empty_window) in [
                (vec![(may(5), 4)], &list),
                (vec![(may(5), 4)], &plain),
                (vec![(may(5), 4), (may(9), 1)], &list),
                (vec![(may(5), 4), (may(9), 1)], &plain),
                ((1..12).map(|day| (may(day), 3)).collect(), &list),
            ] {
                let status = answer.as_ref().map_or(0, |it| it.status);
                // Where only those years ahead are answered otherwise than in plain words, that is how
                // windows without customers are answered.
                let is_learnt = empty_window == &plain || sizes.len() > 2;
                if years_ahead.is_some_and(is_refused) && is_learnt {
                    continue;
                }
                for from in 1..=6 {
                    // Who has shown nothing yet is not there, or shows too much of everything.
                    let refused_before = from == 6 && windows != Windows::Inclusive;
                    if status != 200 && from == 5 || status == 0 && refused_before {
                        continue;
                    }
                    let told = format!(
                        "{answer:?} {years_ahead:?} {windows:?} {empty_window:?} {sizes:?} from {from}"
                    );
                    let behaviour = Behaviour {
                        windows,
                        empty_window: empty_window.clone(),
                        ..Behaviour::default()
                    };
                    let population = population(7, PerDay::Listed(sizes.clone()));
                    let tenant = Arc::new(Tenant::new(population, behaviour));
                    let poison = *tenant.truth_ids(may(5), may(5)).first().expect("one");
                    let server = Poisoned {
                        tenant: InMemory(Arc::clone(&tenant)),
                        customer: poison.to_string(),
                        answer: answer.clone(),
                        years_ahead: years_ahead.cloned(),
                    };
                    let options = ClientOptions::default();
                    let pulled = pull_from(server, may(from), may(9), |pull| pull, options).await;
                    let truth = truth(&tenant, may(from), may(9));
                    let ids = pulled.ids();
                    for day in pulled.receipts.keys() {
                        assert_eq!(ids.get(day), truth.get(day), "{day}: {told}");
                    }
                    // Where no success tells plain words from others, more may be in doubt.
                    if empty_window == &plain {
                        continue;
                    }
                    let error = &pulled.error;
                    assert!(error.is_none(), "{error:?}: {told}");
                    let beside = may(3)..=may(6);
                    for (day, error) in &pulled.failed {
                        assert!(error.to_string().contains("2024-05"), "{error}: {told}");
                        assert!(beside.contains(day), "{day} {error}: {told}");
                    }
                    assert_eq!(pulled.failed.contains_key(&may(5)), from <= 5, "{told}");
                    let days = pulled.receipts.len() + pulled.failed.len();
                    assert_eq!(days, 10 - from as usize, "{told}");
                }
            }
        }
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
        Ok(Response {
            status: 200,
            retry_after: None,
            body: body.to_string().into(),
        })
    }
}

/// A day of sixty customers that is refused once or twice in the words that mean “no customers”, or
/// in these and others, or as an outage begins: it is asked again, and what is answered then counts.
#[tokio::test(start_paused = true)]
async fn what_was_taken_for_a_quiet_day_is_asked_again() {
    for windows in [Windows::Inclusive, EXCLUSIVE, Windows::Strict] {
        for quiet in 1..=3 {
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
                    let out = |left: u64| left.checked_sub(1);
                    if is_asked && asked <= quiet {
                        Some("E-1017")
                    } else if is_asked && asked <= quiet + busy {
                        Some("Overloaded")
                    } else if asked > quiet
                        && left
                            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, out)
                            .is_ok()
                    {
                        Some("E-1017")
                    } else {
                        None
                    }
                });
                let options = ClientOptions::default();
                let pulled = pull_from(server, may(3), may(8), |pull| pull, options).await;
                assert!(pulled.error.is_none(), "{:?}: {told}", pulled.error);
                assert!(pulled.failed.is_empty(), "{:?}: {told}", pulled.failed);
                assert_eq!(pulled.ids(), truth(&tenant, may(3), may(8)), "{told}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_that_is_refused_in_changing_words_fails_in_the_end() {
    let behaviour = Behaviour {
        empty_window: EmptyForm::Failed("E-1017".into()),
        ..Behaviour::default()
    };
    let tenant = Arc::new(Tenant::new(population(7, PerDay::Fixed(2)), behaviour));
    let server = Troubled::new(&tenant, |asked, is_asked| {
        let quiet = asked % 4 == 1;
        is_asked.then_some(if quiet { "E-1017" } else { "Overloaded" })
    });
    let options = ClientOptions::default();
    let pulled = pull_from(server, may(1), may(9), |pull| pull, options).await;
    assert!(pulled.error.is_none(), "{:?}", pulled.error);
    let failed: Vec<_> = pulled.failed.keys().copied().collect();
    assert_eq!(
        failed,
        [4, 5, 6].map(may),
        "the windows beside it may hold its customers"
    );
    assert_eq!(pulled.receipts.len(), 6);
    let asked = tenant.request_count();
    assert!(asked < 300, "{asked}");
}

/// Refused whenever it is asked for the first time, and shown when that is to be confirmed.
#[tokio::test(start_paused = true)]
async fn a_day_that_is_refused_every_other_time_fails_in_the_end() {
    let behaviour = Behaviour {
        empty_window: EmptyForm::Failed("E-1017".into()),
        ..Behaviour::default()
    };
    let tenant = Arc::new(Tenant::new(population(7, PerDay::Fixed(2)), behaviour));
    let server = Troubled::new(&tenant, |asked, is_asked| {
        (is_asked && asked % 2 == 1).then_some("E-1017")
    });
    let options = ClientOptions::default();
    let pulled = pull_from(server, may(1), may(9), |pull| pull, options).await;
    assert!(pulled.error.is_none(), "{:?}", pulled.error);
    assert_eq!(pulled.failed.len(), 3);
    for error in pulled.failed.values() {
        let told = "the server refuses 2024-05-05…2024-05-05, but not always alike, so that whether this means “no customers” cannot be told; it answers “E-1017”";
        assert!(error.to_string().starts_with(told), "{error}");
    }
    let asked = tenant.request_count();
    assert!(asked < 300, "{asked}");
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
    assert_eq!(
        far_away.count(),
        2,
        "asked as the reach is learnt, and once more as that is in doubt"
    );
}

/// A server whose customers of one day have no id.
struct Nameless(InMemory);

#[async_trait]
impl Transport for Nameless {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let asked = String::from_utf8_lossy(&request.body).contains("2024-05-05");
        let mut response = self.0.send(request).await?;
        let is_refused = String::from_utf8_lossy(&response.body).contains("failed");
        if asked && !is_refused {
            response.body = r#"{"message":[{"name":"Asha"}],"status":"success"}"#.into();
        }
        Ok(response)
    }
}

/// Also of a day that is met before anything is known of the server.
#[tokio::test(start_paused = true)]
async fn rows_that_cannot_be_told_apart_fail_their_day_alone() {
    for windows in Windows::ALL {
        let behaviour = Behaviour {
            windows,
            ..Behaviour::default()
        };
        let population = population(6, PerDay::Listed(vec![(may(9), 7)]));
        let tenant = Arc::new(Tenant::new(population, behaviour));
        for from in [2, 5, 6] {
            let server = Nameless(InMemory(Arc::clone(&tenant)));
            let options = ClientOptions::default();
            let pulled = pull_from(server, may(from), may(9), |pull| pull, options).await;
            assert!(pulled.error.is_none(), "{windows:?}: {:?}", pulled.error);
            let failed = may(from.max(5));
            assert!(pulled.failed.contains_key(&failed), "{windows:?}");
            assert_eq!(pulled.receipts[&may(9)].customers, 7, "{windows:?}");
        }
    }
}

/// A server that at first shows no customers, whatever it is asked.
struct OutOfOrder {
    tenant: InMemory,
    left: AtomicU64,
}

#[async_trait]
impl Transport for OutOfOrder {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let one_less = |left: u64| left.checked_sub(1);
        let left = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        match left {
            Ok(_) => Ok(Response {
                status: 200,
                body: r#"{"message":[],"status":"success"}"#.into(),
                ..Response::default()
            }),
            Err(_) => self.tenant.send(request).await,
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
            let server = OutOfOrder {
                tenant: InMemory(Arc::clone(&tenant)),
                left: AtomicU64::new(empty_answers),
            };
            let adjust = |pull: Pull| pull.held((3..=8).map(may).collect());
            let options = ClientOptions::default();
            let pulled = pull_from(server, may(3), may(8), adjust, options).await;
            let told = format!("{empty_answers} empty answers, {windows:?}");
            assert!(pulled.error.is_none(), "{:?}: {told}", pulled.error);
            // A window that was answered, and is then refused for its width, fails for that.
            let is_named = |error: &PullError| match error {
                PullError::Vanished { .. } => true,
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
            let adjust = |pull: Pull| pull.held((1..=8).map(may).collect());
            let options = ClientOptions::default();
            let pulled = pull_with(&tenant, may(1), may(8), adjust, options).await;
            assert_eq!(pulled.receipts.len(), 8, "{:?}", pulled.failed);
            assert_eq!(pulled.ids(), truth(&tenant, may(1), may(8)));
        }
    }
}
