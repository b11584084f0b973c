//! A response of any status, with any `Retry-After` and any body, as a call sees it.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use kapture_model::Answer;
use kapture_transport::{
    CallPolicy, Client, ClientOptions, Request, Response, RetryPolicy, TenantUrl, Token, Transport,
    TransportError,
};

const TOKEN: &str = "dG9wOnNlY3JldA==";

struct Always(Response);

#[async_trait]
impl Transport for Always {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        Ok(self.0.clone())
    }
}

/// Two bytes of status, `Retry-After` up to the end of the line, and the body. However odd, it
/// comes to an end as the customers that the body holds, or as an error without the token.
pub(crate) fn is_customers_or_one_error(bytes: &[u8]) {
    let Some((status, rest)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let line = rest.iter().position(|byte| *byte == b'\n');
    let (retry_after, body) = rest.split_at(line.unwrap_or(0));
    let mut response = Response::new(
        u16::from_be_bytes(*status) % 1000,
        Bytes::copy_from_slice(body),
    );
    response.retry_after = str::from_utf8(retry_after).ok().map(str::to_owned);
    let decoded = Answer::decode(response.body.clone());
    let success = (200..300).contains(&response.status);
    let client = Client::new(
        Always(response),
        &TenantUrl::base_url("http://127.0.0.1").expect("loopback"),
        Token::from_base64(TOKEN).expect("a token"),
        ClientOptions::default()
            .retry(RetryPolicy::default().retry_timeout(Duration::from_secs(1)))
            .wall_clock(|| SystemTime::UNIX_EPOCH)
            .seed(1),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let called = runtime.block_on(client.call("{}".into(), CallPolicy::default()));
    match (called, decoded) {
        (Ok(records), Ok(Answer::Customers(expected))) => {
            assert!(success);
            assert_eq!(records.len(), expected.len());
        }
        (Ok(_), _) => panic!("customers from nowhere"),
        (Err(_), Ok(Answer::Customers(_))) if success => panic!("customers were dropped"),
        (Err(error), _) => assert!(!format!("{error} {error:?}").contains(TOKEN)),
    }
}
