//! The time that a window covers.

use std::collections::BTreeSet;

use kapture_sandbox::{Behaviour, Flip, Oddities, SameDay, Tenant, Windows, WindowsBy};
use rstest::rstest;
use serde_json::json;

use crate::client::{ask, failure, ids, may, rows, tenant};

const EXCLUSIVE: Windows = Windows::Exclusive {
    same_day: SameDay::Empty,
};
const EXCLUSIVE_REFUSING: Windows = Windows::Exclusive {
    same_day: SameDay::Refused,
};

fn with(windows: Windows) -> Tenant {
    tenant(
        10,
        Behaviour {
            windows,
            ..Behaviour::default()
        },
    )
}

/// The number of rows in a window from 5 May with ten customers a day; `None`: it is refused.
#[rstest]
#[case::inclusive_day(Windows::Inclusive, 5, Some(10))]
#[case::inclusive_two_days(Windows::Inclusive, 6, Some(20))]
#[case::exclusive_day(EXCLUSIVE, 5, Some(0))]
#[case::exclusive_two_days(EXCLUSIVE, 6, Some(10))]
#[case::exclusive_day_refused(EXCLUSIVE_REFUSING, 5, None)]
#[case::exclusive_refusing_two_days(EXCLUSIVE_REFUSING, 6, Some(10))]
#[case::strict_day(Windows::Strict, 5, Some(10))]
#[case::strict_two_days(Windows::Strict, 6, None)]
#[case::inclusive_too_wide(Windows::Inclusive, 7, None)]
#[case::exclusive_too_wide(EXCLUSIVE, 7, None)]
#[case::moments_too_wide(Windows::Moments, 7, None)]
#[case::strict_too_wide(Windows::Strict, 7, None)]
#[case::backwards(Windows::Inclusive, 4, None)]
#[case::backwards_exclusive(EXCLUSIVE, 4, None)]
fn window_covers(#[case] windows: Windows, #[case] end: u32, #[case] expected: Option<usize>) {
    let reply = ask(&with(windows), may(5), may(end), json!({}));
    match expected {
        Some(count) => assert_eq!(ids(&reply).len(), count),
        None => assert!(!failure(&reply).is_empty()),
    }
    assert_eq!(reply.status, 200);
}

#[test]
fn too_wide_window_is_refused_with_24_hours() {
    let reply = ask(&with(Windows::Inclusive), may(1), may(4), json!({}));
    assert!(failure(&reply).contains("24 hours"));
}

#[test]
fn exclusive_window_holds_its_start_day() {
    let tenant = with(EXCLUSIVE);
    let found: BTreeSet<u64> = ids(&ask(&tenant, may(5), may(6), json!({})))
        .into_iter()
        .collect();
    assert_eq!(found, tenant.truth_ids(may(5), may(5)));
}

#[test]
fn window_of_moments_holds_the_midnight_at_its_end() {
    let tenant = with(Windows::Moments);
    let found = |from: u32, to: u32| -> BTreeSet<u64> {
        ids(&ask(&tenant, may(from), may(to), json!({})))
            .into_iter()
            .collect()
    };
    let mut at_midnight = 0;
    for day in 1..20 {
        let mut expected = tenant.truth_ids(may(day), may(day));
        let next_midnight = found(day + 1, day + 1);
        at_midnight += next_midnight.len();
        assert!(next_midnight.len() <= 1);
        expected.extend(next_midnight);
        assert_eq!(found(day, day + 1), expected);
    }
    assert!(at_midnight > 0);
}

#[rstest]
#[case(0)]
#[case(330)]
#[case(720)]
#[case(1_439)]
fn end_minute_is_a_moment_of_the_end_day(#[case] minutes: u16) {
    let with = |windows| {
        tenant(
            1_440,
            Behaviour {
                windows,
                default_limit: 9_999,
                ..Behaviour::default()
            },
        )
    };
    let tenant = with(Windows::EndMinute(minutes));
    let window = |from, to| ids(&ask(&tenant, may(from), may(to), json!({})));
    let truth = |day| -> Vec<u64> { tenant.truth_ids(may(day), may(day)).into_iter().collect() };
    // One customer in each minute of a day.
    let first_minutes = window(5, 5);
    assert!(first_minutes.len().abs_diff(minutes.into()) <= 1);
    assert!(truth(5).starts_with(&first_minutes));
    assert_eq!(window(4, 5), [truth(4), first_minutes].concat());
    if minutes == 0 {
        let moments = with(Windows::Moments);
        assert_eq!(ids(&ask(&moments, may(4), may(5), json!({}))), window(4, 5));
    }
}

