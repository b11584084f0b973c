//! How many calls run at once: never more than is known to be good for the server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::limit::{Limit, Member};

#[derive(Debug)]
pub(crate) struct Concurrency {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    limit: Limit,
    in_flight: usize,
}

/// The right to have one call in flight.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    concurrency: &'a Concurrency,
    member: Member,
}

impl Concurrency {
    /// At most `most` at once, at least one.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            state: Mutex::new(State {
                limit: Limit::new(most.max(1) as f64),
                in_flight: 0,
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
        if state.in_flight as f64 + 1.0 > state.limit.at(Instant::now()) {
            return None;
        }
        state.in_flight += 1;
        let member = state.limit.begin();
        Some(Permit {
            concurrency: self,
            member,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The call went well, and took so long.
    pub(crate) fn went_well(&self, latency: Duration) {
        let mut state = self.concurrency.lock();
        state.limit.went_well(self.member, latency);
        drop(state);
        // There may be room for one more than leaves.
        self.concurrency.freed.notify_one();
    }

    /// The call met a server that could not cope.
    pub(crate) fn failed(&self) {
        let mut state = self.concurrency.lock();
        state.limit.failed(self.member, Instant::now());
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.concurrency.lock();
        state.in_flight -= 1;
        state.limit.end(self.member, Instant::now());
        drop(state);
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
    fn one_call_is_always_allowed() {
        let concurrency = Concurrency::new(0);
        for _ in 0..100 {
            concurrency.try_enter().unwrap().failed();
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
