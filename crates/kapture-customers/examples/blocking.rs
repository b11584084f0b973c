//! A pull from a program without async: one runtime, and a loop that blocks.
//! `cargo run --example blocking`.
//!
//! The tenant is a fake one in memory. A program would give `Client` an `HttpTransport`.
//!
//! It depends on `futures-util`, `kapture-model`, `kapture-transport`, on `kapture-sandbox` with the feature
//! `transport`, and on `tokio` with the feature `rt-multi-thread`.

use std::error::Error;
use std::sync::Arc;

use futures_util::StreamExt;
use kapture_customers::{Days, Event, Pull};
use kapture_model::CustomerQuery;
use kapture_sandbox::{DEFAULT_CM_ID, SandboxTransport, Tenant};
use kapture_transport::{Client, ClientOptions, TenantUrl, Token};

fn main() -> Result<(), Box<dyn Error>> {
    // The pull goes on in the runtime's threads while the loop below does something else. Retries and
    // limits need the timer, `HttpTransport` sockets: `enable_all` has both.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    // Clients and pulls are made inside of the runtime.
    let _inside = runtime.enter();
    let client = Client::new(
        SandboxTransport::new(Arc::new(Tenant::demo())),
        &TenantUrl::base_url("http://localhost")?,
        Token::from_user("sandbox", "sandbox"),
        ClientOptions::default(),
    );
    let days = Days::between("2024-05-01".parse()?, "2024-05-07".parse()?)?;
    let mut events = Pull::new(client, CustomerQuery::new(DEFAULT_CM_ID), days).events();

    let mut failed = Vec::new();
    // Each turn blocks this thread until there is an event.
    while let Some(event) = runtime.block_on(events.next()) {
        match event? {
            Event::Records { day, records } => println!("{day}: {} more", records.len()),
            Event::DayDone(receipt) => println!("{}: {} in all", receipt.day, receipt.customers),
            Event::DayFailed { day, error } => failed.push((day, error)),
            _ => {}
        }
    }
    match failed.into_iter().next() {
        Some((day, error)) => {
            eprintln!("{day} is not complete");
            Err(error.into())
        }
        None => Ok(()),
    }
}
