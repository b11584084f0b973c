//! Data types of the Kapture CRM customer API: records, dates, request bodies and answers.
//!
#![doc = include_str!("../README.md")]

mod answer;
mod cell;
mod column;
mod contact;
mod customer;
mod customer_id;
mod customer_query;
mod documented;
mod drift;
mod field;
mod json_schema;
mod keys;
mod lossy_text;
mod normal_form;
mod record;
mod row;
mod sanitize;
mod scanner;
mod shape_cache;
mod timestamp;
mod window;

pub use answer::{Answer, AnswerError};
pub use cell::Cell;
pub use column::{Column, ColumnKind, contact_columns, customer_columns};
pub use contact::Contact;
pub use customer::Customer;
pub use customer_id::CustomerId;
pub use customer_query::{CustomerKind, CustomerQuery, NoSuchAttribute};
pub use drift::{Drift, DriftEntry, DriftKind};
pub use field::{Field, FieldValue};
pub use json_schema::json_schema;
pub use normal_form::Normaliser;
pub use record::{Record, RecordError};
pub use row::{CustomerRow, Row, RowReader};
pub use sanitize::sanitize;
pub use timestamp::Timestamp;
pub use window::Window;
