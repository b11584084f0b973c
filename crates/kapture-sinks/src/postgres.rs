//! Records to a PostgreSQL database.

mod address;
mod connection;
mod copy;
mod destination;
mod error;
mod store;
mod tls;
mod upsert;

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::NaiveDate;
use chrono_tz::Tz;
use futures_util::TryStreamExt;
use kapture_model::{CustomerId, Drift, RowReader};
use tokio_postgres::types::ToSql;

use crate::encoding::surrogate_key::customer_id;
use crate::error::SinkError;
use crate::ledger::Ledger;
use crate::ledger::identity::Identity;
use crate::ledger::receipt_codec;
use crate::sink::{DayWriter, Sink};
use crate::spool::SpoolWriter;
use crate::sql::schema::migrations;
use crate::sql::tables::{Dialect, SELECT_IDS_OF_DAY, TABLES, check_present};
use connection::Connection;
pub(crate) use destination::parse;
use store::{Store, UPSERT_MANIFEST};
use upsert::DayUpsert;

/// A PostgreSQL database with the tables `customers` and `contacts`, the ledger `kapture_days` and
/// the manifest `kapture_manifest` in its default schema, which is the first of the search path.
///
/// A day is one transaction: its records are copied into staging tables and upserted from there.
/// One session at a time writes to a schema. It holds a session-level advisory lock, so the
/// connection must not go through a pool in transaction mode.
///
/// Addresses are those of libpq, `postgres://user@host/database?sslmode=require`. A password
/// that is not in the address is taken from the environment variable `PGPASSWORD`. With TLS the
/// server's certificate and name are checked, against the certificate authorities of this machine
/// or those in the file `sslrootcert`.
pub struct Postgres {
    store: Arc<Store>,
}

impl Postgres {
    /// Connects to write. Creates the tables if they do not exist, and migrates an older schema.
    ///
    /// `identity` says whose customers the database holds, and in which zone instants become local
    /// times; it is compared with the manifest.
    ///
    /// # Errors
    /// When the database cannot be reached, has tables of our names that kapture did not create,
    /// holds another identity, or another run is writing to it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn create(url: &str, identity: &Identity) -> Result<Self, SinkError> {
        let postgres = Self::connect(url, identity.zone).await?;
        postgres.store.connection.acquire_lock().await?;
        postgres.store.migrate(identity).await?;
        Ok(postgres)
    }

    /// Connects to read. `identity`, if given, is compared with the manifest.
    ///
    /// # Errors
    /// When the database cannot be reached, kapture did not create its tables, its schema is older,
    /// or it holds another identity.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn open(url: &str, identity: Option<&Identity>) -> Result<Self, SinkError> {
        let postgres = Self::connect(url, Tz::UTC).await?;
        let store = &postgres.store;
        let destination = &store.connection.destination;
        let manifest = store.latest_manifest().await?;
        manifest.check_latest(destination, migrations(Dialect::Postgres).len())?;
        check_present(destination, &store.connection.existing(&TABLES).await?)?;
        if let Some(identity) = identity {
            manifest.identity.check(destination, identity)?;
        }
        store
            .execute("SET default_transaction_read_only = on")
            .await?;
        Ok(postgres)
    }

    async fn connect(url: &str, zone: Tz) -> Result<Self, SinkError> {
        Ok(Self {
            store: Arc::new(Store {
                connection: Connection::open(url).await?,
                reader: Mutex::new(RowReader::new(zone)),
                upsert: DayUpsert::new(),
            }),
        })
    }
}

#[async_trait]
impl Sink for Postgres {
    async fn day(&self, _day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(SpoolWriter::new(Arc::clone(&self.store))))
    }

    fn drift(&self) -> Drift {
        self.store.reader().drift()
    }

    async fn ledger(&self) -> Result<Ledger, SinkError> {
        let connection = &self.store.connection;
        let client = connection.client().await;
        let select = receipt_codec::select(Dialect::Postgres);
        let rows = connection.run(client.query(&select, &[])).await?;
        let rows = rows.iter().map(|row| {
            (0..receipt_codec::WIDTH)
                .map(|column| connection.value(row, column))
                .collect()
        });
        let rows = rows.collect::<Result<_, _>>()?;
        let select = receipt_codec::select_sharing(Dialect::Postgres);
        let sharing = connection.run(client.query(&select, &[])).await?;
        let sharing = sharing.iter().map(|row| connection.value(row, 0));
        let sharing = sharing.collect::<Result<Vec<Option<_>>, _>>()?;
        drop(client);
        let ledger = self.store.latest_manifest().await?.ledger();
        let sharing = sharing.into_iter().flatten();
        receipt_codec::decode_ledger(ledger, &connection.destination, rows, sharing)
    }

    async fn set_start(&self, day: NaiveDate) -> Result<(), SinkError> {
        let mut manifest = self.store.latest_manifest().await?;
        if !manifest.extend_start(day) {
            return Ok(());
        }
        let connection = &self.store.connection;
        let client = connection.client().await;
        for (name, value) in manifest.rows() {
            let row: [&(dyn ToSql + Sync); 2] = [&name, &value];
            connection
                .run(client.execute(UPSERT_MANIFEST, &row))
                .await?;
        }
        Ok(())
    }

    async fn customers(&self, day: NaiveDate) -> Result<BTreeSet<CustomerId>, SinkError> {
        let connection = &self.store.connection;
        let client = connection.client().await;
        let rows = connection.run(client.query_raw(SELECT_IDS_OF_DAY, [day]));
        let mut rows = pin!(rows.await?);
        let mut customers = BTreeSet::new();
        while let Some(row) = connection.run(rows.try_next()).await? {
            let (key, extra) = (connection.value(&row, 0)?, connection.value(&row, 1)?);
            customers.extend(customer_id(key, extra));
        }
        Ok(customers)
    }
}