#[test]
fn windows_by_last_change_differ_from_the_truth() {
    let tenant = tenant(
        40,
        Behaviour {
            windows_by: WindowsBy::LastChange,
            oddities: Oddities {
                changed_later: 0.3,
                ..Oddities::none()
            },
            ..Behaviour::default()
        },
    );
    let mut moved = 0;
    for day in 1..=31 {
        let rows = rows(&ask(&tenant, may(day), may(day), json!({"limit": "999"})));
        for row in rows {
            let changed = &row["lastModificationTime"];
            assert_eq!(changed["month"], 4, "Calendar months count from 0");
            assert_eq!(changed["dayOfMonth"], day);
            let created = row["generationDate"].as_str().unwrap();
            let created_here = created.starts_with(&format!("May {day}, "));
            moved += u32::from(!created_here);
        }
    }
    assert!(moved > 100, "{moved}");
    assert_eq!(tenant.truth_ids(may(5), may(5)).len(), 40);
    let window = BTreeSet::from_iter(ids(&ask(&tenant, may(5), may(5), json!({}))));
    assert_ne!(window, tenant.truth_ids(may(5), may(5)));
}

#[test]
fn windows_in_the_future_are_refused() {
    let tenant = tenant(
        10,
        Behaviour {
            today: Some(may(10)),
            ..Behaviour::default()
        },
    );
    let sentence = "End date cannot be in the future";
    assert_eq!(ids(&ask(&tenant, may(9), may(10), json!({}))).len(), 20);
    assert_eq!(
        failure(&ask(&tenant, may(10), may(11), json!({}))),
        sentence
    );
    assert_eq!(
        failure(&ask(&tenant, may(11), may(11), json!({}))),
        sentence
    );
    assert_eq!(
        tenant.truth_ids(may(10), may(12)).len(),
        10,
        "later days have no customers yet"
    );
}

#[test]
fn windows_change_after_their_number_of_requests() {
    let tenant = tenant(
        10,
        Behaviour {
            flip: Some(Flip {
                after: 2,
                to: EXCLUSIVE,
            }),
            ..Behaviour::default()
        },
    );
    let counts: Vec<usize> = (0..4)
        .map(|_| ids(&ask(&tenant, may(5), may(6), json!({}))).len())
        .collect();
    assert_eq!(counts, [20, 20, 10, 10]);
}

/// A window in another zone holds customers dated outside it and lacks customers dated inside.
#[rstest]
#[case(-840)]
#[case(-330)]
#[case(15)]
#[case(330)]
#[case(840)]
fn shifted_window_is_cut_in_another_zone(#[case] zone_shift_minutes: i32) {
    let tenant = tenant(
        2_000,
        Behaviour {
            zone_shift_minutes,
            ..Behaviour::default()
        },
    );
    let window = |day| -> BTreeSet<u64> {
        ids(&ask(&tenant, may(day), may(day), json!({"limit": "9999"})))
            .into_iter()
            .collect()
    };
    let (before, at, after) = (window(9), window(10), window(11));
    let truth = tenant.truth_ids(may(10), may(10));
    assert!(
        !truth.is_subset(&at),
        "a shift must move some customers to a neighbouring window"
    );
    assert!(!at.is_subset(&truth));
    // No window holds a customer of another, and the three together hold all of the day.
    assert!(before.is_disjoint(&at) && at.is_disjoint(&after));
    let around: BTreeSet<u64> = before.into_iter().chain(at).chain(after).collect();
    assert!(truth.is_subset(&around));
    // The window is cut where the shifted clock strikes midnight.
    let shifted_inside = tenant
        .truth(may(10), may(10))
        .into_iter()
        .filter(|customer| {
            let shifted = customer.created + chrono::TimeDelta::minutes(zone_shift_minutes.into());
            shifted.date() == may(10)
        });
    let inside: BTreeSet<u64> = shifted_inside.map(|customer| customer.id).collect();
    assert_eq!(inside, &truth & &window(10));
}
