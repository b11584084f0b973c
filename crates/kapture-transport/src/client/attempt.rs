//! One attempt of a call, and what its outcome teaches about the server.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use kapture_model::Record;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::field::display;
use tracing::{Instrument, Span, debug};

use super::progress::Progress;
use super::shared::{Shared, lock};
use super::stats::InFlight;
use crate::classify::classify;
use crate::error::Error;
use crate::throttle::Permit;
use crate::transport::Request;

/// What an attempt brought.
pub(super) type Outcome = Result<Vec<Record>, Error>;

/// The shortest timeout of an attempt, also when the waits before it used up the time of the call.
const MIN_TIMEOUT: Duration = Duration::from_secs(1);

impl Shared {
    /// Makes one attempt as soon as the limits allow; returns its outcome and how long it took.
    pub(super) async fn attempt(
        self: &Arc<Self>,
        call: u64,
        body: &Bytes,
        progress: &Progress,
    ) -> (Outcome, Duration) {
        let permit = self.semaphore.acquire().await;
        self.rate_limiter.acquire().await;
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let sent = Instant::now();
        // The last attempt does not outlast the time for the call.
        let left = self.time_left(progress.spent).max(MIN_TIMEOUT);
        let request = Request {
            url: self.url.clone(),
            token: self.token.clone(),
            body: body.clone(),
            timeout: self.options.timeout.min(left),
            new_session: progress.new_session,
        };
        let in_flight = InFlight::begin(&self.in_flight);
        let exchange = Arc::clone(self).exchange(request, progress.attempt);
        let (outcome, duration) = run_as_task(exchange.in_current_span()).await;
        drop(in_flight);
        if let Err(error) = &outcome {
            Span::current().record("error", display(error));
        }
        self.observe(call, &outcome, &permit, sent, duration);
        (outcome, duration)
    }

    /// One exchange: the meaning of its response, and how long it took.
    async fn exchange(self: Arc<Self>, request: Request, attempt: u32) -> (Outcome, Duration) {
        let sent = Instant::now();
        let response = self.transport.send(request).await;
        let duration = sent.elapsed();
        let outcome = match response {
            Ok(response) => {
                let (status, length) = (response.status, response.body.len() as u64);
                self.counters.bytes.fetch_add(length, Ordering::Relaxed);
                Span::current().record("status", status);
                let outcome = classify(response, (self.options.wall_clock)())
                    .map_err(|error| error.redacted(&self.token));
                debug!(
                    attempt,
                    status,
                    duration_ms = milliseconds(duration),
                    error = outcome.as_ref().err().map(display),
                    "answer"
                );
                outcome
            }
            Err(error) => {
                let error = Error::from(error).redacted(&self.token);
                debug!(attempt, duration_ms = milliseconds(duration), %error, "no answer");
                Err(error)
            }
        };
        (outcome, duration)
    }

    /// Feeds an outcome to the outage tracker and to the controllers of rate and concurrency.
    fn observe(
        &self,
        call: u64,
        outcome: &Outcome,
        permit: &Permit<'_>,
        sent: Instant,
        duration: Duration,
    ) {
        // A wait beyond the time for a call ends the call that is asked to wait.
        let wait = outcome.as_ref().err().and_then(Error::retry_after);
        let wait = wait.map(|wait| wait.min(self.options.retry.retry_timeout));
        match outcome {
            Err(error) if error.refusal().is_none() => {
                let gap = self.max_outage_gap();
                lock(&self.outage).on_failure(call, wait, gap, Instant::now());
            }
            _ => lock(&self.outage).on_answer(),
        }
        match outcome {
            Err(Error::RateLimited { .. }) => {
                // A server that limits requests is reachable.
                self.has_answered.store(true, Ordering::Relaxed);
                self.rate_limiter.on_rate_limited(sent, wait);
            }
            Err(error @ Error::Forbidden(_)) if self.is_turned_away(error) => {
                permit.on_overload();
                self.rate_limiter.on_banned(sent);
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
                self.has_answered.store(true, Ordering::Relaxed);
                if answer.is_ok() {
                    self.answers.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

/// Milliseconds for log lines, to the microsecond.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// Runs `work` as a task of its own, so that pages are received and decoded on every thread of the
/// runtime. The task is aborted when the returned future is dropped.
async fn run_as_task<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let mut task = JoinSet::new();
    task.spawn(work);
    match task.join_next().await {
        Some(Ok(done)) => done,
        Some(Err(error)) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The task was cancelled because the runtime shuts down, which drops this future, too.
            Err(_) => std::future::pending().await,
        },
        None => unreachable!("one task was spawned"),
    }
}
