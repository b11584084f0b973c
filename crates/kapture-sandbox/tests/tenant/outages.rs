//! Outages, faults under a condition, and the conditions themselves.

use std::time::Duration;

use kapture_sandbox::{
    Behaviour, EmptyForm, Fault, FaultKind, Faults, Outage, PartialOutage, Tenant, When,
};
use rstest::rstest;
use serde_json::json;

use crate::client::{ask, failure, ids, may, tenant, text};

fn out(when: When) -> Tenant {
    tenant(
        10,
        Behaviour {
            outages: vec![Outage::of(when)],
            empty_window: EmptyForm::Failed("No Data Found".into()),
            ..Behaviour::default()
        },
    )
}

/// For each of these requests for 5 May, whether it is answered as if there were no customers.
fn empty_answers(tenant: &Tenant, seconds: &[u64]) -> Vec<bool> {
    let answers = seconds.iter().map(|second| {
        let reply = tenant.page((may(5), may(5)), 100, 0, Duration::from_secs(*second));
        let is_empty = text(&reply) == r#"{"message":"No Data Found","status":"failed"}"#;
        assert!(is_empty || ids(&reply).len() == 10);
        assert_eq!(
            tenant.requests().last().map(|asked| asked.outage),
            Some(is_empty)
        );
        is_empty
    });
    answers.collect()
}

#[rstest]
#[case::always(When::Always, [true; 6])]
#[case::numbers(When::Requests(2..=3), [false, true, true, false, false, false])]
#[case::time(When::Time(Duration::from_secs(3)..Duration::from_secs(5)), [false, false, false, true, true, false])]
#[case::every_second(When::EveryNth(2), [false, true, false, true, false, true])]
#[case::day(When::StartsOn(may(5)), [true; 6])]
#[case::other_day(When::StartsOn(may(6)), [false; 6])]
#[case::first_asks(When::FirstAsks { day: may(5), count: 2 }, [true, true, false, false, false, false])]
#[case::both(When::All(vec![When::EveryNth(2), When::Requests(3..=9)]), [false, false, false, true, false, true])]
#[case::none_of(When::All(vec![]), [true; 6])]
fn outage_applies_where_its_condition_holds(#[case] when: When, #[case] expected: [bool; 6]) {
    assert_eq!(empty_answers(&out(when), &[0, 1, 2, 3, 4, 5]), expected);
}

#[test]
fn outage_by_chance_repeats_with_its_seed() {
    let run = |seed| empty_answers(&out(When::Share { share: 0.1, seed }), &[0; 500]);
    let first = run(1);
    let count = first.iter().filter(|empty| **empty).count();
    assert!((30..70).contains(&count), "{count}");
    assert_eq!(run(1), first);
    assert_ne!(run(2), first);
}

#[test]
fn outage_of_a_start_day_leaves_the_window_before_it() {
    let tenant = out(When::StartsOn(may(5)));
    assert_eq!(
        ids(&ask(&tenant, may(4), may(5), json!({}))).len(),
        20,
        "D-1…D shows the customers of D"
    );
    assert_eq!(
        failure(&ask(&tenant, may(5), may(6), json!({}))),
        "No Data Found"
    );
    let touched = out(When::Touches(may(5)));
    for (start, end) in [(4, 5), (5, 5), (5, 6)] {
        let reply = ask(&touched, may(start), may(end), json!({}));
        assert_eq!(failure(&reply), "No Data Found");
    }
    assert_eq!(ids(&ask(&touched, may(6), may(7), json!({}))).len(), 20);
}

#[test]
fn first_asks_are_counted_for_each_day() {
    let both = |day| Outage::of(When::FirstAsks { day, count: 1 });
    let tenant = tenant(
        10,
        Behaviour {
            outages: vec![both(may(5)), both(may(6))],
            ..Behaviour::default()
        },
    );
    let count = |day| ids(&ask(&tenant, may(day), may(day), json!({}))).len();
    assert_eq!([5, 6, 5, 6, 7].map(count), [0, 0, 10, 10, 10]);
}

#[rstest]
#[case::list(EmptyForm::EmptyList, r#"{"message":[],"status":"success"}"#)]
#[case::error(EmptyForm::ListBeside(r#""error":"quota exceeded""#.into()), r#"{"message":[],"status":"success","error":"quota exceeded"}"#)]
#[case::more(EmptyForm::ListBeside(r#""hasMore":true"#.into()), r#"{"message":[],"status":"success","hasMore":true}"#)]
#[case::no_list(EmptyForm::Missing, r#"{"status":"success"}"#)]
fn outage_may_have_a_form_of_its_own(#[case] form: EmptyForm, #[case] expected: &str) {
    let outage = Outage {
        when: When::Always,
        form: Some(form),
    };
    let tenant = tenant(
        10,
        Behaviour {
            outages: vec![outage],
            empty_window: EmptyForm::Null,
            ..Behaviour::default()
        },
    );
    assert_eq!(text(&ask(&tenant, may(5), may(5), json!({}))), expected);
    assert_eq!(
        tenant.truth_ids(may(5), may(5)).len(),
        10,
        "the truth is as it was"
    );
}

