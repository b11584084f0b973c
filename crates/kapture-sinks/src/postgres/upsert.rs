//! Upserts the staged customers of a day, within one transaction.

use chrono::NaiveDate;
use tokio_postgres::Transaction;

use crate::sql::tables::{self, Dialect, Table};

/// The name of the staging table of a table.
pub(super) fn staging(table: &Table) -> String {
    format!("kapture_staging_{}", table.name)
}

/// The temporary table of the customers that were inserted or updated.
const UPSERTED: &str = "kapture_upserted";

/// The temporary table of the staged customers that had another day before; `is_new` is true where
/// this day was not known to return them.
const DAY_CHANGES: &str = "kapture_day_changes";

/// The statements that replace a day by its staged rows.
pub(super) struct DayUpsert {
    temporary_tables: String,
    /// In order, each with the day as `$1`.
    with_day: [String; 6],
    /// In order, behind those.
    without_day: [String; 3],
}

impl DayUpsert {
    pub(super) fn new() -> Self {
        let (customers, contacts) = (tables::customers(), tables::contacts());
        let (staged_customers, staged_contacts) = (staging(&customers), staging(&contacts));
        Self {
            temporary_tables: temporary_tables(&customers, &contacts),
            with_day: [
                // By an array: for a join with a temporary table, which has no statistics, the
                // planner would scan the customers of all days.
                format!(
                    "INSERT INTO {DAY_CHANGES} SELECT id, kapture_day, NOT EXISTS
                         (SELECT FROM kapture_shared_customers AS known
                          WHERE known.day = CAST($1 AS date) AND known.id = customers.id)
                     FROM customers
                     WHERE id = ANY (ARRAY(SELECT id FROM {staged_customers}))
                     AND kapture_day <> $1"
                ),
                // A day that shares a deleted customer has to be pulled again to bring it back.
                format!(
                    "UPDATE kapture_days SET state = 'open' WHERE day IN
                         (SELECT day FROM kapture_shared_customers JOIN customers USING (id)
                          WHERE kapture_day = $1 AND NOT EXISTS
                          (SELECT FROM {staged_customers} AS staged
                           WHERE staged.id = customers.id))"
                ),
                format!(
                    "DELETE FROM customers WHERE kapture_day = $1 AND NOT EXISTS
                     (SELECT FROM {staged_customers} AS staged WHERE staged.id = customers.id)"
                ),
                format!(
                    "WITH upserted AS (
                         INSERT INTO customers ({all}) SELECT CAST($1 AS date), {names}
                         FROM {staged_customers} ON CONFLICT (id) DO {update} RETURNING id
                     ) INSERT INTO {UPSERTED} SELECT id FROM upserted",
                    all = customers.column_list(),
                    names = staged_names(&customers),
                    update = customers.update_if_newer(),
                ),
                "DELETE FROM kapture_shared_customers WHERE day = $1".to_owned(),
                format!(
                    "INSERT INTO kapture_shared_customers (day, id)
                     SELECT CASE customers.kapture_day WHEN $1 THEN changes.day ELSE $1 END, id
                     FROM {DAY_CHANGES} AS changes JOIN customers USING (id)
                     ON CONFLICT DO NOTHING"
                ),
            ],
            without_day: [
                format!(
                    "UPDATE kapture_days SET state = 'open' WHERE day IN
                         (SELECT day FROM {DAY_CHANGES} WHERE is_new)"
                ),
                // By an array, as above.
                format!(
                    "DELETE FROM contacts
                     WHERE customer_id = ANY (ARRAY(SELECT id FROM {UPSERTED}))"
                ),
                format!(
                    "INSERT INTO contacts ({names}) SELECT {names} FROM {staged_contacts}
                     WHERE customer_id IN (SELECT id FROM {UPSERTED})",
                    names = staged_names(&contacts),
                ),
            ],
        }
    }

    /// The statements that create the temporary tables of a session.
    pub(super) fn temporary_tables(&self) -> &str {
        &self.temporary_tables
    }

    /// Deletes the customers of the day that were not staged, upserts the staged ones with all of
    /// their contacts, and opens the other days that this one contradicts.
    pub(super) async fn run(
        &self,
        transaction: &Transaction<'_>,
        day: NaiveDate,
    ) -> Result<(), tokio_postgres::Error> {
        for statement in &self.with_day {
            transaction.execute(statement, &[&day]).await?;
        }
        for statement in &self.without_day {
            transaction.execute(statement, &[]).await?;
        }
        Ok(())
    }
}

fn temporary_tables(customers: &Table, contacts: &Table) -> String {
    let staging_table = |table: &Table| {
        let name = staging(table);
        let columns: Vec<_> = table
            .staged(Dialect::Postgres)
            .map(|(name, kind)| format!("{name} {kind}"))
            .collect();
        let columns = columns.join(", ");
        format!("CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT DELETE ROWS;\n")
    };
    format!(
        "{}{}CREATE TEMPORARY TABLE {UPSERTED} (id bigint) ON COMMIT DELETE ROWS;
         CREATE TEMPORARY TABLE {DAY_CHANGES} (id bigint, day date, is_new boolean)
         ON COMMIT DELETE ROWS;",
        staging_table(customers),
        staging_table(contacts),
    )
}

fn staged_names(table: &Table) -> String {
    let names: Vec<_> = table
        .staged(Dialect::Postgres)
        .map(|(name, _)| name)
        .collect();
    names.join(", ")
}
