//! When the next attempt may start: as the rate asked for and the rate learnt allow, and after the
//! pauses that the server asks for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::rate_controller::RateController;

/// What clocks and timers are late by is made up for.
const MAX_CATCH_UP: Duration = Duration::from_millis(2);

/// As good as never, and less than clocks can count.
const MAX_INTERVAL: Duration = Duration::from_secs(1_000_000_000);

#[derive(Debug)]
pub(crate) struct RateLimiter {
    state: Mutex<State>,
    /// Who holds it is next. The others have not yet been given a moment that a pause could make
    /// wrong.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    controller: RateController,
    next: Option<Instant>,
    /// The end of the pause that the server asked for.
    paused_until: Option<Instant>,
}

impl RateLimiter {
    /// At most `per_second` attempts a second, evenly spread; `None` for no bound but the
    /// server's.
    pub(crate) fn new(per_second: Option<f64>) -> Self {
        let most = per_second.filter(|rate| *rate > 0.0);
        Self {
            state: Mutex::new(State {
                controller: RateController::new(most.unwrap_or(f64::INFINITY)),
                next: None,
                paused_until: None,
            }),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Waits for the next free moment, and takes it.
    pub(crate) async fn acquire(&self) {
        let _turn = self.turn.lock().await;
        loop {
            let taken = self.lock().take_slot();
            let Some(moment) = taken else { return };
            sleep_until(moment).await;
        }
    }

    /// An attempt that began at `sent` was not refused.
    pub(crate) fn on_success(&self, sent: Instant) {
        self.lock().controller.on_success(sent);
    }

    /// An attempt that began at `sent` was refused because there were too many. Nobody starts
    /// before the `wait` is over that the server asks for: it is meant for the whole run.
    pub(crate) fn on_rate_limited(&self, sent: Instant, wait: Option<Duration>) {
        let mut state = self.lock();
        let paused_until = state.controller.on_rate_limited(sent, wait, Instant::now());
        state.paused_until = state.paused_until.max(Some(paused_until));
    }

    /// Nobody starts before the `wait` is over, which says nothing about the rate.
    pub(crate) fn pause(&self, wait: Duration) {
        let mut state = self.lock();
        state.paused_until = state.paused_until.max(Instant::now().checked_add(wait));
    }

    /// How long the server still wants nobody to start.
    pub(crate) fn pause_left(&self) -> Duration {
        let paused_until = self.lock().paused_until;
        paused_until.map_or(Duration::ZERO, |paused_until| paused_until - Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes this moment if it is free, else returns the next one that may be.
    fn take_slot(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let next = self.next.max(self.paused_until).unwrap_or(now);
        if now < next {
            return Some(next);
        }
        let between = Duration::try_from_secs_f64(1.0 / self.controller.at(now))
            .map_or(MAX_INTERVAL, |between| between.min(MAX_INTERVAL));
        let late = (now - next).min(MAX_CATCH_UP);
        self.next = Some(now + between - late);
        self.controller.on_sent(now);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn attempts_are_spread_evenly() {
        let limiter = RateLimiter::new(Some(4.0));
        let start = Instant::now();
        for _ in 0..9 {
            limiter.acquire().await;
        }
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept_though_timers_know_only_milliseconds() {
        for rate in [30.0, 700.0, 5_000.0] {
            let limiter = RateLimiter::new(Some(rate));
            let start = Instant::now();
            for _ in 0..=2 * rate as usize {
                limiter.acquire().await;
            }
            let seconds = start.elapsed().as_secs_f64();
            assert!((1.99..2.01).contains(&seconds), "{rate}: {seconds}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept_after_a_lull() {
        let limiter = RateLimiter::new(Some(1.0));
        limiter.acquire().await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        let start = Instant::now();
        limiter.acquire().await;
        limiter.acquire().await;
        assert!(start.elapsed() >= Duration::from_millis(990));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_next_to_nothing_is_one() {
        for rate in [1e-30, f64::MIN_POSITIVE / 2.0] {
            let limiter = RateLimiter::new(Some(rate));
            limiter.acquire().await;
            let year = Duration::from_secs(365 * 86_400);
            assert!(tokio::time::timeout(year, limiter.acquire()).await.is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_only_pauses_hold() {
        let limiter = RateLimiter::new(None);
        let start = Instant::now();
        limiter.acquire().await;
        limiter.acquire().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        limiter.on_rate_limited(start, Some(Duration::from_secs(5)));
        limiter.acquire().await;
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_for_who_waits_already() {
        let limiter = RateLimiter::new(Some(1.0));
        let start = Instant::now();
        limiter.acquire().await;
        let waiting = async {
            tokio::join!(limiter.acquire(), limiter.acquire());
        };
        tokio::join!(waiting, async {
            limiter.on_rate_limited(start, Some(Duration::from_secs(60)));
        });
        assert_eq!(start.elapsed().as_secs(), 61);
    }
}
