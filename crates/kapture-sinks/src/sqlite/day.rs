//! The transaction that replaces a day.

use kapture_model::{Cell, Drift, Receipt, Row, RowHasher};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{ErrorCode, ToSql, Transaction, TransactionBehavior, params_from_iter};

use super::database::Database;
use super::rows::forget_changed;
use crate::error::SinkError;
use crate::incremental::decoded::{DecodedRow, decode_beside};
use crate::incremental::spool::Spooled;
use crate::ledger::receipt_codec::RECEIPTS;
use crate::ledger::rereads::days_between;
use crate::sql::new_day;
use crate::sql::tables::{self, Dialect, Table};

impl Database {
    pub(super) fn replace_day(
        &self,
        receipt: &Receipt,
        mut records: Spooled,
    ) -> Result<Drift, SinkError> {
        if let Some(drift) = self.insert_new_day(receipt, &mut records)? {
            return Ok(drift);
        }
        records.rewind()?;
        self.merge_day(receipt, &mut records)
    }

    /// Inserts a day that the database has nothing of. `None`, and no change, where it has something.
    fn insert_new_day(
        &self,
        receipt: &Receipt,
        records: &mut Spooled,
    ) -> Result<Option<Drift>, SinkError> {
        let mut connection = self.connection();
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(self.error())?;
        let day = receipt.day.to_string();
        let is_new = transaction
            .prepare_cached(&new_day::select_is_new(Dialect::Sqlite))
            .and_then(|mut select| select.query_row([&day], |row| row.get::<_, bool>(0)));
        if !is_new.map_err(self.error())? {
            return Ok(None);
        }
        let insert = [tables::customers(), tables::contacts()].map(|table| insert(&table));
        let mut is_held = false;
        let decoded = decode_beside(records, self.zone, self.row_hasher(), |rows| {
            let inserted = insert_rows(&transaction, &insert, Some(&day), &rows);
            inserted.map_err(|error| {
                is_held = error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation);
                self.error()(error)
            })
        });
        if is_held {
            return Ok(None);
        }
        let drift = decoded?;
        let finish = || {
            transaction.execute_batch(&self.merge.clear)?;
            if let Some(history) = self.history.get() {
                let list = new_day::list_inserted(Dialect::Sqlite);
                self.run(
                    &transaction,
                    receipt,
                    [&list].into_iter().chain(&history.new_day),
                )?;
            }
            store_receipt(&transaction, receipt)
        };
        finish().map_err(self.error())?;
        transaction.commit().map_err(self.error())?;
        Ok(Some(drift))
    }

    /// Stages a day, and brings the tables to it.
    fn merge_day(&self, receipt: &Receipt, records: &mut Spooled) -> Result<Drift, SinkError> {
        let mut connection = self.connection();
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(self.error())?;
        transaction
            .execute_batch(&self.merge.clear)
            .and_then(|()| forget_changed(&transaction, receipt.day, self.row_hasher()))
            .map_err(self.error())?;
        let stage = [tables::customers(), tables::contacts()].map(|table| stage(&table));
        let drift = decode_beside(records, self.zone, self.row_hasher(), |rows| {
            insert_rows(&transaction, &stage, None, &rows).map_err(self.error())
        })?;
        self.merge(&transaction, receipt).map_err(self.error())?;
        transaction.commit().map_err(self.error())?;
        Ok(drift)
    }

    fn row_hasher(&self) -> &RowHasher {
        self.hasher.get_or_init(RowHasher::default)
    }

    fn merge(&self, transaction: &Transaction<'_>, receipt: &Receipt) -> rusqlite::Result<()> {
        let history = self.history.get().map_or(&[][..], |history| &history.day);
        self.run(
            transaction,
            receipt,
            self.merge.statements.iter().chain(history),
        )?;
        let age = days_between(receipt.day, receipt.fetched, self.zone);
        let day = receipt.day.to_string();
        let mut count = transaction.prepare_cached(&self.merge.count)?;
        count.execute([("$1", &day as &dyn ToSql), ("$2", &age)].as_slice())?;
        store_receipt(transaction, receipt)
    }

    /// Runs statements of a day.
    fn run<'s>(
        &self,
        transaction: &Transaction<'_>,
        receipt: &Receipt,
        statements: impl Iterator<Item = &'s String>,
    ) -> rusqlite::Result<()> {
        let (day, seen) = (receipt.day.to_string(), self.seen.next(receipt.fetched));
        for statement in statements {
            let mut statement = transaction.prepare_cached(statement)?;
            for (name, value) in [("$1", &day), ("$2", &seen)] {
                if let Some(index) = statement.parameter_index(name)? {
                    statement.raw_bind_parameter(index, value)?;
                }
            }
            statement.raw_execute()?;
        }
        Ok(())
    }
}

