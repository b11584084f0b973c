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
    /// As `Moments`, but the end date stands for a moment so many minutes into the end day: D…D holds
    /// the customers of the first minutes of D, D…D+1 holds D and the first minutes of D+1. 330 is a
    /// start at midnight in India and an end at midnight UTC; 720 a date that is read as noon.
    EndMinute(u16),
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

/// Which moment of a customer a window is filtered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WindowsBy {
    /// Its creation, as documented.
    #[default]
    Creation,
    /// Its last change. Customers with [`Oddities::changed_later`](crate::Oddities::changed_later) are
    /// then missing from the window of their creation and stand in a later one. The truth stays
    /// that of creation: no client can arrive at it, and a correct one says so.
    LastChange,
}
