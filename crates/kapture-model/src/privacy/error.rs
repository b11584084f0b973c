//! Why fields cannot be left out or hashed.

/// Why fields cannot be left out or hashed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrivacyError {
    /// The name is empty.
    #[error("the name of a field is empty")]
    Empty,
    /// The API documents no such field, and it is not an attribute.
    #[error("unknown field `{0}`")]
    UnknownField(String),
    /// Without it customers cannot be told apart, or not assigned to a day.
    #[error(
        "`{0}` has to stay as it is: it tells customers, their days or their newest copies apart"
    )]
    Needed(&'static str),
    /// Its column holds something else than text.
    #[error("`{0}` cannot be hashed: it is not text")]
    NotText(String),
    /// It cannot be both, also as a part of what is dropped.
    #[error("`{0}` is both dropped and hashed")]
    DroppedAndHashed(String),
    /// Hashes need a key.
    #[error("there is no key for the hashes")]
    NoKey,
}
