//! Erases customers from the database file, so that no byte of them is left in it.

use std::collections::BTreeSet;
use std::io;

use kapture_model::CustomerId;
use rusqlite::{Connection, Transaction, TransactionBehavior, params_from_iter};

use super::database::Database;
use crate::error::SinkError;
use crate::incremental::forget::Erased;
use crate::ledger::Ledger;
use crate::ledger::receipt_codec::RECEIPTS;
use crate::sql::erase::Erase;
use crate::sql::tables::Dialect;

const STILL_READ: &str = "another program reads it, so that its write-ahead log still has what was erased: end that program, and run this again";

/// Erases customers, and then every earlier copy of them: the file is written anew without its free
/// pages, and its write-ahead log is emptied.
pub(super) fn erase(database: &Database, ids: &BTreeSet<CustomerId>) -> Result<Erased, SinkError> {
    let ledger = database.receipts(Ledger::default())?;
    let mut connection = database.connection();
    let mut work = || -> rusqlite::Result<_> {
        // What is deleted is overwritten, also in pages that stay in use.
        connection.execute_batch("PRAGMA secure_delete = ON")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let erased = delete(&transaction, ids)?;
        correct_receipts(&transaction, &ledger, &erased)?;
        transaction.commit()?;
        connection.execute_batch("VACUUM")?;
        Ok((erased, empty_log(&connection)?))
    };
    match work().map_err(database.error())? {
        (erased, true) => Ok(erased),
        (_, false) => Err(SinkError::DatabaseFile {
            path: database.path().to_owned(),
            source: io::Error::other(STILL_READ).into(),
        }),
    }
}

fn delete(transaction: &Transaction<'_>, ids: &BTreeSet<CustomerId>) -> rusqlite::Result<Erased> {
    let statements = Erase::new(Dialect::Sqlite);
    let mut erased = Erased::default();
    for id in ids {
        let key = [id.table_key()];
        let mut days = transaction.prepare_cached(&statements.days)?;
        for day in days.query_map(key, |row| row.get::<_, String>(0))? {
            if let Ok(day) = day?.parse() {
                erased.add_listed(day, id.clone());
            }
        }
        for deletion in &statements.deletions {
            if transaction.prepare_cached(deletion)?.execute(key)? > 0 {
                erased.add(id.clone());
            }
        }
    }
    Ok(erased)
}

fn correct_receipts(
    transaction: &Transaction<'_>,
    ledger: &Ledger,
    erased: &Erased,
) -> rusqlite::Result<()> {
    let upsert = RECEIPTS.upsert(Dialect::Sqlite);
    for (day, ids) in erased.by_day() {
        if let Some(receipt) = ledger.get(*day) {
            let row = RECEIPTS.encode(&receipt.without(ids));
            transaction.execute(&upsert, params_from_iter(row))?;
        }
    }
    Ok(())
}

/// Moves the write-ahead log into the file and truncates it; false while a reader needs it.
fn empty_log(connection: &Connection) -> rusqlite::Result<bool> {
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    connection.query_row(checkpoint, [], |row| Ok(row.get::<_, i64>(0)? == 0))
}
