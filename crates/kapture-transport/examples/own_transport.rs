//! A transport of one's own around another one: it counts exchanges and logs failures.
//! `cargo run --example own_transport --features cassette`.
//!
//! The inner transport is a cassette here, so that the example needs no server. A program would wrap
//! `HttpTransport`.
//!
//! It depends on `kapture-model`, and on `tokio` with the features `macros` and `rt`.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kapture_model::{CustomerQuery, Window};
use kapture_transport::{
    Cassette, Client, ClientOptions, Request, Response, TenantUrl, Token, Transport,
    TransportError, async_trait,
};

/// Counts the exchanges of another transport.
struct Counting<T> {
    inner: T,
    exchanges: AtomicU64,
}

#[async_trait]
impl<T: Transport> Transport for Counting<T> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let number = self.exchanges.fetch_add(1, Ordering::Relaxed) + 1;
        let outcome = self.inner.send(request).await;
        match &outcome {
            Ok(response) => println!("exchange {number}: HTTP status {}", response.status),
            Err(error) => println!("exchange {number}: {error}"),
        }
        outcome
    }
}

const RECORDED: &str = r#"{"path":"/ms/customer-search/customer-search/api/v1","request":"{\"cm_id\":424242,\"createStartDate\":\"2024-05-02\",\"createEndDate\":\"2024-05-02\",\"limit\":\"10\",\"offset\":\"0\"}","millis":5,"broken":"connection reset"}
{"path":"/ms/customer-search/customer-search/api/v1","request":"{\"cm_id\":424242,\"createStartDate\":\"2024-05-02\",\"createEndDate\":\"2024-05-02\",\"limit\":\"10\",\"offset\":\"0\"}","millis":12,"response":{"status":200,"body":"{\"message\":[{\"id\":17}],\"status\":\"success\"}"}}
"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Shared with the client, so that the program can look at it afterwards.
    let transport = Arc::new(Counting {
        inner: Cassette::replay(RECORDED.as_bytes())?,
        exchanges: AtomicU64::new(0),
    });
    let client = Client::new(
        Arc::clone(&transport),
        &TenantUrl::subdomain("acme")?,
        Token::from_user("asha", "secret"),
        ClientOptions::default(),
    );
    let window = Window::day("2024-05-02".parse()?);
    let page = client
        .fetch(&CustomerQuery::new(424242), window, 10, 0)
        .await?;
    println!("{} customer", page.len());
    assert_eq!(transport.exchanges.load(Ordering::Relaxed), 2);
    Ok(())
}
