//! `limit`, `offset` and the order of rows.

use std::collections::BTreeSet;

use kapture_sandbox::{Behaviour, Limit, Oddities, Offset, Order, Tenant};
use rstest::rstest;
use serde_json::{Value, json};

use crate::client::{ask, ids, may, rows, tenant};

fn page(tenant: &Tenant, more: Value) -> Vec<u64> {
    ids(&ask(tenant, may(5), may(5), more))
}

#[rstest]
#[case::honoured(Limit::Honoured, json!({"limit": "150"}), 150)]
#[case::as_a_number(Limit::Honoured, json!({"limit": 150}), 150)]
#[case::absent(Limit::Honoured, json!({}), 100)]
#[case::blank(Limit::Honoured, json!({"limit": ""}), 100)]
#[case::larger_than_the_window(Limit::Honoured, json!({"limit": "1000"}), 250)]
#[case::capped(Limit::CappedAt(37), json!({"limit": "1000"}), 37)]
#[case::under_the_cap(Limit::CappedAt(37), json!({"limit": "10"}), 10)]
#[case::ignored(Limit::Ignored, json!({"limit": "10"}), 250)]
#[case::ignored_from_an_offset(Limit::Ignored, json!({"limit": "10", "offset": "240"}), 10)]
fn limit_gives_this_many_rows(#[case] limit: Limit, #[case] more: Value, #[case] expected: usize) {
    let tenant = tenant(
        250,
        Behaviour {
            limit,
            ..Behaviour::default()
        },
    );
    assert_eq!(page(&tenant, more).len(), expected);
}

#[test]
fn default_limit_is_the_page_size_without_a_limit() {
    let tenant = tenant(
        250,
        Behaviour {
            default_limit: 20,
            ..Behaviour::default()
        },
    );
    assert_eq!(page(&tenant, json!({})).len(), 20);
}

#[rstest]
#[case::honoured(Offset::Honoured, 100)]
#[case::ignored(Offset::Ignored, 0)]
#[case::one_row_early(Offset::OneRowEarly, 99)]
fn offset_skips_rows(#[case] offset: Offset, #[case] expected: usize) {
    let tenant = tenant(
        250,
        Behaviour {
            offset,
            ..Behaviour::default()
        },
    );
    let whole = page(&tenant, json!({"limit": 250}));
    assert_eq!(
        page(&tenant, json!({"limit": 50, "offset": "100"})),
        whole[expected..expected + 50]
    );
    assert_eq!(
        page(&tenant, json!({"limit": 50, "offset": "0"})),
        whole[..50]
    );
}

#[test]
fn offset_beyond_its_bound_has_no_rows() {
    let tenant = tenant(
        250,
        Behaviour {
            offset: Offset::UpTo(100),
            ..Behaviour::default()
        },
    );
    assert_eq!(page(&tenant, json!({"limit": 50, "offset": 100})).len(), 50);
    assert_eq!(page(&tenant, json!({"limit": 50, "offset": 101})).len(), 0);
}

#[test]
fn offset_as_a_page_number_is_rounded_down_to_the_effective_limit() {
    let tenant = tenant(
        260,
        Behaviour {
            offset: Offset::PageNumber,
            limit: Limit::CappedAt(100),
            ..Behaviour::default()
        },
    );
    let whole = page(&tenant, json!({"limit": 100})).into_iter();
    let whole: Vec<u64> = whole
        .chain(page(&tenant, json!({"limit": 100, "offset": 100})))
        .chain(page(&tenant, json!({"limit": 100, "offset": 200})))
        .collect();
    assert_eq!(
        BTreeSet::from_iter(whole.clone()),
        tenant.truth_ids(may(5), may(5))
    );
    let at = |limit: u32, offset: u32| page(&tenant, json!({"limit": limit, "offset": offset}));
    assert_eq!(at(100, 92), whole[..100]);
    assert_eq!(at(100, 199), whole[100..200]);
    assert_eq!(at(500, 250), whole[200..], "the cap is the page size");
    assert_eq!(at(30, 100), whole[90..120]);
}

#[test]
fn caps_differ_by_day() {
    let tenant = tenant(
        250,
        Behaviour {
            limit_caps: [(may(5), 200), (may(10), 100)].into(),
            ..Behaviour::default()
        },
    );
    let rows =
        |day, limit: u32| ids(&ask(&tenant, may(day), may(day), json!({"limit": limit}))).len();
    assert_eq!(
        [4, 5, 9, 10, 31].map(|day| rows(day, 500)),
        [250, 200, 200, 100, 100]
    );
    assert_eq!([5, 10].map(|day| rows(day, 30)), [30, 30]);
}

#[test]
fn rewritten_rows_differ_from_answer_to_answer_and_keep_their_id() {
    let tenant = tenant(
        40,
        Behaviour {
            oddities: Oddities {
                rewritten: 0.5,
                ..Oddities::none()
            },
            ..Behaviour::default()
        },
    );
    let [first, second] = [(); 2].map(|()| rows(&ask(&tenant, may(5), may(5), json!({}))));
    let pairs = || first.iter().zip(&second);
    assert!(pairs().all(|(one, other)| one["id"] == other["id"]));
    let changed = pairs().filter(|(one, other)| one != other).count();
    assert!((10..30).contains(&changed), "{changed}");
}

