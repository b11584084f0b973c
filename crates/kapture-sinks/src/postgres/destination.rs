//! The address of a PostgreSQL database, as a destination.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono_tz::Tz;

use super::Postgres;
use super::address::Address;
use super::error::PostgresError;
use crate::destination::capabilities::Capabilities;
use crate::destination::error::DestinationError;
use crate::destination::opener::Opener;
use crate::destination::redact::without_password;
use crate::encoding::Encoding;
use crate::encoding::format::Format;
use crate::error::SinkError;
use crate::incremental::Incremental;
use crate::incremental::forget::Forget;
use crate::ledger::identity::Identity;
use crate::ledger::tracking::Tracking;
use crate::sink::Sink;

/// `postgres://…`
pub(crate) fn parse(url: &str, _: Option<Format>) -> Result<Arc<dyn Opener>, DestinationError> {
    if let Err(PostgresError::Address(reason)) = Address::parse(url, None) {
        return Err(DestinationError::Address {
            destination: without_password(url),
            reason,
        });
    }
    Ok(Arc::new(PostgresUrl {
        url: url.to_owned(),
        tracking: Tracking::default(),
    }))
}

/// A PostgreSQL database, as a destination.
struct PostgresUrl {
    url: String,
    tracking: Tracking,
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.url))
    }
}

/// Prints no password.
impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

#[async_trait]
impl Opener for PostgresUrl {
    fn capabilities(&self) -> Capabilities {
        Capabilities::DATABASE
    }

    fn tracking(&self, tracking: &Tracking) -> Option<Arc<dyn Opener>> {
        Some(Arc::new(Self {
            url: self.url.clone(),
            tracking: tracking.clone(),
        }))
    }

    async fn create(
        &self,
        identity: &Identity,
        encoding: &Encoding,
    ) -> Result<Box<dyn Sink>, SinkError> {
        let tracking = self.tracking.clone();
        let columns = &encoding.columns;
        let postgres = Postgres::connect(&self.url, identity.zone, columns, tracking).await?;
        Ok(Box::new(Incremental::create(postgres, identity).await?))
    }

    async fn open_to_forget(&self) -> Result<Box<dyn Forget>, SinkError> {
        let postgres = Postgres::connect(&self.url, Tz::UTC, &[], Tracking::default()).await?;
        Ok(Box::new(postgres))
    }

    async fn open(&self, identity: Option<&Identity>) -> Result<Box<dyn Sink>, SinkError> {
        let postgres = Postgres::connect(&self.url, Tz::UTC, &[], Tracking::default()).await?;
        Ok(Box::new(Incremental::open(postgres, identity).await?))
    }
}
