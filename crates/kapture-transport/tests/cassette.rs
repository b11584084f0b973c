//! Cassettes: what they store, and what they replay.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap: the panic is the failure report"
)]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kapture_transport::bytes::Bytes;
use kapture_transport::{
    Body, Cassette, CassetteError, Request, Response, Token, Transport, TransportError,
};
use tokio::time::{Instant, sleep};

const CUSTOMERS: &str = r#"{"message":[{"id":17,"name":"secret Example"}],"status":"success"}"#;

/// A file in memory.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl Tape {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn replay(&self) -> Cassette {
        Cassette::replay(self.text().as_bytes()).unwrap()
    }
}

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gives its outcomes in turn, each after a second.
struct Server(Mutex<Vec<Result<Response, TransportError>>>);

impl Server {
    fn new(outcomes: impl IntoIterator<Item = Result<Response, TransportError>>) -> Self {
        let mut outcomes: Vec<_> = outcomes.into_iter().collect();
        outcomes.reverse();
        Self(Mutex::new(outcomes))
    }
}

#[async_trait]
impl Transport for Server {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        sleep(Duration::from_secs(1)).await;
        self.0.lock().unwrap().pop().unwrap()
    }
}

fn request(body: &str) -> Request {
    let url = "https://acme.kapturecrm.com/search".parse().unwrap();
    Request::new(url, Token::from_user("asha", "secret"), body.to_owned())
}

/// What requests get, in turn.
async fn outcomes(transport: &impl Transport, bodies: &[&str]) -> Vec<String> {
    let mut outcomes = Vec::new();
    for body in bodies {
        outcomes.push(match transport.send(request(body)).await {
            Ok(Response {
                status,
                retry_after,
                body,
                ..
            }) => format!("{status} {retry_after:?} {body:?}"),
            Err(error) => error.to_string(),
        });
    }
    outcomes
}

#[tokio::test(start_paused = true)]
async fn replay_gives_what_was_recorded_in_its_order() {
    let server = Server::new([
        Ok(Response::new(429, "").with_retry_after("7")),
        Ok(Response::new(200, CUSTOMERS)),
        Ok(Response::new(
            200,
            b"{\"message\":[{\"id\":1,\"name\":\"\xff\"}]}".as_slice(),
        )),
        Err(TransportError::Broken("connection reset".into())),
        Err(TransportError::Timeout(Duration::from_secs(60))),
        Err(TransportError::TooLarge(1024)),
    ]);
    let bodies = ["{}", "{}", "[]", "{}", "[]", "{}"];
    let tape = Tape::default();
    let recorded = outcomes(&Cassette::record(server, tape.clone()), &bodies).await;

    let replay = tape.replay();
    let started = Instant::now();
    assert_eq!(outcomes(&replay, &bodies).await, recorded);
    assert_eq!(started.elapsed(), Duration::from_secs(6));
    assert_eq!(
        outcomes(&replay, &["{}"]).await,
        recorded[5..],
        "the last one is repeated"
    );
}

#[tokio::test(start_paused = true)]
async fn cassette_holds_neither_host_nor_token() {
    let token = "YXNoYTpzZWNyZXQ=";
    let server = Server::new([
        Ok(Response::new(200, CUSTOMERS)),
        Ok(Response::new(
            401,
            r#"{"message":"asha:secret, YXNoYTpzZWNyZXQ=","status":"failed"}"#,
        )),
        Ok(Response::new(200, b"\xff YXNoYTpzZWNyZXQ= \xff".as_slice())),
        Err(TransportError::Broken("YXNoYTpzZWNyZXQ=".into())),
    ]);
    let tape = Tape::default();
    let cassette = Cassette::record(server, tape.clone());
    let asked = r#"{"own":"YXNoYTpzZWNyZXQ="}"#;
    let recorded = outcomes(&cassette, &[asked; 4]).await;
    assert!(
        recorded[1].contains(token),
        "the program receives what was sent"
    );

    let text = tape.text();
    let lines: Vec<_> = text.lines().collect();
    assert!(!text.contains("acme"));
    // A customer may be called like the password, whose place in a failure shows what it is.
    assert!(lines[0].contains("secret Example"));
    assert!(!lines[1..].concat().contains("secret"));
    let replayed = outcomes(&tape.replay(), &[asked; 4]).await;
    assert!(!format!("{lines:?}{replayed:?}").contains(token));
}

#[tokio::test(start_paused = true)]
async fn scrubbed_bodies_are_stored_and_found_again() {
    let scrub = |body, bytes: Bytes| match body {
        Body::Request => "{}".into(),
        Body::Response => {
            let text = String::from_utf8_lossy(&bytes);
            text.replace("secret Example", "A").into()
        }
    };
    let tape = Tape::default();
    let server = Server::new([Ok(Response::new(200, CUSTOMERS))]);
    let cassette = Cassette::record(server, tape.clone()).scrubbed(scrub);
    let live = outcomes(&cassette, &[r#"{"phone":"5550100101"}"#]).await;
    assert!(live[0].contains("secret Example"));
    assert!(!tape.text().contains("Example") && !tape.text().contains("5550100101"));

    let replay = tape.replay().scrubbed(scrub);
    let replayed = outcomes(&replay, &[r#"{"phone":"5550100102"}"#]).await;
    assert_eq!(replayed, [live[0].replace("secret Example", "A")]);
}

#[tokio::test(start_paused = true)]
async fn request_that_was_not_recorded_fails_for_good() {
    let tape = Tape::default();
    let error = tape.replay().send(request("{}")).await.unwrap_err();
    assert!(kapture_transport::Error::from(error.clone()).is_permanent());
    assert_eq!(
        error.to_string(),
        "not sent: the cassette has no such request"
    );
}

#[tokio::test(start_paused = true)]
async fn line_that_cannot_be_written_fails_the_request() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let server = Server::new([Ok(Response::new(200, CUSTOMERS))]);
    let sent = Cassette::record(server, Full).send(request("{}")).await;
    assert!(matches!(sent, Err(TransportError::NotSent(_))), "{sent:?}");
}

#[test]
fn bad_line_is_named_by_its_number_and_not_quoted() {
    let good = r#"{"path":"/","request":"","millis":1,"timeout":5}"#;
    let tape = format!("{good}\n{{\"path\":\"/\",\"request\":\"secret\"}}\n");
    let error = Cassette::replay(tape.as_bytes()).unwrap_err();
    assert!(matches!(error, CassetteError::BadLine { line: 2 }));
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[tokio::test(start_paused = true)]
async fn shared_and_boxed_transports_are_transports() {
    let server = || Server::new([Ok(Response::new(200, "")), Ok(Response::new(201, ""))]);
    let shared = Arc::new(server());
    assert_eq!(
        outcomes(&Arc::clone(&shared), &["{}"]).await,
        [r#"200 None b"""#]
    );
    assert_eq!(outcomes(&&*shared, &["{}"]).await, [r#"201 None b"""#]);
    let boxed: Box<dyn Transport> = Box::new(server());
    assert_eq!(outcomes(&boxed, &["{}"]).await, [r#"200 None b"""#]);
}
