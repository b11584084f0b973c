//! What becomes of `limit` and `offset`, and the order of rows.

/// What becomes of the asked `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// It is the page size.
    Honoured,
    /// It is the page size up to this many rows, without a word about it.
    CappedAt(u64),
    /// It is the page size up to this many rows; above, the default is, without a word about it.
    DefaultAbove(u64),
    /// It is the page size up to this many rows; above, it is refused.
    RefusedAbove(u64),
    /// A page holds every row from `offset` on.
    Ignored,
}

/// What becomes of the asked `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offset {
    /// So many rows are skipped.
    Honoured,
    /// Every page begins with the first row.
    Ignored,
    /// One row less is skipped, so that neighbouring pages share a row.
    OneRowEarly,
    /// So many rows are skipped, up to this number: beyond it a window seems to be over.
    UpTo(u64),
    /// It is rounded down to a multiple of the effective page size, as a server does that pages by
    /// number (`PageRequest.of(offset / limit, limit)` of Spring Data).
    PageNumber,
}

/// The order of the rows of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By id: oldest first.
    Id,
    /// By id, descending: newest first.
    IdDescending,
    /// By name, so that days and ids are scattered.
    Name,
    /// By id and by id descending in turn, as from two machines behind one address.
    Turns,
    /// By something that several rows in a row have in common, so that each query is free to list
    /// those in an order of its own; the same query lists them in the same.
    Ties,
    /// Shuffled anew at every request.
    Unstable,
}
