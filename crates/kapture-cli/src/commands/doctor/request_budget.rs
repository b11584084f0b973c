//! A transport that sends no more requests than it is allowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kapture_transport::{Request, Response, Transport, TransportError};
use tokio::sync::Notify;

/// Passes on as many requests as were allowed. Any further one waits for ever, and whoever is
/// [`within`](Self::within) the allowance is told instead.
#[derive(Clone)]
pub(super) struct RequestBudget {
    shared: Arc<Shared>,
}

struct Shared {
    transport: Box<dyn Transport>,
    left: AtomicUsize,
    spent: Notify,
}

impl RequestBudget {
    /// Nothing is allowed yet.
    pub(super) fn new(transport: impl Transport + 'static) -> Self {
        Self {
            shared: Arc::new(Shared {
                transport: Box::new(transport),
                left: AtomicUsize::new(0),
                spent: Notify::new(),
            }),
        }
    }

    /// What `work` comes to with at most so many requests; `None` if they are not enough.
    pub(super) async fn within<T>(
        &self,
        requests: usize,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        self.shared.left.store(requests, Ordering::Relaxed);
        tokio::select! {
            biased;
            outcome = work => Some(outcome),
            () = self.shared.spent.notified() => None,
        }
    }

    fn take(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        let left = &self.shared.left;
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
    }
}

#[async_trait::async_trait]
impl Transport for RequestBudget {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        if !self.take() {
            self.shared.spent.notify_waiters();
            return std::future::pending().await;
        }
        self.shared.transport.send(request).await
    }
}
