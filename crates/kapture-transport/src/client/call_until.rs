//! A call that ends by a closure in place of a policy.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use kapture_model::Record;
use tokio::time::sleep;
use tracing::field::Empty;
use tracing::{Instrument, trace_span};

use super::progress::Progress;
use super::{Client, RefusalPolicy, RetryNotice};
use crate::error::Error;

impl Client {
    /// [`call`](Self::call) with closures in place of a policy: `is_enough` ends the call with an
    /// error, `notice` is called before each wait.
    pub async fn call_until(
        &self,
        body: Bytes,
        refusals: RefusalPolicy,
        is_enough: &(dyn Fn(&Error) -> bool + Sync),
        notice: &(dyn Fn(RetryNotice) + Sync),
    ) -> Result<Vec<Record>, Error> {
        let shared = &self.shared;
        let number = shared.calls.fetch_add(1, Ordering::Relaxed);
        let mut progress = Progress::default();
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
            let is_confirmed = times >= shared.confirmations(&error, refusals);
            let is_enough = is_confirmed || is_enough(&error);
            if is_enough && error.refusal().is_some() {
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
            shared.counters.retries.fetch_add(1, Ordering::Relaxed);
            notice(RetryNotice {
                attempt,
                wait,
                error,
            });
            sleep(wait).await;
        }
    }
}
