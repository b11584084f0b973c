//! A connection to a PostgreSQL server, its timeouts, and the advisory lock of its schema.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Row};

use super::error::PostgresError;
use super::parameters::address::Address;
use super::parameters::machine::ThisMachine;
use super::server::Servers;
use crate::error::SinkError;

/// The first key of our advisory locks, "kapt"; the second is the schema.
const LOCK_CLASS: i32 = 0x6b61_7074;

/// How long a server may take for any one statement.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30 * 60);

pub(super) struct Connection {
    /// The database, without a password.
    pub(super) destination: String,
    /// One transaction at a time.
    client: Mutex<Client>,
    /// Why the connection ended, once it has.
    ended: Arc<OnceLock<PostgresError>>,
    /// The OID of the schema that new tables go to: the first of the search path.
    schema: u32,
}

impl Connection {
    /// Connects to the first server of the address that lets this user in.
    pub(super) async fn open(address: &Address) -> Result<Self, SinkError> {
        let destination = address.to_string();
        let failed = |error: PostgresError| SinkError::database(&destination, error);
        let parameters = address.parameters.completed(&ThisMachine);
        let parameters = parameters.map_err(|error| failed(error.into()))?;
        let servers = Servers::new(&parameters, &ThisMachine);
        let servers = servers.map_err(|error| failed(error.into()))?;
        let session = servers.connect().await.map_err(failed)?;
        let schema = session.set_up(parameters.get("schema")).await;
        Ok(Self {
            schema: schema.map_err(failed)?,
            destination,
            client: Mutex::new(session.client),
            ended: session.ended,
        })
    }

    pub(super) async fn client(&self) -> MutexGuard<'_, Client> {
        self.client.lock().await
    }

    /// Runs `work` within the timeout.
    pub(super) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, SinkError> {
        self.within_timeout(work)
            .await?
            .map_err(|error| self.error(&error))
    }

    /// The same, with the error of the client, for callers that handle some errors.
    pub(super) async fn within_timeout<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, SinkError> {
        timeout(STATEMENT_TIMEOUT, work).await.map_err(|_| {
            SinkError::database(&self.destination, PostgresError::Timeout(STATEMENT_TIMEOUT))
        })
    }

    /// Maps an error of the client. After the connection was lost, it says why.
    pub(super) fn error(&self, error: &tokio_postgres::Error) -> SinkError {
        let error = match (self.ended.get(), error.is_closed()) {
            (Some(ended), true) => ended.clone(),
            _ => PostgresError::new(error),
        };
        SinkError::database(&self.destination, error)
    }

    /// A value of a row; an error if the column was changed to another type.
    pub(super) fn value<'r, T: FromSql<'r>>(
        &self,
        row: &'r Row,
        column: usize,
    ) -> Result<T, SinkError> {
        row.try_get(column).map_err(|error| self.error(&error))
    }

    /// Acquires the advisory lock of the schema until the session ends. Waits for a few seconds: the
    /// server may notice late that the process of another session was killed.
    pub(super) async fn acquire_lock(&self) -> Result<(), SinkError> {
        let key = [LOCK_CLASS, self.schema.cast_signed()];
        let mut client = self.client().await;
        let acquired = async {
            let transaction = client.transaction().await?;
            transaction
                .batch_execute("SET LOCAL lock_timeout = '5s'")
                .await?;
            let lock = "SELECT pg_advisory_lock($1, $2)";
            transaction.execute(lock, &[&key[0], &key[1]]).await?;
            transaction.commit().await
        };
        match self.within_timeout(acquired).await? {
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {}
            acquired => return acquired.map_err(|error| self.error(&error)),
        }
        let holder = "
            SELECT pid::text FROM pg_locks JOIN pg_database ON pg_database.oid = database
            WHERE locktype = 'advisory' AND granted AND datname = current_database()
            AND classid = $1::int::oid AND objid = $2::int::oid AND objsubid = 2";
        let key: [&(dyn ToSql + Sync); 2] = [&key[0], &key[1]];
        let holder = self.run(client.query_opt(holder, &key)).await?;
        let holder: Option<String> = holder.map(|row| self.value(&row, 0)).transpose()?;
        Err(SinkError::Locked {
            destination: self.destination.clone(),
            process: holder.map(|process| format!("{process} of the server")),
        })
    }

    /// Those of the tables `names` that exist in the schema.
    pub(super) async fn existing(&self, names: &[&str]) -> Result<Vec<String>, SinkError> {
        let select =
            "SELECT relname::text FROM pg_class WHERE relnamespace = $1 AND relname = ANY ($2)";
        let client = self.client().await;
        let in_schema: [&(dyn ToSql + Sync); 2] = [&self.schema, &names];
        let rows = self.run(client.query(select, &in_schema)).await?;
        rows.iter().map(|row| self.value(row, 0)).collect()
    }
}
