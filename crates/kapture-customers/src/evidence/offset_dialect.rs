//! What the server takes `offset` for.

/// What the server takes `offset` for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum OffsetDialect {
    /// The number of rows to skip, as documented; nothing speaks against it.
    #[default]
    Rows,
    /// A page number in disguise: it is rounded down to a multiple of `limit`, as Spring Data does.
    PageNumber,
}
