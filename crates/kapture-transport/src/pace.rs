//! When the next attempt may start: as the rate asked for and the rate learnt allow, and after the
//! pauses that the server asks for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::rate::Rate;

/// What clocks and timers are late by is made up for.
const LATE: Duration = Duration::from_millis(2);

/// As good as never, and less than clocks can count.
const LONGEST: Duration = Duration::from_secs(1_000_000_000);

#[derive(Debug)]
pub(crate) struct Pace {
    state: Mutex<State>,
    /// Who holds it is next. The others have not yet been given a moment that a pause could make
    /// wrong.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    rate: Rate,
    next: Option<Instant>,
    /// The end of the pause that the server asked for.
    go_on: Option<Instant>,
}

impl Pace {
    /// At most `per_second` attempts a second, evenly spread; `None` for no bound but the
    /// server's.
    pub(crate) fn new(per_second: Option<f64>) -> Self {
        let most = per_second.filter(|rate| *rate > 0.0);
        Self {
            state: Mutex::new(State {
                rate: Rate::new(most.unwrap_or(f64::INFINITY)),
                next: None,
                go_on: None,
            }),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Waits for the next free moment, and takes it.
    pub(crate) async fn wait(&self) {
        let _turn = self.turn.lock().await;
        loop {
            let taken = self.lock().take_moment();
            let Some(moment) = taken else { return };
            sleep_until(moment).await;
        }
    }

    /// An attempt that began at `sent` was not refused.
    pub(crate) fn answered(&self, sent: Instant) {
        self.lock().rate.answered(sent);
    }

    /// An attempt that began at `sent` was refused because there were too many. Nobody starts
    /// before the `wait` is over that the server asks for: it is meant for the whole run.
    pub(crate) fn refused(&self, sent: Instant, wait: Option<Duration>) {
        let mut state = self.lock();
        let go_on = state.rate.refused(sent, wait, Instant::now());
        state.go_on = state.go_on.max(Some(go_on));
    }

    /// Nobody starts before the `wait` is over, which says nothing about the rate.
    pub(crate) fn pause(&self, wait: Duration) {
        let mut state = self.lock();
        state.go_on = state.go_on.max(Instant::now().checked_add(wait));
    }

    /// How long the server still wants nobody to start.
    pub(crate) fn pause_left(&self) -> Duration {
        let go_on = self.lock().go_on;
        go_on.map_or(Duration::ZERO, |go_on| go_on - Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes this moment if it is free, else returns the next one that may be.
    fn take_moment(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let next = self.next.max(self.go_on).unwrap_or(now);
        if now < next {
            return Some(next);
        }
        let between = Duration::try_from_secs_f64(1.0 / self.rate.at(now))
            .map_or(LONGEST, |between| between.min(LONGEST));
        let late = (now - next).min(LATE);
        self.next = Some(now + between - late);
        self.rate.sent(now);
        None
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
    async fn a_rate_is_kept_though_timers_know_only_milliseconds() {
        for rate in [30.0, 700.0, 5_000.0] {
            let pace = Pace::new(Some(rate));
            let start = Instant::now();
            for _ in 0..=2 * rate as usize {
                pace.wait().await;
            }
            let seconds = start.elapsed().as_secs_f64();
            assert!((1.99..2.01).contains(&seconds), "{rate}: {seconds}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept_after_a_lull() {
        let pace = Pace::new(Some(1.0));
        pace.wait().await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        let start = Instant::now();
        pace.wait().await;
        pace.wait().await;
        assert!(start.elapsed() >= Duration::from_millis(990));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_next_to_nothing_is_one() {
        for rate in [1e-30, f64::MIN_POSITIVE / 2.0] {
            let pace = Pace::new(Some(rate));
            pace.wait().await;
            let year = Duration::from_secs(365 * 86_400);
            assert!(tokio::time::timeout(year, pace.wait()).await.is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_only_pauses_hold() {
        let pace = Pace::new(None);
        let start = Instant::now();
        pace.wait().await;
        pace.wait().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        pace.refused(start, Some(Duration::from_secs(5)));
        pace.wait().await;
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_for_who_waits_already() {
        let pace = Pace::new(Some(1.0));
        let start = Instant::now();
        pace.wait().await;
        let waiting = async {
            tokio::join!(pace.wait(), pace.wait());
        };
        tokio::join!(waiting, async {
            pace.refused(start, Some(Duration::from_secs(60)));
        });
        assert_eq!(start.elapsed().as_secs(), 61);
    }
}
