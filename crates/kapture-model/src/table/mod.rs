//! Records as rows of tables.
//!
//! - [`column`]: the columns of customers and contacts.
//! - [`cell`]: one value of a row.
//! - [`row`]: the rows of one record.

mod cell;
mod column;
mod row;

pub use cell::Cell;
pub use column::{Column, ColumnKind, contact_columns, customer_columns};
pub use row::{CustomerRow, Row, RowReader};