/// The same query lists ties in the same order, a query for another page in another.
#[test]
fn ties_are_broken_by_query() {
    let tenant = tenant(
        250,
        Behaviour {
            order: Order::Ties,
            ..Behaviour::default()
        },
    );
    let rows = |limit: u32, offset: u32| page(&tenant, json!({"limit": limit, "offset": offset}));
    assert_eq!(rows(250, 0), rows(250, 0));
    assert_ne!(rows(100, 0), rows(250, 0)[..100]);
    let all: BTreeSet<u64> = rows(250, 0).into_iter().collect();
    assert_eq!(all, tenant.truth_ids(may(5), may(5)));
}

/// Pages of any size add up to the window, across the blocks of the record cache and across the two
/// days of an inclusive window.
#[rstest]
#[case(1_000, Order::Id)]
#[case(100, Order::Id)]
#[case(256, Order::Id)]
#[case(257, Order::IdDescending)]
#[case(333, Order::Name)]
fn pages_tile_the_window(#[case] limit: usize, #[case] order: Order) {
    let tenant = tenant(
        600,
        Behaviour {
            order,
            ..Behaviour::default()
        },
    );
    let whole = ids(&ask(&tenant, may(5), may(6), json!({"limit": 5_000})));
    let mut paged = Vec::new();
    for offset in (0..1_200).step_by(limit) {
        paged.extend(ids(&ask(
            &tenant,
            may(5),
            may(6),
            json!({"limit": limit, "offset": offset}),
        )));
    }
    assert_eq!(paged, whole);
    let found: BTreeSet<u64> = paged.into_iter().collect();
    assert_eq!(found, tenant.truth_ids(may(5), may(6)));
}

#[test]
fn orders_list_the_same_rows() {
    let order = |order| {
        let tenant = tenant(
            200,
            Behaviour {
                order,
                ..Behaviour::default()
            },
        );
        ids(&ask(&tenant, may(5), may(6), json!({"limit": 400})))
    };
    let by_id = order(Order::Id);
    assert!(by_id.is_sorted());
    assert_eq!(
        order(Order::IdDescending),
        by_id.iter().rev().copied().collect::<Vec<_>>()
    );

    let by_name = order(Order::Name);
    assert_ne!(by_name, by_id);
    assert_eq!(BTreeSet::from_iter(&by_name), BTreeSet::from_iter(&by_id));
}

#[test]
fn order_by_name_sorts_by_name() {
    let behaviour = Behaviour {
        order: Order::Name,
        oddities: Oddities::none(),
        ..Behaviour::default()
    };
    let rows = rows(&ask(&tenant(90, behaviour), may(5), may(5), json!({})));
    assert!(rows.is_sorted_by_key(|row| row["name"].as_str().unwrap().to_owned()));
}

#[test]
fn unstable_order_differs_at_every_request_and_repeats_with_the_run() {
    let run = || {
        let tenant = tenant(
            80,
            Behaviour {
                order: Order::Unstable,
                ..Behaviour::default()
            },
        );
        [page(&tenant, json!({})), page(&tenant, json!({}))]
    };
    let [first, second] = run();
    assert_ne!(first, second);
    assert_eq!(BTreeSet::from_iter(&first), BTreeSet::from_iter(&second));
    assert_eq!(run(), [first, second]);
}

/// They count for `offset` and `limit`, and no page contains them.
#[test]
fn rows_left_out_shorten_pages() {
    let tenant = tenant(
        400,
        Behaviour {
            left_out: 0.1,
            ..Behaviour::default()
        },
    );
    let pages =
        [0, 100, 200, 300].map(|offset| page(&tenant, json!({"limit": 100, "offset": offset})));
    let lengths = pages.each_ref().map(Vec::len);
    assert!(
        lengths.iter().all(|rows| (75..100).contains(rows)),
        "{lengths:?}"
    );
    let all: BTreeSet<u64> = pages.into_iter().flatten().collect();
    assert_eq!(all, tenant.truth_ids(may(5), may(5)));
}

#[test]
fn pages_are_cut_at_a_number_of_bytes() {
    let cut_at = |bytes| {
        let behaviour = Behaviour {
            page_bytes: Some(bytes),
            ..Behaviour::default()
        };
        tenant(400, behaviour)
    };
    let tenant = cut_at(20_000);
    let mut lengths = BTreeSet::new();
    let mut all = BTreeSet::new();
    while all.len() < 400 {
        let ids = page(&tenant, json!({"limit": 100, "offset": all.len()}));
        lengths.insert(ids.len());
        all.extend(ids);
    }
    assert_eq!(all, tenant.truth_ids(may(5), may(5)));
    assert!(
        lengths.len() > 2 && lengths.last() < Some(&100),
        "{lengths:?}"
    );
    assert_eq!(page(&cut_at(1), json!({"limit": 100})).len(), 1);
}

#[test]
fn rows_listed_twice_are_the_same_each_time() {
    let tenant = tenant(
        200,
        Behaviour {
            listed_twice: 0.1,
            ..Behaviour::default()
        },
    );
    let whole = page(&tenant, json!({"limit": 1_000}));
    let different = BTreeSet::from_iter(&whole).len();
    assert_eq!(different, 200);
    assert!((205..240).contains(&whole.len()), "{} rows", whole.len());
    assert_eq!(page(&tenant, json!({"limit": 1_000})), whole);
}
