//! Rows that are inserted, deleted or reordered while a client pages, which shifts offsets.

/// Rows of the requested window that are inserted, deleted or changed while a client pages. The row is drawn by
/// the population's seed and the request's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// One row moves at every n-th request (at least 1), before the request is answered.
    pub every: u64,
    /// The kind of move.
    pub change: Change,
    /// The row's position.
    pub position: Position,
    /// The maximal number of moves; `None`: no bound.
    pub at_most: Option<u64>,
}

/// The kind of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A customer is inserted.
    Insert,
    /// A customer is deleted.
    Delete,
    /// Insertions and deletions alternate.
    Alternate,
    /// A customer is changed: it becomes the last one of [`Order::LastChange`](crate::Order::LastChange)
    /// and the first one of [`Order::LastChangeDescending`](crate::Order::LastChangeDescending). Other
    /// orders do not show it.
    Touch,
}

/// The position of a moving row in its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Among the rows before the requested `offset`, which shifts the page. A request with offset 0
    /// moves nothing; the move is due at the next request.
    BeforeOffset,
    /// Anywhere in the window.
    Anywhere,
}
