//! A rate limiter: spaces the attempts evenly, and holds them back while the server asks for a
//! pause.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::rate_controller::RateController;

/// How much lateness of timers is made up for, so that the rate is met though they are coarse.
const MAX_CATCH_UP: Duration = Duration::from_millis(2);

/// The longest interval between attempts: longer ones overflow clocks.
const MAX_INTERVAL: Duration = Duration::from_secs(1_000_000_000);

#[derive(Debug)]
pub(crate) struct RateLimiter {
    state: Mutex<State>,
    /// Serialises the waiting attempts: only the first one has a slot, which a pause can move.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    controller: RateController,
    /// When the next slot begins.
    next: Option<Instant>,
    /// The end of the pause that the server asked for.
    paused_until: Option<Instant>,
}

impl RateLimiter {
    /// At most `per_second` attempts a second, evenly spaced. `None`: only the server's limit.
    pub(crate) fn new(per_second: Option<f64>) -> Self {
        let max = per_second.filter(|rate| *rate > 0.0);
        Self {
            state: Mutex::new(State {
                controller: RateController::new(max.unwrap_or(f64::INFINITY)),
                next: None,
                paused_until: None,
            }),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Waits for the next free slot, and takes it.
    pub(crate) async fn acquire(&self) {
        let _turn = self.turn.lock().await;
        loop {
            let Some(next) = self.lock().take_slot() else {
                return;
            };
            sleep_until(next).await;
        }
    }

    /// An attempt sent at `sent` was answered.
    pub(crate) fn on_success(&self, sent: Instant) {
        self.lock().controller.on_success(sent);
    }

    /// An attempt sent at `sent` was answered with HTTP 429. The pause holds back every attempt,
    /// because the limit is that of the whole run.
    pub(crate) fn on_rate_limited(&self, sent: Instant, wait: Option<Duration>) {
        let mut state = self.lock();
        let paused_until = state.controller.on_rate_limited(sent, wait, Instant::now());
        state.paused_until = state.paused_until.max(Some(paused_until));
    }

    /// An attempt sent at `sent` was answered with HTTP 403, though others were answered before: a firewall
    /// bans clients that are too fast.
    pub(crate) fn on_banned(&self, sent: Instant) {
        let mut state = self.lock();
        let paused_until = state.controller.on_banned(sent, Instant::now());
        state.paused_until = state.paused_until.max(Some(paused_until));
    }

    /// Holds back every attempt for `wait`, without a change of the rate.
    pub(crate) fn pause(&self, wait: Duration) {
        let mut state = self.lock();
        state.paused_until = state.paused_until.max(Instant::now().checked_add(wait));
    }

    /// What is left of the pause.
    pub(crate) fn pause_left(&self) -> Duration {
        let paused_until = self.lock().paused_until;
        paused_until.map_or(Duration::ZERO, |paused_until| paused_until - Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the slot if it has begun, else returns when it will begin.
    fn take_slot(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let next = self.next.max(self.paused_until).unwrap_or(now);
        if now < next {
            return Some(next);
        }
        let interval = Duration::try_from_secs_f64(1.0 / self.controller.rate(now))
            .map_or(MAX_INTERVAL, |interval| interval.min(MAX_INTERVAL));
        let late = (now - next).min(MAX_CATCH_UP);
        self.next = Some(now + interval - late);
        self.controller.on_sent(now);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn attempts_are_evenly_spaced() {
        let limiter = RateLimiter::new(Some(4.0));
        let start = Instant::now();
        for _ in 0..9 {
            limiter.acquire().await;
        }
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn rate_is_met_with_timers_of_milliseconds() {
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
    async fn unused_slots_are_not_made_up_for() {
        let limiter = RateLimiter::new(Some(1.0));
        limiter.acquire().await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        let start = Instant::now();
        limiter.acquire().await;
        limiter.acquire().await;
        assert!(start.elapsed() >= Duration::from_millis(990));
    }

    #[tokio::test(start_paused = true)]
    async fn tiny_rate_allows_one_attempt() {
        for rate in [1e-30, f64::MIN_POSITIVE / 2.0] {
            let limiter = RateLimiter::new(Some(rate));
            limiter.acquire().await;
            let year = Duration::from_secs(365 * 86_400);
            assert!(tokio::time::timeout(year, limiter.acquire()).await.is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_only_pauses_hold_attempts_back() {
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
    async fn pause_holds_back_attempts_that_already_wait() {
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
