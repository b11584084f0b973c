//! The transaction that replaces a day.

use kapture_model::{Drift, Receipt, RowHasher};
use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::copy::{Encoder, Target};
use super::{Postgres, rows, upsert};
use crate::error::SinkError;
use crate::incremental::blocking;
use crate::incremental::spool::Spooled;
use crate::ledger::receipt_codec::RECEIPTS;
use crate::ledger::rereads::days_between;
use crate::sql::new_day;
use crate::sql::tables::Dialect;

/// Replaces a day by `records`.
pub(super) async fn replace(
    postgres: &Postgres,
    receipt: &Receipt,
    records: Spooled,
) -> Result<Drift, SinkError> {
    let connection = &postgres.connection;
    let mut client = connection.client().await;
    let select = new_day::select_is_new(Dialect::Postgres);
    let row = connection
        .run(client.query_one(&select, &[&receipt.day]))
        .await?;
    let mut records = records;
    if connection.value(&row, 0)? {
        // A transaction that is dropped is rolled back.
        let transaction = connection.run(client.transaction()).await?;
        let target = Target::Tables(receipt.day);
        let (copied, encoder) = postgres.copy(&transaction, records, target).await?;
        match copied {
            Ok(()) => {
                connection
                    .run(postgres.finish_new(&transaction, receipt))
                    .await?;
                connection.run(transaction.commit()).await?;
                return Ok(encoder.drift());
            }
            Err(error) if is_of_rows(&error) => {}
            Err(error) => return Err(connection.error(&error)),
        }
        connection.run(transaction.rollback()).await?;
        records = blocking::run(move || encoder.into_records()).await?;
    }
    let transaction = connection.run(client.transaction()).await?;
    let hasher = postgres.row_hasher();
    rows::forget_changed(connection, &transaction, receipt.day, hasher).await?;
    let (copied, encoder) = postgres
        .copy(&transaction, records, Target::Staging)
        .await?;
    copied.map_err(|error| connection.error(&error))?;
    connection
        .run(postgres.merge(&transaction, receipt))
        .await?;
    connection.run(transaction.commit()).await?;
    Ok(encoder.drift())
}

/// Whether the rows are at fault: a customer is there with another day, or a column was given another
/// type, to which the merge casts and COPY does not.
fn is_of_rows(error: &tokio_postgres::Error) -> bool {
    let is_of_rows = |code: &SqlState| {
        let is_of_class = |class| code.code().starts_with(class);
        ["22", "23"].into_iter().any(is_of_class) || *code == SqlState::PROTOCOL_VIOLATION
    };
    error.code().is_some_and(is_of_rows)
}

impl Postgres {
    /// Copies records, each batch while the next one is encoded. The encoder is at its end then, unless
    /// the server refused a batch.
    async fn copy(
        &self,
        transaction: &Transaction<'_>,
        records: Spooled,
        target: Target,
    ) -> Result<(Result<(), tokio_postgres::Error>, Encoder), SinkError> {
        let encode = |mut encoder: Encoder| {
            blocking::spawn(move || {
                let batch = encoder.next_batch();
                (encoder, batch)
            })
        };
        let mut encoding = encode(Encoder::new(records, self.zone, self.row_hasher(), target));
        loop {
            let (encoder, batch) = encoding.await;
            let Some(batch) = batch? else {
                return Ok((Ok(()), encoder));
            };
            encoding = encode(encoder);
            let copied = self
                .connection
                .within_timeout(batch.copy(transaction, target));
            if let Err(error) = copied.await? {
                let (encoder, _) = encoding.await;
                return Ok((Err(error), encoder));
            }
        }
    }

    fn row_hasher(&self) -> &RowHasher {
        self.hasher.get_or_init(RowHasher::default)
    }

    /// What remains to be done when a new day was copied into the tables.
    async fn finish_new(
        &self,
        transaction: &Transaction<'_>,
        receipt: &Receipt,
    ) -> Result<(), tokio_postgres::Error> {
        if let Some(history) = self.history.get() {
            let list = new_day::list_inserted(Dialect::Postgres);
            let statements = [&list].into_iter().chain(&history.new_day);
            self.execute_each(transaction, receipt, statements).await?;
        }
        upsert(transaction, &RECEIPTS, RECEIPTS.encode(receipt)).await
    }

    async fn merge(
        &self,
        transaction: &Transaction<'_>,
        receipt: &Receipt,
    ) -> Result<(), tokio_postgres::Error> {
        let history = self.history.get().map_or(&[][..], |history| &history.day);
        let statements = self.merge.statements.iter().chain(history);
        self.execute_each(transaction, receipt, statements).await?;
        let age = days_between(receipt.day, receipt.fetched, self.zone);
        let counted = [&receipt.day as &(dyn ToSql + Sync), &age];
        transaction.execute(&self.merge.count, &counted).await?;
        upsert(transaction, &RECEIPTS, RECEIPTS.encode(receipt)).await
    }

    /// Executes statements of a day.
    async fn execute_each(
        &self,
        transaction: &Transaction<'_>,
        receipt: &Receipt,
        statements: impl Iterator<Item = &String>,
    ) -> Result<(), tokio_postgres::Error> {
        let seen = self.seen.next(receipt.fetched);
        let all: [&(dyn ToSql + Sync); 2] = [&receipt.day, &seen];
        for statement in statements {
            let parameters = match (statement.contains("$2"), statement.contains("$1")) {
                (true, _) => &all[..],
                (false, true) => &all[..1],
                (false, false) => &[],
            };
            transaction.execute(statement, parameters).await?;
        }
        Ok(())
    }
}
