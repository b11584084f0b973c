//! Records as rows of tables.
//!
//! - [`column`]: the columns of customers and contacts.
//! - [`attribute`]: columns for attributes of the tenant.
//! - [`cell`]: one value of a row.
//! - [`repeated`]: fields that repeat from record to record.
//! - [`row`]: the rows of one record.
//! - [`row_hash`]: the hash by which two copies of a customer are compared.
//! - [`row_json`]: a row as a JSON object.

mod attribute;
mod cell;
mod column;
mod repeated;
mod row;
mod row_hash;
mod row_json;

pub use attribute::{AttributeColumn, AttributeColumnError};
pub use cell::Cell;
pub(crate) use cell::Read;
pub use column::{Column, ColumnKind, contact_columns, customer_columns};
pub use row::{CustomerRow, Row, RowReader};
pub use row_hash::{RowHash, RowHasher};
