//! One reliable call: the only retry loop.

mod attempt;
mod options;
mod outage;
mod policy;
mod progress;
mod retry;
mod shared;
mod stats;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use kapture_model::{CustomerQuery, Record, Window};
use tokio::time::sleep;
use tracing::field::Empty;
use tracing::{Instrument, trace_span};

pub use options::ClientOptions;
pub use policy::{CallPolicy, RefusalPolicy, RetryNotice};
pub use retry::RetryPolicy;
pub use stats::ClientStats;

use self::progress::Progress;
use self::shared::Shared;
use crate::error::Error;
use crate::transport::Transport;
use crate::{TenantUrl, Token};

/// Receives a notice before each wait of a call.
type OnRetry = Arc<dyn Fn(RetryNotice) + Send + Sync>;

/// Makes reliable calls to one tenant. Cheap to clone; clones share limits, retry budget and
/// counters.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use kapture_transport::{CallPolicy, Client, ClientOptions, HttpOptions, HttpTransport, TenantUrl, Token};
///
/// let client = Client::new(
///     HttpTransport::new(&HttpOptions::default())?,
///     &TenantUrl::subdomain("acme")?,
///     Token::from_base64("dXNlcjpwYXNzd29yZA==")?,
///     ClientOptions::default(),
/// );
/// let body = r#"{"cm_id":424242,"createStartDate":"2024-05-02","createEndDate":"2024-05-02"}"#;
/// let customers = client.call(body.into(), CallPolicy::default()).await?;
/// println!("{} customers", customers.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    on_retry: Option<OnRetry>,
}

impl Client {
    /// A client of `tenant_url` that sends `token` with each request over `transport`.
    pub fn new(
        transport: impl Transport + 'static,
        tenant_url: &TenantUrl,
        token: Token,
        options: ClientOptions,
    ) -> Self {
        Self {
            shared: Arc::new(Shared::new(transport, tenant_url, token, options)),
            on_retry: None,
        }
    }

    /// The same client, which calls `notice` before each wait of the calls made through it.
    pub fn with_retry_notices(&self, notice: impl Fn(RetryNotice) + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            on_retry: Some(Arc::new(notice)),
        }
    }

    /// The most calls that may be in flight.
    pub fn concurrency(&self) -> usize {
        self.shared.options.concurrency.max(1)
    }

    /// What this client and its clones have done so far.
    pub fn stats(&self) -> ClientStats {
        self.shared.counters.snapshot()
    }

    /// How many exchanges of this client and its clones are in flight.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// Requests one page of `window`: at most `limit` customers, after passing over the first
    /// `offset`. Retries as [`call`](Self::call) does with its default policy.
    ///
    /// A page is not a window: a server may return fewer rows than `limit` though more follow, and
    /// rows may change places between two pages. kapture-customers proves that a day is complete.
    ///
    /// ```
    /// # async fn example(client: kapture_transport::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use kapture_model::{CustomerQuery, Window};
    ///
    /// let window = Window::two_days("2024-05-01".parse()?);
    /// let page = client.fetch(&CustomerQuery::new(424242), window, 500, 0).await?;
    /// println!("{} customers in {window}", page.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`call`](Self::call).
    ///
    /// # Panics
    /// As [`call`](Self::call).
    pub async fn fetch(
        &self,
        query: &CustomerQuery,
        window: Window,
        limit: u32,
        offset: u64,
    ) -> Result<Vec<Record>, Error> {
        let body = query.body(window, limit, offset);
        self.call(body.into(), CallPolicy::default()).await
    }

    /// Sends the request until there is an answer: the customers of one page, or the one error that
    /// stands for all attempts.
    ///
    /// A failure in the server's own words ([`Error::Refused`], [`Error::NotFound`]) is returned
    /// when `policy` takes it for the answer; any other failure after the attempts that it allows.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer enabled.
    pub async fn call(&self, body: Bytes, policy: CallPolicy) -> Result<Vec<Record>, Error> {
        let shared = &self.shared;
        let number = shared.calls.fetch_add(1, Ordering::Relaxed);
        let mut progress = Progress {
            new_session: policy.new_session,
            ..Progress::default()
        };
        if !policy.delay.is_zero() {
            sleep(policy.delay).await;
        }
        loop {
            progress.attempt += 1;
            let attempt = progress.attempt;
            let span = trace_span!("request", attempt, status = Empty, error = Empty);
            let request = shared.attempt(number, &body, &progress);
            let (outcome, duration) = request.instrument(span).await;
            progress.spent += duration;
            let error = match outcome {
                Ok(records) => return Ok(records),
                Err(error) => error,
            };
            let times = progress.repeats.count(&error);
            let is_confirmed = times >= shared.confirmations(&error, policy.refusals);
            if is_confirmed {
                // Each of the equal failures was an answer.
                shared.answers.fetch_add(times.into(), Ordering::Relaxed);
            }
            progress.counted += u32::from(!shared.is_turned_away(&error));
            let was_last = policy
                .max_attempts
                .is_some_and(|max| progress.counted >= max);
            if is_confirmed || was_last || shared.is_permanent(&error, attempt) {
                return Err(error);
            }
            let wait = match shared.next_wait(&error, attempt, progress.spent) {
                Ok(wait) => wait,
                Err(reason) => {
                    return Err(Error::Exhausted {
                        attempts: attempt,
                        elapsed: progress.spent,
                        reason,
                        last: Box::new(error),
                    });
                }
            };
            progress.spent += wait;
            let is_patient = policy.refusals == RefusalPolicy::Patient;
            progress.new_session = policy.new_session
                || attempt == 1 && (error.may_be_an_ended_session() || is_patient);
            shared.counters.retries.fetch_add(1, Ordering::Relaxed);
            if let Some(notice) = &self.on_retry {
                notice(RetryNotice {
                    attempt,
                    wait,
                    error,
                });
            }
            sleep(wait).await;
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.shared.url.as_str())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
