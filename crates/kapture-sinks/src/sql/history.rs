//! The history of a database: every version of every customer that was seen, with the time for which
//! it was valid (a slowly changing dimension of type 2).
//!
//! A version is closed and the next one written in the transaction of the day that shows it. A
//! customer that its day does not show any more may have moved to a day that is not read yet, so its
//! version is closed when the run ends: then all of its days were read. Until then the customer is in
//! `kapture_missing`, also after a run that was killed.
//!
//! Where a statement of a day contains them, `$1` is the day and `$2` the time at which it was seen.

use kapture_model::{Column, contact_columns, customer_columns};

use crate::sql::merge::ROW_CHANGES;
use crate::sql::new_day;
use crate::sql::tables::{self, Dialect};

/// The temporary table of the versions that a day begins.
pub(crate) const HISTORY_CHANGES: &str = "kapture_history_changes";

/// The statements that keep the history.
pub(crate) struct History {
    /// Makes the customers that are held the first version. `$1` is the time.
    pub(crate) begin: Vec<String>,
    /// Writes the versions that a merged day begins.
    pub(crate) day: Vec<String>,
    /// The same for a [new day](crate::sql::new_day).
    pub(crate) new_day: Vec<String>,
    /// Deletes the customers that no day of a run showed. `$1` is the time.
    pub(crate) end: Vec<String>,
}

impl History {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            begin: begin(dialect),
            day: day(
                dialect,
                &[tables::customers(), tables::contacts()].map(|it| it.staging()),
            ),
            new_day: day(dialect, &new_day::rows(dialect)),
            end: end(dialect),
        }
    }
}

/// The columns of [`HISTORY_CHANGES`].
pub(crate) fn history_changes(dialect: Dialect) -> Vec<(&'static str, &'static str)> {
    vec![
        ("id", dialect.staged_key()),
        ("op", "text"),
        ("seen", dialect.instant()),
    ]
}

/// The tables of the history.
pub(crate) fn schema(dialect: Dialect) -> String {
    let (date, instant, json) = (dialect.date(), dialect.instant(), dialect.json());
    let integer = dialect.sql_type(kapture_model::ColumnKind::Integer);
    let text = dialect.sql_type(kapture_model::ColumnKind::Text);
    let columns = |columns: &[Column]| -> String {
        let column = |column: &Column| {
            let kind = dialect.sql_type(column.kind);
            format!("    {} {kind},\n", column.name)
        };
        columns.iter().map(column).collect()
    };
    format!(
        "\
-- A hash of the customer with its contacts, by which a changed customer is noticed.
ALTER TABLE customers ADD COLUMN kapture_hash {integer};

-- Every version of every customer, from when it was seen (valid_from) until another was (valid_to);
-- NULL while it is the current one. Times are UTC. Empty unless `sync --history` was given once.
-- A deleted customer has a last row with op 'delete', valid for no time and without values.
CREATE TABLE customers_history (
    id {integer} NOT NULL,
    valid_from {instant} NOT NULL,
    valid_to {instant},
    op {text} NOT NULL,
    row_hash {integer},
    day {date} NOT NULL,
{customers}    extra {json},
    PRIMARY KEY (id, valid_from)
);
CREATE INDEX customers_history_valid_from ON customers_history (valid_from);

-- The contacts of each version.
CREATE TABLE contacts_history (
    customer_id {integer} NOT NULL,
    valid_from {instant} NOT NULL,
    position {integer} NOT NULL,
{contacts}    extra {json},
    PRIMARY KEY (customer_id, valid_from, position)
);

-- How many customers were read again when sealed days had an age (in days), and how many of them had
-- changed.
CREATE TABLE kapture_rereads (
    age {integer} PRIMARY KEY,
    customers {integer} NOT NULL,
    changed {integer} NOT NULL
);

-- Customers that their day did not show any more, until the run ends that shows where they are.
CREATE TABLE kapture_missing (
    id {integer} PRIMARY KEY
);
",
        customers = columns(&customer_columns()[1..]),
        contacts = columns(contact_columns()),
    )
}

/// The columns of a customer's values, all but its id.
fn customer_values(table: &str) -> String {
    values(&customer_columns()[1..], table)
}

fn contact_values(table: &str) -> String {
    values(contact_columns(), table)
}

