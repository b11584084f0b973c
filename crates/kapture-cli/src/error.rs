//! Why a command failed: error text, hint and exit code.

mod hints;

use std::fmt;
use std::process::ExitCode;

use kapture_customers::{Days, PullError};
use kapture_sinks::SinkError;
use kapture_transport::{Endpoint, Error};
use serde_json::json;

use crate::output::message::Message;
use crate::signals::Signal;

pub(crate) use hints::names_account;

/// The exit code for differences and destinations that are too old.
const DIFFERENT: u8 = 7;

/// The hint for bugs.
const REPORT: &str =
    "please report it with the command line and the output of -v; committed days are not affected";

/// An error text with its hint, which [`CliError::usage`] prints apart.
#[derive(Debug)]
struct Hinted {
    text: String,
    hint: String,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Hinted {}

/// An error with a hint.
pub(crate) fn hinted(text: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    let (text, hint) = (text.into(), hint.into());
    Hinted { text, hint }.into()
}

/// The same error in one line, with a prefix such as the option that it concerns.
pub(crate) fn prefixed(prefix: &str, error: anyhow::Error) -> anyhow::Error {
    let text = format!("{prefix}: {error:#}");
    match error.downcast_ref::<Hinted>() {
        Some(inner) => hinted(text, &inner.hint),
        None => anyhow::Error::msg(text),
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct CliError {
    code: u8,
    /// `None` if nothing is printed.
    error: Option<anyhow::Error>,
    hint: Option<String>,
    /// The days that it concerns, for machines.
    days: Days,
}

impl CliError {
    /// Wrong usage or configuration.
    pub(crate) fn usage(error: anyhow::Error) -> Self {
        let hint = error
            .downcast_ref()
            .map(|error: &Hinted| error.hint.clone());
        Self {
            hint,
            ..Self::new(2, error)
        }
    }

    /// A file that cannot be written.
    pub(crate) fn write_failed(error: impl Into<anyhow::Error>) -> Self {
        Self::new(6, error.into())
    }

    /// An unexpected failure.
    pub(crate) fn unexpected(error: impl Into<anyhow::Error>) -> Self {
        Self::new(1, error.into())
    }

    /// Stopped by a signal.
    pub(crate) fn stopped(signal: Signal) -> Self {
        Self::new(signal.exit_code(), anyhow::anyhow!(signal.name()))
    }

    /// The destination failed.
    pub(crate) fn sink(error: SinkError) -> Self {
        match error {
            // The reader of standard output closed it, which is no failure.
            SinkError::Closed => Self {
                code: 0,
                error: None,
                hint: None,
                days: Days::default(),
            },
            error @ (SinkError::CountMismatch { .. } | SinkError::UnexpectedDay { .. }) => {
                Self::unexpected(error).hint(REPORT)
            }
            error => Self {
                hint: hints::sink(&error),
                ..Self::new(6, error.into())
            },
        }
    }

    /// A state that only a bug in this program can cause.
    pub(crate) fn bug(what: String) -> Self {
        Self::unexpected(anyhow::anyhow!("{what}: this is a bug of kapture")).hint(REPORT)
    }

    /// Days differ from the server.
    pub(crate) fn differences(days: usize, hint: String) -> Self {
        let verb = if days == 1 { "differs" } else { "differ" };
        let days = crate::output::summary::counted(days as u64, "day");
        Self {
            hint: Some(hint),
            ..Self::new(
                DIFFERENT,
                anyhow::anyhow!("{days} {verb} from what the server holds now"),
            )
        }
    }

    /// A destination holds data that is in no day of its ledger.
    pub(crate) fn strays(destination: String) -> Self {
        let text = format!("{destination} holds data that belongs to no day of its ledger");
        Self::new(DIFFERENT, anyhow::Error::msg(text)).hint(
            "programs that read the destination take it for customers: remove what is named above, or pull its day with --from and --to",
        )
    }

    /// Days of a destination are too old.
    pub(crate) fn not_up_to_date(text: String, hint: String) -> Self {
        Self::new(DIFFERENT, anyhow::Error::msg(text)).hint(hint)
    }

    /// The exit code for differences, if printing a difference failed because the reader closed the
    /// output.
    pub(crate) fn after_a_difference(self) -> Self {
        match self.error {
            None => Self {
                code: DIFFERENT,
                ..self
            },
            Some(_) => self,
        }
    }

    /// The pull, or a day of it, failed.
    pub(crate) fn pull(error: PullError, endpoint: Endpoint) -> Self {
        Self {
            hint: Some(hints::pull(&error, endpoint)),
            ..Self::new(exit_code(&error), error.into())
        }
    }

    /// A single call failed.
    pub(crate) fn call(error: Error, endpoint: Endpoint) -> Self {
        Self {
            hint: Some(hints::call(&error, endpoint)),
            ..Self::new(call_exit_code(&error), error.into())
        }
    }

    fn new(code: u8, error: anyhow::Error) -> Self {
        Self {
            code,
            error: Some(error),
            hint: None,
            days: Days::default(),
        }
    }

    /// Adds context, such as the day that the error concerns.
    pub(crate) fn context(mut self, text: String) -> Self {
        self.error = self.error.map(|error| error.context(text));
        self
    }

    /// Names the days that it concerns.
    pub(crate) fn of_days(self, days: Days) -> Self {
        Self { days, ..self }
    }

    /// Sets the hint: what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Replaces the hint if the server refused the token.
    pub(crate) fn hint_if_unauthorized(self, hint: &str) -> Self {
        let call = self.error.as_ref().and_then(|error| error.downcast_ref());
        match call.map(Error::root) {
            Some(Error::Unauthorized(_)) => self.hint(hint),
            _ => self,
        }
    }

    /// The server gave no usable answer.
    pub(crate) fn unreachable(what: String) -> Self {
        Self::new(5, anyhow::Error::msg(what))
    }

    /// The same exit code and hint with another error text.
    pub(crate) fn with_text(self, what: String) -> Self {
        Self {
            error: Some(anyhow::Error::msg(what)),
            ..self
        }
    }

    /// The error and its causes in one line; empty if nothing is printed.
    pub(crate) fn one_line(&self) -> String {
        self.error
            .as_ref()
            .map_or_else(String::new, |error| format!("{error:#}"))
    }

    /// The hint, if there is one.
    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The same exit code without a message, for an error that is printed already.
    pub(crate) fn already_printed(self) -> Self {
        Self {
            error: None,
            ..self
        }
    }

    /// Whether the summary is printed after this error.
    pub(crate) fn deserves_summary(&self) -> bool {
        self.error.is_some()
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    /// The exit code as a number.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// Prints the error, its causes and the hint on standard error.
    pub(crate) fn report(&self) {
        let Some(error) = &self.error else {
            return;
        };
        let mut message = Message::error(error.to_string());
        let causes: Vec<_> = error.chain().skip(1).map(ToString::to_string).collect();
        if !causes.is_empty() {
            message = message.with("causes", causes);
        }
        if let Some(hint) = &self.hint {
            message = message.with("hint", hint.as_str());
        }
        if !self.days.is_empty() {
            message = message.with("days", json!(self.days.iter().collect::<Vec<_>>()));
        }
        message.with("exit_code", self.code).print();
    }
}

fn exit_code(error: &PullError) -> u8 {
    match error.call_error() {
        Some(error) => call_exit_code(error),
        None => match error {
            PullError::AmbiguousEmpty { .. }
            | PullError::RefusesEverything { .. }
            | PullError::OffsetIgnored { .. }
            | PullError::OffsetCapped { .. }
            | PullError::OutsideWindow { .. }
            | PullError::InconsistentRefusal { .. }
            | PullError::InconsistentServer {
                answer: Some(_), ..
            } => 4,
            _ => 5,
        },
    }
}

fn call_exit_code(error: &Error) -> u8 {
    match error.root() {
        Error::Unauthorized(_) | Error::Forbidden(_) => 3,
        Error::Refused(_)
        | Error::NotFound(_)
        | Error::InvalidJson { .. }
        | Error::TrailingText { .. }
        | Error::MissingId { .. } => 4,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kapture_customers::PullErrorKind;
    use kapture_model::Window;
    use kapture_transport::Refusal;

    use super::*;

    #[test]
    fn every_kind_of_pull_error_has_its_exit_code_and_a_hint() {
        let day = "2024-05-02".parse().expect("a date");
        let window = Window::day(day);
        let answer = Refusal::new(200, "Account is being moved");
        let cases = [
            (
                PullError::Call {
                    window,
                    offset: 0,
                    source: Error::Truncated,
                },
                5,
            ),
            (
                PullError::AmbiguousEmpty {
                    answers: vec![(window, answer.clone())],
                },
                4,
            ),
            (
                PullError::Unstable {
                    window,
                    passes: 24,
                    known: 9,
                    rows: 10,
                },
                5,
            ),
            (PullError::OffsetIgnored { window, rows: 9 }, 4),
            (PullError::OffsetCapped { window, offset: 9 }, 4),
            (PullError::NoCanary { window }, 5),
            (
                PullError::InconsistentRefusal {
                    window,
                    answer: None,
                },
                4,
            ),
            (PullError::EmptiedEverywhere { window }, 5),
            (
                PullError::InconsistentServer {
                    window,
                    answer: None,
                },
                5,
            ),
            (PullError::RefusesEverything { window, answer }, 4),
            (PullError::OutsideWindow { window, day }, 4),
        ];
        let kinds: BTreeSet<_> = cases
            .iter()
            .map(|(error, _)| format!("{:?}", error.kind()))
            .collect();
        assert_eq!(kinds.len(), cases.len());
        for (error, code) in cases {
            let kind = error.kind();
            let error = CliError::pull(error, Endpoint::default());
            assert_eq!(error.code(), code, "{kind:?}");
            let hint = error.hint.expect("a hint");
            let says_what_is_odd = kind != PullErrorKind::OutsideWindow || hint.contains("date");
            assert!(
                !hint.is_empty() && hint != hints::DIAGNOSE && says_what_is_odd,
                "{hint}"
            );
        }
    }
}
