//! Exchanges recorded to NDJSON, and replayed from it without a server.
//!
//! A pull over one connection asks the same in a replay. Over several, the order of the answers decides what is
//! asked next, so record with one.

mod exchange;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io::{self, BufRead, Write};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::{Instant, sleep};

use self::exchange::{Exchange, StoredBody};
use crate::transport::{Request, Response, Transport, TransportError};

/// A transport that records what passes through another one, or replays what was recorded: to
/// report what a server does without access to it, and to test a program on it.
///
/// A cassette is NDJSON with one exchange a line: path, request body, duration, and the response
/// or its error. It holds neither the host nor the token: the token is redacted where a server
/// repeats it. **Bodies hold customers** unless [`scrubbed`](Self::scrubbed) replaces them.
///
/// A replay answers a request with what was recorded for the same path and body, in the order of
/// recording; the last outcome is repeated when there are no more. A request that was not recorded
/// fails at once. Responses take as long as they took, on tokio's clock. Which requests a pull makes
/// depends on its options and, with several connections, on the durations of others: record with
/// [`concurrency`](crate::ClientOptions::concurrency) 1 for a replay that makes the same ones.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use kapture_transport::{Cassette, Client, ClientOptions, TenantUrl, Token};
/// use kapture_model::{CustomerQuery, Window};
///
/// let recorded = concat!(
///     r#"{"path":"/ms/customer-search/customer-search/api/v1","#,
///     r#""request":"{\"cm_id\":7,\"createStartDate\":\"2024-05-01\",\"createEndDate\":\"2024-05-01\",\"limit\":\"10\",\"offset\":\"0\"}","#,
///     r#""millis":12,"response":{"status":200,"body":"{\"message\":[{\"id\":17}],\"status\":\"success\"}"}}"#,
/// );
/// let client = Client::new(
///     Cassette::replay(recorded.as_bytes())?,
///     &TenantUrl::subdomain("acme")?,
///     Token::from_user("asha", "secret"),
///     ClientOptions::default(),
/// );
/// let window = Window::day("2024-05-01".parse()?);
/// let page = client.fetch(&CustomerQuery::new(7), window, 10, 0).await?;
/// assert_eq!(page[0].id(), &17.into());
/// # Ok(())
/// # }
/// ```
pub struct Cassette {
    mode: Mode,
    scrubber: Option<Scrubber>,
}

type Scrubber = Box<dyn Fn(Body, Bytes) -> Bytes + Send + Sync>;

/// Which body a scrubber is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Body {
    /// Of a request: it may hold what customers are filtered by.
    Request,
    /// Of a response: it may hold customers.
    Response,
}

/// Why a cassette cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CassetteError {
    /// It cannot be read.
    #[error("cannot read the cassette")]
    Read(#[from] io::Error),
    /// A line is not an exchange. The line may hold customers and is not quoted.
    #[error("line {line} of the cassette is not a recorded exchange")]
    BadLine {
        /// Counted from 1.
        line: usize,
    },
}

enum Mode {
    Record {
        transport: Box<dyn Transport>,
        writer: Mutex<Box<dyn Write + Send>>,
    },
    Replay(Mutex<HashMap<Key, VecDeque<Exchange>>>),
}

/// Path and request body.
type Key = (String, StoredBody);

impl Cassette {
    /// Passes requests on to `transport`, and writes each exchange to `writer` as it ends.
    ///
    /// Writing blocks: use a file or memory. If a line cannot be written the request fails with
    /// [`TransportError::NotSent`].
    pub fn record(
        transport: impl Transport + 'static,
        writer: impl Write + Send + 'static,
    ) -> Self {
        Self {
            mode: Mode::Record {
                transport: Box::new(transport),
                writer: Mutex::new(Box::new(writer)),
            },
            scrubber: None,
        }
    }

    /// Answers with the recorded exchanges.
    ///
    /// # Errors
    /// When the cassette cannot be read, or a line is not an exchange.
    pub fn replay(recorded: impl BufRead) -> Result<Self, CassetteError> {
        let mut exchanges: HashMap<Key, VecDeque<Exchange>> = HashMap::new();
        for (index, line) in recorded.lines().enumerate() {
            let exchange: Exchange = serde_json::from_str(&line?)
                .map_err(|_| CassetteError::BadLine { line: index + 1 })?;
            let key = (exchange.path.clone(), exchange.request.clone());
            exchanges.entry(key).or_default().push_back(exchange);
        }
        Ok(Self {
            mode: Mode::Replay(Mutex::new(exchanges)),
            scrubber: None,
        })
    }

    /// Passes each body through `scrubber` before it is written. The program that records still
    /// receives the response as it came. A replay needs the scrubber of its recording, so that its
    /// requests are found.
    #[must_use]
    pub fn scrubbed(
        mut self,
        scrubber: impl Fn(Body, Bytes) -> Bytes + Send + Sync + 'static,
    ) -> Self {
        self.scrubber = Some(Box::new(scrubber));
        self
    }

    fn scrub(&self, body: Body, bytes: &Bytes) -> Bytes {
        match &self.scrubber {
            Some(scrubber) => scrubber(body, bytes.clone()),
            None => bytes.clone(),
        }
    }

    fn stored_request(&self, request: &Request) -> StoredBody {
        let body = self.scrub(Body::Request, &request.body);
        StoredBody::new(&body, |text| request.token.redact_encoded(text))
    }
}

#[async_trait]
impl Transport for Cassette {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        match &self.mode {
            Mode::Record { transport, writer } => {
                let (path, token) = (request.url.path().to_owned(), request.token.clone());
                let body = self.stored_request(&request);
                let sent = Instant::now();
                let outcome = transport.send(request).await;
                let elapsed = sent.elapsed();
                let scrubbed = outcome.clone().map(|response| Response {
                    body: self.scrub(Body::Response, &response.body),
                    ..response
                });
                let exchange = Exchange::new(path, body, elapsed, &scrubbed, &token);
                write_line(writer, &exchange).map_err(|error| {
                    TransportError::NotSent(format!("cannot write the cassette: {error}"))
                })?;
                outcome
            }
            Mode::Replay(exchanges) => {
                let key = (request.url.path().to_owned(), self.stored_request(&request));
                let exchange = next(exchanges, &key).ok_or_else(|| {
                    TransportError::NotSent("the cassette has no such request".into())
                })?;
                sleep(exchange.duration().min(request.timeout)).await;
                exchange.replay(request.timeout)
            }
        }
    }
}

/// Takes the next exchange of this request; the last one stays.
fn next(exchanges: &Mutex<HashMap<Key, VecDeque<Exchange>>>, key: &Key) -> Option<Exchange> {
    let mut exchanges = exchanges.lock().unwrap_or_else(PoisonError::into_inner);
    let recorded = exchanges.get_mut(key)?;
    match recorded.len() {
        0 | 1 => recorded.front().cloned(),
        _ => recorded.pop_front(),
    }
}

fn write_line(writer: &Mutex<Box<dyn Write + Send>>, exchange: &Exchange) -> io::Result<()> {
    let mut line = serde_json::to_vec(exchange)?;
    line.push(b'\n');
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    writer.write_all(&line)?;
    writer.flush()
}

impl fmt::Debug for Cassette {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.mode {
            Mode::Record { .. } => "Cassette(recording)",
            Mode::Replay(_) => "Cassette(replaying)",
        })
    }
}
