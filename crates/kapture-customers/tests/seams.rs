//! Rows that stand in place by coincidence: what a listing that keeps no order may show.

mod against;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use against::{expect_truth, may, population, pull_from};
use async_trait::async_trait;
use kapture_customers::Joint;
use kapture_sandbox::{Behaviour, EmptyForm, Limit, Order, PerDay, Tenant};
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
        Ok(Response {
            status: 200,
            retry_after: None,
            body: body.to_string().into(),
        })
    }
}

/// Pulls 3 May: the ids it is said to have, and how that was proven.
async fn pulled(
    listing: impl Fn(usize, usize) -> Vec<u64> + Send + Sync + 'static,
) -> (Vec<u64>, Joint) {
    let transport = Scripted {
        listing,
        first_pages: AtomicUsize::new(0),
    };
    let options = ClientOptions::default();
    let pulled = pull_from(transport, may(3), may(3), |pull| pull, options).await;
    assert!(pulled.error.is_none(), "{:?}", pulled.error);
    let receipt = pulled.receipts.get(&may(3)).expect("a receipt");
    (
        pulled.ids().remove(&may(3)).unwrap_or_default(),
        receipt.joint,
    )
}

/// The first page of a window ends with 37. Then 1 goes, the order changes, and the second page
/// holds one row, which is 37 as well.
#[tokio::test(start_paused = true)]
async fn a_row_in_its_place_by_coincidence_proves_nothing() {
    let (ids, joint) = pulled(|first_pages, offset| match (first_pages, offset) {
        (0 | 1, _) | (2, 0) => (1..=38).collect(),
        (2, _) => [38].into_iter().chain((2..=36).rev()).chain([37]).collect(),
        _ => (2..=38).collect(),
    })
    .await;
    assert!(ids.contains(&38));
    assert_eq!(joint, Joint::Exact);
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
            let shuffled = (1..=28).chain((29..=37).rev());
            [39].into_iter().chain(shuffled).chain([38, last]).collect()
        }
    })
    .await;
    assert!(ids.contains(&39));
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
        let most = 12 * (pages + 1) + 12 + 8;
        let asked = tenant.request_count();
        assert!(asked <= most, "{asked} requests instead of {most}");
    }
}
