//! Why a pull, or a day of it, could not be completed.

use chrono::NaiveDate;
use kapture_model::Window;
use kapture_transport::{Error, Refusal, StopReason};

/// Why a pull, or a day of it, could not be completed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// A request failed, in spite of every retry that could have helped.
    #[error("asking for the customers of {window} from row {offset} failed")]
    Call {
        /// The window that was asked.
        window: Window,
        /// The rows to skip.
        offset: u64,
        /// What happened.
        #[source]
        source: Error,
    },
    /// A whole run met no customer, and what the server says may mean that there are none as well
    /// as that something is wrong.
    #[error(
        "the server answers {}; whether that means “no customers” cannot be told, because nothing else was answered in this run",
        quoted_answers(answers)
    )]
    AmbiguousEmpty {
        /// The windows of the first day that were answered so, with the server's words: D…D+1 and,
        /// where that is answered differently, D…D.
        answers: Vec<(Window, Refusal)>,
    },
    /// The rows of a window never held still.
    #[error(
        "the rows of {window} came in another order at every reading, or came and went: in {passes} readings {known} different customers were met, the last one counted {rows} rows, and nothing shows that none is missing"
    )]
    Unstable {
        /// The window.
        window: Window,
        /// How often it was read.
        passes: u32,
        /// How many different customers were met.
        known: u64,
        /// How many rows the last reading counted.
        rows: u64,
    },
    /// The server gives the same rows whatever offset is asked for.
    #[error(
        "the server ignores `offset`: {window} has at least {rows} customers, and there is no way to ask whether there are more"
    )]
    OffsetIgnored {
        /// The window.
        window: Window,
        /// The rows of the longest page it gave.
        rows: usize,
    },
    /// The server shows no rows from some offset on, though there are some.
    #[error(
        "the server shows nothing of {window} from row {offset} on, where it had shown rows: it seems to page no further"
    )]
    OffsetCapped {
        /// The window.
        window: Window,
        /// The first offset at which nothing came, though rows were known to stand there.
        offset: u64,
    },
    /// A window shows no customers where no window as wide has shown any, though others have: so
    /// would a server that does not answer such windows.
    #[error(
        "the server shows no customers of {window}, which proves nothing: it has shown none of any window as wide"
    )]
    NoCanary {
        /// The window.
        window: Window,
    },
    /// A window is refused in words that may mean "no customers", but not always in the same.
    #[error(
        "the server refuses {window}, but not always alike, so that whether this means “no customers” cannot be told{}",
        said(answer)
    )]
    InconsistentRefusal {
        /// The window.
        window: Window,
        /// The server's words at first.
        answer: Option<Refusal>,
    },
    /// A window that [held](crate::Pull::previously_nonempty) customers before this run shows none now, as does every
    /// other: so would a server that is out of order.
    #[error(
        "the server shows no customers of {window}, which has held some, or may have, nor of any other window: whether they are gone cannot be told"
    )]
    EmptiedEverywhere {
        /// The window.
        window: Window,
    },
    /// A window that held customers holds none any more, time and again.
    #[error(
        "the server contradicts itself: {window} held customers before and holds none now, so windows without customers prove nothing{}",
        said(answer)
    )]
    InconsistentServer {
        /// The window.
        window: Window,
        /// The server's words, if it refuses to answer.
        answer: Option<Refusal>,
    },
    /// Every request is refused in words, also for windows that held customers, for a quarter of a
    /// minute or longer.
    #[error("the server refuses {window} and everything else that is asked: {answer}")]
    RefusesEverything {
        /// The window that was asked last.
        window: Window,
        /// The server's words.
        answer: Refusal,
    },
    /// Windows hold customers that were created on other days: the server does not seem to filter by
    /// creation date.
    #[error(
        "{window} held a customer created on {day}, which is too far away for any time zone: the server does not seem to honour the dates it is asked for"
    )]
    OutsideWindow {
        /// The window.
        window: Window,
        /// The customer's day.
        day: NaiveDate,
    },
}

