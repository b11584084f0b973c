//! A day on its way into the database, within one transaction.

use chrono::NaiveDate;
use kapture_model::{Cell, CustomerRow, Receipt, Row};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Result, Statement, Transaction, params_from_iter};

use crate::ledger::receipt_codec;
use crate::sql::tables::{self, Dialect};

/// What a connection needs beside the tables that stay: the customers that were fetched, and those
/// of them that another day had before; `news` where this day was not known to list them. Few rows
/// change their day, so those that do tell of it themselves, and the others cost nothing.
pub(super) const TEMPORARY_TABLES: &str = "
    CREATE TEMPORARY TABLE fetched (id INTEGER PRIMARY KEY);
    CREATE TEMPORARY TABLE contested (id INTEGER PRIMARY KEY, day TEXT, news BOOLEAN);
    CREATE TEMPORARY TRIGGER moved BEFORE UPDATE OF kapture_day ON customers
    WHEN old.kapture_day <> new.kapture_day
    BEGIN
        INSERT OR IGNORE INTO contested (id, day, news)
        SELECT old.id, old.kapture_day, NOT EXISTS
            (SELECT 1 FROM kapture_shared_customers WHERE day = new.kapture_day AND id = old.id);
    END;";

/// What is done once all customers of a day, `?1`, were put.
const END: [&str; 5] = [
    // Who listed a customer whose row goes has to bring it back.
    "UPDATE kapture_days SET state = 'open' WHERE day IN
         (SELECT day FROM kapture_shared_customers JOIN customers USING (id)
          WHERE kapture_day = ?1 AND id NOT IN (SELECT id FROM fetched))",
    "DELETE FROM customers WHERE kapture_day = ?1 AND id NOT IN (SELECT id FROM fetched)",
    "DELETE FROM kapture_shared_customers WHERE day = ?1",
    // A cross join is read from left to right, and not by reading all customers of all days.
    "INSERT OR IGNORE INTO kapture_shared_customers (day, id)
     SELECT CASE kapture_day WHEN ?1 THEN day ELSE ?1 END, id
     FROM contested CROSS JOIN customers USING (id)",
    "UPDATE kapture_days SET state = 'open' WHERE day <> ?1 AND day IN
         (SELECT day FROM contested WHERE news)",
];

/// A day under way.
pub(super) struct Day<'a> {
    transaction: &'a Transaction<'a>,
    day: String,
    fetched: Statement<'a>,
    contested: Statement<'a>,
    customer: Statement<'a>,
    forget_contacts: Statement<'a>,
    contact: Statement<'a>,
}

impl<'a> Day<'a> {
    pub(super) fn begin(transaction: &'a Transaction<'_>, day: NaiveDate) -> Result<Self> {
        let (customers, contacts) = (tables::customers(), tables::contacts());
        let insert = |table: &tables::Table| {
            let marks = vec!["?"; table.column_names().count()].join(", ");
            format!(
                "INSERT INTO {} ({}) VALUES ({marks})",
                table.name,
                table.list()
            )
        };
        let customer = format!(
            "{} ON CONFLICT (id) DO {}",
            insert(&customers),
            customers.replace_older()
        );
        let contested = "
            INSERT OR IGNORE INTO contested (id, day, news)
            SELECT id, kapture_day,
                NOT EXISTS (SELECT 1 FROM kapture_shared_customers WHERE day = ?2 AND id = ?1)
            FROM customers WHERE id = ?1";
        transaction.execute_batch("DELETE FROM fetched; DELETE FROM contested;")?;
        Ok(Self {
            transaction,
            day: day.to_string(),
            fetched: transaction.prepare("INSERT OR IGNORE INTO fetched (id) VALUES (?1)")?,
            contested: transaction.prepare(contested)?,
            customer: transaction.prepare(&customer)?,
            forget_contacts: transaction.prepare("DELETE FROM contacts WHERE customer_id = ?1")?,
            contact: transaction.prepare(&insert(&contacts))?,
        })
    }

    /// A customer with its contacts, unless a newer copy is there.
    pub(super) fn put(&mut self, row: &CustomerRow<'_>) -> Result<()> {
        self.fetched.execute([row.id])?;
        let day = ToSqlOutput::from(self.day.as_str());
        if self.customer.execute(params_from_iter(
            [day].into_iter().chain(cells(&row.customer)),
        ))? == 0
        {
            // It stays as it is, with the day that has it.
            self.contested.execute((row.id, &self.day))?;
            return Ok(());
        }
        self.forget_contacts.execute([row.id])?;
        for (position, contact) in (0_i64..).zip(&row.contacts) {
            let key = [row.id, position].map(ToSqlOutput::from);
            self.contact
                .execute(params_from_iter(key.into_iter().chain(cells(contact))))?;
        }
        Ok(())
    }

    /// Customers of the day that did not come this time are gone, other days that this one
    /// contradicts are open again, and the day has its receipt.
    pub(super) fn end(self, receipt: &Receipt) -> Result<()> {
        for statement in END {
            self.transaction.execute(statement, [&self.day])?;
        }
        self.transaction.execute(
            &receipt_codec::replace(Dialect::Sqlite),
            params_from_iter(receipt_codec::row_of(receipt)),
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
    fn the_end_of_a_day_costs_no_look_at_other_days() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(&schema_sql(Dialect::Sqlite))
            .unwrap();
        connection.execute_batch(TEMPORARY_TABLES).unwrap();
        for statement in END {
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
