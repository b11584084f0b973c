//! The merge of a day into the tables, set-based: the day is staged in temporary tables, and a few
//! statements bring the tables to it, within one transaction.

use crate::sql::tables::{self, Dialect, Table};

/// The temporary table of the staged customers that the database has with another day. `is_new` is
/// true where this day was not known to return them, and `is_older` where the staged copy was
/// modified earlier.
const DAY_CHANGES: &str = "kapture_day_changes";

/// The statements that replace a day by its staged rows.
pub(crate) struct Merge {
    /// Creates the temporary tables of a session.
    pub(crate) create: String,
    /// Empties them before a day, where the end of a transaction does not.
    #[cfg(feature = "sqlite")]
    pub(crate) clear: String,
    /// In order. Where it contains `$1`, that is the day.
    pub(crate) statements: Vec<String>,
}

impl Merge {
    pub(crate) fn new(dialect: Dialect) -> Self {
        let (customers, contacts) = (tables::customers(), tables::contacts());
        let temporary = [
            temporary_table(dialect, &customers.staging(), customers.staged(dialect)),
            temporary_table(dialect, &contacts.staging(), contacts.staged(dialect)),
            temporary_table(dialect, DAY_CHANGES, day_changes(dialect)),
        ];
        #[cfg(feature = "sqlite")]
        let names = [&*customers.staging(), &*contacts.staging(), DAY_CHANGES];
        Self {
            create: temporary.concat(),
            #[cfg(feature = "sqlite")]
            clear: names.map(|name| format!("DELETE FROM {name};\n")).concat(),
            statements: statements(dialect, &customers, &contacts),
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

fn statements(dialect: Dialect, customers: &Table, contacts: &Table) -> Vec<String> {
    let day = dialect.day_parameter();
    let (staged, staged_contacts) = (customers.staging(), contacts.staging());
    let is_staged = |column: &str| dialect.is_one_of_many(column, &staged);
    let not_staged =
        format!("NOT EXISTS (SELECT 1 FROM {staged} WHERE {staged}.id = customers.id)");
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
        // A day that shares a deleted customer has to be pulled again to bring it back.
        format!(
            "UPDATE kapture_days SET state = 'open' WHERE day IN
                 (SELECT shared.day
                  FROM customers CROSS JOIN kapture_shared_customers AS shared
                  WHERE shared.id = customers.id AND customers.kapture_day = {day}
                  AND {not_staged})"
        ),
        format!("DELETE FROM customers WHERE kapture_day = {day} AND {not_staged}"),
        // The newer copy, which is of another day, stays.
        format!(
            "DELETE FROM {staged_contacts}
             WHERE customer_id IN (SELECT id FROM {DAY_CHANGES} WHERE is_older)"
        ),
        format!("DELETE FROM {staged} WHERE id IN (SELECT id FROM {DAY_CHANGES} WHERE is_older)"),
        format!("DELETE FROM contacts WHERE {}", is_staged("customer_id")),
        format!(
            "INSERT INTO customers ({all}) SELECT {day}, {names} FROM {staged}
             WHERE true ORDER BY id ON CONFLICT (id) DO UPDATE SET {assignments}",
            all = customers.column_list(),
            names = customers.staged_list(),
            assignments = customers.assignments(),
        ),
        format!(
            "INSERT INTO contacts ({names}) SELECT {names} FROM {staged_contacts}",
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
