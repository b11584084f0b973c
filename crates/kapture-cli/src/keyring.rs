//! The keyring of the desktop, through the command that comes with it: `secret-tool` of libsecret.
//!
//! What prints a secret from there is a command like any other, so a profile names it as its
//! `token-command`, and nothing else has to know of keyrings. A library would bring a D-Bus client
//! with some sixty crates for the same exchange.

use std::io::Write;
use std::process::{Command, Stdio};

const PROGRAM: &str = "secret-tool";
const SERVICE: [&str; 2] = ["service", "kapture"];

/// Under which name a secret is kept.
pub(crate) struct Key<'a> {
    pub(crate) profile: &'a str,
    pub(crate) host: &'a str,
    pub(crate) cm_id: u64,
}

/// Keeps a secret, and gives the command that prints it. `None` where there is no keyring, or none
/// that gives back what it was given.
pub(crate) fn keep(key: &Key<'_>, secret: &str) -> Option<Vec<String>> {
    let attributes = attributes(key);
    let label = format!("kapture, profile {}", key.profile);
    let mut child = Command::new(PROGRAM)
        .args(["store", "--label", &label])
        .args(&attributes)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    // Through a pipe: arguments are for everybody to read.
    let written = child.stdin.take()?.write_all(secret.as_bytes());
    let stored = child.wait().ok()?.success() && written.is_ok();
    let command = [vec![PROGRAM.to_owned(), "lookup".to_owned()], attributes].concat();
    (stored && printed(&command)?.trim() == secret).then_some(command)
}

/// Whether a command is one that prints what [`keep`] kept.
pub(crate) fn is_ours(command: &[String]) -> bool {
    matches!(command, [program, action, service @ ..]
        if program == PROGRAM && action == "lookup" && service.starts_with(&SERVICE.map(str::to_owned)))
}

/// Removes what such a command prints.
pub(crate) fn forget(command: &[String]) -> bool {
    let attributes = command.get(2..).unwrap_or_default();
    let mut clear = Command::new(PROGRAM);
    let clear = clear.arg("clear").args(attributes).stdin(Stdio::null());
    clear.status().is_ok_and(|status| status.success())
}

fn attributes(key: &Key<'_>) -> Vec<String> {
    let account = key.cm_id.to_string();
    let further = [
        "profile",
        key.profile,
        "host",
        key.host,
        "account",
        &account,
    ];
    SERVICE
        .into_iter()
        .chain(further)
        .map(str::to_owned)
        .collect()
}

fn printed(command: &[String]) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()
}
