//! Data types of the Kapture CRM customer API: records, dates, request bodies and answers.
//!
#![doc = include_str!("../README.md")]

mod answer;
mod customer;
mod customer_id;
mod customer_query;
mod date_time;
mod day_event;
mod days;
mod filter_check;
mod json;
mod mix;
mod normal_form;
#[cfg(feature = "privacy")]
mod privacy;
mod receipt;
mod record;
mod repair;
mod sanitize;
mod schema;
mod table;
mod timestamp;
mod window;

pub use answer::{Answer, AnswerError};
pub use customer::{Contact, Customer, Field, FieldValue, Undocumented};
pub use customer_id::CustomerId;
pub use customer_query::{CustomerKind, CustomerQuery, NoSuchAttribute, ReservedKey};
pub use day_event::DayEvent;
pub use days::{BackwardRange, Days};
pub use filter_check::FilterCheck;
pub use normal_form::Normaliser;
#[cfg(feature = "privacy")]
pub use privacy::{EmptyKey, HashKey, Privacy, PrivacyError};
pub use receipt::{Checksum, DayState, EndBound, Proof, Receipt};
pub use record::{Record, RecordDecoder, RecordError};
pub use sanitize::sanitize;
pub use schema::drift::{Drift, DriftEntry, DriftKind};
pub use schema::json_schema;
pub use table::{
    AttributeColumn, AttributeColumnError, Cell, Column, ColumnKind, CustomerRow, Row, RowHash,
    RowHasher, RowReader, contact_columns, customer_columns,
};
pub use timestamp::Timestamp;
pub use window::{ReversedWindow, Window};
// What the signatures name.
pub use {bytes, chrono, serde_json};
