//! Rows that come and go while a client pages: an offset then skips or repeats rows unnoticed.

/// Rows of the asked window that appear or vanish while a client pages. Which row it is follows
/// from the population's seed and the request's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// One row moves at every so many requests (at least 1), just before the request is answered.
    pub every: u64,
    /// What happens to it.
    pub change: Change,
    /// Where it happens.
    pub place: Place,
    /// No more than this many rows move in all; `None`: without end.
    pub at_most: Option<u64>,
}

/// What happens to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new customer appears.
    Insert,
    /// A customer vanishes.
    Delete,
    /// In turn: one appears, one vanishes.
    Alternate,
}

/// Where in the window a row moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Among the rows before the asked `offset`, where it does the most harm. Requests with offset 0
    /// move nothing; the move then waits for the next request.
    BeforeOffset,
    /// Anywhere in the window.
    Anywhere,
}
