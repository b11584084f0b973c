//! Faults, as far as they need no socket.

use std::time::Duration;

use kapture_sandbox::{Behaviour, Fault, FaultKind, Faults, Reply};
use rstest::rstest;
use serde_json::json;

use crate::client::{ask, ids, may, tenant, text};

fn second_request(kind: FaultKind) -> Reply {
    let tenant = tenant(
        20,
        Behaviour {
            faults: Faults::scheduled([(2, kind.clone())]),
            ..Behaviour::default()
        },
    );
    let [first, second, third] = [(); 3].map(|()| ask(&tenant, may(5), may(5), json!({})));
    assert_eq!((ids(&first).len(), ids(&third).len()), (20, 20));
    assert_eq!((first.fault, third.fault), (None, None));
    let noted: Vec<Option<FaultKind>> = tenant
        .requests()
        .into_iter()
        .map(|asked| asked.fault)
        .collect();
    assert_eq!(noted, [None, Some(kind), None]);
    second
}

#[rstest]
#[case(FaultKind::Status500, 500, "<html>")]
#[case(FaultKind::BadGatewayHtml502, 502, "<h1>502 Bad Gateway</h1>")]
#[case(FaultKind::Unavailable503, 503, "")]
#[case(FaultKind::GatewayTimeout504, 504, "504 Gateway Time-out")]
#[case(FaultKind::TooManyRequests429 { retry_after: None }, 429, "Too many requests")]
#[case(FaultKind::LoginPage, 200, "<h1>Login</h1>")]
#[case(FaultKind::LoginRedirect, 302, "")]
#[case(FaultKind::Failed("Please try later".into()), 200, r#"{"message":"Please try later","status":"failed"}"#)]
#[case(FaultKind::EmptyBody, 200, "")]
#[case(FaultKind::CutText, 200, r#"{"message":[{"id":"#)]
fn fault_without_a_socket_replaces_the_reply(
    #[case] kind: FaultKind,
    #[case] status: u16,
    #[case] part: &str,
) {
    let reply = second_request(kind);
    assert_eq!(reply.status, status);
    assert!(text(&reply).contains(part));
    assert!(!part.is_empty() || reply.body.is_empty());
    assert_eq!(reply.fault, None);
    assert!(
        serde_json::from_slice::<serde_json::Value>(&reply.body).is_err()
            || part.contains("essage")
            || status == 429
    );
}

#[test]
fn retry_after_is_sent_verbatim() {
    for value in ["3", "Wed, 01 May 2024 10:00:00 GMT"] {
        let reply = second_request(FaultKind::TooManyRequests429 {
            retry_after: Some(value.into()),
        });
        assert_eq!(reply.header("retry-after"), Some(value));
    }
    let reply = second_request(FaultKind::TooManyRequests429 { retry_after: None });
    assert_eq!(reply.header("retry-after"), None);
}

#[test]
fn login_redirect_names_another_host() {
    let reply = second_request(FaultKind::LoginRedirect);
    assert_eq!(
        reply.header("location"),
        Some("https://login.example.com/login.html")
    );
}

#[test]
fn faults_for_a_socket_are_noted_in_the_reply() {
    let slow = FaultKind::SlowBody {
        pieces: 3,
        pause: Duration::from_secs(1),
    };
    assert_eq!(second_request(FaultKind::Reset).fault, Some(Fault::Reset));
    assert_eq!(second_request(FaultKind::Stall).fault, Some(Fault::Stall));
    let truncated = second_request(FaultKind::Truncated);
    assert_eq!(
        (truncated.fault, ids(&truncated).len()),
        (Some(Fault::Truncated), 20)
    );
    let slow = second_request(slow);
    assert_eq!(
        slow.fault,
        Some(Fault::Slow {
            pieces: 3,
            pause: Duration::from_secs(1)
        })
    );
    assert_eq!(ids(&slow).len(), 20);
}

#[test]
fn random_faults_keep_their_rate_use_every_kind_and_repeat_with_the_seed() {
    let kinds = FaultKind::passing();
    let faults = Faults::random(0.1, kinds.clone(), 3);
    let hit: Vec<FaultKind> = (1..=5_000).filter_map(|number| faults.at(number)).collect();
    assert!((400..600).contains(&hit.len()), "{}", hit.len());
    assert!(kinds.iter().all(|kind| hit.contains(kind)));
    assert_eq!(
        hit,
        (1..=5_000)
            .filter_map(|number| faults.clone().at(number))
            .collect::<Vec<_>>()
    );
    let other = Faults::random(0.1, kinds.clone(), 4);
    assert_ne!(
        hit,
        (1..=5_000)
            .filter_map(|number| other.at(number))
            .collect::<Vec<_>>()
    );
    assert!((1..=100).all(|number| Faults::random(1.0, kinds.clone(), 1).at(number).is_some()));
    assert!((1..=100).all(|number| Faults::random(0.0, kinds.clone(), 1).at(number).is_none()));
}

#[test]
fn fault_applies_before_the_token_is_checked() {
    let tenant = tenant(
        5,
        Behaviour {
            faults: Faults::scheduled([(1, FaultKind::Status500)]),
            ..Behaviour::default()
        },
    );
    let request = kapture_sandbox::Request {
        authorization: None,
        ..kapture_sandbox::Request::search(b"{}")
    };
    assert_eq!(tenant.answer(&request).status, 500);
    assert_eq!(tenant.answer(&request).status, 200);
}
