//! The merge of a day into the tables, set-based: the day is staged in temporary tables, and a few
//! statements bring the tables to it, within one transaction. Rows that are held as they were staged
//! are not written again.
//!
//! Where a statement contains them, `$1` is the day and `$2` the time at which it was seen.

use kapture_model::ColumnKind;

use crate::sql::history::{HISTORY_CHANGES, history_changes};
use crate::sql::tables::{self, Dialect, Table};

/// The temporary table of the staged customers that the database has with another day. `is_new` is
/// true where this day was not known to return them, and `is_older` where the staged copy was
/// modified earlier.
const DAY_CHANGES: &str = "kapture_day_changes";

/// The temporary table of what the day changes: the id of each customer that is inserted, updated or
/// deleted.
pub(crate) const ROW_CHANGES: &str = "kapture_row_changes";

/// The statements that replace a day by its staged rows.
pub(crate) struct Merge {
    /// Creates the temporary tables of a session.
    pub(crate) create: String,
    /// Empties them before a day, where the end of a transaction does not.
    #[cfg(feature = "sqlite")]
    pub(crate) clear: String,
    /// In order.
    pub(crate) statements: Vec<String>,
    /// Counts what changed in a day that was sealed. Here `$2` is the age of the day.
    pub(crate) count: String,
}

/// Selects what was counted: age, customers and changed ones.
pub(crate) const SELECT_REREADS: &str = "SELECT age, customers, changed FROM kapture_rereads";

impl Merge {
    pub(crate) fn new(dialect: Dialect) -> Self {
        let (customers, contacts) = (tables::customers(), tables::contacts());
        let temporary = [
            temporary_table(dialect, &customers.staging(), customers.staged(dialect)),
            temporary_table(dialect, &contacts.staging(), contacts.staged(dialect)),
            temporary_table(dialect, DAY_CHANGES, day_changes(dialect)),
            temporary_table(dialect, ROW_CHANGES, row_changes(dialect)),
            temporary_table(dialect, HISTORY_CHANGES, history_changes(dialect)),
        ];
        #[cfg(feature = "sqlite")]
        let names = [
            &*customers.staging(),
            &*contacts.staging(),
            DAY_CHANGES,
            ROW_CHANGES,
            HISTORY_CHANGES,
        ];
        Self {
            create: temporary.concat(),
            #[cfg(feature = "sqlite")]
            clear: names.map(|name| format!("DELETE FROM {name};\n")).concat(),
            statements: [
                compare(dialect, &customers, &contacts),
                apply(dialect, &customers, &contacts),
            ]
            .concat(),
            count: count(dialect, &customers),
        }
    }
}

/// The columns of [`DAY_CHANGES`].
fn day_changes(dialect: Dialect) -> Vec<(&'static str, &'static str)> {
    let id = ("id", dialect.staged_key());
    let flags = ["is_new", "is_older"].map(|name| (name, "boolean"));
    [id, ("day", dialect.date())]
        .into_iter()
        .chain(flags)
        .collect()
}

/// The columns of [`ROW_CHANGES`].
fn row_changes(dialect: Dialect) -> Vec<(&'static str, &'static str)> {
    vec![
        ("id", dialect.staged_key()),
        ("change", "text"),
        ("seen", dialect.instant()),
    ]
}

fn temporary_table<'a>(
    dialect: Dialect,
    name: &str,
    columns: impl IntoIterator<Item = (&'a str, &'static str)>,
) -> String {
    let columns = columns.into_iter();
    let columns: Vec<_> = columns
        .map(|(name, kind)| format!("{name} {kind}"))
        .collect();
    let on_commit = match dialect {
        Dialect::Sqlite => "",
        Dialect::Postgres => " ON COMMIT DELETE ROWS",
    };
    format!(
        "CREATE TEMPORARY TABLE {name} ({}){on_commit};\n",
        columns.join(", ")
    )
}

