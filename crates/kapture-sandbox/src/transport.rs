//! The tenant as a [`Transport`]: in memory, with cookies, on the clock of tokio.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kapture_transport::{Transport, TransportError};
use secrecy::ExposeSecret as _;
use tokio::time::Instant;

use crate::behaviour::fault::Fault;
use crate::reply::Reply;
use crate::request::Request;
use crate::tenant::Tenant;

/// A transport without a socket: requests go to a [`Tenant`] in memory, and faults that need a socket
/// become the errors that a client would see. [`Request::at`] and all waits follow tokio's clock, so a
/// test under paused time takes no real time.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::sync::Arc;
/// use kapture_sandbox::{SandboxTransport, Tenant};
/// use kapture_transport::{Client, ClientOptions, TenantUrl, Token};
///
/// let transport = SandboxTransport::new(Arc::new(Tenant::demo()));
/// let url = TenantUrl::base_url("http://localhost").unwrap();
/// let token = Token::from_user("sandbox", "sandbox");
/// let client = Client::new(transport, &url, token, ClientOptions::default());
/// # let _ = client;
/// # }
/// ```
#[derive(Debug)]
pub struct SandboxTransport {
    tenant: Arc<Tenant>,
    started: Instant,
    /// `name=value` of each cookie.
    cookies: Mutex<Vec<String>>,
}

impl SandboxTransport {
    /// A transport without cookies whose time starts now.
    pub fn new(tenant: Arc<Tenant>) -> Self {
        Self {
            tenant,
            started: Instant::now(),
            cookies: Mutex::default(),
        }
    }

    /// The tenant behind it.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    fn answer(&self, request: &kapture_transport::Request) -> Reply {
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        if request.new_session {
            cookies.clear();
        }
        let cookie = (!cookies.is_empty()).then(|| cookies.join("; "));
        let headers = request.token.headers();
        let headers: Vec<_> = headers
            .map(|(name, value)| (name, value.expose_secret()))
            .collect();
        let reply = self.tenant.answer(&Request {
            method: "POST",
            path: request.url.path(),
            authorization: Some(request.token.authorization().expose_secret()),
            headers: &headers,
            cookie: cookie.as_deref(),
            body: &request.body,
            at: self.started.elapsed(),
        });
        if let Some(cookie) = reply.header("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or(cookie);
            let name = pair.split('=').next().unwrap_or(pair);
            cookies.retain(|kept| kept.split('=').next() != Some(name));
            cookies.push(pair.to_owned());
        }
        reply
    }
}

#[async_trait]
impl Transport for SandboxTransport {
    async fn send(
        &self,
        request: kapture_transport::Request,
    ) -> Result<kapture_transport::Response, TransportError> {
        // As on a network, other tasks may run before the answer.
        tokio::task::yield_now().await;
        let reply = self.answer(&request);
        let wait = self.tenant.behaviour().think_time
            + match reply.fault {
                Some(Fault::Slow { pieces, pause }) => pause * pieces,
                _ => std::time::Duration::ZERO,
            };
        if reply.fault == Some(Fault::Stall) || wait > request.timeout {
            tokio::time::sleep(request.timeout).await;
            return Err(TransportError::Timeout(request.timeout));
        }
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        match reply.fault {
            Some(Fault::Truncated) => Err(TransportError::Broken(
                "the body ended before its content length".into(),
            )),
            Some(Fault::Reset) => Err(TransportError::Broken("connection reset".into())),
            Some(Fault::Stall | Fault::Slow { .. }) | None => {
                let mut response =
                    kapture_transport::Response::new(reply.status, reply.body.clone());
                response.retry_after = reply.header("retry-after").map(str::to_owned);
                Ok(response)
            }
        }
    }
}
