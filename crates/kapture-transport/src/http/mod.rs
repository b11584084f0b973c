//! The exchange over real HTTP: reqwest with rustls.

mod session;

use std::error::Error as _;
use std::sync::{Arc, Once};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use secrecy::ExposeSecret;

use self::session::Session;
use crate::transport::{Request, Response, Transport, TransportError};

/// How the exchange is bounded.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// The longest a connection may take to stand: 10 s by default.
    pub connect_timeout: Duration,
    /// The largest body accepted, in bytes, counted after decompression: 256 MiB by default.
    pub body_limit: usize,
    /// Whether hosts can be asked over `https`: true by default. Without, every such request
    /// fails, and the certificates of the system are neither needed nor read.
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
/// Gzip is asked for and undone. What cookies the server sets are kept as long as this value
/// lives, for load balancers with sticky sessions, and never longer. Redirects are not followed.
/// The proxy that the environment names is asked for `https` alone, where it sees nothing of what
/// is said.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    secure: reqwest::Client,
    /// For plain `http`, which stays on this machine.
    plain: reqwest::Client,
    session: Arc<Session>,
    body_limit: usize,
}

/// Why no HTTP client could be built.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot set up secure connections; is the certificate store of the system missing? (on Debian: apt-get install ca-certificates)"
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
        // A proxy would be shown the token, and without any certificate nobody is trusted.
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

/// reqwest is built without a default provider, so that one C library less is linked; somebody
/// has to choose, once a process. A provider that the program chose before stays.
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
            .map_err(|_| TransportError::Broken("the token fits no header".into()))?;
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
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let announced = response.content_length().unwrap_or(0);
        let mut whole = Whole::new(self.body_limit, announced)?;
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            whole.add(&chunk)?;
        }
        Ok(Response {
            status,
            retry_after,
            body: whole.finish(),
        })
    }
}

/// A body as it grows, never beyond its limit: an endless answer or a small one that
/// decompresses into a huge one ends here.
struct Whole {
    body: BytesMut,
    limit: usize,
}

impl Whole {
    /// The announced length saves copies, but is only believed up to a few MiB.
    fn new(limit: usize, announced: u64) -> Result<Self, TransportError> {
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        if announced > limit {
            return Err(TransportError::TooLarge(limit));
        }
        Ok(Self {
            body: BytesMut::with_capacity(announced.min(4 * 1024 * 1024)),
            limit,
        })
    }

    fn add(&mut self, chunk: &[u8]) -> Result<(), TransportError> {
        if self.body.len() + chunk.len() > self.limit {
            return Err(TransportError::TooLarge(self.limit));
        }
        self.body.extend_from_slice(chunk);
        Ok(())
    }

    fn finish(self) -> Bytes {
        self.body.freeze()
    }
}

/// reqwest's own text names the address only; the reason is the innermost source.
fn failure(error: &reqwest::Error, timeout: Duration) -> TransportError {
    let mut reason = None;
    let mut tls = false;
    let mut source = error.source();
    while let Some(error) = source {
        tls |= error.is::<rustls::Error>();
        // An I/O error hides what it wraps behind `get_ref`.
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            tls |= io
                .get_ref()
                .is_some_and(|inner| inner.is::<rustls::Error>());
        }
        reason = Some(error.to_string());
        source = error.source();
    }
    let reason = reason.unwrap_or_else(|| "no reason given".into());
    if tls {
        TransportError::Tls(reason)
    } else if error.is_connect() {
        TransportError::Connect(reason)
    } else if error.is_timeout() {
        TransportError::Timeout(timeout)
    } else {
        TransportError::Broken(reason)
    }
}
