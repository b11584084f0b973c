//! Programs that use the crates as libraries, beside the command line.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap: the panic is the failure report"
)]

mod cassette;
mod filled;

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use kapture_customers::{Days, Pull};
use kapture_model::CustomerQuery;
use kapture_sandbox::{DEFAULT_CM_ID, SandboxTransport, Tenant};
use kapture_transport::{Client, ClientOptions, TenantUrl, Token, Transport};

/// A day of May 2024.
fn may(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
}

/// A time at which all days of May 2024 are over.
fn now() -> DateTime<Utc> {
    "2024-07-01T00:00:00Z".parse().unwrap()
}

fn transport(tenant: Tenant) -> SandboxTransport {
    SandboxTransport::new(Arc::new(tenant))
}

fn pull(transport: impl Transport + 'static, days: &Days, concurrency: usize) -> Pull {
    let options = ClientOptions::default().concurrency(concurrency).seed(1);
    let url = TenantUrl::base_url("http://localhost").unwrap();
    let token = Token::from_user("sandbox", "sandbox");
    let client = Client::new(transport, &url, token, options);
    Pull::new(client, CustomerQuery::new(DEFAULT_CM_ID), days.clone()).clock(now)
}