fn store_receipt(transaction: &Transaction<'_>, receipt: &Receipt) -> rusqlite::Result<()> {
    let upsert = RECEIPTS.upsert(Dialect::Sqlite);
    let row = params_from_iter(RECEIPTS.encode(receipt));
    transaction.execute(&upsert, row).map(drop)
}

/// Inserts customers and their contacts with these statements, the customers with their day if there is
/// one.
fn insert_rows(
    transaction: &Transaction<'_>,
    [customers, contacts]: &[String; 2],
    day: Option<&str>,
    rows: &[DecodedRow],
) -> rusqlite::Result<()> {
    let mut customer = transaction.prepare_cached(customers)?;
    let mut contact = transaction.prepare_cached(contacts)?;
    for DecodedRow { row, hash } in rows {
        let day = day.map(|day| ToSqlOutput::Borrowed(ValueRef::Text(day.as_bytes())));
        let keys = day.into_iter().chain([ToSqlOutput::from(*hash)]);
        customer.execute(params_from_iter(keys.chain(cells(&row.customer))))?;
        for (position, cells_of) in (0_i64..).zip(&row.contacts) {
            let key = [row.id, position].map(ToSqlOutput::from);
            contact.execute(params_from_iter(key.into_iter().chain(cells(cells_of))))?;
        }
    }
    Ok(())
}

/// Inserts a row into a table.
fn insert(table: &Table) -> String {
    let names = table.column_list();
    let marks = vec!["?"; table.column_names().count()].join(", ");
    format!("INSERT INTO {} ({names}) VALUES ({marks})", table.name)
}

/// Inserts a row into a staging table.
fn stage(table: &Table) -> String {
    let names = table.staged_list();
    let marks = vec!["?"; table.staged(Dialect::Sqlite).count()].join(", ");
    format!("INSERT INTO {} ({names}) VALUES ({marks})", table.staging())
}

/// The cells of a row and its extra object.
fn cells<'r>(row: &'r Row<'_>) -> impl Iterator<Item = ToSqlOutput<'r>> {
    let value = |cell: &'r Cell<'_>| match cell {
        Cell::Null => ToSqlOutput::Owned(Value::Null),
        Cell::Integer(number) => ToSqlOutput::from(*number),
        Cell::Float(number) => ToSqlOutput::from(*number),
        Cell::Bool(flag) => ToSqlOutput::from(*flag),
        Cell::Timestamp(_) => ToSqlOutput::Owned(Value::Text(text(cell))),
        Cell::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
    };
    let extra = match &row.extra {
        Some(json) => ToSqlOutput::Borrowed(ValueRef::Text(json.as_bytes())),
        None => ToSqlOutput::Owned(Value::Null),
    };
    row.cells.iter().map(value).chain([extra])
}

fn text(cell: &Cell<'_>) -> String {
    let mut text = Vec::new();
    cell.write_text(&mut text);
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::history::History;
    use crate::sql::merge::Merge;
    use crate::sql::schema::schema_sql;
    use rusqlite::Connection;

    #[test]
    fn merging_a_day_scans_no_other_days() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(&schema_sql(Dialect::Sqlite))
            .unwrap();
        let merge = Merge::new(Dialect::Sqlite);
        connection.execute_batch(&merge.create).unwrap();
        let history = History::new(Dialect::Sqlite);
        let new_day = [
            &[new_day::list_inserted(Dialect::Sqlite)][..],
            &history.new_day[..],
        ]
        .concat();
        let merged = merge.statements.iter().chain(&history.day);
        for statement in merged.chain(&new_day) {
            let mut plan = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
                .unwrap();
            let parameters = vec!["2024-05-02"; plan.parameter_count()];
            let steps = plan.query_map(params_from_iter(parameters), |row| row.get::<_, String>(3));
            for step in steps.unwrap() {
                let step = step.unwrap();
                for table in ["customers", "contacts", "held"] {
                    let is_scan = step.starts_with(&format!("SCAN {table}"));
                    assert!(!is_scan, "{statement}: {step}");
                }
            }
        }
    }
}
