//! What a pull may cost: how many requests it makes for proof.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::against::{InMemory, Late, expect_truth, may, population, pull_from, pull_with, truth};
use async_trait::async_trait;
use kapture_customers::Pull;
use kapture_sandbox::{Behaviour, EmptyForm, Limit, LoggedRequest, PerDay, Tenant, Windows};
use kapture_transport::{ClientOptions, Request, Response, Transport, TransportError};

/// A window costs two requests, its rows and its end or its emptiness twice; then come further pages, and
/// two dozen for everything that has to be proven.
#[tokio::test(start_paused = true)]
async fn proof_costs_no_more_than_two_dozen_requests() {
    let weekly = PerDay::Weekly {
        weekday: 50..=450,
        weekend: 0..=0,
    };
    for windows in Windows::ALL {
        for (limit, rows) in [
            (Limit::Honoured, 500),
            (Limit::CappedAt(100), 100),
            (Limit::CappedAt(37), 37),
            (Limit::Ignored, 100_000),
        ] {
            for per_day in [
                weekly.clone(),
                PerDay::Between(1, 2_000),
                PerDay::Function(growing),
            ] {
                for empty_window in [
                    EmptyForm::EmptyList,
                    EmptyForm::Failed("No customers found".into()),
                ] {
                    if empty_window != EmptyForm::EmptyList && limit != Limit::Honoured {
                        continue;
                    }
                    let behaviour = Behaviour {
                        windows,
                        limit,
                        empty_window: empty_window.clone(),
                        ..Behaviour::default()
                    };
                    let population = population(11, per_day.clone());
                    let further: u64 = (0..=31)
                        .map(|day| population.count(may(day)))
                        .map(|count| u64::from(count.saturating_sub(2)) / (rows - 1))
                        .sum();
                    let tenant = expect_truth(population, behaviour, may(1), may(30)).await;
                    let most = 2 * (30 + 2) + further + 24 + 4;
                    assert!(
                        tenant.request_count() <= most,
                        "{} requests instead of {most}: {windows:?} {limit:?} {empty_window:?} {per_day:?}",
                        tenant.request_count()
                    );
                }
            }
        }
    }
}

fn growing(_seed: u64, day: chrono::NaiveDate) -> u32 {
    let days = (day - may(-20)).num_days();
    u32::try_from(days * 3).expect("few")
}

/// On a server that does all as documented, for days of one page: with ends told from the lengths of pages, one
/// request for each window and a dozen for what is to be learnt; else two for each window and two dozen.
#[tokio::test(start_paused = true)]
async fn well_behaved_server_is_asked_little() {
    let per_day = PerDay::Fixed(7);
    for days in [1, 30] {
        let population = population(11, per_day.clone());
        for (infers, per_window, once) in [(false, 2, 24), (true, 1, 12)] {
            let tenant = Tenant::new(population.clone(), Behaviour::default());
            let tenant = Arc::new(tenant);
            let adjust = |pull: Pull| pull.fewer_requests(infers);
            let options = ClientOptions::default();
            let pulled = pull_with(&tenant, may(1), may(days), adjust, options).await;
            assert_eq!(pulled.ids(), truth(&tenant, may(1), may(days)));
            assert_eq!(pulled.receipts.len() as i64, days);
            let most = per_window * (days as u64 + 2) + once;
            let asked = tenant.request_count();
            assert!(
                asked <= most,
                "{asked} requests instead of {most}, inferred {infers}: {days} days of {per_day:?}"
            );
        }
    }
}

/// What "no customers" costs beyond one request for each window, on a run with two customers: the
/// words of a failure are learnt once, each quiet window is asked again between two that are known
/// to hold customers, where a failure that may be a hiccup has to repeat; and what was refused
/// before anything was answered is judged again.
#[tokio::test(start_paused = true)]
async fn quiet_days_cost_little() {
    for windows in Windows::ALL {
        for (empty_window, again, before, once) in [
            (EmptyForm::EmptyList, 0, 0, 24),
            (EmptyForm::Failed("No customers found".into()), 0, 0, 54),
            (EmptyForm::NotFound("Not Found".into()), 1, 5, 25),
            (EmptyForm::Failed("E-1017".into()), 3, 5, 25),
        ] {
            for (days, busy) in [(3, 1), (3, 2), (3, 3), (14, 5), (30, 20)] {
                let behaviour = Behaviour {
                    windows,
                    empty_window: empty_window.clone(),
                    ..Behaviour::default()
                };
                let population = population(3, PerDay::Listed(vec![(may(busy), 2)]));
                let tenant = expect_truth(population, behaviour, may(1), may(days)).await;
                let (asked, days, busy) = (tenant.request_count(), days as u64, busy as u64);
                // Until a day shows customers, D…D+1 is refused on each, and D…D is asked as well.
                let strict = if windows == Windows::Strict {
                    5 * busy
                } else {
                    0
                };
                let most = 2 * (days + 2) + again * (days + 1) + before * busy + once + strict;
                assert!(
                    asked <= most,
                    "{asked} requests instead of {most}: {windows:?} {empty_window:?}, day {busy} of {days}"
                );
            }
        }
    }
}

