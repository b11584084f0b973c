//! The form of replies: "no customers", content types, endpoints, sessions, rate limit.

use std::time::Duration;

use chrono::NaiveDate;
use kapture_sandbox::{
    Behaviour, ContentType, EmptyForm, Endpoints, LEGACY_PATH, RateLimit, Request, SEARCH_PATH,
    Session,
};
use rstest::rstest;
use serde_json::json;

use crate::client::{ask, body, failure, ids, may, tenant, text};

#[rstest]
#[case(EmptyForm::EmptyList, 200, r#"{"message":[],"status":"success"}"#)]
#[case(EmptyForm::Null, 200, r#"{"message":null,"status":"success"}"#)]
#[case(EmptyForm::Missing, 200, r#"{"status":"success"}"#)]
#[case(EmptyForm::BlankText, 200, r#"{"message":" ","status":"success"}"#)]
#[case(EmptyForm::EmptyString, 200, r#"{"message":"","status":"success"}"#)]
#[case(EmptyForm::Failed("No \"such\" data".into()), 200, r#"{"message":"No \"such\" data","status":"failed"}"#)]
#[case(EmptyForm::NotFound("No data".into()), 404, r#"{"message":"No data","status":"failed"}"#)]
fn empty_window_and_offset_past_the_end_are_answered_in_the_empty_form(
    #[case] form: EmptyForm,
    #[case] status: u16,
    #[case] expected: &str,
) {
    let tenant = tenant(
        5,
        Behaviour {
            empty_window: form,
            ..Behaviour::default()
        },
    );
    let april = NaiveDate::from_ymd_opt(2024, 4, 1).unwrap();
    let future = NaiveDate::from_ymd_opt(2199, 1, 1).unwrap();
    for (start, offset) in [
        (april, 0),
        (april, 9),
        (future, 0),
        (may(5), 5),
        (may(5), 99),
    ] {
        let reply = ask(&tenant, start, start, json!({"offset": offset}));
        assert_eq!(
            (reply.status, text(&reply)),
            (status, expected),
            "{start} {offset}"
        );
    }
    assert_eq!(
        ids(&ask(&tenant, may(5), may(5), json!({"offset": 4}))).len(),
        1
    );
}

#[test]
fn offset_past_the_end_may_have_a_form_of_its_own() {
    let tenant = tenant(
        5,
        Behaviour {
            empty_window: EmptyForm::Null,
            past_end: Some(EmptyForm::Failed("No more customers".into())),
            ..Behaviour::default()
        },
    );
    assert_eq!(
        failure(&ask(&tenant, may(5), may(5), json!({"offset": "5"}))),
        "No more customers"
    );
    let april = NaiveDate::from_ymd_opt(2024, 4, 1).unwrap();
    assert!(text(&ask(&tenant, april, april, json!({"offset": "5"}))).contains("null"));
}

#[rstest]
#[case(ContentType::Json, "application/json;charset=UTF-8")]
#[case(ContentType::Html, "text/html;charset=UTF-8")]
fn content_type_is_that_of_the_knob_in_every_answer(
    #[case] content_type: ContentType,
    #[case] expected: &str,
) {
    let tenant = tenant(
        5,
        Behaviour {
            content_type,
            ..Behaviour::default()
        },
    );
    for day in [may(5), may(5) - chrono::Days::new(30)] {
        let reply = ask(&tenant, day, day, json!({}));
        assert_eq!(reply.header("content-type"), Some(expected));
    }
    let refused = tenant.answer(&Request::search(b"{"));
    assert_eq!(refused.header("content-type"), Some(expected));
}

#[test]
fn pretty_printing_changes_only_white_space() {
    let plain = ask(&tenant(5, Behaviour::default()), may(5), may(5), json!({}));
    let pretty = ask(
        &tenant(
            5,
            Behaviour {
                pretty: true,
                ..Behaviour::default()
            },
        ),
        may(5),
        may(5),
        json!({}),
    );
    assert!(text(&pretty).starts_with("{\n  \"message\": [\n    {\n      \"id\": 7"));
    let parse = |reply| serde_json::from_str::<serde_json::Value>(text(reply)).unwrap();
    assert_eq!(parse(&plain), parse(&pretty));
}

#[rstest]
#[case(Endpoints::Both, 200, 200)]
#[case(Endpoints::Search, 200, 404)]
#[case(Endpoints::Legacy, 404, 200)]
fn only_existing_endpoints_answer(
    #[case] endpoints: Endpoints,
    #[case] search: u16,
    #[case] legacy: u16,
) {
    let tenant = tenant(
        5,
        Behaviour {
            endpoints,
            ..Behaviour::default()
        },
    );
    let body = body(may(5), may(5), json!({}));
    let status = |path| {
        tenant
            .answer(&Request {
                path,
                ..Request::search(&body)
            })
            .status
    };
    assert_eq!((status(SEARCH_PATH), status(LEGACY_PATH)), (search, legacy));
    assert_eq!(status("/"), 404);
    assert_eq!(status(&format!("{SEARCH_PATH}?x=1")), search);
}

#[test]
fn session_cookie_is_set_once() {
    let tenant = tenant(5, Behaviour::default());
    let body = body(may(5), may(5), json!({}));
    let reply = tenant.answer(&Request::search(&body));
    let cookie = reply
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert!(cookie.starts_with("JSESSIONID="));
    let again = tenant.answer(&Request {
        cookie: Some(&cookie),
        ..Request::search(&body)
    });
    assert_eq!(again.header("set-cookie"), None);
    assert_eq!(ids(&tenant.answer(&Request::search(&body))).len(), 5);
}

#[test]
fn required_session_is_refused_without_its_cookie() {
    let tenant = tenant(
        5,
        Behaviour {
            session: Session::Required,
            ..Behaviour::default()
        },
    );
    let body = body(may(5), may(5), json!({}));
    let first = tenant.answer(&Request::search(&body));
    assert_eq!(ids(&first).len(), 5);
    let without = tenant.answer(&Request::search(&body));
    assert!(failure(&without).contains("Session"));
    let cookie = without
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let cookies = format!("_KAPTURECRM_SESSION=x; {cookie}");
    let with = tenant.answer(&Request {
        cookie: Some(&cookies),
        ..Request::search(&body)
    });
    assert_eq!(ids(&with).len(), 5);
}

#[test]
fn tenant_without_sessions_sets_no_cookie() {
    let tenant = tenant(
        5,
        Behaviour {
            session: Session::None,
            ..Behaviour::default()
        },
    );
    assert_eq!(
        ask(&tenant, may(5), may(5), json!({})).header("set-cookie"),
        None
    );
}

#[test]
fn rate_limit_counts_by_the_second() {
    let limit = RateLimit {
        per_second: 2,
        retry_after: Some("1".into()),
    };
    let tenant = tenant(
        5,
        Behaviour {
            rate_limit: Some(limit),
            ..Behaviour::default()
        },
    );
    let body = body(may(5), may(5), json!({}));
    let at = |milliseconds| {
        let request = Request {
            at: Duration::from_millis(milliseconds),
            ..Request::search(&body)
        };
        tenant.answer(&request)
    };
    assert_eq!(
        [0, 500, 900, 999].map(|time| at(time).status),
        [200, 200, 429, 429]
    );
    assert_eq!(at(999).header("retry-after"), Some("1"));
    assert_eq!(
        [1_000, 1_001, 1_002].map(|time| at(time).status),
        [200, 200, 429]
    );
}
