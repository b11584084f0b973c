//! A day that a database has nothing of: its rows are inserted where they stay, without the detour of
//! the [merge](crate::sql::merge). Most days of a first run are new.
//!
//! A customer that the database holds with another day makes the insertion fail, since ids are unique;
//! the day is merged then.

use crate::sql::merge::ROW_CHANGES;
use crate::sql::tables::Dialect;

/// Selects whether nothing is known of the day `$1`.
pub(crate) fn select_is_new(dialect: Dialect) -> String {
    let day = dialect.day_parameter();
    format!(
        "SELECT NOT EXISTS (SELECT 1 FROM kapture_days WHERE day = {day})
         AND NOT EXISTS (SELECT 1 FROM customers WHERE kapture_day = {day})
         AND NOT EXISTS (SELECT 1 FROM kapture_shared_customers WHERE day = {day})"
    )
}

/// Lists the customers of the day `$1` among those that changed at the time `$2`, for the history.
pub(crate) fn list_inserted(dialect: Dialect) -> String {
    let (day, seen) = (dialect.day_parameter(), dialect.seen_parameter());
    format!(
        "INSERT INTO {ROW_CHANGES} (id, change, seen)
         SELECT id, 'insert', {seen} FROM customers WHERE kapture_day = {day}"
    )
}

/// The customers of the day and their contacts, as tables to select from.
pub(crate) fn rows(dialect: Dialect) -> [String; 2] {
    let day = dialect.day_parameter();
    let is_listed = dialect.is_one_of_many("customer_id", ROW_CHANGES);
    [
        format!("(SELECT * FROM customers WHERE kapture_day = {day})"),
        format!("(SELECT * FROM contacts WHERE {is_listed})"),
    ]
}
