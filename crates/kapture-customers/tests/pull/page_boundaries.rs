//! Rows that stand in place by coincidence: what a listing that keeps no order may show.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::against::{expect_truth, may, population, pull_from, pull_with};
use async_trait::async_trait;
use kapture_customers::{Proof, Pull, PullError};
use kapture_sandbox::{Behaviour, EmptyForm, Limit, Offset, Order, PerDay, Tenant};
use kapture_transport::{ClientOptions, Request, Response, Transport, TransportError};

/// The most rows in a page.
const PAGE: usize = 37;

/// A tenant with customers on 3 May alone, and full say over how they are listed.
struct Scripted<F> {
    /// The ids as they are listed, by how many first pages were asked and the offset.
    listing: F,
    first_pages: AtomicUsize,
}

#[async_trait]
impl<F: Fn(usize, usize) -> Vec<u64> + Send + Sync> Transport for Scripted<F> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        let number = |key: &str| -> usize {
            let text = body[key].as_str().unwrap_or("0");
            text.parse().expect("a number")
        };
        let (offset, limit) = (number("offset"), number("limit").min(PAGE));
        let date = |key: &str| body[key].as_str().expect("a date").to_owned();
        let (start, end) = (date("createStartDate"), date("createEndDate"));
        let day = may(3).to_string();
        let ids = if start == day && end == day {
            let first = usize::from(offset == 0);
            let asked = self.first_pages.fetch_add(first, Ordering::Relaxed) + first;
            (self.listing)(asked, offset)
        } else if start <= day && day <= end {
            (self.listing)(0, offset)
        } else {
            Vec::new()
        };
        let rows: Vec<_> = ids
            .iter()
            .skip(offset)
            .take(limit)
            .map(|id| serde_json::json!({ "id": id, "generationDate": format!("{day} 12:34:56") }))
            .collect();
        let body = serde_json::json!({ "message": rows, "status": "success" });
        Ok(Response::new(200, body.to_string()))
    }
}

/// Pulls 3 May: the ids it is said to have, and how that was proven.
async fn pulled(
    listing: impl Fn(usize, usize) -> Vec<u64> + Send + Sync + 'static,
) -> (Vec<u64>, Proof) {
    pulled_in_pages_of(500, listing).await
}

async fn pulled_in_pages_of(
    rows: u32,
    listing: impl Fn(usize, usize) -> Vec<u64> + Send + Sync + 'static,
) -> (Vec<u64>, Proof) {
    let transport = Scripted {
        listing,
        first_pages: AtomicUsize::new(0),
    };
    let options = ClientOptions::default();
    let adjust = |pull: Pull| pull.page_size(rows);
    let pulled = pull_from(transport, may(3), may(3), adjust, options).await;
    assert!(pulled.error.is_none(), "{:?}", pulled.error);
    let receipt = pulled
        .receipts
        .get(&may(3))
        .unwrap_or_else(|| panic!("{:?}", pulled.failed));
    (
        pulled.ids().remove(&may(3)).unwrap_or_default(),
        receipt.proof,
    )
}

/// The first page of a window ends with 37. Then 1 goes, the order changes, and the second page
/// holds one row, which is 37 as well.
#[tokio::test(start_paused = true)]
async fn a_row_in_its_place_by_coincidence_proves_nothing() {
    let (ids, proof) = pulled(|first_pages, offset| match (first_pages, offset) {
        (0 | 1, _) | (2, 0) => (1..=38).collect(),
        (2, _) => [38].into_iter().chain((2..=36).rev()).chain([37]).collect(),
        _ => (2..=38).collect(),
    })
    .await;
    assert!(ids.contains(&38));
    assert_eq!(proof, Proof::Contiguous);
}

/// In the first pass 40 is met, then it goes and 41 comes. Both passes count forty rows, and forty
/// customers are known, but 39 was met in neither.
#[tokio::test(start_paused = true)]
async fn a_customer_that_went_does_not_stand_for_one_that_was_never_met() {
    let (ids, _) = pulled(|first_pages, offset| {
        let last = if first_pages < 3 { 40 } else { 41 };
        if first_pages > 3 {
            (1..=39).chain([last]).collect()
        } else if offset == 0 {
            (1..=38).chain([last, 39]).collect()
        } else {
            let shuffled = (1..=37).rev();
            [39].into_iter().chain(shuffled).chain([38, last]).collect()
        }
    })
    .await;
    assert!(ids.contains(&39));
}

