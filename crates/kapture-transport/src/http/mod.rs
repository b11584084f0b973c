//! [`Transport`] over HTTP: reqwest with rustls.

mod body;
mod coding;
mod connections;
mod failure;
mod proxy;
mod retry_after;
mod session;

use std::io::Write as _;
use std::sync::{Arc, Once};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use self::body::LimitedBody;
use self::coding::{decompressed, is_plain, unrequested};
use self::connections::{Connections, Version};
use self::failure::failure;
use self::proxy::Proxies;
use self::retry_after::retry_after;
use self::session::Session;
use crate::transport::{Request, Response, Transport, TransportError};

/// The bounds of an exchange.
///
/// ```
/// use kapture_transport::HttpOptions;
///
/// let options = HttpOptions::default().body_limit(16 * 1024 * 1024);
/// assert!(options.https);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HttpOptions {
    /// The longest it may take to connect: 10 s by default.
    pub connect_timeout: Duration,
    /// The largest body accepted, in bytes, counted after decompression: 256 MiB by default.
    pub body_limit: usize,
    /// Whether `https` is supported: true by default. If not, the certificates of the system are
    /// neither needed nor read, and every `https` request fails.
    pub https: bool,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            body_limit: 256 * 1024 * 1024,
            https: true,
        }
    }
}

impl HttpOptions {
    /// Sets [`connect_timeout`](#structfield.connect_timeout).
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets [`body_limit`](#structfield.body_limit), in bytes.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Sets [`https`](#structfield.https).
    #[must_use]
    pub fn https(mut self, on: bool) -> Self {
        self.https = on;
        self
    }
}

/// [`Transport`] over HTTP.
///
/// Responses may be compressed with gzip. After a request without a complete response in time, new
/// connections are made; where HTTP/2 does not work, HTTP/1.1 is used. Cookies are kept for load balancers with sticky sessions,
/// and only as long as this value lives. Redirects are not followed. The proxy that the environment
/// names is used for `https` alone, where it sees neither token nor customers.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    secure: Arc<HttpConnections>,
    /// Past the proxy.
    direct: Arc<HttpConnections>,
    /// For plain `http`, which is allowed for loopback addresses alone.
    plain: Arc<HttpConnections>,
    proxies: Arc<Proxies>,
    session: Arc<Session>,
    body_limit: usize,
}

type HttpConnections = Connections<reqwest::Client, HttpSetupError>;

/// Why no HTTP client could be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpSetupError {
    /// There are no certificates to check those of servers with.
    #[error(
        "cannot set up TLS: the certificate store of the system may be missing (on Debian: apt-get install ca-certificates)"
    )]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An environment variable that names a proxy for `https` cannot be read.
    #[error(
        "cannot read {0}: expected the address of an HTTP proxy, such as http://proxy.example.com:3128, or http://USER:PASSWORD@proxy.example.com:3128 with / as %2F and @ as %40"
    )]
    Proxy(&'static str),
}

impl HttpTransport {
    /// A transport with its own connections and cookies.
    pub fn new(options: &HttpOptions) -> Result<Self, HttpSetupError> {
        install_crypto_provider();
        let proxies = match options.https {
            true => Proxies::find().map_err(HttpSetupError::Proxy)?,
            false => Proxies::none(),
        };
        let session = Arc::new(Session::default());
        let connect_timeout = options.connect_timeout;
        let cookies = Arc::clone(&session);
        let builder = move |version| {
            let builder = reqwest::Client::builder()
                .user_agent(concat!("kapture/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(connect_timeout)
                .redirect(reqwest::redirect::Policy::none())
                .cookie_provider(Arc::clone(&cookies));
            match version {
                Version::Best => builder,
                Version::Http1 => builder.http1_only(),
            }
        };
        let (secure, direct) = (builder.clone(), builder.clone());
        // A proxy would see the token. Without certificates no https server is trusted.
        let plain = move |version| {
            let builder = builder(version).no_proxy().tls_certs_only([]);
            builder
                .build()
                .map_err(|error| HttpSetupError::Tls(error.into()))
        };
        let plain = Arc::new(Connections::new(plain)?);
        let secure = if options.https {
            let secure = move |version| {
                secure(version)
                    .build()
                    .map_err(|error| HttpSetupError::Tls(error.into()))
            };
            Arc::new(Connections::new(secure)?)
        } else {
            Arc::clone(&plain)
        };
        let direct = match proxies.has_exceptions() {
            true => {
                let direct = move |version| {
                    let builder = direct(version).no_proxy();
                    builder
                        .build()
                        .map_err(|error| HttpSetupError::Tls(error.into()))
                };
                Arc::new(Connections::new(direct)?)
            }
            false => Arc::clone(&secure),
        };
        Ok(Self {
            secure,
            direct,
            plain,
            proxies: Arc::new(proxies),
            session,
            body_limit: options.body_limit,
        })
    }

    /// The host and port of the proxy that requests to an address go through, if there is one.
    pub fn proxy(&self, url: &Url) -> Option<String> {
        // Plain `http` is for this machine alone.
        (url.scheme() == "https").then(|| self.proxies.of(url))?
    }
}

/// Installs ring as the crypto provider of the process, unless the program has installed another
/// one. reqwest is built without a default provider, so that aws-lc-rs is not linked.
fn install_crypto_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        if request.new_session {
            self.session.end();
        }
        let timeout = request.timeout;
        let token = sensitive(&request.token.authorization())?;
        let connections = match request.url.scheme() {
            "https" if self.proxies.excepts(&request.url) => &self.direct,
            "https" => &self.secure,
            _ => &self.plain,
        };
        let (client, generation) = connections.current();
        let mut sending = client
            .post(request.url)
            .header(AUTHORIZATION, token)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/html;q=0.9, */*;q=0.8")
            .header(ACCEPT_ENCODING, "gzip")
            .timeout(timeout)
            .body(request.body);
        for (name, value) in request.token.headers() {
            sending = sending.header(name, sensitive(value)?);
        }
        let failure = |error: reqwest::Error| {
            let proxy = error.url().and_then(|url| self.proxy(url));
            failure(&error, proxy.as_deref(), timeout)
        };
        let received = receive(sending, self.body_limit, failure).await;
        connections.observe(generation, &received);
        let (response, unrequested) = received?;
        let body = decompressed(response.body, self.body_limit)?;
        match unrequested {
            Some(coding) if !is_plain(&body) => Err(TransportError::Coding(coding)),
            _ => Ok(Response { body, ..response }),
        }
    }
}

/// A header value that no log shows.
fn sensitive(secret: &SecretString) -> Result<HeaderValue, TransportError> {
    let mut value = HeaderValue::from_str(secret.expose_secret())
        .map_err(|_| TransportError::Broken("a secret cannot be sent in an HTTP header".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Sends a request and receives its response as it is, and the name of a coding that it must not
/// have.
async fn receive(
    sending: reqwest::RequestBuilder,
    limit: usize,
    failure: impl Fn(reqwest::Error) -> TransportError,
) -> Result<(Response, Option<String>), TransportError> {
    let mut response = sending.send().await.map_err(&failure)?;
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let unrequested = unrequested(response.headers());
    let announced = response.content_length().unwrap_or(0);
    if announced > limit as u64 {
        return Err(TransportError::TooLarge(limit));
    }
    let mut body = LimitedBody::new(limit, announced);
    while let Some(chunk) = response.chunk().await.map_err(&failure)? {
        body.write_all(&chunk)
            .map_err(|_| TransportError::TooLarge(limit))?;
    }
    let response = Response {
        status,
        retry_after,
        body: body.finish(),
    };
    Ok((response, unrequested))
}
