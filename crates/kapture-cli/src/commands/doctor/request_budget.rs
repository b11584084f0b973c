//! A transport with a budget of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kapture_transport::{Request, Response, Transport, TransportError};
use tokio::sync::Notify;

/// Sends as many requests as the budget allows. A further request never completes, and
/// [`within`](Self::within) returns `None` instead.
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
    /// An empty budget.
    pub(super) fn new(transport: impl Transport + 'static) -> Self {
        Self {
            shared: Arc::new(Shared {
                transport: Box::new(transport),
                left: AtomicUsize::new(0),
                spent: Notify::new(),
            }),
        }
    }

    /// Runs `work` with a budget of `requests`. `None` if it needs more.
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
