//! The columns of customers and contacts, for tables.

use std::sync::LazyLock;

use crate::schema::documented::{Kind, fields};
use crate::schema::drift::Owner;

/// One column: a documented field of a customer or contact.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// The API's name in `snake_case`: `out_standing_amount`.
    pub name: String,
    /// The API's own name: `outStandingAmount`.
    pub key: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
}

/// The type of a column. Every column may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Whole numbers of 64 bits with a sign.
    Integer,
    /// Doubles.
    Float,
    /// Text, never blank.
    Text,
    /// True or false.
    Bool,
    /// Local date-times without a zone.
    Timestamp,
}

/// The 49 columns of a customer: every documented field but its contacts, in the documented
/// order. The first is `id`.
///
/// ```
/// use kapture_model::{ColumnKind, customer_columns};
///
/// let columns = customer_columns();
/// assert_eq!(columns.len(), 49);
/// assert_eq!(columns[0].name, "id");
/// let amount = columns.iter().find(|column| column.key == "outStandingAmount").unwrap();
/// assert_eq!((amount.name.as_str(), amount.kind), ("out_standing_amount", ColumnKind::Float));
/// ```
pub fn customer_columns() -> &'static [Column] {
    static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| columns(Owner::Customer));
    &COLUMNS
}

/// The 24 columns of a contact, in the documented order. The first is the contact's own `id`.
pub fn contact_columns() -> &'static [Column] {
    static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| columns(Owner::Contact));
    &COLUMNS
}

fn columns(owner: Owner) -> Vec<Column> {
    let column = |(key, kind): &(&'static str, Kind)| {
        let kind = match kind {
            Kind::Number => ColumnKind::Integer,
            Kind::Float => ColumnKind::Float,
            Kind::Text => ColumnKind::Text,
            Kind::Bool => ColumnKind::Bool,
            Kind::Timestamp => ColumnKind::Timestamp,
            Kind::Contacts => return None,
        };
        let name = snake_case(key);
        Some(Column { name, key, kind })
    };
    fields(owner).iter().filter_map(column).collect()
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_names_are_snake_case() {
        let names: Vec<_> = customer_columns()
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        for name in [
            "cm_id",
            "is_organization",
            "total_no_of_enquiries",
            "syncd_location_id",
        ] {
            assert!(names.contains(&name), "{name}");
        }
        assert!(!names.contains(&"contacts"));
        assert_eq!(contact_columns().len(), 24);
    }
}