fn failing(when: When, kind: FaultKind) -> Tenant {
    tenant(
        300,
        Behaviour {
            faults: Faults::when([(when, kind)]),
            ..Behaviour::default()
        },
    )
}

#[test]
fn limit_that_is_too_much_fails_and_a_smaller_one_is_answered() {
    for (kind, status, fault) in [
        (FaultKind::Status500, 500, None),
        (FaultKind::Unavailable503, 503, None),
        (FaultKind::Stall, 200, Some(Fault::Stall)),
        (FaultKind::Failed("Something went wrong".into()), 200, None),
    ] {
        let tenant = failing(When::LimitAbove(200), kind.clone());
        let reply = ask(&tenant, may(5), may(5), json!({"limit": "201"}));
        assert_eq!((reply.status, reply.fault), (status, fault));
        assert_eq!(tenant.requests()[0].fault, Some(kind));
        let reply = ask(&tenant, may(5), may(5), json!({"limit": "200"}));
        assert_eq!(ids(&reply).len(), 200);
        assert_eq!(ids(&ask(&tenant, may(5), may(5), json!({}))).len(), 100);
    }
}

#[test]
fn one_window_fails_always_and_its_neighbours_never() {
    let tenant = failing(When::StartsOn(may(5)), FaultKind::Status500);
    let status = |start, end| ask(&tenant, may(start), may(end), json!({})).status;
    assert_eq!([status(5, 5), status(5, 6), status(5, 5)], [500; 3]);
    assert_eq!([status(4, 5), status(6, 6)], [200; 2]);
}

#[rstest]
#[case::offset(When::OffsetFrom(150), 149, 150)]
#[case::last_row(When::LastRowAbove(200), 150, 151)]
fn index_with_a_bound_refuses_or_hides_later_rows(
    #[case] when: When,
    #[case] last: u64,
    #[case] beyond: u64,
) {
    let ask_at = |tenant: &Tenant, offset: u64| {
        let more = json!({"limit": "50", "offset": offset});
        ask(tenant, may(5), may(5), more)
    };
    let words = FaultKind::Failed("Result window is too large".into());
    let refusing = failing(when.clone(), words);
    assert_eq!(ids(&ask_at(&refusing, last)).len(), 50);
    assert_eq!(
        failure(&ask_at(&refusing, beyond)),
        "Result window is too large"
    );
    let empty = out(when);
    assert_eq!(failure(&ask_at(&empty, beyond)), "No Data Found");
}

#[test]
fn conditions_on_a_window_never_hold_for_a_body_that_cannot_be_read() {
    let tenant = failing(When::OffsetFrom(0), FaultKind::Status500);
    let reply = tenant.answer(&kapture_sandbox::Request::search(b"{"));
    assert_eq!(failure(&reply), "Invalid Json.");
}

#[test]
fn schedule_goes_before_rules_and_the_first_rule_that_holds_counts() {
    let faults = Faults {
        schedule: [(1, FaultKind::Status500)].into(),
        ..Faults::when([
            (When::Requests(1..=2), FaultKind::Unavailable503),
            (When::Always, FaultKind::BadGatewayHtml502),
        ])
    };
    let tenant = tenant(
        1,
        Behaviour {
            faults,
            ..Behaviour::default()
        },
    );
    let status = |_| ask(&tenant, may(5), may(5), json!({})).status;
    assert_eq!([1, 2, 3].map(status), [500, 503, 502]);
}

#[test]
fn partial_outage_hides_the_same_rows_each_time() {
    let partial = PartialOutage {
        when: When::EveryNth(2),
        hidden: 0.2,
    };
    let tenant = tenant(
        300,
        Behaviour {
            partial_outages: vec![partial],
            ..Behaviour::default()
        },
    );
    let page = |_| ids(&ask(&tenant, may(5), may(5), json!({"limit": "300"})));
    let [all, some, again_all, again_some] = [1, 2, 3, 4].map(page);
    assert_eq!(all.len(), 300);
    assert!((210..270).contains(&some.len()), "{}", some.len());
    assert_eq!((again_all, again_some), (all, some));
    assert_eq!(tenant.truth_ids(may(5), may(5)).len(), 300);
    let affected: Vec<bool> = tenant.requests().iter().map(|asked| asked.outage).collect();
    assert_eq!(affected, [false, true, false, true]);
}
