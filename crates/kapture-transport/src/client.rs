//! One reliable call: the limits, the attempt, its meaning, and the only retry loop.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use kapture_model::Record;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tracing::field::{Empty, display};
use tracing::{Instrument, Span, debug, trace_span};
use url::Url;

use crate::classify::classify;
use crate::error::{Error, Refusal, StopReason};
use crate::retry::RetryPolicy;
use crate::throttle::adaptive_semaphore::{AdaptiveSemaphore, Permit};
use crate::throttle::rate_limiter::RateLimiter;
use crate::transport::{Request, Transport};
use crate::{Endpoint, TenantUrl, Token};

/// Everything about a [`Client`] that has a sensible default.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Which of the two documented paths is asked.
    pub endpoint: Endpoint,
    /// The longest one exchange may take, body included. Default 60 s.
    pub timeout: Duration,
    /// The most calls in flight. How many there are below that, the run finds out. Default 16.
    pub concurrency: usize,
    /// The most attempts a second, if bounded. What the server tolerates below that, the run finds
    /// out.
    pub requests_per_second: Option<f64>,
    /// When to try again.
    pub retry: RetryPolicy,
    /// The time of day, for a `Retry-After` that names a date.
    pub wall_clock: fn() -> SystemTime,
    /// Where the jitter of the waits begins.
    pub seed: u64,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            endpoint: Endpoint::default(),
            timeout: Duration::from_secs(60),
            concurrency: 16,
            requests_per_second: None,
            retry: RetryPolicy::default(),
            wall_clock: SystemTime::now,
            seed: fastrand::u64(..),
        }
    }
}

/// What has to happen before a call that brings no customers is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallPolicy {
    /// When a failure in the server's own words is its answer.
    pub refusals: RefusalPolicy,
    /// After how many attempts any other failure comes back as it is; else [`RetryPolicy`] decides.
    pub max_attempts: Option<u32>,
    /// How long to wait before the first attempt.
    pub delay: Duration,
}

/// When a failure in the server's own words ([`Error::refusal`]) is taken for its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RefusalPolicy {
    /// At once: the caller judges it.
    First,
    /// When it has repeated unchanged [a few times](RetryPolicy::refusal_confirmations), because one
    /// that does not repeat was a hiccup.
    #[default]
    Confirmed,
    /// When it has repeated [many times](RetryPolicy::patient_refusal_confirmations): it is more
    /// likely trouble than an answer.
    Patient,
}

/// Receives a notice before each wait of a call.
type OnRetry = Arc<dyn Fn(RetryNotice) + Send + Sync>;

/// A call waits before its next attempt: tells why nothing moves.
#[derive(Debug, Clone)]
pub struct RetryNotice {
    /// The attempts made for this call so far.
    pub attempt: u32,
    /// How long until the next.
    pub wait: Duration,
    /// What the last attempt met.
    pub error: Error,
}

/// What a client has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientStats {
    /// Exchanges begun, retries included.
    pub requests: u64,
    /// Exchanges that repeated an earlier one.
    pub retries: u64,
    /// Bytes of the bodies received, after decompression.
    pub bytes: u64,
}

/// Makes a call to one tenant reliable. Cheap to clone; clones share limits, budget and counts.
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

struct Shared {
    transport: Box<dyn Transport>,
    url: Url,
    token: Token,
    options: ClientOptions,
    semaphore: AdaptiveSemaphore,
    rate_limiter: RateLimiter,
    rng: Mutex<fastrand::Rng>,
    answered: AtomicBool,
    outage: Mutex<Option<Outage>>,
    calls: AtomicU64,
    answers: AtomicU64,
    in_flight: AtomicUsize,
    requests: AtomicU64,
    retries: AtomicU64,
    hurried_retries: AtomicU64,
    bytes: AtomicU64,
}

/// How often a call is made whose token is refused after others were answered: enough for a new session
/// and for a gateway that took many requests for an attack, and some ten seconds at most.
const UNAUTHORIZED_ATTEMPTS: u32 = 6;

/// How many questions may be trouble while others, had they been asked, would be answered. The same
/// customer may be part of two windows.
const MOST_TROUBLED: usize = 2;

/// What has failed since something was answered.
#[derive(Debug)]
struct Outage {
    /// When the first attempt failed.
    first: Instant,
    /// When the last one failed; later, if the server asked for a wait.
    last: Instant,
    /// The calls that have failed, or the first of them.
    calls: BTreeSet<u64>,
}

