//! The time that a window covers.

/// The time that the window `createStartDate … createEndDate` covers. In every variant a window that
/// ends before it starts, or more than one day later, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Windows {
    /// Both days.
    Inclusive,
    /// The start day, not the end day: a half-open window.
    Exclusive {
        /// The answer to a window whose start is its end.
        same_day: SameDay,
    },
    /// One day: start = end. Wider windows are refused.
    Strict,
    /// From the start of the start day to the start of the end day, both moments included, as SQL's
    /// `BETWEEN` compares two dates. D…D holds only the customers created at exactly midnight.
    Moments,
    /// As `Moments`, but the end date stands for the moment so many minutes after the start of the end
    /// day. D…D holds the customers of the first minutes of D; D…D+1 holds D and the first minutes of
    /// D+1. With 330 a window starts at midnight in India and ends at midnight UTC; with 720 the end
    /// date is read as noon.
    EndMinute(u16),
}

impl Windows {
    /// The variants that a client must read exactly without further knowledge: all but `EndMinute`.
    pub const ALL: [Self; 5] = [
        Self::Inclusive,
        Self::Exclusive {
            same_day: SameDay::Empty,
        },
        Self::Exclusive {
            same_day: SameDay::Refused,
        },
        Self::Strict,
        Self::Moments,
    ];
}

/// The answer of an exclusive server to D…D.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameDay {
    /// No customers.
    Empty,
    /// A failure with a sentence.
    Refused,
}

/// A change of [`Windows`] in the middle of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    /// The number of requests before the change.
    pub after: u64,
    /// The windows after it.
    pub to: Windows,
}

/// The time of a customer that windows filter by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WindowsBy {
    /// Its creation, as documented.
    #[default]
    Creation,
    /// Its last change. Customers with [`Oddities::changed_later`](crate::Oddities::changed_later) are
    /// missing from the window of their creation and appear in a later one. The truth remains that of
    /// creation: no client can arrive at it, and a correct client fails by name.
    LastChange,
}
