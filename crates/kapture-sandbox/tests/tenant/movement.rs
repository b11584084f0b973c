//! Rows that are inserted, deleted or changed while a client pages.

use std::collections::BTreeSet;
use std::time::Duration;

use kapture_sandbox::{Behaviour, Change, Movement, Order, Position, Tenant};
use rstest::rstest;
use serde_json::json;

use crate::client::{ask, ids, may, tenant};

fn moving(movement: Movement, order: Order) -> Tenant {
    tenant(
        300,
        Behaviour {
            movement: Some(movement),
            order,
            ..Behaviour::default()
        },
    )
}

fn page(tenant: &Tenant, offset: usize) -> Vec<u64> {
    ids(&ask(
        tenant,
        may(5),
        may(5),
        json!({"limit": "50", "offset": offset}),
    ))
}

/// A deletion before the offset makes the next page skip a row, an insertion makes it repeat one.
#[rstest]
#[case::by_id(Order::Id)]
#[case::descending(Order::IdDescending)]
#[case::by_name(Order::Name)]
fn move_before_the_offset_shifts_the_next_page(#[case] order: Order) {
    let movement = |change| Movement {
        every: 1,
        change,
        position: Position::BeforeOffset,
        at_most: Some(1),
    };

    let tenant = moving(movement(Change::Delete), order);
    let still = self::tenant(
        300,
        Behaviour {
            order,
            ..Behaviour::default()
        },
    );
    let whole = ids(&ask(&still, may(5), may(5), json!({"limit": 300})));
    assert_eq!(page(&tenant, 0), whole[..50]);
    assert_eq!(page(&tenant, 50), whole[51..101]);
    assert_eq!(tenant.truth_ids(may(5), may(5)).len(), 299);
    assert_eq!(tenant.standing_truth_ids(may(5), may(5)).len(), 299);
    assert_eq!(tenant.ever_truth_ids(may(5), may(5)).len(), 300);

    let tenant = moving(movement(Change::Insert), order);
    assert_eq!(page(&tenant, 0), whole[..50]);
    let second = page(&tenant, 50);
    assert_eq!(second[1..], whole[50..99]);
    assert_eq!(tenant.truth_ids(may(5), may(5)).len(), 301);
    assert_eq!(tenant.standing_truth_ids(may(5), may(5)).len(), 300);
    assert_eq!(tenant.ever_truth_ids(may(5), may(5)).len(), 301);
}

#[test]
fn rows_move_at_every_nth_request() {
    let movement = Movement {
        every: 3,
        change: Change::Insert,
        position: Position::Anywhere,
        at_most: None,
    };
    let tenant = moving(movement, Order::Id);
    let sizes: Vec<usize> = (0..7)
        .map(|_| {
            page(&tenant, 0);
            tenant.truth_ids(may(5), may(5)).len()
        })
        .collect();
    assert_eq!(sizes, [300, 300, 301, 301, 301, 302, 302]);
}

#[test]
fn moves_stop_at_their_bound() {
    let movement = Movement {
        every: 1,
        change: Change::Delete,
        position: Position::Anywhere,
        at_most: Some(4),
    };
    let tenant = moving(movement, Order::Id);
    for _ in 0..20 {
        page(&tenant, 50);
    }
    assert_eq!(tenant.truth_ids(may(5), may(5)).len(), 296);
}

#[rstest]
#[case::ascending(Order::LastChange)]
#[case::descending(Order::LastChangeDescending)]
fn changed_row_moves_to_an_end_of_the_order_by_last_change(#[case] order: Order) {
    let movement = Movement {
        every: 2,
        change: Change::Touch,
        position: Position::BeforeOffset,
        at_most: Some(1),
    };
    let tenant = moving(movement, order);
    let before = ids(&ask(&tenant, may(5), may(5), json!({"limit": 300})));
    page(&tenant, 50);
    let after = ids(&ask(&tenant, may(5), may(5), json!({"limit": 300})));
    let (changed, rest) = match order {
        Order::LastChange => after.split_last(),
        _ => after.split_first(),
    }
    .unwrap();
    assert!(before[..50].contains(changed));
    let others: Vec<u64> = before.iter().filter(|id| *id != changed).copied().collect();
    assert_eq!(rest, others);
    assert_eq!(tenant.standing_truth_ids(may(5), may(5)).len(), 300);
}

#[test]
fn cached_answer_ignores_moves_until_it_expires() {
    let movement = Movement {
        every: 1,
        change: Change::Delete,
        position: Position::Anywhere,
        at_most: None,
    };
    let tenant = tenant(
        300,
        Behaviour {
            movement: Some(movement),
            cache_time: Some(Duration::from_secs(10)),
            ..Behaviour::default()
        },
    );
    let rows = |offset, seconds| {
        let at = Duration::from_secs(seconds);
        ids(&tenant.page((may(5), may(5)), 300, offset, at)).len()
    };
    assert_eq!([rows(0, 5), rows(0, 14), rows(0, 15)], [299, 299, 298]);
    assert_eq!(rows(100, 15), 197, "another body has its own answer");
    let logged: Vec<u64> = tenant.requests().iter().map(|one| one.rows).collect();
    assert_eq!(logged, [299, 299, 298, 197]);
}

#[test]
fn insertions_and_deletions_alternate() {
    let movement = Movement {
        every: 1,
        change: Change::Alternate,
        position: Position::Anywhere,
        at_most: None,
    };
    let tenant = moving(movement, Order::Id);
    let sizes: Vec<usize> = (0..4)
        .map(|_| {
            page(&tenant, 0);
            tenant.truth_ids(may(5), may(5)).len()
        })
        .collect();
    assert_eq!(sizes, [301, 300, 301, 300]);
}

/// The last answer is equal to the truth at that time, and other days are unchanged.
#[test]
fn truth_follows_the_moves() {
    let movement = Movement {
        every: 1,
        change: Change::Alternate,
        position: Position::Anywhere,
        at_most: Some(60),
    };
    let tenant = moving(movement, Order::Id);
    for _ in 0..61 {
        page(&tenant, 0);
    }
    let whole = ids(&ask(&tenant, may(5), may(5), json!({"limit": 1_000})));
    let (now, standing, ever) = (
        tenant.truth_ids(may(5), may(5)),
        tenant.standing_truth_ids(may(5), may(5)),
        tenant.ever_truth_ids(may(5), may(5)),
    );
    assert_eq!(BTreeSet::from_iter(whole), now);
    assert!(standing.is_subset(&now) && now.is_subset(&ever));
    assert!(standing.len() < 300 && ever.len() == 330);
    assert_eq!(
        tenant.truth_ids(may(6), may(6)),
        tenant.ever_truth_ids(may(6), may(6))
    );
}
