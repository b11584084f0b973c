//! Ctrl-C and the other ways to ask for an end.

use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

/// Listens from now on, and comes back when the user or the system asks to stop. Whoever asks a
/// second time is not kept waiting: what is written can be interrupted at any instant.
pub(crate) fn interrupted() -> impl Future<Output = ()> {
    let (unready, ready) = mpsc::channel::<()>();
    let (asked, first) = oneshot::channel();
    // A thread with a runtime of its own: a pipe that nobody reads or a database that is locked may
    // keep any other one waiting.
    let thread = thread::Builder::new().name("interruption".into());
    // Where there can be none, nobody listens, and the system ends the process at the first request.
    let _ = thread.spawn(move || listen(unready, asked));
    // Nothing is sent: the channel closes when the thread listens, or if it never will.
    let _ = ready.recv();
    async move {
        if first.await.is_err() {
            std::future::pending().await
        }
    }
}

/// Tells of the first request, and ends the process at the second.
fn listen(unready: mpsc::Sender<()>, asked: oneshot::Sender<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    let Ok(runtime) = runtime else {
        return;
    };
    runtime.block_on(async move {
        let mut requests = Requests::listen();
        drop(unready);
        requests.next().await;
        let _ = asked.send(());
        requests.next().await;
        std::process::exit(130);
    });
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
