//! What a process may use, and what it did use.

use std::process::Command;

use nix::sys::resource::{UsageWho, getrusage};

use crate::binary;

/// The most memory of any process that this one has started and that has ended, in MiB.
///
/// # Panics
/// When the kernel does not count.
pub fn peak() -> u64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel counts");
    let unit = if cfg!(target_os = "macos") {
        1 << 20
    } else {
        1 << 10
    };
    usage.max_rss() as u64 / unit
}

/// `kapture` as in `command`, such that no file can become larger than this.
///
/// # Panics
/// When the command names no folder to run in.
pub fn with_room(command: &Command, kibibytes: u32) -> Command {
    let mut limited = Command::new("sh");
    let script = "ulimit -f \"$0\"; exec \"$@\"";
    // Half a kibibyte is what `ulimit -f` counts.
    limited
        .args(["-c", script, &(2 * kibibytes).to_string()])
        .arg(binary())
        .args(command.get_args())
        .current_dir(command.get_current_dir().expect("a folder"));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited
}
