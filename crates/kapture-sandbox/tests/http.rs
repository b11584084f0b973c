//! The HTTP server over a plain socket, and the faults that need one.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap: the panic is the failure report"
)]

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use kapture_sandbox::{
    Behaviour, FaultKind, Faults, PerDay, Population, RateLimit, SEARCH_PATH, Server, Tenant, serve,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const BODY: &str =
    r#"{"cm_id":424242,"createStartDate":"2024-05-05","createEndDate":"2024-05-05"}"#;

async fn start(behaviour: Behaviour) -> (Server, Arc<Tenant>) {
    let day = NaiveDate::from_ymd_opt(2024, 5, 5).unwrap();
    let population = Population::new(1).days(day, day, PerDay::Fixed(20));
    let tenant = Arc::new(Tenant::new(population, behaviour));
    (
        serve(Arc::clone(&tenant), ([127, 0, 0, 1], 0).into())
            .await
            .unwrap(),
        tenant,
    )
}

async fn send(server: &Server, more_headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let request = format!(
        "POST {SEARCH_PATH} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Basic c2FuZGJveDpzYW5kYm94\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n{more_headers}\r\n{BODY}",
        BODY.len(),
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Everything until the server closes the connection: the head as text, and the body.
async fn receive(mut stream: TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    match bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(end) => (
            String::from_utf8(bytes[..end].to_vec())
                .unwrap()
                .to_lowercase(),
            bytes[end + 4..].to_vec(),
        ),
        None => (String::from_utf8(bytes).unwrap(), Vec::new()),
    }
}

async fn exchange(behaviour: Behaviour, more_headers: &str) -> (String, Vec<u8>) {
    let (server, _) = start(behaviour).await;
    receive(send(&server, more_headers).await).await
}

fn first_request(kind: FaultKind) -> Behaviour {
    Behaviour {
        faults: Faults::scheduled([(1, kind)]),
        ..Behaviour::default()
    }
}

fn content_length(head: &str) -> usize {
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    line.expect("a content length").parse().unwrap()
}

#[tokio::test]
async fn correct_request_is_answered() {
    let (head, body) = exchange(Behaviour::default(), "").await;
    assert!(head.starts_with("http/1.1 200 ok"), "{head}");
    assert!(head.contains("content-type: application/json"));
    assert!(head.contains("set-cookie: jsessionid="));
    assert_eq!(content_length(&head), body.len());
    assert!(
        body.starts_with(br#"{"message":[{"id":"#) && body.ends_with(br#"],"status":"success"}"#)
    );
}

#[tokio::test]
async fn headers_reach_the_tenant() {
    let (server, tenant) = start(Behaviour::default()).await;
    let (head, _) = receive(send(&server, "").await).await;
    let cookie = head
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap();
    let cookie = cookie.split(';').next().unwrap().to_uppercase();
    let (head, _) = receive(send(&server, &format!("Cookie: {cookie}\r\n")).await).await;
    assert!(!head.contains("set-cookie"));
    assert!(
        tenant
            .requests()
            .iter()
            .all(|asked| asked.authorised && asked.rows == 20)
    );
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let (server, tenant) = start(Behaviour::default()).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    for _ in 0..3 {
        let request = "GET / HTTP/1.1\r\nHost: sandbox\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"</html>\n") {
            assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
        }
        assert!(seen.starts_with(b"HTTP/1.1 404"));
    }
    assert_eq!(tenant.request_count(), 3);
}

#[tokio::test]
async fn gzip_is_sent_to_clients_that_accept_it() {
    let gzip = || Behaviour {
        gzip: true,
        ..Behaviour::default()
    };
    let (_, plain) = exchange(gzip(), "").await;
    let (head, packed) = exchange(gzip(), "Accept-Encoding: gzip\r\n").await;
    assert!(head.contains("content-encoding: gzip"));
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain);
    assert!(packed.len() < plain.len() / 4);
    let (head, _) = exchange(Behaviour::default(), "Accept-Encoding: gzip\r\n").await;
    assert!(!head.contains("content-encoding"));
}

#[tokio::test]
async fn truncated_body_is_shorter_than_its_content_length() {
    let (_, complete) = exchange(Behaviour::default(), "").await;
    let (head, body) = exchange(first_request(FaultKind::Truncated), "").await;
    assert_eq!(content_length(&head), complete.len());
    assert_eq!(body, complete[..complete.len() / 2]);
}

#[tokio::test]
async fn reset_connection_has_no_answer() {
    let (server, tenant) = start(first_request(FaultKind::Reset)).await;
    let (head, body) = receive(send(&server, "").await).await;
    assert_eq!((head.as_str(), body.len()), ("", 0));
    let (head, _) = receive(send(&server, "").await).await;
    assert!(head.starts_with("http/1.1 200"));
    assert_eq!(tenant.request_count(), 2);
}

#[tokio::test]
async fn slow_body_is_complete() {
    let (_, complete) = exchange(Behaviour::default(), "").await;
    let slow = FaultKind::SlowBody {
        pieces: 5,
        pause: Duration::from_millis(1),
    };
    let (head, body) = exchange(first_request(slow), "").await;
    assert_eq!(content_length(&head), complete.len());
    assert_eq!(body, complete);
}

/// Under paused time the pauses take no real time and add up exactly.
#[tokio::test(start_paused = true)]
async fn slow_body_and_think_time_add_up() {
    let slow = FaultKind::SlowBody {
        pieces: 5,
        pause: Duration::from_secs(10),
    };
    let behaviour = Behaviour {
        think_time: Duration::from_secs(7),
        ..first_request(slow)
    };
    let (server, _) = start(behaviour).await;
    let begin = tokio::time::Instant::now();
    let (_, body) = receive(send(&server, "").await).await;
    assert!(body.ends_with(br#""status":"success"}"#));
    assert!(begin.elapsed() >= Duration::from_secs(57));
}

/// The server has received the request; no number of scheduler turns brings an answer.
#[tokio::test]
async fn stalled_request_is_never_answered() {
    let (server, tenant) = start(first_request(FaultKind::Stall)).await;
    let stream = send(&server, "").await;
    while tenant.request_count() == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    server.stop().await;
    let (head, body) = receive(stream).await;
    assert_eq!((head.as_str(), body.len()), ("", 0));
}

#[tokio::test]
async fn rate_limit_answers_429() {
    let limit = RateLimit {
        per_second: 0,
        retry_after: Some("2".into()),
    };
    let (head, _) = exchange(
        Behaviour {
            rate_limit: Some(limit),
            ..Behaviour::default()
        },
        "",
    )
    .await;
    assert!(head.starts_with("http/1.1 429"));
    assert!(head.contains("retry-after: 2"));
}

#[tokio::test]
async fn login_redirect_is_302_with_a_location() {
    let (head, _) = exchange(first_request(FaultKind::LoginRedirect), "").await;
    assert!(head.starts_with("http/1.1 302"));
    assert!(head.contains("location: https://login.example.com/"));
}

#[tokio::test]
async fn other_addresses_than_loopback_are_refused() {
    for address in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
        let error = serve(Arc::new(Tenant::demo()), address.parse().unwrap())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn stopped_server_accepts_no_connection() {
    let (server, _) = start(Behaviour::default()).await;
    let address = server.address();
    assert_eq!(server.url(), format!("http://{address}"));
    server.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}