/// Both of the first passes count their rows and miss 39. The first of them ends behind forty, and
/// has met forty, but 42 is gone by then; 41 comes only afterwards.
#[tokio::test(start_paused = true)]
async fn a_customer_that_came_does_not_stand_for_one_that_was_never_met() {
    let (ids, _) = pulled(|first_pages, offset| match (first_pages, offset) {
        (0 | 1, 0) => (1..=36).chain([42]).chain(37..=40).collect(),
        (0 | 1, _) => {
            let shuffled = (1..=28).chain((29..=37).rev());
            [39].into_iter().chain(shuffled).chain([38, 40]).collect()
        }
        (2, 0) => [41].into_iter().chain(1..=40).collect(),
        (2, _) => {
            let shuffled = (1..=27).chain((28..=37).rev());
            [39, 41]
                .into_iter()
                .chain(shuffled)
                .chain([38, 40])
                .collect()
        }
        _ => (1..=41).collect(),
    })
    .await;
    assert!(ids.contains(&39));
}

/// Every seam holds, but 1 comes twice, because it changed places with 60 in between.
#[tokio::test(start_paused = true)]
async fn a_customer_that_comes_twice_may_stand_in_the_place_of_another() {
    let (ids, proof) = pulled(|first_pages, offset| {
        if first_pages < 2 && offset > 0 {
            [60].into_iter()
                .chain(2..=37)
                .chain([1])
                .chain(38..=59)
                .collect()
        } else {
            (1..=60).collect()
        }
    })
    .await;
    assert_eq!(ids, (1..=60).collect::<Vec<_>>());
    assert_eq!(proof, Proof::Contiguous);
}

/// The order of rows that have the same in common may depend on the page that is asked for, and a
/// page may begin with the row that the one before ended with by coincidence.
#[tokio::test(start_paused = true)]
async fn ties_that_fall_otherwise_on_every_page() {
    for seed in 0..30 {
        for most in [10, 37, 100] {
            let behaviour = Behaviour {
                order: Order::Ties,
                limit: Limit::CappedAt(most),
                ..Behaviour::default()
            };
            let population = population(seed, PerDay::Between(most as u32, 4 * most as u32));
            expect_truth(population, behaviour, may(3), may(4)).await;
        }
    }
}

/// As of an index that shows its first ten thousand rows, and nothing of the others.
#[tokio::test(start_paused = true)]
async fn a_server_that_pages_no_further_is_right_or_named() {
    for past_end in [
        None,
        Some(EmptyForm::Failed("Result window is too large".into())),
        Some(EmptyForm::NotFound("Not Found".into())),
    ] {
        for (customers, most) in [(250, 100), (900, 499), (120, 1), (120, 119)] {
            let behaviour = Behaviour {
                offset: Offset::UpTo(most),
                limit: Limit::CappedAt(60),
                past_end: past_end.clone(),
                ..Behaviour::default()
            };
            let population = population(2, PerDay::Fixed(customers));
            let tenant = Arc::new(Tenant::new(population, behaviour));
            let pulled = pull_with(
                &tenant,
                may(3),
                may(4),
                |pull| pull,
                ClientOptions::default(),
            );
            let pulled = pulled.await;
            assert!(
                pulled.receipts.is_empty() || most == 119,
                "{:?}",
                pulled.receipts
            );
            for error in pulled.failed.values().chain(&pulled.error) {
                let named = matches!(error, PullError::OffsetCapped { .. })
                    || error
                        .call_error()
                        .is_some_and(|error| error.refusal().is_some());
                assert!(named, "{error:?}");
            }
        }
    }
}

/// Ten rows go during each pass and between passes, so that those that were counted are not met again.
#[tokio::test(start_paused = true)]
async fn a_window_that_never_stands_still_is_told_to_be_moving() {
    let (ids, proof) = pulled(|first_pages, offset| {
        let gone = 20 * first_pages as u64 + if offset == 0 { 0 } else { 10 };
        (gone + 1..=300).collect()
    })
    .await;
    assert!((101..=300).all(|id| ids.contains(&id)));
    assert_eq!(proof, Proof::StableRows);
}

/// The order changes at every request, so that the first pass counts rows that it does not meet; and
/// then there are none, once.
#[tokio::test(start_paused = true)]
async fn a_window_that_seems_empty_all_at_once_is_read_on() {
    for quiet in 2..=6 {
        let requests = AtomicUsize::new(0);
        let (ids, _) = pulled(move |first_pages, offset| {
            if first_pages == quiet && offset == 0 {
                return Vec::new();
            }
            let request = requests.fetch_add(1, Ordering::Relaxed) as u64;
            let mut ids: Vec<_> = (1..=126).collect();
            ids.sort_by_key(|id| id * (request * 37 % 126 + 1) % 127);
            ids
        })
        .await;
        assert_eq!(ids, (1..=126).collect::<Vec<_>>(), "{quiet}");
    }
}

