//! Ctrl-C and the other ways to ask for an end.

/// Listens from now on, and comes back when the user or the system asks to stop. Whoever asks a
/// second time is not kept waiting: what is written can be interrupted at any instant.
pub(crate) fn interrupted() -> impl Future<Output = ()> {
    let mut requests = Requests::listen();
    async move {
        requests.next().await;
        tokio::spawn(async move {
            requests.next().await;
            std::process::exit(130);
        });
    }
}

#[cfg(unix)]
struct Requests(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Requests {
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        // Not for a terminal that hangs up: `nohup` has this ignored, and listening would undo it.
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
        Self(
            kinds
                .into_iter()
                .filter_map(|kind| signal(kind).ok())
                .collect(),
        )
    }

    async fn next(&mut self) {
        let any = self.0.iter_mut().map(|signal| Box::pin(signal.recv()));
        if any.len() == 0 {
            return std::future::pending().await;
        }
        futures_util::future::select_all(any).await;
    }
}

#[cfg(not(unix))]
struct Requests;

#[cfg(not(unix))]
impl Requests {
    fn listen() -> Self {
        Self
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
