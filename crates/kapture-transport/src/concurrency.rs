//! How many calls run at once: found by the run itself.
//!
//! Additive increase, multiplicative decrease (AIMD, as in TCP's congestion avoidance) with a
//! slow start: one more for each good answer until something goes wrong for the first time, from
//! then on one more for each full round of good answers; half at every sign of overload.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Concurrency {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    limit: f64,
    most: f64,
    in_flight: usize,
    slow_start: bool,
    /// Calls that began before the last decrease say nothing about the limit that came after it.
    generation: u64,
}

/// The right to have one call in flight.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    concurrency: &'a Concurrency,
    generation: u64,
}

const FIRST: usize = 4;

impl Concurrency {
    /// At most `most` at once, at least one.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            state: Mutex::new(State {
                limit: most.min(FIRST) as f64,
                most: most as f64,
                in_flight: 0,
                slow_start: true,
                generation: 0,
            }),
            freed: Notify::new(),
        }
    }

    /// Waits for a place.
    pub(crate) async fn enter(&self) -> Permit<'_> {
        loop {
            let freed = self.freed.notified();
            if let Some(permit) = self.try_enter() {
                return permit;
            }
            freed.await;
        }
    }

    fn try_enter(&self) -> Option<Permit<'_>> {
        let mut state = self.lock();
        if state.in_flight as f64 + 1.0 > state.limit {
            return None;
        }
        state.in_flight += 1;
        Some(Permit {
            concurrency: self,
            generation: state.generation,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn limit(&self) -> usize {
        self.lock().limit as usize
    }
}

impl Permit<'_> {
    /// The call went well.
    pub(crate) fn went_well(&self) {
        let mut state = self.concurrency.lock();
        let step = if state.slow_start {
            1.0
        } else {
            1.0 / state.limit
        };
        state.limit = (state.limit + step).min(state.most);
        drop(state);
        self.concurrency.freed.notify_one();
    }

    /// The server showed that it is asked for too much.
    pub(crate) fn overloaded(&self) {
        let mut state = self.concurrency.lock();
        if self.generation == state.generation {
            state.limit = (state.limit / 2.0).max(1.0);
            state.slow_start = false;
            state.generation += 1;
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.concurrency.lock().in_flight -= 1;
        self.concurrency.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_the_limit_are_in_flight() {
        let concurrency = Concurrency::new(3);
        let held: Vec<_> = std::iter::from_fn(|| concurrency.try_enter()).collect();
        assert_eq!(held.len(), 3);
        drop(held);
        assert!(concurrency.try_enter().is_some());
    }

    #[test]
    fn good_answers_raise_it_and_overload_halves_it_once_for_a_burst() {
        let concurrency = Concurrency::new(64);
        for _ in 0..100 {
            concurrency.try_enter().unwrap().went_well();
        }
        assert_eq!(concurrency.limit(), 64);
        let burst: Vec<_> = std::iter::from_fn(|| concurrency.try_enter()).collect();
        burst.iter().for_each(Permit::overloaded);
        drop(burst);
        assert_eq!(concurrency.limit(), 32);
        // After the first trouble a whole round of good answers brings one more.
        for _ in 0..33 {
            concurrency.try_enter().unwrap().went_well();
        }
        assert_eq!(concurrency.limit(), 33);
    }

    #[test]
    fn one_call_is_always_allowed() {
        let concurrency = Concurrency::new(0);
        for _ in 0..5 {
            concurrency.try_enter().unwrap().overloaded();
        }
        assert!(concurrency.try_enter().is_some());
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let concurrency = Concurrency::new(1);
        let first = concurrency.enter().await;
        let (second, ()) = tokio::join!(concurrency.enter(), async { drop(first) });
        drop(second);
    }
}
