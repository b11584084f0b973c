//! Bounds the calls in flight by a limit that adapts to the server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::concurrency_controller::{ConcurrencyController, RoundMember};

/// A semaphore whose number of permits is the limit of a [`ConcurrencyController`].
#[derive(Debug)]
pub(crate) struct AdaptiveSemaphore {
    state: Mutex<State>,
    /// Notified when a permit may have become free.
    freed: Notify,
}

#[derive(Debug)]
struct State {
    controller: ConcurrencyController,
    in_flight: usize,
}

/// The right to have one call in flight.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    semaphore: &'a AdaptiveSemaphore,
    member: RoundMember,
}

impl AdaptiveSemaphore {
    /// At most `max` permits, and at least one.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            state: Mutex::new(State {
                controller: ConcurrencyController::new(max.max(1) as f64),
                in_flight: 0,
            }),
            freed: Notify::new(),
        }
    }

    /// Waits for a permit.
    pub(crate) async fn acquire(&self) -> Permit<'_> {
        loop {
            let freed = self.freed.notified();
            if let Some(permit) = self.try_acquire() {
                return permit;
            }
            freed.await;
        }
    }

    fn try_acquire(&self) -> Option<Permit<'_>> {
        let mut state = self.lock();
        if state.in_flight as f64 + 1.0 > state.controller.limit(Instant::now()) {
            return None;
        }
        state.in_flight += 1;
        let member = state.controller.on_start();
        Some(Permit {
            semaphore: self,
            member,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The call succeeded after `latency`.
    pub(crate) fn on_success(&self, latency: Duration) {
        let mut state = self.semaphore.lock();
        state.controller.on_success(self.member, latency);
        drop(state);
        // Slow start frees one permit more than the one that is about to be dropped.
        self.semaphore.freed.notify_one();
    }

    /// The call failed in a way that may mean overload.
    pub(crate) fn on_overload(&self) {
        let mut state = self.semaphore.lock();
        state.controller.on_overload(self.member, Instant::now());
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.semaphore.lock();
        state.in_flight -= 1;
        state.controller.on_end(self.member, Instant::now());
        drop(state);
        self.semaphore.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_end_at_the_limit() {
        let semaphore = AdaptiveSemaphore::new(3);
        let held: Vec<_> = std::iter::from_fn(|| semaphore.try_acquire()).collect();
        assert_eq!(held.len(), 3);
        drop(held);
        assert!(semaphore.try_acquire().is_some());
    }

    #[test]
    fn one_permit_is_always_left_after_overload() {
        let semaphore = AdaptiveSemaphore::new(0);
        for _ in 0..100 {
            semaphore.try_acquire().unwrap().on_overload();
        }
        assert!(semaphore.try_acquire().is_some());
    }

    #[tokio::test]
    async fn waiting_call_gets_a_dropped_permit() {
        let semaphore = AdaptiveSemaphore::new(1);
        let first = semaphore.acquire().await;
        let (second, ()) = tokio::join!(semaphore.acquire(), async { drop(first) });
        drop(second);
    }
}