/// The end bound is learnt on the first day that was asked for, whose neighbours may be quiet: two windows
/// of it are what is read anyway, and D…D+1 is asked for its first page and for its end.
#[tokio::test(start_paused = true)]
async fn the_first_question_is_about_a_day_that_was_asked_for() {
    let population = population(3, PerDay::Listed(vec![(may(5), 1_200)]));
    let tenant = expect_truth(population, Behaviour::default(), may(5), may(5)).await;
    let asked = tenant.requests();
    let first: Vec<_> = asked[..3].iter().filter_map(|asked| asked.window).collect();
    assert!(first.contains(&(may(5), may(5))) && first.contains(&(may(5), may(6))));
    let wide = |asked: &&LoggedRequest| asked.window.is_some_and(|(start, end)| start != end);
    assert_eq!(asked.iter().filter(wide).count(), 2, "{asked:?}");
}

/// What was asked ahead of its turn is used when its turn comes, however far the reading has come
/// by then. (First pages are asked again to prove that quiet days are.)
#[tokio::test(start_paused = true)]
async fn no_further_page_is_asked_twice() {
    for customers in [3_000, 30_000, 100_000] {
        let population = population(3, PerDay::Listed(vec![(may(5), customers)]));
        let tenant = Arc::new(Tenant::new(population, Behaviour::default()));
        // Longer for pages far behind.
        let late = |offset| if offset > 5_000 { 90 } else { 20 };
        let server = Late(InMemory(Arc::clone(&tenant)), late);
        let options = ClientOptions::default();
        let pulled = pull_from(server, may(5), may(5), |pull| pull, options).await;
        assert_eq!(pulled.ids(), truth(&tenant, may(5), may(5)));
        let mut times = BTreeMap::<_, u32>::new();
        for asked in tenant.requests() {
            *times.entry((asked.window, asked.offset)).or_default() += 1;
        }
        times.retain(|(_, offset), times| *offset > 0 && *times > 1);
        assert!(times.is_empty(), "{customers} customers: {times:?}");
    }
}

/// A server that refuses to tell of the days from 11 May to 9 June, and counts what it is asked.
struct Moved {
    tenant: InMemory,
    asked: Arc<AtomicU64>,
}

#[async_trait]
impl Transport for Moved {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let body = String::from_utf8_lossy(&request.body);
        let is_moved = (11..=40).any(|day| {
            let start = format!(r#""createStartDate":"{}""#, may(day));
            body.contains(&start)
        });
        if !is_moved {
            return self.tenant.send(request).await;
        }
        Ok(Response::new(
            200,
            r#"{"message":"Account is being moved","status":"failed"}"#,
        ))
    }
}

/// That a day is refused may mean that the server has changed its ways, but not each time. A refusal
/// is asked for three times, three of them ten times more; and three times all that are under way are
/// read anew. Some pages are nearly as long as the longest.
#[tokio::test(start_paused = true)]
async fn days_that_are_refused_are_not_asked_for_ever() {
    let population = population(1, PerDay::Fixed(5));
    let asked = Arc::new(AtomicU64::new(0));
    let server = Moved {
        tenant: InMemory(Arc::new(Tenant::new(population, Behaviour::default()))),
        asked: Arc::clone(&asked),
    };
    let options = ClientOptions::default();
    let pulled = pull_from(server, may(1), may(60), |pull| pull, options).await;
    assert!(pulled.error.is_none(), "{:?}", pulled.error);
    assert_eq!(pulled.failed.len(), 32, "{:?}", pulled.failed.keys());
    let asked = asked.load(Ordering::Relaxed);
    assert!(asked <= 32 + 3 * 30 + 3 * 10 + 3 * 60 + 8, "{asked}");
}