/// Finds what the day changes, and drops staged rows that are older than what is held.
fn compare(dialect: Dialect, customers: &Table, contacts: &Table) -> Vec<String> {
    let (day, seen) = (dialect.day_parameter(), dialect.seen_parameter());
    let (staged, staged_contacts) = (customers.staging(), contacts.staging());
    let is_staged = |column: &str| dialect.is_one_of_many(column, &staged);
    vec![
        // SQLite never reorders a cross join, which would scan the customers of all days.
        format!(
            "INSERT INTO {DAY_CHANGES} (id, day, is_new, is_older)
             SELECT customers.id, customers.kapture_day,
                 NOT EXISTS (SELECT 1 FROM kapture_shared_customers AS known
                             WHERE known.day = {day} AND known.id = customers.id),
                 COALESCE({staged}.last_modification_time < customers.last_modification_time, false)
             FROM {staged} CROSS JOIN customers
             WHERE customers.id = {staged}.id AND {is_staged}
             AND customers.kapture_day <> {day}",
            is_staged = is_staged("customers.id"),
        ),
        format!(
            "INSERT INTO {ROW_CHANGES} (id, change, seen)
             SELECT id, 'delete', {seen} FROM customers WHERE kapture_day = {day} AND NOT EXISTS
                 (SELECT 1 FROM {staged} WHERE {staged}.id = customers.id)"
        ),
        // The newer copy, which is of another day, stays.
        format!(
            "DELETE FROM {staged_contacts}
             WHERE customer_id IN (SELECT id FROM {DAY_CHANGES} WHERE is_older)"
        ),
        format!("DELETE FROM {staged} WHERE id IN (SELECT id FROM {DAY_CHANGES} WHERE is_older)"),
        format!(
            "INSERT INTO {ROW_CHANGES} (id, change, seen)
             SELECT staged.id, CASE WHEN held.id IS NULL THEN 'insert' ELSE 'update' END, {seen}
             FROM {staged} AS staged LEFT JOIN
                 (SELECT id, kapture_day, kapture_hash FROM customers WHERE {is_staged}) AS held
                 ON held.id = staged.id
             WHERE held.id IS NULL OR held.kapture_hash IS NULL
             OR held.kapture_hash <> staged.kapture_hash OR held.kapture_day <> {day}",
            is_staged = is_staged("id"),
        ),
    ]
}

fn count(dialect: Dialect, customers: &Table) -> String {
    let (day, staged) = (dialect.day_parameter(), customers.staging());
    let age = format!("CAST($2 AS {})", dialect.sql_type(ColumnKind::Integer));
    format!(
        "INSERT INTO kapture_rereads (age, customers, changed)
         SELECT {age},
             (SELECT count(*) FROM {staged})
                 + (SELECT count(*) FROM {ROW_CHANGES} WHERE change = 'delete'),
             (SELECT count(*) FROM {ROW_CHANGES})
         FROM kapture_days WHERE day = {day} AND state = 'sealed' AND customers > 0
         ON CONFLICT (age) DO UPDATE SET
             customers = kapture_rereads.customers + excluded.customers,
             changed = kapture_rereads.changed + excluded.changed"
    )
}

/// Writes what the day changes.
fn apply(dialect: Dialect, customers: &Table, contacts: &Table) -> Vec<String> {
    let day = dialect.day_parameter();
    let (staged, staged_contacts) = (customers.staging(), contacts.staging());
    let is_changed = |column: &str| dialect.is_one_of_many(column, ROW_CHANGES);
    let changed = format!("SELECT id FROM {ROW_CHANGES}");
    let deleted = format!("{changed} WHERE change = 'delete'");
    vec![
        // A day that shares a deleted customer has to be pulled again to bring it back.
        format!(
            "UPDATE kapture_days SET state = 'open' WHERE day IN
                 (SELECT day FROM kapture_shared_customers WHERE id IN ({deleted}))"
        ),
        format!("DELETE FROM customers WHERE id IN ({deleted})"),
        format!("DELETE FROM contacts WHERE {}", is_changed("customer_id")),
        format!(
            "INSERT INTO customers ({all}) SELECT {day}, {names} FROM {staged}
             WHERE id IN ({changed}) ORDER BY id ON CONFLICT (id) DO UPDATE SET {assignments}",
            all = customers.column_list(),
            names = customers.staged_list(),
            assignments = customers.assignments(),
        ),
        format!(
            "INSERT INTO contacts ({names}) SELECT {names} FROM {staged_contacts}
             WHERE customer_id IN ({changed})",
            names = contacts.staged_list(),
        ),
        format!("DELETE FROM kapture_shared_customers WHERE day = {day}"),
        format!(
            "INSERT INTO kapture_shared_customers (day, id)
             SELECT CASE customers.kapture_day WHEN {day} THEN changes.day ELSE {day} END,
                 changes.id
             FROM {DAY_CHANGES} AS changes CROSS JOIN customers
             WHERE customers.id = changes.id ON CONFLICT DO NOTHING"
        ),
        format!(
            "UPDATE kapture_days SET state = 'open'
             WHERE day IN (SELECT day FROM {DAY_CHANGES} WHERE is_new)"
        ),
    ]
}
