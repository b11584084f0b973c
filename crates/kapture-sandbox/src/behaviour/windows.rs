//! What a window covers.

/// What the window `createStartDate … createEndDate` covers. Whatever it is, a window that ends
/// before it starts, or more than one day after, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Windows {
    /// Both days.
    Inclusive,
    /// The start day, not the end day: a half-open window.
    Exclusive {
        /// What a window whose start is its end answers.
        same_day: SameDay,
    },
    /// One day, start = end; anything wider is refused.
    Strict,
    /// From the moment at which the start day begins to the moment at which the end day begins,
    /// both included: what SQL's `BETWEEN` makes of two dates. D…D holds the customers created at
    /// exactly midnight, and no others.
    Moments,
}

impl Windows {
    /// Every kind there is.
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

/// What an exclusive server answers to D…D.
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
    /// How many requests are still answered the old way.
    pub after: u64,
    /// The windows from then on.
    pub to: Windows,
}
