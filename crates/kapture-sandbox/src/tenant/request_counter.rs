//! The number of requests that a tenant has received, for tests that wait for one.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::tenant::Tenant;

#[derive(Debug, Default)]
pub(super) struct RequestCounter {
    count: Mutex<u64>,
    counted: Condvar,
}

impl RequestCounter {
    /// Counts a request, and returns its number.
    pub(super) fn next(&self) -> u64 {
        let mut count = self.count();
        *count += 1;
        self.counted.notify_all();
        *count
    }

    pub(super) fn count(&self) -> MutexGuard<'_, u64> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tenant {
    /// Blocks until so many requests have been received, but no longer than `at_most`. Returns whether they have.
    ///
    /// ```
    /// use std::time::Duration;
    /// use kapture_sandbox::Tenant;
    ///
    /// let tenant = Tenant::demo();
    /// assert!(tenant.wait_for_requests(0, Duration::MAX));
    /// assert!(!tenant.wait_for_requests(1, Duration::ZERO));
    /// ```
    pub fn wait_for_requests(&self, count: u64, at_most: Duration) -> bool {
        let counter = &self.requests;
        let waited = counter
            .counted
            .wait_timeout_while(counter.count(), at_most, |received| *received < count);
        let (received, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *received >= count
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::Request;

    #[test]
    fn a_thread_waits_for_a_request_of_another() {
        let tenant = Tenant::demo();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| tenant.wait_for_requests(2, Duration::MAX));
            tenant.answer(&Request::search(b"{}"));
            tenant.answer(&Request::search(b"{}"));
            assert!(waiting.join().expect("it ends"));
        });
        assert_eq!(tenant.request_count(), 2);
    }
}
