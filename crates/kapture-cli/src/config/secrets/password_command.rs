//! `token-command`: a command that prints the secret in the first line of its output.

use std::io::Read;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use kapture_model::sanitize;

use super::keyring;
use crate::error::hinted;
use crate::output::message::Message;

/// How long a command runs before a message names it.
const NOTICE_AFTER: Duration = Duration::from_secs(2);

/// How long a command may run: long enough to unlock a keyring by hand.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the command and returns the first line of its output, as `pass` prints a secret. The
/// command has no standard input. Neither messages nor errors quote its output.
pub(super) fn run(words: &[String]) -> Result<String> {
    run_bounded(words, NOTICE_AFTER, TIMEOUT)
}

fn run_bounded(words: &[String], notice_after: Duration, timeout: Duration) -> Result<String> {
    let [program, arguments @ ..] = words else {
        bail!("the command is empty");
    };
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{program}`"))?;
    let output = wait(child, program, notice_after, timeout)?;
    if !output.status.success() {
        let text = sanitize(&String::from_utf8_lossy(&output.stderr));
        let text = match text.as_str() {
            "" => format!("`{program}` failed with {}", output.status),
            message => format!("`{program}` failed with {}: {message}", output.status),
        };
        return Err(match keyring::is_ours(words) {
            true => hinted(
                text,
                "unlock the keyring, or sign in again with kapture auth login",
            ),
            false => anyhow!(text),
        });
    }
    let text = String::from_utf8(output.stdout)
        .map_err(|_| anyhow!("the output of `{program}` is not valid UTF-8"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Waits for the end of the output, prints what it waits for, and kills the command at the timeout.
fn wait(
    mut child: Child,
    program: &str,
    notice_after: Duration,
    timeout: Duration,
) -> Result<Output> {
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let (sender, done) = mpsc::channel();
    // A descendant of the command can keep the pipes open, so the threads are not joined.
    let errors = thread::spawn(move || read(stderr.as_mut()));
    thread::spawn(move || {
        let output = read(stdout.as_mut());
        let _ = sender.send((output, errors.join().unwrap_or_default()));
    });
    let mut outcome = done.recv_timeout(notice_after.min(timeout));
    if outcome == Err(RecvTimeoutError::Timeout) {
        Message::info(format!(
            "waiting for `{program}`, which is to print a secret, for at most {} s",
            timeout.as_secs()
        ))
        .print();
        outcome = done.recv_timeout(timeout.saturating_sub(notice_after));
    }
    let Ok((stdout, stderr)) = outcome else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(hinted(
            format!(
                "`{program}` did not print a secret within {} s",
                timeout.as_secs()
            ),
            "run the command by itself: it cannot prompt on standard input here",
        ));
    };
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for `{program}`"))?;
    Ok(Output {
        status,
        stdout,
        stderr,
    })
}

fn read(pipe: Option<&mut impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn output_of(script: &str, timeout: Duration) -> Result<String> {
        let words = ["sh", "-c", script].map(str::to_owned);
        run_bounded(&words, timeout, timeout)
    }

    #[test]
    fn the_secret_is_the_first_line() {
        for (script, secret) in [
            ("printf secret", "secret"),
            ("printf 'secret\\n'", "secret"),
            (
                "printf 'secret\\r\\nurl: https://acme.example\\n'",
                "secret",
            ),
            ("true", ""),
        ] {
            assert_eq!(output_of(script, TIMEOUT).unwrap(), secret, "{script}");
        }
    }

    #[test]
    fn a_command_that_does_not_end_is_killed_at_the_timeout() {
        let error = output_of("sleep 1000", Duration::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "`sh` did not print a secret within 0 s");
    }

    #[test]
    fn a_failure_quotes_standard_error_alone() {
        let error = output_of("echo secret; echo locked >&2; exit 3", TIMEOUT).unwrap_err();
        let text = error.to_string();
        assert!(text.ends_with("exit status: 3: locked"), "{text}");
    }
}
