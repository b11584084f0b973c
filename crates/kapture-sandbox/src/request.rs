//! A request to the tenant.

use std::time::Duration;

/// The path in the vendor's three worked examples.
pub const SEARCH_PATH: &str = "/ms/customer-search/customer-search/api/v1";
/// The path in the heading of the vendor's page.
pub const LEGACY_PATH: &str = "/select-customer-between-start-and-end-dates.html";
/// The token that a tenant expects by default: `sandbox:sandbox` in base64.
pub const DEFAULT_TOKEN: &str = "c2FuZGJveDpzYW5kYm94";
/// The account that a tenant has by default.
pub const DEFAULT_CM_ID: u64 = 424_242;

/// The parts of an HTTP request that the tenant reads.
///
/// ```
/// use kapture_sandbox::{Request, Tenant};
///
/// let body = br#"{"cm_id":424242,"createStartDate":"2024-05-05","createEndDate":"2024-05-05"}"#;
/// let right = Request::search(body);
/// let wrong = Request { authorization: Some("Basic bm9ib2R5Om5vYm9keQ=="), ..right };
/// let reply = Tenant::demo().answer(&wrong);
/// assert_eq!(&reply.body[..], br#"{"message":"Invalid Auth Key","status":"failed"}"#);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The HTTP method, in capitals.
    pub method: &'a str,
    /// The path; a query string is ignored.
    pub path: &'a str,
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// Further headers, names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The `Cookie` header.
    pub cookie: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
    /// The time of arrival since any fixed moment: the tenant's only clock. It drives
    /// [`RateLimit`](crate::RateLimit), [`Firewall`](crate::Firewall),
    /// [`SessionLife::Time`](crate::SessionLife::Time), [`Behaviour::cache_time`](crate::Behaviour::cache_time)
    /// and [`When::Time`](crate::When::Time).
    pub at: Duration,
}

impl<'a> Request<'a> {
    /// A `POST` to [`SEARCH_PATH`] with the default token.
    pub fn search(body: &'a [u8]) -> Self {
        Self {
            method: "POST",
            path: SEARCH_PATH,
            authorization: Some("Basic c2FuZGJveDpzYW5kYm94"),
            headers: &[],
            cookie: None,
            body,
            at: Duration::ZERO,
        }
    }
}
