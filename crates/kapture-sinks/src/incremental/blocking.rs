//! Work that blocks its thread, on threads of its own: the disk, SQLite, encoding.

use std::future::pending;
use std::panic::resume_unwind;
#[cfg(any(feature = "dataset", feature = "sqlite"))]
use std::sync::{Arc, PoisonError, RwLock};
#[cfg(feature = "dataset")]
use std::thread;

use tokio::task::{JoinError, spawn_blocking};

/// Runs work that blocks its thread. It runs to its end, even if this future is dropped.
pub(crate) async fn run<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    spawn(work).await
}

/// The same, begun at once and not when the future is polled.
pub(crate) fn spawn<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> impl Future<Output = R> {
    let work = spawn_blocking(work);
    async move { finished(work.await).await }
}

/// What work has returned.
async fn finished<R>(work: Result<R, JoinError>) -> R {
    match work {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime ends, and drops this future.
            Err(_) => pending().await,
        },
    }
}

/// A value that work needs which blocks its thread. When this is dropped, it waits for the work
/// that still runs: a run that is stopped leaves nothing half-written, and no lock.
#[cfg(any(feature = "dataset", feature = "sqlite"))]
pub(crate) struct Blocking<T>(Arc<RwLock<Option<T>>>);

#[cfg(any(feature = "dataset", feature = "sqlite"))]
impl<T: Send + Sync + 'static> Blocking<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(RwLock::new(Some(value))))
    }

    /// The same as [`run`](Self::run) for work that needs much memory, on a new thread: an allocator keeps
    /// some for each of the many threads on which it was ever needed.
    #[cfg(feature = "dataset")]
    pub(crate) async fn run_apart<R: Send + 'static>(
        &self,
        work: impl FnOnce(&T) -> R + Send + 'static,
    ) -> R {
        self.run(|value| {
            thread::scope(|scope| {
                let work = scope.spawn(|| work(value)).join();
                work.unwrap_or_else(|panic| resume_unwind(panic))
            })
        })
        .await
    }

    pub(crate) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&T) -> R + Send + 'static,
    ) -> R {
        let value = Arc::clone(&self.0);
        let work = move || {
            let value = value.read().unwrap_or_else(PoisonError::into_inner);
            value.as_ref().map(work)
        };
        match run(work).await {
            Some(result) => result,
            // The value was dropped, and this future with it.
            None => pending().await,
        }
    }
}

#[cfg(any(feature = "dataset", feature = "sqlite"))]
impl<T> Drop for Blocking<T> {
    fn drop(&mut self) {
        let mut value = self.0.write().unwrap_or_else(PoisonError::into_inner);
        drop(value.take());
    }
}

#[cfg(test)]
#[cfg(any(feature = "dataset", feature = "sqlite"))]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn other_tasks_run_meanwhile() {
        let barrier = Arc::new(Barrier::new(2));
        let (waiting, other) = (Arc::clone(&barrier), Arc::clone(&barrier));
        // On the only thread of this runtime, each would wait for the other forever.
        let waiting = run(move || waiting.wait());
        let other = run(move || other.wait());
        tokio::join!(waiting, other);
    }

    #[tokio::test]
    async fn dropping_the_value_waits_for_work_that_runs() {
        let value = Blocking::new(Arc::new(AtomicBool::new(false)));
        let done = value.run(Arc::clone).await;
        let (begins, begun) = tokio::sync::oneshot::channel();
        let work = value.run(move |done| {
            begins.send(()).unwrap();
            // Long enough for the value to be dropped meanwhile, in most runs.
            (0..1_000).for_each(|_| std::thread::yield_now());
            done.store(true, Ordering::SeqCst);
        });
        tokio::select! {
            biased;
            _ = begun => {}
            () = work => {}
        }
        drop(value);
        assert!(done.load(Ordering::SeqCst));
    }

    #[tokio::test]
    #[should_panic(expected = "the work panics")]
    async fn panic_is_resumed() {
        run(|| panic!("the work panics")).await;
    }
}
