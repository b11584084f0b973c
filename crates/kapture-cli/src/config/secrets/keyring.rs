//! The keyring of the desktop, through its command: `secret-tool` of libsecret, `security` of macOS.
//!
//! A profile refers to the keyring by the `token-command` that prints the secret. A library for
//! keyrings would add a D-Bus client with some sixty crates for the same exchange.

use std::io::Write;
use std::process::{Command, Stdio};

const SERVICE: &str = "kapture";

/// The name of a secret in the keyring.
pub(crate) struct Key<'a> {
    pub(crate) profile: &'a str,
    pub(crate) host: &'a str,
    pub(crate) cm_id: u64,
}

/// The command of a keyring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    SecretTool,
    Security,
}

/// Stores a secret, and returns the command that prints it. `None` if there is no keyring, or if it
/// does not return the stored secret.
pub(crate) fn store(key: &Key<'_>, secret: &str) -> Option<Vec<String>> {
    let tools = [Tool::SecretTool, Tool::Security].into_iter();
    let mut kept = tools.filter_map(|tool| {
        tool.store(key, secret)?;
        let command = tool.lookup(key);
        (output_of(&command)?.trim() == secret).then_some(command)
    });
    kept.next()
}

/// Whether a command prints a secret that [`store`] stored.
pub(crate) fn is_ours(command: &[String]) -> bool {
    Tool::of(command).is_some()
}

/// Deletes the secret that such a command prints.
pub(crate) fn delete(command: &[String]) -> bool {
    Tool::of(command).is_some_and(|tool| {
        let item = tool.item(command).iter();
        let mut clear = Command::new(tool.program());
        let clear = clear.arg(tool.clear()).args(item).stdin(Stdio::null());
        let clear = clear.stdout(Stdio::null());
        clear.status().is_ok_and(|status| status.success())
    })
}

impl Tool {
    /// The tool of a command that prints a secret of kapture.
    fn of(command: &[String]) -> Option<Self> {
        let [program, action, flag, service, _, ..] = command else {
            return None;
        };
        match [program, action, flag, service].map(String::as_str) {
            ["secret-tool", "lookup", "service", SERVICE] => Some(Self::SecretTool),
            ["security", "find-generic-password", "-s", SERVICE] => Some(Self::Security),
            _ => None,
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::SecretTool => "secret-tool",
            Self::Security => "security",
        }
    }

    fn clear(self) -> &'static str {
        match self {
            Self::SecretTool => "clear",
            Self::Security => "delete-generic-password",
        }
    }

    /// Passes the secret through a pipe, since every process can read arguments.
    fn store(self, key: &Key<'_>, secret: &str) -> Option<()> {
        let label = format!("kapture, profile {}", key.profile);
        let (arguments, text) = match self {
            Self::SecretTool => {
                let mut arguments = vec!["store".to_owned(), "--label".to_owned(), label];
                arguments.extend(self.lookup(key).split_off(2));
                (arguments, secret.to_owned())
            }
            // The tool reads whole commands, and hexadecimal needs no quoting.
            Self::Security => {
                let hexadecimal: String =
                    secret.bytes().map(|byte| format!("{byte:02x}")).collect();
                let account = account(key);
                let line = format!(
                    "add-generic-password -U -s {SERVICE} -a {account} -l \"{label}\" -X {hexadecimal}\n"
                );
                (vec!["-i".to_owned()], line)
            }
        };
        let mut child = Command::new(self.program())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let written = child.stdin.take()?.write_all(text.as_bytes());
        (child.wait().ok()?.success() && written.is_ok()).then_some(())
    }

    /// The command that prints the secret.
    fn lookup(self, key: &Key<'_>) -> Vec<String> {
        let cm_id = key.cm_id.to_string();
        let account = account(key);
        let words: &[&str] = match self {
            Self::SecretTool => &[
                "secret-tool",
                "lookup",
                "service",
                SERVICE,
                "profile",
                key.profile,
                "host",
                key.host,
                "account",
                &cm_id,
            ],
            Self::Security => &[
                "security",
                "find-generic-password",
                "-s",
                SERVICE,
                "-a",
                &account,
                "-w",
            ],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// The arguments of a command that identify the secret.
    fn item(self, command: &[String]) -> &[String] {
        match self {
            Self::SecretTool => &command[2..],
            Self::Security => &command[2..command.len().min(6)],
        }
    }
}

/// The account name in the keychain. No part has blanks.
fn account(key: &Key<'_>) -> String {
    format!("{}/{}/{}", key.profile, key.host, key.cm_id)
}

fn output_of(command: &[String]) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()
}