fn values(columns: &[Column], table: &str) -> String {
    let names = columns.iter().map(|column| column.name.as_str());
    let names = names.chain(["extra"]).map(|name| format!("{table}{name}"));
    names.collect::<Vec<_>>().join(", ")
}

fn begin(dialect: Dialect) -> Vec<String> {
    let seen = dialect.instant_parameter(1);
    let (customers, contacts) = (customer_values(""), contact_values(""));
    vec![
        format!(
            "INSERT INTO customers_history (id, valid_from, op, row_hash, day, {customers})
             SELECT id, {seen}, 'insert', kapture_hash, kapture_day, {customers}
             FROM customers ORDER BY id"
        ),
        format!(
            "INSERT INTO contacts_history (customer_id, valid_from, position, {contacts})
             SELECT customer_id, {seen}, position, {contacts}
             FROM contacts ORDER BY customer_id, position"
        ),
    ]
}

/// The customers of the day are in `staged`, with their contacts.
fn day(dialect: Dialect, [staged, staged_contacts]: &[String; 2]) -> Vec<String> {
    let day = dialect.day_parameter();
    let is_changed = |column: &str| dialect.is_one_of_many(column, ROW_CHANGES);
    vec![
        // Compared with the version and not with the table: a customer that moved was deleted there
        // if the day that it left came first.
        format!(
            "INSERT INTO {HISTORY_CHANGES} (id, op, seen)
             SELECT changes.id, CASE WHEN held.id IS NULL THEN 'insert' ELSE 'update' END,
                 changes.seen
             FROM {ROW_CHANGES} AS changes CROSS JOIN {staged} AS staged LEFT JOIN
                 (SELECT id, row_hash, day FROM customers_history
                  WHERE valid_to IS NULL AND {is_changed}) AS held
                 ON held.id = changes.id
             WHERE staged.id = changes.id AND changes.change <> 'delete'
             AND (held.id IS NULL OR held.row_hash IS NULL
                  OR held.row_hash <> staged.kapture_hash OR held.day <> {day})",
            is_changed = is_changed("id"),
        ),
        format!(
            "UPDATE customers_history
             SET valid_to = (SELECT max(seen) FROM {HISTORY_CHANGES})
             WHERE valid_to IS NULL AND {}",
            dialect.is_one_of_many("id", HISTORY_CHANGES)
        ),
        format!(
            "INSERT INTO customers_history (id, valid_from, op, row_hash, day, {names})
             SELECT staged.id, changes.seen, changes.op, staged.kapture_hash, {day}, {values}
             FROM {HISTORY_CHANGES} AS changes CROSS JOIN {staged} AS staged
             WHERE staged.id = changes.id ORDER BY staged.id",
            names = customer_values(""),
            values = customer_values("staged."),
        ),
        format!(
            "INSERT INTO contacts_history (customer_id, valid_from, position, {names})
             SELECT staged.customer_id, changes.seen, staged.position, {values}
             FROM {staged_contacts} AS staged CROSS JOIN {HISTORY_CHANGES} AS changes
             WHERE changes.id = staged.customer_id",
            names = contact_values(""),
            values = contact_values("staged."),
        ),
        format!("DELETE FROM kapture_missing WHERE {}", is_changed("id")),
        format!(
            "INSERT INTO kapture_missing (id)
             SELECT id FROM {ROW_CHANGES} WHERE change = 'delete' ON CONFLICT DO NOTHING"
        ),
    ]
}

fn end(dialect: Dialect) -> Vec<String> {
    let seen = dialect.instant_parameter(1);
    let is_missing = dialect.is_one_of_many("id", "kapture_missing");
    vec![
        format!(
            "INSERT INTO customers_history (id, valid_from, valid_to, op, row_hash, day)
             SELECT id, {seen}, {seen}, 'delete', row_hash, day FROM customers_history
             WHERE valid_to IS NULL AND {is_missing}"
        ),
        format!(
            "UPDATE customers_history SET valid_to = {seen}
             WHERE valid_to IS NULL AND {is_missing}"
        ),
        "DELETE FROM kapture_missing".into(),
    ]
}

/// The time after which the next one has to be: the last at which a version began.
pub(crate) fn select_last_seen(dialect: Dialect) -> String {
    format!(
        "SELECT {} FROM customers_history",
        dialect.instant_as_text("max(valid_from)")
    )
}
