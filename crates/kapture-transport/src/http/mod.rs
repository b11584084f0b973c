//! [`Transport`] over HTTP: reqwest with rustls.

mod body;
mod failure;
mod retry_after;
mod session;

use std::sync::{Arc, Once};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use secrecy::ExposeSecret;

use self::body::LimitedBody;
use self::failure::failure;
use self::retry_after::retry_after;
use self::session::Session;
use crate::transport::{Request, Response, Transport, TransportError};

/// The bounds of an exchange.
#[derive(Debug, Clone)]
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

/// [`Transport`] over HTTP.
///
/// Responses may be compressed with gzip. Cookies are kept for load balancers with sticky sessions,
/// and only as long as this value lives. Redirects are not followed. The proxy that the environment
/// names is used for `https` alone, where it sees neither token nor customers.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    secure: reqwest::Client,
    /// For plain `http`, which is allowed for loopback addresses alone.
    plain: reqwest::Client,
    session: Arc<Session>,
    body_limit: usize,
}

/// Why no HTTP client could be built.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot set up TLS: the certificate store of the system may be missing (on Debian: apt-get install ca-certificates)"
)]
pub struct HttpSetupError(#[source] reqwest::Error);

impl HttpTransport {
    /// A transport with its own connections and cookies.
    pub fn new(options: &HttpOptions) -> Result<Self, HttpSetupError> {
        install_crypto_provider();
        let session = Arc::new(Session::default());
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("kapture/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(options.connect_timeout)
                .redirect(reqwest::redirect::Policy::none())
                .cookie_provider(Arc::clone(&session))
        };
        // A proxy would see the token. Without certificates no https server is trusted.
        let plain = builder().no_proxy().tls_certs_only([]);
        let plain = plain.build().map_err(HttpSetupError)?;
        let secure = if options.https {
            builder().build().map_err(HttpSetupError)?
        } else {
            plain.clone()
        };
        Ok(Self {
            secure,
            plain,
            session,
            body_limit: options.body_limit,
        })
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
        let failure = |error: reqwest::Error| failure(&error, timeout);
        let mut token = HeaderValue::from_str(request.token.authorization().expose_secret())
            .map_err(|_| {
                TransportError::Broken("the token cannot be sent in an HTTP header".into())
            })?;
        token.set_sensitive(true);
        let client = match request.url.scheme() {
            "https" => &self.secure,
            _ => &self.plain,
        };
        let mut response = client
            .post(request.url)
            .header(AUTHORIZATION, token)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/html;q=0.9, */*;q=0.8")
            .timeout(timeout)
            .body(request.body)
            .send()
            .await
            .map_err(failure)?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let announced = response.content_length().unwrap_or(0);
        let mut body = LimitedBody::new(self.body_limit, announced)?;
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            body.add(&chunk)?;
        }
        Ok(Response {
            status,
            retry_after,
            body: body.finish(),
        })
    }
}
