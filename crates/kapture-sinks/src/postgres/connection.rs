//! One connection to a PostgreSQL server, and the schema it works in.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Row};

use super::address::Address;
use super::error::Failure;
use super::tls::Tls;
use crate::destination::without_password;
use crate::error::SinkError;

/// Marks our locks among those that others take in the same database: "kapt".
const LOCKS: i32 = 0x6b61_7074;

/// How long a server may take for any one thing: for much more than it should ever be asked to do.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

pub(super) struct Connection {
    /// The database, without a password.
    pub(super) destination: String,
    /// Used for one transaction at a time.
    client: Mutex<Client>,
    /// Why the connection ended, once it has.
    ended: Arc<OnceLock<Failure>>,
    /// The number of the schema that new tables go to: the first of the search path.
    schema: u32,
}

impl Connection {
    /// Connects. A password that the address does not have is taken from the environment, as
    /// other programs do.
    pub(super) async fn open(url: &str) -> Result<Self, SinkError> {
        let destination = without_password(url);
        let failed = |failure: Failure| SinkError::database(&destination, failure);
        let password = std::env::var("PGPASSWORD").ok();
        let address = Address::parse(url, password).map_err(failed)?;
        let tls = Tls(address.roots.clone());
        let (client, mut connection) = timeout(address.patience(), address.config.connect(tls))
            .await
            .map_err(|_| failed(Failure::Silent(address.patience())))?
            .map_err(|error| failed(Failure::of(&error)))?;
        let ended = Arc::new(OnceLock::new());
        let end = Arc::clone(&ended);
        tokio::spawn(async move {
            if let Err(error) = (&mut connection).await {
                // Before the connection goes, with which those who wait for an answer are told.
                let _ = end.set(Failure::lost(&error));
            }
        });
        let select = "SELECT oid FROM pg_namespace WHERE nspname = current_schema()";
        // A server that has let us in may still say nothing more.
        let schema = timeout(address.patience(), client.query_opt(select, &[]))
            .await
            .map_err(|_| failed(Failure::Silent(address.patience())))?
            .map_err(|error| failed(Failure::of(&error)))?
            .ok_or_else(|| failed(Failure::NoSchema))?
            .try_get(0)
            .map_err(|error| failed(Failure::of(&error)))?;
        Ok(Self {
            destination,
            client: Mutex::new(client),
            ended,
            schema,
        })
    }

    pub(super) async fn client(&self) -> MutexGuard<'_, Client> {
        self.client.lock().await
    }

    /// Waits until the server has done something, though not for ever.
    pub(super) async fn done<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, SinkError> {
        self.awaited(work)
            .await?
            .map_err(|error| self.failed(&error))
    }

    /// The same, for whoever knows what to do about an error.
    pub(super) async fn awaited<T>(&self, work: impl Future<Output = T>) -> Result<T, SinkError> {
        timeout(PATIENCE, work)
            .await
            .map_err(|_| SinkError::database(&self.destination, Failure::Silent(PATIENCE)))
    }

    /// What an error of the client means to whoever wanted to write or read.
    pub(super) fn failed(&self, error: &tokio_postgres::Error) -> SinkError {
        let failure = match (self.ended.get(), error.is_closed()) {
            (Some(failure), true) => failure.clone(),
            _ => Failure::of(error),
        };
        SinkError::database(&self.destination, failure)
    }

    /// A value of a row, which may be of another type where somebody has changed a table.
    pub(super) fn value<'r, T: FromSql<'r>>(
        &self,
        row: &'r Row,
        column: usize,
    ) -> Result<T, SinkError> {
        row.try_get(column).map_err(|error| self.failed(&error))
    }

    /// Makes this session the only one that writes to the schema, for as long as it lasts. A
    /// session that is about to end is waited for: the server may learn late that a run was
    /// killed.
    pub(super) async fn take_lock(&self) -> Result<(), SinkError> {
        let key = [LOCKS, self.schema.cast_signed()];
        let mut client = self.client().await;
        let taken = async {
            let transaction = client.transaction().await?;
            transaction
                .batch_execute("SET LOCAL lock_timeout = '5s'")
                .await?;
            let lock = "SELECT pg_advisory_lock($1, $2)";
            transaction.execute(lock, &[&key[0], &key[1]]).await?;
            transaction.commit().await
        };
        match self.awaited(taken).await? {
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {}
            taken => return taken.map_err(|error| self.failed(&error)),
        }
        let holder = "
            SELECT pid::text FROM pg_locks JOIN pg_database ON pg_database.oid = database
            WHERE locktype = 'advisory' AND granted AND datname = current_database()
            AND classid = $1::int::oid AND objid = $2::int::oid AND objsubid = 2";
        let key: [&(dyn ToSql + Sync); 2] = [&key[0], &key[1]];
        let holder = self.done(client.query_opt(holder, &key)).await?;
        let holder: Option<String> = holder.map(|row| self.value(&row, 0)).transpose()?;
        Err(SinkError::Locked {
            destination: self.destination.clone(),
            process: holder.map(|process| format!("{process} of the server")),
        })
    }

    /// Those of `names` that are taken in the schema.
    pub(super) async fn taken(&self, names: &[&str]) -> Result<Vec<String>, SinkError> {
        let select =
            "SELECT relname::text FROM pg_class WHERE relnamespace = $1 AND relname = ANY ($2)";
        let client = self.client().await;
        let in_schema: [&(dyn ToSql + Sync); 2] = [&self.schema, &names];
        let rows = self.done(client.query(select, &in_schema)).await?;
        rows.iter().map(|row| self.value(row, 0)).collect()
    }
}
