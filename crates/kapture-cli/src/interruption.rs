//! Ctrl-C and the other ways to ask for an end.

use tokio::signal::ctrl_c;

/// Comes back when the user or the system asks to stop. Whoever asks a second time is not kept
/// waiting: what is written can be interrupted at any instant.
pub(crate) async fn interrupted() {
    asked_to_stop().await;
    tokio::spawn(async {
        asked_to_stop().await;
        std::process::exit(130);
    });
}

async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut terminate), Ok(mut hang_up)) = (
            signal(SignalKind::terminate()),
            signal(SignalKind::hangup()),
        ) {
            tokio::select! {
                _ = ctrl_c() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            return;
        }
    }
    let _ = ctrl_c().await;
}
