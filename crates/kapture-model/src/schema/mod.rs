//! The documented fields, and how servers deviate from them.
//!
//! - [`documented`]: the fields of the API by owner, in the documented order.
//! - [`keys`]: the keys that a server really sends, each with an index.
//! - [`drift`]: deviations from the documentation, counted.
//! - [`json_schema`]: the normalised form as a JSON Schema.

pub(crate) mod documented;
pub(crate) mod drift;
mod json_schema;
pub(crate) mod keys;

pub use json_schema::json_schema;
