//! How a command fails: what is said about it, and with which exit code.

use std::process::ExitCode;

use kapture_customers::PullError;
use kapture_sinks::SinkError;
use kapture_transport::{Endpoint, Error};

use crate::output::message::Message;

/// The exit code where what was verified is not as it should be.
const DIFFERENT: u8 = 7;

/// What to do about a bug.
const REPORT: &str = "please report it, with the command line and what -v tells; what was complete before stays as it is";

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct CliError {
    code: u8,
    /// `None` where there is nothing to say.
    error: Option<anyhow::Error>,
    hint: Option<String>,
}

impl CliError {
    /// Wrong usage or configuration.
    pub(crate) fn usage(error: anyhow::Error) -> Self {
        Self::new(2, error)
    }

    /// A file that cannot be written.
    pub(crate) fn write_failed(error: impl Into<anyhow::Error>) -> Self {
        Self::new(6, error.into())
    }

    /// Something that should not happen.
    pub(crate) fn unexpected(error: impl Into<anyhow::Error>) -> Self {
        Self::new(1, error.into())
    }

    /// Stopped by the user.
    pub(crate) fn interrupted() -> Self {
        Self {
            code: 130,
            error: Some(anyhow::anyhow!("interrupted")),
            hint: None,
        }
    }

    /// The destination failed.
    pub(crate) fn sink(error: SinkError) -> Self {
        match error {
            // Whoever read the output has seen enough: a quiet end, and no failure.
            SinkError::Closed => Self {
                code: 0,
                error: None,
                hint: None,
            },
            error @ SinkError::CountMismatch { .. } => Self::unexpected(error).hint(REPORT),
            error => Self {
                code: 6,
                hint: sink_hint(&error),
                error: Some(error.into()),
            },
        }
    }

    /// Something that only an error in this program can bring about.
    pub(crate) fn bug(what: String) -> Self {
        Self::unexpected(anyhow::anyhow!("{what}: this is a bug of kapture")).hint(REPORT)
    }

    /// What was verified is not as it should be.
    pub(crate) fn differences(days: usize, hint: String) -> Self {
        let verb = if days == 1 { "differs" } else { "differ" };
        let days = crate::output::summary::counted(days as u64, "day");
        Self {
            code: DIFFERENT,
            error: Some(anyhow::anyhow!(
                "{days} {verb} from what the server holds now"
            )),
            hint: Some(hint),
        }
    }

    /// The same where what could not be printed was a difference.
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
            code: exit_code(&error),
            hint: Some(hint(&error, endpoint)),
            error: Some(error.into()),
        }
    }

    /// A single call failed.
    pub(crate) fn call(error: Error, endpoint: Endpoint) -> Self {
        Self {
            code: call_exit_code(&error),
            hint: Some(call_hint(&error, endpoint)),
            error: Some(error.into()),
        }
    }

    fn new(code: u8, error: anyhow::Error) -> Self {
        Self {
            code,
            error: Some(error),
            hint: None,
        }
    }

    /// Says more before the error itself, such as which day it concerns.
    pub(crate) fn context(mut self, text: String) -> Self {
        self.error = self.error.map(|error| error.context(text));
        self
    }

    /// Says what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what else to do next where the server refuses the token.
    pub(crate) fn hint_if_unauthorized(self, hint: &str) -> Self {
        let call = self.error.as_ref().and_then(|error| error.downcast_ref());
        match call.map(Error::root) {
            Some(Error::Unauthorized(_)) => self.hint(hint),
            _ => self,
        }
    }

    /// The server gave nothing of use.
    pub(crate) fn unreachable(what: String) -> Self {
        Self::new(5, anyhow::Error::msg(what))
    }

    /// The same exit code, for a reason in other words.
    pub(crate) fn saying(self, what: String) -> Self {
        Self {
            error: Some(anyhow::Error::msg(what)),
            ..self
        }
    }

    /// What happened and why, in one line; nothing where there is nothing to say.
    pub(crate) fn one_line(&self) -> String {
        self.error
            .as_ref()
            .map_or_else(String::new, |error| format!("{error:#}"))
    }

    /// What to do next, if that is known.
    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The same exit code, with nothing more to say.
    pub(crate) fn told(self) -> Self {
        Self {
            error: None,
            ..self
        }
    }

    /// Whether anything was done that numbers would tell about.
    pub(crate) fn deserves_summary(&self) -> bool {
        self.error.is_some()
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    /// Says on standard error what happened, why, and what to do next.
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
        message.with("exit_code", self.code).print();
    }
}

