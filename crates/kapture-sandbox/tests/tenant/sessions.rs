//! Sessions that end, and the firewall.

use std::time::Duration;

use kapture_sandbox::{
    Behaviour, Firewall, Reply, Request, SessionEnd, SessionEndForm, SessionLife, Tenant,
};
use rstest::rstest;
use serde_json::json;

use crate::client::{body, failure, ids, may, tenant, text};

fn ending(after: SessionLife, form: SessionEndForm) -> Tenant {
    tenant(
        5,
        Behaviour {
            session_end: Some(SessionEnd { after, form }),
            ..Behaviour::default()
        },
    )
}

fn send(tenant: &Tenant, cookie: Option<&str>, seconds: u64) -> Reply {
    tenant.answer(&Request {
        cookie,
        at: Duration::from_secs(seconds),
        ..Request::search(&body(may(5), may(5), json!({})))
    })
}

fn cookie_of(reply: &Reply) -> String {
    let header = reply.header("set-cookie").unwrap();
    header.split(';').next().unwrap().to_owned()
}

#[test]
fn session_ends_after_its_requests_and_a_new_one_is_answered() {
    let tenant = ending(SessionLife::Requests(3), SessionEndForm::Unauthorized401);
    let cookie = cookie_of(&send(&tenant, None, 0));
    for _ in 0..3 {
        assert_eq!(ids(&send(&tenant, Some(&cookie), 0)).len(), 5);
    }
    for _ in 0..2 {
        let ended = send(&tenant, Some(&cookie), 0);
        assert_eq!(
            (ended.status, failure(&ended).as_str()),
            (401, "Session expired")
        );
        assert_eq!(ended.header("set-cookie"), None);
        assert!(tenant.requests().last().unwrap().session_ended);
    }
    let fresh = send(&tenant, None, 0);
    assert_eq!(ids(&fresh).len(), 5);
    assert_ne!(cookie_of(&fresh), cookie);
    assert_eq!(ids(&send(&tenant, Some(&cookie_of(&fresh)), 0)).len(), 5);
}

#[test]
fn session_ends_after_some_time() {
    let life = SessionLife::Time(Duration::from_secs(10));
    let tenant = ending(life, SessionEndForm::InvalidAuthKey);
    let cookie = cookie_of(&send(&tenant, None, 5));
    assert_eq!(ids(&send(&tenant, Some(&cookie), 14)).len(), 5);
    assert_eq!(
        failure(&send(&tenant, Some(&cookie), 15)),
        "Invalid Auth Key"
    );
    assert_eq!(ids(&send(&tenant, None, 15)).len(), 5);
}

#[rstest]
#[case(SessionEndForm::Unauthorized401, 401, "Session expired")]
#[case(SessionEndForm::Redirect302, 302, "")]
#[case(SessionEndForm::LoginPage, 200, "<title>Login</title>")]
#[case(SessionEndForm::InvalidAuthKey, 200, r#""Invalid Auth Key""#)]
#[case(SessionEndForm::Words("E-77".into()), 200, r#"{"message":"E-77","status":"failed"}"#)]
fn ended_session_is_answered_in_its_form(
    #[case] form: SessionEndForm,
    #[case] status: u16,
    #[case] part: &str,
) {
    let tenant = ending(SessionLife::Requests(0), form.clone());
    let cookie = cookie_of(&send(&tenant, None, 0));
    let ended = send(&tenant, Some(&cookie), 0);
    assert_eq!(ended.status, status);
    assert!(text(&ended).contains(part));
    let location = (form == SessionEndForm::Redirect302).then_some("/login.html");
    assert_eq!(ended.header("location"), location);
}

#[test]
fn client_without_cookies_gets_a_new_session_each_time() {
    let tenant = ending(SessionLife::Requests(1), SessionEndForm::Unauthorized401);
    let cookies: Vec<String> = (0..5).map(|_| cookie_of(&send(&tenant, None, 0))).collect();
    let mut different = cookies.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), cookies.len());
}

#[test]
fn firewall_bans_for_its_time_only() {
    let firewall = Firewall {
        per_second: 2,
        ban: Duration::from_secs(30),
    };
    let tenant = tenant(
        5,
        Behaviour {
            firewall: Some(firewall),
            ..Behaviour::default()
        },
    );
    let status = |milliseconds| {
        let at = Duration::from_millis(milliseconds);
        tenant.page((may(5), may(5)), 100, 0, at).status
    };
    assert_eq!([0, 100, 900].map(status), [200, 200, 403]);
    assert_eq!([1_000, 20_000, 30_899].map(status), [403; 3]);
    assert_eq!([30_900, 30_950, 31_000].map(status), [200; 3]);
}
