//! A failure in the words of the protocol.

use super::message::{ErrorTrace, FailureType, Message, TraceKind};
use crate::error::CliError;
use crate::output::passwords;

/// The error as a message; `None` if nothing is to be said, because the reader is gone.
pub(super) fn trace(error: &CliError) -> Option<Message> {
    let message = words(error);
    let error = ErrorTrace {
        message,
        failure_type: failure_type(error.code()),
    };
    (!error.message.is_empty()).then(|| Message::trace(TraceKind::Error { error }))
}

/// What to do if the token is refused: here it comes from the configuration alone.
const TOKEN: &str = "set another token in the configuration: keys have an expiry date, and the user of the token may be disabled, or not permitted to use the customer API";

/// What happened, and what to do next.
pub(super) fn words(error: &CliError) -> String {
    let hint = match error.code() {
        3 => Some(TOKEN),
        _ => error.hint_text(),
    };
    let words = match hint {
        Some(hint) => format!("{} (hint: {hint})", error.one_line()),
        None => error.one_line(),
    };
    passwords::removed(&words)
}

/// Who can help, by the exit code.
fn failure_type(code: u8) -> FailureType {
    match code {
        // Wrong settings, and a refused token.
        2 | 3 => FailureType::Config,
        // A server that fails or cannot be reached, and signals.
        5 | 129.. => FailureType::Transient,
        _ => FailureType::System,
    }
}

#[cfg(test)]
mod tests {
    use kapture_transport::{Endpoint, Error, Refusal};

    use super::*;

    #[test]
    fn the_type_of_a_failure_says_who_can_help() {
        let refusal = || Refusal::new(401, "Invalid Auth Key");
        let call = |error| CliError::call(error, Endpoint::default());
        for (error, expected) in [
            (
                CliError::usage(anyhow::anyhow!("no token")),
                FailureType::Config,
            ),
            (call(Error::Unauthorized(refusal())), FailureType::Config),
            (
                call(Error::Connect("refused".into())),
                FailureType::Transient,
            ),
            (call(Error::Refused(refusal())), FailureType::System),
            (
                CliError::bug("a day without a result".into()),
                FailureType::System,
            ),
        ] {
            assert_eq!(failure_type(error.code()), expected, "{error:?}");
        }
    }

    #[test]
    fn the_message_says_what_to_do_next() {
        let error = CliError::usage(anyhow::anyhow!("no token")).hint("set token");
        assert_eq!(words(&error), "no token (hint: set token)");
    }
}