impl Outage {
    fn begin(now: Instant) -> Self {
        Self {
            first: now,
            last: now,
            calls: BTreeSet::new(),
        }
    }

    /// Whether no other call can fare better.
    fn is_general(&self) -> bool {
        self.calls.len() > MOST_TROUBLED
    }
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
            on_retry: None,
            shared: Arc::new(Shared {
                transport: Box::new(transport),
                url: tenant_url.url(options.endpoint),
                token,
                semaphore: AdaptiveSemaphore::new(options.concurrency),
                rate_limiter: RateLimiter::new(options.requests_per_second),
                rng: Mutex::new(fastrand::Rng::with_seed(options.seed)),
                options,
                answered: AtomicBool::new(false),
                outage: Mutex::default(),
                calls: AtomicU64::new(0),
                answers: AtomicU64::new(0),
                in_flight: AtomicUsize::new(0),
                requests: AtomicU64::new(0),
                retries: AtomicU64::new(0),
                hurried_retries: AtomicU64::new(0),
                bytes: AtomicU64::new(0),
            }),
        }
    }

    /// The same client, which gives notice before each wait of the calls that are made through it.
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

    /// What was done so far, by all clones together.
    pub fn stats(&self) -> ClientStats {
        ClientStats {
            requests: self.shared.requests.load(Ordering::Relaxed),
            retries: self.shared.retries.load(Ordering::Relaxed),
            bytes: self.shared.bytes.load(Ordering::Relaxed),
        }
    }

    /// How many exchanges are under way, by all clones together.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// Asks until there is an answer: the customers of one page, or the one error that stands for
    /// all attempts.
    ///
    /// A failure in the server's own words ([`Error::Refused`], [`Error::NotFound`]) comes back when
    /// `policy` takes it for the answer; any other after the attempts that it allows.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer enabled.
    pub async fn call(&self, body: Bytes, policy: CallPolicy) -> Result<Vec<Record>, Error> {
        let shared = &self.shared;
        let number = shared.calls.fetch_add(1, Ordering::Relaxed);
        let mut progress = Progress::default();
        if !policy.delay.is_zero() {
            sleep(policy.delay).await;
        }
        loop {
            progress.attempt += 1;
            let attempt = progress.attempt;
            let span = trace_span!("request", attempt, status = Empty, error = Empty);
            let asked = shared.attempt(number, &body, &progress);
            let (outcome, duration) = asked.instrument(span).await;
            progress.spent += duration;
            let error = match outcome {
                Ok(records) => return Ok(records),
                Err(error) => error,
            };
            let times = progress.repeated.count(error.refusal());
            let is_refusal = error.refusal().is_some();
            let is_settled = is_refusal && times >= shared.confirmations(policy.refusals);
            if is_settled {
                // It is an answer, and so was each time that it came before.
                shared.answers.fetch_add(times.into(), Ordering::Relaxed);
            }
            let is_enough = policy.max_attempts.is_some_and(|most| attempt >= most);
            if is_settled || is_enough || shared.is_permanent(&error, attempt) {
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
            progress.new_session =
                attempt == 1 && (error.may_be_an_ended_session() || is_patient(policy));
            shared.retries.fetch_add(1, Ordering::Relaxed);
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

impl Client {
    /// [`call`](Self::call) with a closure in place of a policy: what is enough, and what hears of waits.
    pub async fn call_until(
        &self,
        body: Bytes,
        refusals: RefusalPolicy,
        is_enough: &(dyn Fn(&Error) -> bool + Sync),
        waiting: &(dyn Fn(RetryNotice) + Sync),
    ) -> Result<Vec<Record>, Error> {
        let shared = &self.shared;
        let number = shared.calls.fetch_add(1, Ordering::Relaxed);
        let mut progress = Progress::default();
        loop {
            progress.attempt += 1;
            let attempt = progress.attempt;
            let span = trace_span!("request", attempt, status = Empty, error = Empty);
            let asked = shared.attempt(number, &body, &progress);
            let (outcome, duration) = asked.instrument(span).await;
            progress.spent += duration;
            let error = match outcome {
                Ok(records) => return Ok(records),
                Err(error) => error,
            };
            let times = progress.repeated.count(error.refusal());
            let is_refusal = error.refusal().is_some();
            let is_settled = is_refusal && times >= shared.confirmations(refusals);
            let is_enough = is_settled || is_enough(&error);
            if is_enough && is_refusal {
                shared.answers.fetch_add(times.into(), Ordering::Relaxed);
            }
            if is_enough || shared.is_permanent(&error, attempt) {
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
            shared.retries.fetch_add(1, Ordering::Relaxed);
            waiting(RetryNotice {
                attempt,
                wait,
                error,
            });
            sleep(wait).await;
        }
    }
}

/// How far one call has come.
#[derive(Default)]
struct Progress {
    /// Counted from 1.
    attempt: u32,
    /// How long its attempts and the waits between them took: waiting for other calls is no part of it.
    spent: Duration,
    repeated: Repeated,
    /// The next attempt is made without the cookies of the run.
    new_session: bool,
}

fn is_patient(policy: CallPolicy) -> bool {
    policy.refusals == RefusalPolicy::Patient
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.shared.url.as_str())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// How often a refusal has to repeat unchanged until it is the answer.
    fn confirmations(&self, refusals: RefusalPolicy) -> u32 {
        let retry = &self.options.retry;
        match refusals {
            RefusalPolicy::First => 1,
            RefusalPolicy::Confirmed => retry.refusal_confirmations,
            RefusalPolicy::Patient => retry.patient_refusal_confirmations,
        }
    }

    /// One attempt of a call, and how long it took.
    async fn attempt(
        self: &Arc<Self>,
        call: u64,
        body: &Bytes,
        progress: &Progress,
    ) -> (Result<Vec<Record>, Error>, Duration) {
        let permit = self.semaphore.acquire().await;
        self.rate_limiter.acquire().await;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let sent = Instant::now();
        let request = Request {
            url: self.url.clone(),
            token: self.token.clone(),
            body: body.clone(),
            // The last attempt does not outlast the time for the call; a moment for it is left
            // even when a wait took all of it.
            timeout: self
                .options
                .timeout
                .min(self.time_left(progress.spent).max(Duration::from_secs(1))),
            new_session: progress.new_session,
        };
        let under_way = UnderWay::begin(&self.in_flight);
        let exchange = Arc::clone(self).exchange(request, progress.attempt);
        let (outcome, duration) = alongside(exchange.in_current_span()).await;
        drop(under_way);
        if let Err(error) = &outcome {
            Span::current().record("error", display(error));
        }
        self.learn(call, &outcome, &permit, sent, duration);
        (outcome, duration)
    }

    /// One exchange: what its answer means, and how long it took.
    async fn exchange(
        self: Arc<Self>,
        request: Request,
        attempt: u32,
    ) -> (Result<Vec<Record>, Error>, Duration) {
        let sent = Instant::now();
        let response = self.transport.send(request).await;
        let duration = sent.elapsed();
        let outcome = match response {
            Ok(response) => {
                self.bytes
                    .fetch_add(response.body.len() as u64, Ordering::Relaxed);
                let status = response.status;
                Span::current().record("status", status);
                let outcome = classify(response, (self.options.wall_clock)())
                    .map_err(|error| error.redacted(&self.token));
                debug!(
                    attempt,
                    status,
                    ?duration,
                    error = outcome.as_ref().err().map(display),
                    "answer"
                );
                outcome
            }
            Err(error) => {
                let error = Error::from(error).redacted(&self.token);
                debug!(attempt, ?duration, %error, "no answer");
                Err(error)
            }
        };
        (outcome, duration)
    }

    fn learn(
        &self,
        call: u64,
        outcome: &Result<Vec<Record>, Error>,
        permit: &Permit<'_>,
        sent: Instant,
        duration: Duration,
    ) {
        let is_answer = outcome
            .as_ref()
            .map_or_else(|error| error.refusal().is_some(), |_| true);
        let now = Instant::now();
        // A wait beyond the time for a call ends the call that is asked to.
        let wait = outcome.as_ref().err().and_then(Error::wait);
        let wait = wait.map(|wait| wait.min(self.options.retry.retry_timeout));
        let mut outage = lock(&self.outage);
        // Where nothing was asked for long, nobody knows what would have been answered.
        let going_on = outage
            .take_if(|outage| now.saturating_duration_since(outage.last) < self.longest_silence());
        *outage = (!is_answer).then(|| {
            let mut outage = going_on.unwrap_or_else(|| Outage::begin(now));
            outage.last = outage.last.max(now + wait.unwrap_or_default());
            if !outage.is_general() {
                outage.calls.insert(call);
            }
            outage
        });
        drop(outage);
        match outcome {
            Err(Error::RateLimited { .. }) => {
                // Whoever limits requests is there.
                self.answered.store(true, Ordering::Relaxed);
                self.rate_limiter.on_rate_limited(sent, wait);
            }
            Err(error) if error.is_overload() => {
                permit.on_overload();
                if let Some(wait) = wait {
                    self.rate_limiter.pause(wait);
                }
            }
            Err(error) if error.refusal().is_none() => {}
            answer => {
                self.rate_limiter.on_success(sent);
                permit.on_success(duration);
                self.answered.store(true, Ordering::Relaxed);
                if answer.is_ok() {
                    self.answers.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// How long it takes at most from one failure of an outage to the next, as long as somebody asks.
    fn longest_silence(&self) -> Duration {
        self.options.timeout + self.options.retry.max_backoff
    }

    /// Whether asking again is of no use. A server that has answered once may be hidden for a while
    /// by a gateway that restarts or takes many requests for an attack, or by a network that wants a
    /// login first; and a session may end in the words that a wrong token is refused with.
    fn is_permanent(&self, error: &Error, attempt: u32) -> bool {
        let may_pass = match error {
            Error::Tls(_) | Error::Forbidden(_) => true,
            Error::Unauthorized(_) => attempt < UNAUTHORIZED_ATTEMPTS,
            _ => false,
        };
        error.is_final() && !(may_pass && self.answered.load(Ordering::Relaxed))
    }

    /// The time that is left of this call, shorter while the server has not answered once.
    fn time_left(&self, spent: Duration) -> Duration {
        let policy = &self.options.retry;
        let whole = if self.answered.load(Ordering::Relaxed) {
            policy.retry_timeout
        } else {
            policy.unanswered_timeout.min(policy.retry_timeout)
        };
        whole.saturating_sub(spent)
    }

    fn next_wait(
        &self,
        error: &Error,
        attempt: u32,
        spent: Duration,
    ) -> Result<Duration, StopReason> {
        let policy = &self.options.retry;
        let answered = self.answered.load(Ordering::Relaxed);
        // Where nobody is answered, a call that has failed waits no longer, though it was not its turn.
        let outage = lock(&self.outage);
        let general = outage.as_ref().filter(|outage| outage.is_general());
        let lasted = general.map_or(Duration::ZERO, |outage| outage.first.elapsed());
        drop(outage);
        let left = self.time_left(spent.max(lasted));
        let nobody_there = matches!(error, Error::Connect(_)) && !answered;
        if nobody_there && attempt >= policy.unanswered_attempts {
            return Err(StopReason::NeverAnswered);
        }
        if left.is_zero() {
            return Err(match answered {
                false => StopReason::NeverAnswered,
                true if self.time_left(lasted).is_zero() => StopReason::Outage,
                true => StopReason::RetryTimeout,
            });
        }
        if policy.is_hurried(attempt) {
            let answers = self.answers.load(Ordering::Relaxed);
            let allowed = policy.retry_budget.saturating_add(2 * answers);
            if self.hurried_retries.load(Ordering::Relaxed) >= allowed {
                return Err(StopReason::RetryBudget);
            }
            self.hurried_retries.fetch_add(1, Ordering::Relaxed);
        }
        let share = lock(&self.rng).f64();
        let wait = policy.wait(attempt, share);
        match error.wait() {
            Some(asked) if asked > left => Err(StopReason::RetryAfterTooLong),
            Some(asked) => Ok(wait.max(asked)),
            None => Ok(wait.max(self.rate_limiter.pause_left()).min(left)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` as a task of its own, so that pages are received and taken apart on every thread of
/// the runtime, whoever waits for them. It is abandoned with the future that is returned.
async fn alongside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let mut task = JoinSet::new();
    task.spawn(work);
    match task.join_next().await {
        Some(Ok(done)) => done,
        Some(Err(error)) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Whoever ends the runtime does not wait for what runs in it.
            Err(_) => std::future::pending().await,
        },
        None => unreachable!("one task was spawned"),
    }
}

/// Counts an exchange as long as it is under way, however it ends.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts how often the same failure came in a row.
#[derive(Default)]
struct Repeated {
    last: Option<Refusal>,
    times: u32,
}

impl Repeated {
    /// Any other failure in between breaks the row.
    fn count(&mut self, refusal: Option<&Refusal>) -> u32 {
        if self.last.as_ref() != refusal {
            self.last = refusal.cloned();
            self.times = 0;
        }
        self.times += 1;
        self.times
    }
}
