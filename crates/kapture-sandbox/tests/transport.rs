//! The tenant as a transport: what a client sees of faults, sessions and time.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap: the panic is the failure report"
)]

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use kapture_sandbox::{
    Behaviour, FaultKind, Faults, PerDay, Population, RateLimit, SEARCH_PATH, SandboxTransport,
    SessionEnd, SessionEndForm, SessionLife, Tenant,
};
use kapture_transport::{Request, Response, Token, Transport as _, TransportError};
use rstest::rstest;

const TIMEOUT: Duration = Duration::from_secs(60);

fn transport(behaviour: Behaviour) -> SandboxTransport {
    let day = NaiveDate::from_ymd_opt(2024, 5, 5).unwrap();
    let population = Population::new(1).days(day, day, PerDay::Fixed(20));
    SandboxTransport::new(Arc::new(Tenant::new(population, behaviour)))
}

fn request(new_session: bool) -> Request {
    let url = format!("http://localhost{SEARCH_PATH}").parse().unwrap();
    let body = r#"{"cm_id":424242,"createStartDate":"2024-05-05","createEndDate":"2024-05-05"}"#;
    let mut request = Request::new(url, Token::from_user("sandbox", "sandbox"), body);
    request.timeout = TIMEOUT;
    request.new_session = new_session;
    request
}

async fn send(transport: &SandboxTransport) -> Result<Response, TransportError> {
    transport.send(request(false)).await
}

fn failing(kind: FaultKind) -> Behaviour {
    Behaviour {
        faults: Faults::scheduled([(1, kind)]),
        ..Behaviour::default()
    }
}

#[tokio::test]
async fn request_is_answered_with_the_rows_of_its_window() {
    let transport = transport(Behaviour::default());
    let response = send(&transport).await.unwrap();
    assert_eq!(response.status, 200);
    assert!(response.body.starts_with(br#"{"message":[{"id":"#));
    let logged = &transport.tenant().requests()[0];
    assert!(logged.authorised && logged.rows == 20);
}

#[rstest]
#[case(FaultKind::Truncated)]
#[case(FaultKind::Reset)]
#[tokio::test]
async fn broken_connection_is_an_error(#[case] kind: FaultKind) {
    let transport = transport(failing(kind));
    assert!(matches!(
        send(&transport).await,
        Err(TransportError::Broken(_))
    ));
    assert_eq!(send(&transport).await.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn stalled_request_times_out_on_the_clock_of_tokio() {
    let transport = transport(failing(FaultKind::Stall));
    let begin = tokio::time::Instant::now();
    let error = send(&transport).await.unwrap_err();
    assert_eq!(error, TransportError::Timeout(TIMEOUT));
    assert_eq!(begin.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn slow_body_takes_its_time_and_times_out_above_the_timeout() {
    let slow = |seconds| FaultKind::SlowBody {
        pieces: 5,
        pause: Duration::from_secs(seconds),
    };
    let begin = tokio::time::Instant::now();
    assert!(send(&transport(failing(slow(10)))).await.is_ok());
    assert_eq!(begin.elapsed().as_secs(), 50);
    let error = send(&transport(failing(slow(20)))).await.unwrap_err();
    assert_eq!(error, TransportError::Timeout(TIMEOUT));
}

#[tokio::test(start_paused = true)]
async fn rate_limit_follows_the_clock_of_tokio() {
    let limit = RateLimit {
        per_second: 1,
        retry_after: Some("1".into()),
    };
    let transport = transport(Behaviour {
        rate_limit: Some(limit),
        ..Behaviour::default()
    });
    assert_eq!(send(&transport).await.unwrap().status, 200);
    let refused = send(&transport).await.unwrap();
    assert_eq!(
        (refused.status, refused.retry_after.as_deref()),
        (429, Some("1"))
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(send(&transport).await.unwrap().status, 200);
}

#[tokio::test]
async fn cookies_are_kept_until_a_new_session_is_demanded() {
    let transport = transport(Behaviour {
        session_end: Some(SessionEnd {
            after: SessionLife::Requests(2),
            form: SessionEndForm::Unauthorized401,
        }),
        ..Behaviour::default()
    });
    let mut statuses = Vec::new();
    for new_session in [false, false, false, false, false, true, false] {
        let response = transport.send(request(new_session)).await.unwrap();
        statuses.push(response.status);
    }
    assert_eq!(statuses, [200, 200, 200, 401, 401, 200, 200]);
}