fn exit_code(error: &PullError) -> u8 {
    match error.call_error() {
        Some(error) => call_exit_code(error),
        None => match error {
            PullError::AmbiguousEmpty { .. }
            | PullError::OffsetIgnored { .. }
            | PullError::OffsetCapped { .. }
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
        Error::Refused(_) | Error::NotFound(_) | Error::MissingId { .. } => 4,
        _ => 5,
    }
}

fn sink_hint(error: &SinkError) -> Option<String> {
    let hint = match error {
        SinkError::Locked { .. } => "wait until it is done, or stop it",
        SinkError::NotKaptureData { .. } => {
            "name another destination; one to write to may be empty"
        }
        SinkError::SchemaTooNew { .. } => "use the version of kapture that made it, or a later one",
        SinkError::SchemaTooOld { .. } => "kapture sync brings it up to date",
        SinkError::OtherTenant { .. } => {
            "name another destination for these; if it is the same tenant at a new address, write that to `tenant` in the table kapture_manifest, or in _kapture/manifest.json of a folder"
        }
        SinkError::OtherSelection { .. } => {
            "one destination holds the customers of one account and one set of filters: name another destination for these"
        }
        SinkError::OtherZone { held, .. } => {
            let held = kapture_model::sanitize(held);
            return Some(format!(
                "give --time-zone {held} as before, or name another destination; without --time-zone it is UTC"
            ));
        }
        SinkError::OtherFormat { .. } => "leave --format out, or name another folder",
        SinkError::NotSpreadsheetSafe { .. } => {
            "leave --spreadsheet-safe out, or name another folder: one that is made with it keeps to it"
        }
        SinkError::NotFound { .. } => "kapture sync makes it",
        SinkError::Damaged { .. } => {
            "put back a copy from before; or move it away, and kapture sync --from DATE makes it anew"
        }
        SinkError::Spool(_) => {
            "make room there, or name another folder for temporary files in TMPDIR"
        }
        SinkError::File { source, .. } if is_full(source) => {
            "make room and run again: whatever was complete stays, and nothing half-written is left"
        }
        SinkError::Stream(_) => {
            "see that there is room and that it is still read, and run again: what was written so far is not complete"
        }
        SinkError::Database { .. } => {
            "see that its address, user and password are right and that it is well, and run again: whatever was complete stays"
        }
        SinkError::DatabaseFile { .. } => {
            "see that no other program keeps it locked or has changed its tables, and that this user may write to it and its folder, and run again: whatever was complete stays"
        }
        SinkError::File { .. } => {
            "see that there is room and that this user may write there, and run again: whatever was complete stays"
        }
        SinkError::Read { .. } => {
            "see that it is there as kapture wrote it, and that this user may read it"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Whether there is no room: on the disk, in a quota, or for one file.
fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

fn hint(error: &PullError, endpoint: Endpoint) -> String {
    let other = endpoint.other();
    match error {
        PullError::AmbiguousEmpty { answers } => {
            let words: Vec<_> = answers
                .iter()
                .filter(|(_, refusal)| !refusal.message.trim().is_empty())
                .map(|(_, refusal)| {
                    let words = kapture_model::sanitize(&refusal.message);
                    format!("--empty-answer '{}'", words.replace('\'', "'\\''"))
                })
                .collect();
            let path = if answers.iter().any(|(_, refusal)| refusal.status == 404) {
                format!("try --endpoint {other}, the other documented path; or ")
            } else {
                String::new()
            };
            let name = match words.join(" or ") {
                words if words.is_empty() => words,
                words => format!(
                    "; or, if you know that this is how the server says that there are none, add {words}"
                ),
            };
            format!("{path}ask for a day that is known to have customers as well{name}")
        }
        PullError::Unstable { .. } => {
            "pull the day again when less is changing, or with --concurrency 1".into()
        }
        PullError::OffsetCapped { .. } => {
            "narrow the pull with a filter, so that fewer customers are left of each day".into()
        }
        PullError::OffsetIgnored { .. } => {
            "narrow the pull with a filter, so that each day's customers fit in one page".into()
        }
        PullError::EmptiedEverywhere { .. } => {
            "run again later; if they are gone for good, ask for a day that has customers as well, to show that the server is well".into()
        }
        PullError::InconsistentServer { .. }
        | PullError::NoCanary { .. }
        | PullError::InconsistentRefusal { .. }
        | PullError::OutsideWindow { .. } => {
            "kapture doctor looks at what the server does, and -v tells what a pull learns of it; if it is so again later, ask the vendor".into()
        }
        _ => match error.call_error() {
            Some(error) => call_hint(error, endpoint),
            None => LOOK_CLOSER.into(),
        },
    }
}

/// Where nothing better is known.
const LOOK_CLOSER: &str = "kapture doctor looks closer, and -vv tells each request";

fn call_hint(error: &Error, endpoint: Endpoint) -> String {
    let hint = match error.root() {
        Error::NotFound(_) => {
            let other = endpoint.other();
            return format!("if this tenant has the other documented path, try --endpoint {other}");
        }
        Error::Unauthorized(_) => {
            "kapture auth status says where the token came from; it is made from user name and password, and may have expired or been disabled"
        }
        Error::Forbidden(_) => {
            "ask the tenant's administrator to permit the customer API for this user"
        }
        Error::Refused(_) => {
            "the words are the server's own; if a key is missing, --full-body sends every documented one and --set adds others"
        }
        Error::Connect(_) => "check the subdomain or base URL, and that this machine may reach it",
        Error::Tls(_) => {
            "check that the address is the tenant's own, and the certificates of this machine"
        }
        Error::Redirected { .. } | Error::NotJson { .. } => {
            "a login page means that the address or the token is not the API's: check --base-url and the token"
        }
        Error::UnexpectedShape => "check with --base-url that the address is the API's own",
        Error::RateLimited { .. } => "ask for less at once: --max-rps, or later",
        Error::Timeout(_) => {
            "allow more time with --timeout, or ask for less at once with --concurrency"
        }
        Error::Server { .. } | Error::Broken(_) | Error::Truncated => {
            "wait until the server is well, and run again; -vv tells each request"
        }
        Error::TooLarge { .. } | Error::TooManyRows { .. } => {
            "no page of customers is that large: check that the address is the API's own; where one day really holds so many, narrow the pull with a filter"
        }
        Error::MissingId { .. } => {
            "without an id it cannot be told from another: have it mended in the CRM, or ask the vendor"
        }
        _ => LOOK_CLOSER,
    };
    hint.to_owned()
}
