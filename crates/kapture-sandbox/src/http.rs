//! The HTTP server: a tenant on a loopback socket, which acts out the faults that need one.

mod body;
mod control;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use self::body::StagedBody;
use crate::behaviour::fault::Fault;
use crate::reply::Reply;
use crate::request::Request;
use crate::tenant::Tenant;

/// A running server. Dropping it stops it and closes every connection.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

struct Shared {
    tenant: Arc<Tenant>,
    started: Instant,
}

/// Serves `tenant` on `address` (port 0: any free one) until the [`Server`] is dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use std::sync::Arc;
/// use kapture_sandbox::{Tenant, serve};
///
/// let tenant = Arc::new(Tenant::demo());
/// let server = serve(Arc::clone(&tenant), ([127, 0, 0, 1], 0).into()).await?;
/// assert!(server.url().starts_with("http://127.0.0.1:"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// `InvalidInput` for an address that is not loopback: the sandbox has no access control.
/// Otherwise the error of the operating system, for example that the port is in use.
pub async fn serve(tenant: Arc<Tenant>, address: SocketAddr) -> io::Result<Server> {
    if !address.ip().is_loopback() {
        let message = format!(
            "cannot listen on {}: the sandbox listens on loopback addresses only",
            address.ip()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let shared = Arc::new(Shared {
        tenant,
        started: Instant::now(),
    });
    let router = Router::new().fallback(answer).with_state(shared);
    Ok(Server {
        address,
        accepting: tokio::spawn(accept(listener, router)),
    })
}

impl Server {
    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops the server and waits until the port is free.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // The task was aborted: there is no other outcome.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, router: Router) {
    // Dropping this task drops every connection.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, router.clone()));
                }
                // Most likely out of file handles: wait until some connections end.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router) {
    // A small answer must not wait for the acknowledgement of the previous one.
    let _ = stream.set_nodelay(true);
    let inner = TowerToHyperService::new(router);
    let service = service_fn(move |request| {
        let answering = inner.call(request);
        async move {
            let Ok(response) = answering.await;
            // hyper closes the connection without an answer when the service fails.
            match response.extensions().get::<Fault>() {
                Some(Fault::Reset) => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
                _ => Ok(response),
            }
        }
    });
    // A broken connection is the client's doing or an injected fault.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(response) = control::answer(&shared.tenant, &method, &uri, &body) {
        return response;
    }
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let further: Vec<_> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let reply = shared.tenant.answer(&Request {
        method: method.as_str(),
        path: uri.path(),
        authorization: text(header::AUTHORIZATION),
        headers: &further,
        cookie: text(header::COOKIE),
        body: &body,
        at: shared.started.elapsed(),
    });
    let behaviour = shared.tenant.behaviour();
    if !behaviour.think_time.is_zero() {
        tokio::time::sleep(behaviour.think_time).await;
    }
    if reply.fault == Some(Fault::Stall) {
        std::future::pending::<()>().await;
    }

    let accepts_gzip =
        text(header::ACCEPT_ENCODING).is_some_and(|accepted| accepted.contains("gzip"));
    respond(reply, behaviour.gzip && accepts_gzip)
}

fn respond(reply: Reply, compress: bool) -> Response {
    let mut body = reply.body;
    let mut response = Response::new(Body::empty());
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (
            header::HeaderName::try_from(name),
            HeaderValue::try_from(value),
        ) {
            response.headers_mut().append(name, value);
        }
    }
    if compress && !body.is_empty() {
        body = gzip(&body);
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    // RFC 9110, 8.6: none with 204.
    if response.status() != StatusCode::NO_CONTENT {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, body.len().into());
    }
    *response.body_mut() = match reply.fault {
        Some(Fault::Truncated) => Body::new(StagedBody::truncated(body)),
        Some(Fault::Slow { pieces, pause }) => Body::new(StagedBody::slow(body, pieces, pause)),
        _ => Body::from(body),
    };
    if let Some(fault) = reply.fault {
        response.extensions_mut().insert(fault);
    }
    response
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    // Writing to a Vec cannot fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default().into()
}
