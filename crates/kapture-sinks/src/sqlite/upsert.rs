//! Upserts the customers of a day, within one transaction.

use chrono::NaiveDate;
use kapture_model::{Cell, CustomerRow, Receipt, Row};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Result, Statement, Transaction, params_from_iter};

use crate::ledger::receipt_codec;
use crate::sql::tables::{self, Dialect};

/// The temporary tables of a connection: the ids that were staged for the day, and those of them
/// that had another day before. `is_new` is true where this day was not known to return them. Few
/// customers change their day, so a trigger collects them, and the others cost nothing.
pub(super) const TEMPORARY_TABLES: &str = "
    CREATE TEMPORARY TABLE staged (id INTEGER PRIMARY KEY);
    CREATE TEMPORARY TABLE day_changes (id INTEGER PRIMARY KEY, day TEXT, is_new BOOLEAN);
    CREATE TEMPORARY TRIGGER day_changed BEFORE UPDATE OF kapture_day ON customers
    WHEN old.kapture_day <> new.kapture_day
    BEGIN
        INSERT OR IGNORE INTO day_changes (id, day, is_new)
        SELECT old.id, old.kapture_day, NOT EXISTS
            (SELECT 1 FROM kapture_shared_customers WHERE day = new.kapture_day AND id = old.id);
    END;";

/// The statements that finish a day, `?1`, after the upserts of its customers.
const FINISH: [&str; 5] = [
    // A day that shares a deleted customer has to be pulled again to bring it back.
    "UPDATE kapture_days SET state = 'open' WHERE day IN
         (SELECT day FROM kapture_shared_customers JOIN customers USING (id)
          WHERE kapture_day = ?1 AND id NOT IN (SELECT id FROM staged))",
    "DELETE FROM customers WHERE kapture_day = ?1 AND id NOT IN (SELECT id FROM staged)",
    "DELETE FROM kapture_shared_customers WHERE day = ?1",
    // SQLite never reorders a cross join, which would scan the customers of all days.
    "INSERT OR IGNORE INTO kapture_shared_customers (day, id)
     SELECT CASE kapture_day WHEN ?1 THEN day ELSE ?1 END, id
     FROM day_changes CROSS JOIN customers USING (id)",
    "UPDATE kapture_days SET state = 'open' WHERE day <> ?1 AND day IN
         (SELECT day FROM day_changes WHERE is_new)",
];

/// The upserts of one day.
pub(super) struct DayUpsert<'a> {
    transaction: &'a Transaction<'a>,
    day: String,
    stage: Statement<'a>,
    record_day_change: Statement<'a>,
    upsert_customer: Statement<'a>,
    delete_contacts: Statement<'a>,
    insert_contact: Statement<'a>,
}

impl<'a> DayUpsert<'a> {
    pub(super) fn begin(transaction: &'a Transaction<'_>, day: NaiveDate) -> Result<Self> {
        let (customers, contacts) = (tables::customers(), tables::contacts());
        let insert = |table: &tables::Table| {
            let marks = vec!["?"; table.column_names().count()].join(", ");
            format!(
                "INSERT INTO {} ({}) VALUES ({marks})",
                table.name,
                table.column_list()
            )
        };
        let upsert_customer = format!(
            "{} ON CONFLICT (id) DO {}",
            insert(&customers),
            customers.update_if_newer()
        );
        let record_day_change = "
            INSERT OR IGNORE INTO day_changes (id, day, is_new)
            SELECT id, kapture_day,
                NOT EXISTS (SELECT 1 FROM kapture_shared_customers WHERE day = ?2 AND id = ?1)
            FROM customers WHERE id = ?1";
        transaction.execute_batch("DELETE FROM staged; DELETE FROM day_changes;")?;
        Ok(Self {
            transaction,
            day: day.to_string(),
            stage: transaction.prepare("INSERT OR IGNORE INTO staged (id) VALUES (?1)")?,
            record_day_change: transaction.prepare(record_day_change)?,
            upsert_customer: transaction.prepare(&upsert_customer)?,
            delete_contacts: transaction.prepare("DELETE FROM contacts WHERE customer_id = ?1")?,
            insert_contact: transaction.prepare(&insert(&contacts))?,
        })
    }

    /// Upserts a customer with its contacts, unless the database has a newer copy.
    pub(super) fn upsert(&mut self, row: &CustomerRow<'_>) -> Result<()> {
        self.stage.execute([row.id])?;
        let day = ToSqlOutput::from(self.day.as_str());
        let customer = [day].into_iter().chain(cells(&row.customer));
        if self.upsert_customer.execute(params_from_iter(customer))? == 0 {
            // The newer copy, which is of another day, stays.
            self.record_day_change.execute((row.id, &self.day))?;
            return Ok(());
        }
        self.delete_contacts.execute([row.id])?;
        for (position, contact) in (0_i64..).zip(&row.contacts) {
            let key = [row.id, position].map(ToSqlOutput::from);
            let contact = key.into_iter().chain(cells(contact));
            self.insert_contact.execute(params_from_iter(contact))?;
        }
        Ok(())
    }

    /// Deletes the customers of the day that were not staged, opens the other days that this one
    /// contradicts, and writes the receipt.
    pub(super) fn finish(self, receipt: &Receipt) -> Result<()> {
        for statement in FINISH {
            self.transaction.execute(statement, [&self.day])?;
        }
        self.transaction.execute(
            &receipt_codec::upsert(Dialect::Sqlite),
            params_from_iter(receipt_codec::encode(receipt)),
        )?;
        Ok(())
    }
}

/// The cells of a row and its extra object.
fn cells<'r>(row: &'r Row<'_>) -> impl Iterator<Item = ToSqlOutput<'r>> {
    let value = |cell: &'r Cell<'_>| match cell {
        Cell::Null => ToSqlOutput::Owned(Value::Null),
        Cell::Integer(number) => ToSqlOutput::from(*number),
        Cell::Float(number) => ToSqlOutput::from(*number),
        Cell::Bool(flag) => ToSqlOutput::from(*flag),
        Cell::Timestamp(time) => ToSqlOutput::Owned(Value::Text(format!("{time:?}"))),
        Cell::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
    };
    let extra = match &row.extra {
        Some(json) => ToSqlOutput::Borrowed(ValueRef::Text(json.as_bytes())),
        None => ToSqlOutput::Owned(Value::Null),
    };
    row.cells.iter().map(value).chain([extra])
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::sql::schema::schema_sql;

    #[test]
    fn finishing_a_day_scans_no_other_days() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(&schema_sql(Dialect::Sqlite))
            .unwrap();
        connection.execute_batch(TEMPORARY_TABLES).unwrap();
        for statement in FINISH {
            let mut plan = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
                .unwrap();
            let steps = plan.query_map(["2024-05-02"], |row| row.get::<_, String>(3));
            for step in steps.unwrap() {
                let step = step.unwrap();
                assert!(!step.starts_with("SCAN customers"), "{statement}: {step}");
            }
        }
    }
}
