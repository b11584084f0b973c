//! Tests a program without a server: a mock transport that fails, refuses and limits, under paused
//! time. `cargo run --example mock --features mock`.
//!
//! It depends on `kapture-model`, and on `tokio` with the features `macros`, `rt` and `test-util`.

use std::error::Error;
use std::time::Duration;

use kapture_model::{CustomerQuery, Window};
use kapture_transport::{
    Client, ClientOptions, ErrorKind, MockTransport, Response, TenantUrl, Token, TransportError,
};
use tokio::time::Instant;

const CUSTOMERS: &str = r#"{"message":[{"id":17}],"status":"success"}"#;
const REFUSED: &str = r#"{"message":"Account is being moved","status":"failed"}"#;

/// A client whose server gives these outcomes in turn, and the last one again and again.
fn client(outcomes: Vec<Result<Response, TransportError>>) -> Result<Client, Box<dyn Error>> {
    let mut transport = MockTransport::new();
    let mut rest = outcomes.into_iter().peekable();
    transport.expect_send().returning(move |_| {
        let outcome = rest.next().expect("an outcome");
        if rest.peek().is_none() {
            rest = vec![outcome.clone()].into_iter().peekable();
        }
        outcome
    });
    Ok(Client::new(
        transport,
        &TenantUrl::subdomain("acme")?,
        Token::from_user("asha", "secret"),
        ClientOptions::default(),
    ))
}

// Under paused time a wait of minutes takes none: the clock moves when all tasks wait.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    tokio::time::pause();
    let query = CustomerQuery::new(424242);
    let window = Window::day("2024-05-02".parse()?);

    // A broken connection is retried.
    let broken = Err(TransportError::Broken("connection reset".into()));
    let flaky = client(vec![broken, Ok(Response::new(200, CUSTOMERS))])?;
    let page = flaky.fetch(&query, window, 500, 0).await?;
    assert_eq!((page.len(), flaky.stats().retries), (1, 1));

    // So is 429, after the wait that the server asks for.
    let limited = Response::new(429, "").with_retry_after("90");
    let busy = client(vec![Ok(limited), Ok(Response::new(200, CUSTOMERS))])?;
    let started = Instant::now();
    busy.fetch(&query, window, 500, 0).await?;
    assert!(started.elapsed() >= Duration::from_secs(90));

    // A refusal is returned when it has repeated.
    let refusing = client(vec![Ok(Response::new(200, REFUSED))])?;
    let Err(error) = refusing.fetch(&query, window, 500, 0).await else {
        return Err("expected a refusal".into());
    };
    assert_eq!(
        (error.kind(), error.is_permanent()),
        (ErrorKind::Refused, false)
    );
    println!("{error}");
    Ok(())
}
