//! What the engine asks for, and what comes of it.

use chrono::NaiveDate;
use kapture_model::{CustomerId, Record, Window};
use kapture_transport::{CallPolicy, Error, Refusal};

/// The documented default of `limit`: a server that accepts any accepts this one.
pub(crate) const DEFAULT_LIMIT: u32 = 100;

/// How wide a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Span {
    /// D…D.
    OneDay,
    /// D…D+1: never wider than the 24 hours that one call may cover. On every server that accepts it,
    /// it holds all of D.
    TwoDays,
}

impl Span {
    pub(crate) fn of(window: Window) -> Self {
        match window.start == window.end {
            true => Self::OneDay,
            false => Self::TwoDays,
        }
    }

    /// The window of `day`. The last day of the calendar has none of two days.
    pub(crate) fn window(self, day: NaiveDate) -> Window {
        match self {
            Self::OneDay => Window::day(day),
            Self::TwoDays => Window::two_days(day),
        }
    }
}

/// One page to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PageRequest {
    pub(crate) window: Window,
    pub(crate) limit: u32,
    pub(crate) offset: u64,
}

impl PageRequest {
    pub(crate) fn first(window: Window, limit: u32) -> Self {
        Self {
            window,
            limit,
            offset: 0,
        }
    }

    pub(crate) fn span(&self) -> Span {
        Span::of(self.window)
    }
}

/// Names a request from the time it is handed out until its outcome is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RequestId(pub(crate) u64);

/// The order in which requests were sent and outcomes taken.
pub(crate) type Seq = u64;

/// A request to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transmit {
    pub(crate) id: RequestId,
    pub(crate) request: PageRequest,
    pub(crate) policy: CallPolicy,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    Page(Vec<Record>),
    /// A failure in the server's own words, which may mean "no customers".
    Refused(Refusal),
    Failed(Error),
}

impl From<Result<Vec<Record>, Error>> for Outcome {
    fn from(result: Result<Vec<Record>, Error>) -> Self {
        match result {
            Ok(records) => Self::Page(records),
            Err(Error::Refused(refusal) | Error::NotFound(refusal)) => Self::Refused(refusal),
            Err(error) => Self::Failed(error),
        }
    }
}

/// What has to be remembered of a page, once its records are told.
#[derive(Debug, Clone, Default)]
pub(crate) struct PageIds {
    pub(crate) ids: Vec<CustomerId>,
    pub(crate) length: Length,
}

/// How long a page is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Length {
    pub(crate) rows: usize,
    /// Of all rows together.
    pub(crate) bytes: usize,
}

impl PageIds {
    pub(crate) fn of(records: &[Record]) -> Self {
        Self {
            ids: records.iter().map(|record| record.id().clone()).collect(),
            length: Length {
                rows: records.len(),
                bytes: records.iter().map(|record| record.raw().len()).sum(),
            },
        }
    }
}