impl PullError {
    /// Whether the run ends with it: no other day can fare better, because the server cannot be reached,
    /// or refuses altogether.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Call { source, .. } => match source {
                Error::Unauthorized(_)
                | Error::Forbidden(_)
                | Error::ProxyLogin(_)
                | Error::Tls(_) => true,
                // Where its time alone is used up, others may be answered, or have been.
                Error::Exhausted { reason, .. } => *reason != StopReason::RetryTimeout,
                _ => false,
            },
            Self::AmbiguousEmpty { .. } | Self::RefusesEverything { .. } => true,
            Self::Unstable { .. }
            | Self::OffsetIgnored { .. }
            | Self::OffsetCapped { .. }
            | Self::NoCanary { .. }
            | Self::InconsistentRefusal { .. }
            | Self::EmptiedEverywhere { .. }
            | Self::InconsistentServer { .. }
            | Self::OutsideWindow { .. } => false,
        }
    }

    /// What kind of error this is.
    pub fn kind(&self) -> PullErrorKind {
        match self {
            Self::Call { .. } => PullErrorKind::Call,
            Self::AmbiguousEmpty { .. } => PullErrorKind::AmbiguousEmpty,
            Self::Unstable { .. } => PullErrorKind::Unstable,
            Self::OffsetIgnored { .. } => PullErrorKind::OffsetIgnored,
            Self::OffsetCapped { .. } => PullErrorKind::OffsetCapped,
            Self::NoCanary { .. } => PullErrorKind::NoCanary,
            Self::InconsistentRefusal { .. } => PullErrorKind::InconsistentRefusal,
            Self::EmptiedEverywhere { .. } => PullErrorKind::EmptiedEverywhere,
            Self::InconsistentServer { .. } => PullErrorKind::InconsistentServer,
            Self::RefusesEverything { .. } => PullErrorKind::RefusesEverything,
            Self::OutsideWindow { .. } => PullErrorKind::OutsideWindow,
        }
    }

    /// Whether another run would end likewise: the server has to change, or what it is asked.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Call { source, .. } => source.is_permanent(),
            Self::AmbiguousEmpty { .. }
            | Self::OffsetIgnored { .. }
            | Self::OffsetCapped { .. }
            | Self::OutsideWindow { .. } => true,
            Self::Unstable { .. }
            | Self::NoCanary { .. }
            | Self::InconsistentRefusal { .. }
            | Self::EmptiedEverywhere { .. }
            | Self::InconsistentServer { .. }
            | Self::RefusesEverything { .. } => false,
        }
    }

    /// The failed call below this, if it was one.
    pub fn call_error(&self) -> Option<&Error> {
        match self {
            Self::Call { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// The kinds of [`PullError`], for programs that decide by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PullErrorKind {
    /// A request failed.
    Call,
    /// Whether the server's words mean "no customers" cannot be told.
    AmbiguousEmpty,
    /// The rows of a window never held still.
    Unstable,
    /// The server ignores `offset`.
    OffsetIgnored,
    /// The server shows no rows from some offset on.
    OffsetCapped,
    /// Nothing shows that windows without customers are answered with what they hold.
    NoCanary,
    /// A window is refused in changing words.
    InconsistentRefusal,
    /// Windows that held customers before this run show none, as do all others.
    EmptiedEverywhere,
    /// The server contradicts itself.
    InconsistentServer,
    /// Every request is refused.
    RefusesEverything,
    /// Windows hold customers of other days.
    OutsideWindow,
}

fn quoted_answers(answers: &[(Window, Refusal)]) -> String {
    let answers: Vec<_> = answers
        .iter()
        .map(|(window, refusal)| format!("{window} with {refusal}"))
        .collect();
    answers.join(" and ")
}

fn said(answer: &Option<Refusal>) -> String {
    let said = |refusal| format!("; it answers {refusal}");
    answer.as_ref().map(said).unwrap_or_default()
}
