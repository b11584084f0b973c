//! The handling of `limit` and `offset`, and the order of rows.

/// The handling of the requested `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// It is the page size.
    Honoured,
    /// It is the page size up to this number of rows. Larger values are capped silently.
    CappedAt(u64),
    /// It is the page size up to this number of rows. Larger values silently mean the default.
    DefaultAbove(u64),
    /// It is the page size up to this number of rows. Larger values are refused.
    RefusedAbove(u64),
    /// A page holds every row from `offset` on.
    Ignored,
}

/// The handling of the requested `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offset {
    /// It is the number of rows skipped.
    Honoured,
    /// Every page starts at the first row.
    Ignored,
    /// One row fewer is skipped, so that neighbouring pages share a row.
    OneRowEarly,
    /// It is the number of rows skipped, up to this number. Larger offsets are answered as past the end.
    UpTo(u64),
    /// It is rounded down to a multiple of the effective page size, as by servers that count pages
    /// (`PageRequest.of(offset / limit, limit)` in Spring Data).
    PageNumber,
}

/// The order of the rows of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By id: oldest first.
    Id,
    /// By id, descending: newest first.
    IdDescending,
    /// By name, which scatters days and ids.
    Name,
    /// By the last [`Change::Touch`](crate::Change::Touch), then by id: changed customers move to the end.
    LastChange,
    /// The reverse of `LastChange`: changed customers move to the front.
    LastChangeDescending,
    /// By id and by id descending, alternating by request, as from two machines behind one address.
    Turns,
    /// By a sort key that neighbouring rows share. The order among equal keys depends on `offset` +
    /// `limit`; the same query always gives the same order.
    Ties,
    /// Shuffled at every request.
    Unstable,
}
