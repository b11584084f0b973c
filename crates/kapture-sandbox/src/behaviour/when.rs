//! The condition of an outage or a fault.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use chrono::NaiveDate;

use crate::draw::{Subject, draw, hits};

/// The requests that an [`Outage`](crate::Outage) or a fault of [`Faults::when`](crate::Faults::when)
/// applies to. Conditions on the window, `limit` or `offset` never hold for a malformed body.
///
/// ```
/// use std::time::Duration;
/// use kapture_sandbox::{FaultKind, Faults, When};
///
/// // 500 for pages of more than 200 rows, but only in the first minute.
/// let both = When::All(vec![
///     When::LimitAbove(200),
///     When::Time(Duration::ZERO..Duration::from_secs(60)),
/// ]);
/// let faults = Faults::when([(both, FaultKind::Status500)]);
/// assert_eq!(faults.rules.len(), 1);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// Every request.
    Always,
    /// Requests with these numbers; the first is 1.
    Requests(RangeInclusive<u64>),
    /// Requests that arrive in this span of [`Request::at`](crate::Request::at).
    Time(Range<Duration>),
    /// This share (0 to 1) of the requests, drawn by the seed and the request's number.
    Share {
        /// 0 = none, 1 = all.
        share: f64,
        /// The seed of the draw.
        seed: u64,
    },
    /// Every n-th request, as if one of n machines that take turns were affected.
    EveryNth(u64),
    /// Windows that start on this day.
    StartsOn(NaiveDate),
    /// Windows whose first or last day is this day.
    Touches(NaiveDate),
    /// The first `count` requests for windows that start on `day`, whatever their `offset`.
    FirstAsks {
        /// The start of the windows.
        day: NaiveDate,
        /// The number of requests.
        count: u64,
    },
    /// Requests whose `limit` (the default where absent) is above this number.
    LimitAbove(u64),
    /// Requests whose `offset` is at least this number, as with an index that bounds paging.
    OffsetFrom(u64),
    /// Requests with `offset` + `limit` above this number, the common form of that bound
    /// (`max_result_window` of Elasticsearch).
    LastRowAbove(u64),
    /// All of these hold at once.
    All(Vec<When>),
}

/// The properties of a request that conditions test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// The request's number.
    pub(crate) number: u64,
    /// Its time of arrival.
    pub(crate) at: Duration,
    /// The requested page, where the body is well-formed.
    pub(crate) asked: Option<AskedPage>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AskedPage {
    pub(crate) start: NaiveDate,
    pub(crate) end: NaiveDate,
    pub(crate) limit: u64,
    pub(crate) offset: u64,
    /// The number of requests for windows with this start so far, this one included.
    pub(crate) asks: u64,
}

impl When {
    pub(crate) fn holds(&self, facts: &Facts) -> bool {
        let asked = |test: &dyn Fn(&AskedPage) -> bool| facts.asked.as_ref().is_some_and(test);
        match self {
            Self::Always => true,
            Self::Requests(numbers) => numbers.contains(&facts.number),
            Self::Time(span) => span.contains(&facts.at),
            Self::Share { share, seed } => hits(*share, draw(*seed, Subject::When, facts.number)),
            Self::EveryNth(machines) => facts.number.is_multiple_of((*machines).max(1)),
            Self::StartsOn(day) => asked(&|page| page.start == *day),
            Self::Touches(day) => asked(&|page| page.start == *day || page.end == *day),
            Self::FirstAsks { day, count } => {
                asked(&|page| page.start == *day && page.asks <= *count)
            }
            Self::LimitAbove(most) => asked(&|page| page.limit > *most),
            Self::OffsetFrom(bound) => asked(&|page| page.offset >= *bound),
            Self::LastRowAbove(bound) => {
                asked(&|page| page.offset.saturating_add(page.limit) > *bound)
            }
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(facts)),
        }
    }
}
