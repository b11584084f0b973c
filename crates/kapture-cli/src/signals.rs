//! Signals that stop a run: SIGINT (Ctrl-C), SIGTERM, SIGQUIT (Ctrl-\) and SIGHUP.

use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

/// A signal that asks a run to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT or Ctrl-C.
    Interrupt,
    /// SIGTERM.
    #[cfg(unix)]
    Terminate,
    /// SIGQUIT or Ctrl-\.
    #[cfg(unix)]
    Quit,
    /// SIGHUP: the terminal was closed.
    #[cfg(unix)]
    Hangup,
}

impl Signal {
    /// 128 and the number of the signal, as shells report it.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            #[cfg(unix)]
            Self::Terminate => 143,
            #[cfg(unix)]
            Self::Quit => 131,
            #[cfg(unix)]
            Self::Hangup => 129,
        }
    }

    /// What happened to the run.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupted",
            #[cfg(unix)]
            Self::Terminate => "terminated",
            #[cfg(unix)]
            Self::Quit => "quit",
            #[cfg(unix)]
            Self::Hangup => "hung up: the terminal was closed",
        }
    }
}

/// Listens from the call on, and resolves at the first signal. The second one ends the process at
/// once: sinks tolerate a kill at any instant. Both may come at the same time, as from `timeout`, which
/// signals the process and its group.
pub(crate) fn stop_signal() -> impl Future<Output = Signal> {
    let (unready, ready) = mpsc::channel::<()>();
    let (sender, first) = oneshot::channel();
    // A thread with a runtime of its own, since a full pipe or a locked database can block the
    // threads of the main runtime.
    let thread = thread::Builder::new().name("signals".into());
    // Without the thread the default action of the system ends the process at the first signal.
    let _ = thread.spawn(move || listen(unready, sender));
    // Nothing is sent: the channel closes when the thread listens or fails.
    let _ = ready.recv();
    async move {
        match first.await {
            Ok(signal) => signal,
            Err(_) => std::future::pending().await,
        }
    }
}

/// Reports the first signal, and ends the process at the second.
fn listen(unready: mpsc::Sender<()>, first: oneshot::Sender<Signal>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    let Ok(runtime) = runtime else {
        return;
    };
    runtime.block_on(async move {
        let mut signals = Signals::listen();
        drop(unready);
        let _ = first.send(signals.next().await);
        let second = signals.next().await;
        kapture_sinks::remove_temporary_files();
        std::process::exit(second.exit_code().into());
    });
}

#[cfg(unix)]
struct Signals(Vec<(Signal, tokio::signal::unix::Signal)>);

#[cfg(unix)]
impl Signals {
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let mut kinds = vec![
            (Signal::Interrupt, SignalKind::interrupt()),
            (Signal::Terminate, SignalKind::terminate()),
            (Signal::Quit, SignalKind::quit()),
        ];
        // `nohup` ignores SIGHUP for its command, and a handler would undo that.
        if !ignores_hangup() {
            kinds.push((Signal::Hangup, SignalKind::hangup()));
        }
        let streams = kinds
            .into_iter()
            .filter_map(|(name, kind)| Some((name, signal(kind).ok()?)));
        Self(streams.collect())
    }

    async fn next(&mut self) -> Signal {
        let any = self.0.iter_mut().map(|(name, signal)| {
            Box::pin(async {
                signal.recv().await;
                *name
            })
        });
        if any.len() == 0 {
            return std::future::pending().await;
        }
        futures_util::future::select_all(any).await.0
    }
}

/// Makes a write fail where a file would become larger than the limit of `ulimit -f`: SIGXFSZ would end
/// the process without a word. Called within a runtime.
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub(crate) fn fail_at_file_size_limit() {
    use tokio::signal::unix::{SignalKind, signal};
    const SIGXFSZ: i32 = 25;
    // The handler stays when its receiver is dropped.
    drop(signal(SignalKind::from_raw(SIGXFSZ)));
}

/// The number of the signal is not the same everywhere, and Windows has none.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(crate) fn fail_at_file_size_limit() {}

/// Whether SIGHUP is ignored, as `nohup` and `trap "" HUP` have it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn ignores_hangup() -> bool {
    // The standard library offers no safe call that reads the action of a signal.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Without /proc it is safer to leave the action as it is.
    mask.is_none_or(|mask| mask & 1 == 1)
}

/// Elsewhere the action cannot be read without unsafe code, so it stays as it is.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn ignores_hangup() -> bool {
    true
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Self {
        Self
    }

    async fn next(&mut self) -> Signal {
        let _ = tokio::signal::ctrl_c().await;
        Signal::Interrupt
    }
}