/// Empty lists, however many, are no end of a window that has shown rows.
#[tokio::test(start_paused = true)]
async fn a_window_that_shows_none_of_its_rows_any_more_is_right_or_named() {
    for shown in [1, 2, 3] {
        for empty in [1, 2, 3, 4, 5, 6, 8, 12, 16, 20, 40, 1_000] {
            let told = format!("{shown} answers, then {empty} empty ones");
            let requests = AtomicUsize::new(0);
            let listing = move |first_pages, _| {
                let asked = usize::from(first_pages > 0);
                let request = requests.fetch_add(asked, Ordering::Relaxed);
                let is_empty = asked > 0 && (shown..shown + empty).contains(&request);
                (1..if is_empty { 1 } else { 101 }).collect()
            };
            let transport = Scripted {
                listing,
                first_pages: AtomicUsize::new(0),
            };
            let options = ClientOptions::default();
            let pulled = pull_from(transport, may(3), may(3), |pull| pull, options).await;
            assert!(pulled.error.is_none(), "{told}: {:?}", pulled.error);
            match pulled.failed.get(&may(3)) {
                Some(PullError::InconsistentServer { .. } | PullError::OffsetCapped { .. }) => {}
                Some(error) => panic!("{told}: {error:?}"),
                None => assert_eq!(pulled.ids()[&may(3)].len(), 100, "{told}"),
            }
        }
    }
}

/// The same, but for the first pass alone.
#[tokio::test(start_paused = true)]
async fn a_window_that_stands_still_at_last_is_proven() {
    let (ids, proof) = pulled(|first_pages, offset| {
        let gone = if first_pages < 2 && offset == 0 {
            0
        } else {
            10
        };
        (gone + 1..=300).collect()
    })
    .await;
    assert!((11..=300).all(|id| ids.contains(&id)));
    assert_eq!(proof, Proof::Recaptured);
}

/// The order changes such that further pages begin a few times with the first rows of all.
#[tokio::test(start_paused = true)]
async fn the_first_page_once_more_is_no_ignored_offset_yet() {
    for (rows, times) in [(500, 1), (3, 5)] {
        let again = AtomicUsize::new(0);
        let (ids, _) = pulled_in_pages_of(rows, move |_, offset| {
            if offset > 0 && again.fetch_add(1, Ordering::Relaxed) < times {
                let others = (1..=60).rev().take(offset);
                return others.chain(1..=60 - offset as u64).collect();
            }
            (1..=60).collect()
        })
        .await;
        assert_eq!(ids, (1..=60).collect::<Vec<_>>(), "{rows} rows");
    }
}

/// Two equal passes show that it is the habit of a server to list some customers twice.
#[tokio::test(start_paused = true)]
async fn customers_that_are_always_listed_twice_cost_one_more_pass() {
    let behaviour = Behaviour {
        limit: Limit::CappedAt(37),
        listed_twice: 0.3,
        ..Behaviour::default()
    };
    let population = population(2, PerDay::Listed(vec![(may(3), 120)]));
    let tenant = expect_truth(population, behaviour, may(3), may(3)).await;
    let asked = tenant.request_count();
    assert!(asked < 30, "{asked} requests");
}

/// One page has no seams, so a window in disorder is asked for in one, with room for rows that
/// come; unless the server has shown that it gives no longer ones.
#[tokio::test(start_paused = true)]
async fn a_window_in_disorder_is_asked_for_in_one_page() {
    for (limit, expected) in [(Limit::Honoured, 1_000), (Limit::CappedAt(100), 500)] {
        let behaviour = Behaviour {
            order: Order::Unstable,
            limit,
            ..Behaviour::default()
        };
        let population = population(2, PerDay::Listed(vec![(may(3), 520)]));
        let tenant = expect_truth(population, behaviour, may(3), may(3)).await;
        let asked = tenant
            .requests()
            .into_iter()
            .filter_map(|asked| asked.limit);
        let longest = asked.max().expect("a limit");
        assert_eq!(longest, expected, "{limit:?}");
    }
}

/// Two machines behind one address, each with an order of its own, that answer in turn: every pass
/// of an even number of pages shows the same rows in the same order.
#[tokio::test(start_paused = true)]
async fn machines_that_answer_in_turn() {
    for seed in 0..20 {
        let behaviour = Behaviour {
            order: Order::Turns,
            limit: Limit::CappedAt(37),
            ..Behaviour::default()
        };
        let population = population(seed, PerDay::Between(38, 74));
        expect_truth(population, behaviour, may(3), may(3)).await;
    }
}

/// Where pages hold a few rows and nothing moves, stable orders cost little more than their pages.
#[tokio::test(start_paused = true)]
async fn proof_of_a_stable_order_is_made_once() {
    for most in [3, 8, 37] {
        let behaviour = Behaviour {
            limit: Limit::CappedAt(most),
            empty_window: EmptyForm::EmptyList,
            ..Behaviour::default()
        };
        let count = u64::from(population(1, PerDay::Fixed(60)).count(may(3)));
        let pages = (count - 1).div_ceil(most - 1);
        let tenant: Arc<Tenant> =
            expect_truth(population(1, PerDay::Fixed(60)), behaviour, may(3), may(12)).await;
        let most = 12 * (pages + 1) + 24;
        let asked = tenant.request_count();
        assert!(asked <= most, "{asked} requests instead of {most}");
    }
}
