//! JSON text as it came: walked over once, without building values.
//!
//! - [`scanner`]: moves over values and finds where they begin and end.
//! - [`shape_cache`]: the previous object of a kind, which the next one mostly repeats.
//! - [`lossy_text`]: the bytes behind the text, where some of them are not UTF-8.
//! - [`strict`]: what the standard forbids and servers write, made valid.
//! - [`number`]: whole numbers, however they are spelled.
//! - [`value_hash`]: a hash of a value, however it is spelled.

pub(crate) mod lossy_text;
pub(crate) mod number;
pub(crate) mod scanner;
pub(crate) mod shape_cache;
pub(crate) mod strict;
pub(crate) mod value_hash;
