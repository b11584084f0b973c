//! Erases customers from the tables of a PostgreSQL database.

use std::collections::BTreeSet;

use kapture_model::CustomerId;
use tokio_postgres::Transaction;

use super::{Postgres, upsert};
use crate::error::SinkError;
use crate::incremental::DayStore;
use crate::incremental::forget::Erased;
use crate::ledger::Ledger;
use crate::ledger::receipt_codec::RECEIPTS;
use crate::sql::erase::Erase;
use crate::sql::tables::{Dialect, TABLES};

/// Erases customers, and then every earlier copy of them in the tables: the server writes their
/// files and statistics anew. Its own log is not in reach.
pub(super) async fn erase(
    postgres: &Postgres,
    ids: &BTreeSet<CustomerId>,
) -> Result<Erased, SinkError> {
    let connection = &postgres.connection;
    let ledger = postgres.receipts(Ledger::default()).await?;
    let mut client = connection.client().await;
    let transaction = connection.run(client.transaction()).await?;
    let erased = connection.run(delete(&transaction, ids)).await?;
    for (day, ids) in erased.by_day() {
        if let Some(receipt) = ledger.get(*day) {
            let receipt = receipt.without(ids);
            let corrected = upsert(&transaction, &RECEIPTS, RECEIPTS.encode(&receipt));
            connection.run(corrected).await?;
        }
    }
    connection.run(transaction.commit()).await?;
    let vacuum = format!("VACUUM (FULL, ANALYZE) {}", TABLES.join(", "));
    connection.run(client.batch_execute(&vacuum)).await?;
    Ok(erased)
}

async fn delete(
    transaction: &Transaction<'_>,
    ids: &BTreeSet<CustomerId>,
) -> Result<Erased, tokio_postgres::Error> {
    let statements = Erase::new(Dialect::Postgres);
    let mut erased = Erased::default();
    for id in ids {
        let key = id.table_key();
        for day in transaction.query(&statements.days, &[&key]).await? {
            if let Ok(day) = day.try_get::<_, String>(0)?.parse() {
                erased.add_listed(day, id.clone());
            }
        }
        for deletion in &statements.deletions {
            if transaction.execute(deletion, &[&key]).await? > 0 {
                erased.add(id.clone());
            }
        }
    }
    Ok(erased)
}
