//! `HttpTransport` against a server on loopback.
#![cfg(feature = "http")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use kapture_transport::{
    Endpoint, HttpOptions, HttpTransport, Request, Response, TenantUrl, Token, Transport,
    TransportError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Serves `answers` in turn, each on its own connection; the receiver gets the requests.
fn serve(answers: Vec<String>) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (asked, told) = channel();
    thread::spawn(move || {
        for answer in answers {
            let Ok((stream, _)) = listener.accept() else {
                return;
            };
            let mut reader = BufReader::new(stream);
            let mut head = String::new();
            while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            let mut body = vec![0; length];
            let _ = reader.read_exact(&mut body);
            let _ = asked.send(head + &String::from_utf8_lossy(&body));
            let _ = reader.get_mut().write_all(answer.as_bytes());
        }
    });
    (address, told)
}

async fn send(transport: &HttpTransport, address: SocketAddr) -> Result<Response, TransportError> {
    let tenant_url = TenantUrl::base_url(&format!("http://{address}")).expect("loopback");
    let token = Token::from_base64("dG9rZW4=").expect("a token");
    let mut request = Request::new(tenant_url.url(Endpoint::Search), token, "{}");
    request.timeout = Duration::from_secs(30);
    transport.send(request).await
}

fn transport() -> HttpTransport {
    HttpTransport::new(&HttpOptions::default()).expect("a transport")
}

fn answer(head: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

#[tokio::test]
async fn request_posts_token_and_body() {
    let (address, told) = serve(vec![answer("200 OK", "[]")]);
    let response = send(&transport(), address).await.unwrap();
    assert_eq!((response.status, &response.body[..]), (200, &b"[]"[..]));
    let asked = told.recv().unwrap();
    assert!(asked.starts_with("POST /ms/customer-search/customer-search/api/v1 HTTP/1.1\r\n"));
    assert!(
        asked.contains("authorization: Basic dG9rZW4=\r\n"),
        "{asked}"
    );
    assert!(
        asked.contains("content-type: application/json\r\n"),
        "{asked}"
    );
    assert!(asked.ends_with("\r\n\r\n{}"), "{asked}");
}

#[tokio::test]
async fn redirect_is_returned_and_not_followed() {
    let (elsewhere, told) = serve(vec![answer("200 OK", "[]")]);
    let location = format!("302 Found\r\nlocation: http://{elsewhere}/login");
    let (address, _) = serve(vec![answer(&location, "")]);
    assert_eq!(send(&transport(), address).await.unwrap().status, 302);
    assert!(told.try_recv().is_err(), "the redirect was followed");
}

#[tokio::test]
async fn cookies_are_kept_as_long_as_the_transport() {
    let (address, told) = serve(vec![
        answer("200 OK\r\nset-cookie: JSESSIONID=one; Path=/", "[]"),
        answer("200 OK", "[]"),
        answer("200 OK", "[]"),
    ]);
    let transport = transport();
    send(&transport, address).await.unwrap();
    send(&transport, address).await.unwrap();
    send(&self::transport(), address).await.unwrap();
    let asked: Vec<_> = told.iter().collect();
    let with_session = |asked: &String| asked.contains("cookie: JSESSIONID=one\r\n");
    assert_eq!(
        asked.iter().map(with_session).collect::<Vec<_>>(),
        [false, true, false]
    );
}

/// The paused clock of tokio advances only while nothing else can run.
#[tokio::test(start_paused = true)]
async fn timeout_covers_a_body_of_one_byte_a_second() {
    let slow = answer("200 OK", &"x".repeat(1_000));
    let head = slow.len() - 1_000;
    for at_once in [0, head] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let slow = slow.clone();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            // A response before the request would be a broken connection.
            let asked = stream.read(&mut [0; 1_024]).await;
            assert!(asked.is_ok_and(|read| read > 0));
            let (head, rest) = slow.as_bytes().split_at(at_once);
            let mut sent = stream.write_all(head).await;
            for byte in rest {
                tokio::time::sleep(Duration::from_secs(1)).await;
                sent = sent.and(stream.write_all(&[*byte]).await);
            }
        });
        let began = tokio::time::Instant::now();
        let error = send(&transport(), address).await.unwrap_err();
        assert_eq!(error, TransportError::Timeout(Duration::from_secs(30)));
        assert!(began.elapsed() <= Duration::from_secs(31));
    }
}

#[tokio::test]
async fn body_beyond_the_limit_is_too_large() {
    let options = HttpOptions::default().body_limit(1_000);
    let long = "x".repeat(1_001);
    // With a content length, and without one.
    let endless = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{long}");
    let (address, _told) = serve(vec![answer("200 OK", &long), endless]);
    for _ in 0..2 {
        let transport = HttpTransport::new(&options).unwrap();
        let error = send(&transport, address).await.unwrap_err();
        assert_eq!(error, TransportError::TooLarge(1_000));
    }
}

#[tokio::test]
async fn incomplete_body_is_a_broken_connection() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"message\"".to_owned();
    let (address, _told) = serve(vec![half]);
    let error = send(&transport(), address).await.unwrap_err();
    assert!(matches!(error, TransportError::Broken(_)), "{error:?}");
}

#[tokio::test]
async fn closed_port_is_a_connect_error() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = send(&transport(), free).await.unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
}

/// A server whose clock is two hours ahead.
#[tokio::test]
async fn retry_after_date_is_measured_by_the_clock_of_the_server() {
    let head = "429 Too Many Requests\r\ndate: Mon, 23 Nov 2026 12:00:00 GMT\r\n\
                retry-after: Mon, 23 Nov 2026 12:00:02 GMT";
    let (address, _told) = serve(vec![answer(head, "")]);
    let response = send(&transport(), address).await.unwrap();
    assert_eq!(response.retry_after.as_deref(), Some("2"));
}
