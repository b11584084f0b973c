//! When the next attempt may start: the rate asked for, and the pauses that the server asks for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

#[derive(Debug)]
pub(crate) struct Pace {
    /// Zero when no rate is asked for.
    between: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// At most `per_second` attempts a second, evenly spread; `None` for no bound.
    pub(crate) fn new(per_second: Option<f64>) -> Self {
        let between = per_second
            .filter(|rate| *rate > 0.0)
            .and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok())
            .unwrap_or_default();
        Self {
            between,
            next: Mutex::new(None),
        }
    }

    /// Waits for the next free moment, and takes it.
    pub(crate) async fn wait(&self) {
        let moment = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let moment = next.unwrap_or_else(Instant::now).max(Instant::now());
            *next = Some(moment + self.between);
            moment
        };
        sleep_until(moment).await;
    }

    /// Nobody starts before `moment`: one `Retry-After` is meant for the whole run.
    pub(crate) fn pause_until(&self, moment: Instant) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = Some(next.map_or(moment, |before| before.max(moment)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn attempts_are_spread_evenly() {
        let pace = Pace::new(Some(4.0));
        let start = Instant::now();
        for _ in 0..9 {
            pace.wait().await;
        }
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_only_pauses_hold() {
        let pace = Pace::new(None);
        let start = Instant::now();
        pace.wait().await;
        pace.wait().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        pace.pause_until(start + Duration::from_secs(5));
        pace.wait().await;
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }
}
