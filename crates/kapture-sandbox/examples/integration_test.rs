//! The sandbox in an integration test of one's own: a program that talks HTTP is tested against a
//! fake tenant on loopback, with retries that do not wait long.
//! `cargo run --example integration_test`.
//!
//! It depends on `kapture-transport`, and on `tokio` with the features `macros` and `rt`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use kapture_sandbox::{
    Behaviour, DEFAULT_CM_ID, DEFAULT_TOKEN, FaultKind, Faults, PerDay, Population, Tenant, serve,
};
use kapture_transport::kapture_model::{CustomerQuery, Window};
use kapture_transport::{
    Client, ClientOptions, HttpOptions, HttpTransport, RetryPolicy, TenantUrl, Token,
};

/// What is under test: a program that takes the address of its tenant as a setting.
async fn program(url: &str, options: ClientOptions) -> Result<usize, Box<dyn Error>> {
    let transport = HttpTransport::new(&HttpOptions::default())?;
    let token = Token::from_base64(DEFAULT_TOKEN)?;
    let client = Client::new(transport, &TenantUrl::base_url(url)?, token, options);
    let window = Window::day("2024-05-02".parse()?);
    let page = client
        .fetch(&CustomerQuery::new(DEFAULT_CM_ID), window, 500, 0)
        .await?;
    Ok(page.len())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let day = "2024-05-02".parse()?;
    let tenant = Arc::new(Tenant::new(
        Population::new(1).days(day, day, PerDay::Fixed(25)),
        Behaviour {
            faults: Faults::scheduled([(1, FaultKind::Status500), (2, FaultKind::Reset)]),
            ..Behaviour::default()
        },
    ));
    // Port 0: the system chooses a free one.
    let server = serve(Arc::clone(&tenant), ([127, 0, 0, 1], 0).into()).await?;

    let options = ClientOptions::default().retry(
        RetryPolicy::default()
            .initial_backoff(Duration::from_millis(1))
            .max_backoff(Duration::from_millis(5)),
    );
    let found = program(&server.url(), options).await?;
    assert_eq!(found, tenant.truth_ids(day, day).len());
    assert_eq!(tenant.requests().len(), 3);
    println!("{found} customers in {} requests", tenant.requests().len());
    server.stop().await;
    Ok(())
}
