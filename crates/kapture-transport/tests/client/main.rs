//! Calls of a client over a mock transport: retries, refusals, outages, limits and sessions.
#![cfg(feature = "mock")]

mod limits;
mod outages;
mod refusals;
mod retries;
mod sessions;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use kapture_transport::{
    CallPolicy, Client, ClientOptions, Error, MockTransport, RefusalPolicy, Request, Response,
    RetryNotice, RetryPolicy, StopReason, TenantUrl, Token, Transport, TransportError,
};
use tokio::time::Instant;

type Outcome = Result<Response, TransportError>;

const NONE: &str = r#"{"message":[],"status":"success"}"#;

fn answer(status: u16, body: &str) -> Outcome {
    Ok(Response::new(status, body.to_owned()))
}

fn refused(sentence: &str) -> Outcome {
    answer(
        200,
        &format!(r#"{{"message":"{sentence}","status":"failed"}}"#),
    )
}

fn limited(wait: &str) -> Outcome {
    asks_to_wait(429, wait)
}

fn asks_to_wait(status: u16, wait: &str) -> Outcome {
    Ok(Response::new(status, "").with_retry_after(wait))
}

/// A client whose transport returns `outcomes` in turn, and the last one again and again.
fn client(outcomes: Vec<Outcome>) -> Client {
    client_with(outcomes, ClientOptions::default())
}

fn client_with(outcomes: Vec<Outcome>, options: ClientOptions) -> Client {
    let mut transport = MockTransport::new();
    let turn = Mutex::new(0);
    transport.expect_send().returning(move |_| {
        let mut turn = turn.lock().expect("no panic");
        let outcome = outcomes[(*turn).min(outcomes.len() - 1)].clone();
        *turn += 1;
        outcome
    });
    new(transport, options)
}

fn new(transport: impl Transport + 'static, options: ClientOptions) -> Client {
    Client::new(
        transport,
        &TenantUrl::base_url("http://127.0.0.1:9").expect("loopback"),
        Token::from_base64("dG9rZW4=").expect("a token"),
        options.seed(7),
    )
}

fn retrying(retry: RetryPolicy) -> ClientOptions {
    ClientOptions::default().retry(retry)
}

async fn call(client: &Client) -> Result<usize, Error> {
    let records = client.call("{}".into(), CallPolicy::default()).await?;
    Ok(records.len())
}
