//! The address of a PostgreSQL database, as a destination.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono_tz::Tz;

use super::Postgres;
use super::parameters::ParameterError;
use super::parameters::address::Address;
use super::parameters::machine::Nothing;
use super::server::Servers;
use crate::destination::capabilities::Capabilities;
use crate::destination::error::DestinationError;
use crate::destination::opener::Opener;
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
    let address = Address::parse(url).and_then(|address| {
        // A wrong value is found here, without what the machine adds.
        Servers::new(&address.parameters, &Nothing)?;
        Ok(address)
    });
    match address {
        Ok(address) => Ok(Arc::new(PostgresAddress {
            address,
            tracking: Tracking::default(),
        })),
        Err(ParameterError::Ambiguous | ParameterError::PercentEncoding) => {
            Err(DestinationError::Unescaped)
        }
        Err(error) => Err(DestinationError::Address {
            destination: "postgres://…".into(),
            reason: error.to_string(),
        }),
    }
}

/// A PostgreSQL database, as a destination.
#[derive(Debug)]
struct PostgresAddress {
    address: Address,
    tracking: Tracking,
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

#[async_trait]
impl Opener for PostgresAddress {
    fn capabilities(&self) -> Capabilities {
        Capabilities::DATABASE
    }

    fn tracking(&self, tracking: &Tracking) -> Option<Arc<dyn Opener>> {
        Some(Arc::new(Self {
            address: self.address.clone(),
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
        let postgres = Postgres::connect(&self.address, identity.zone, columns, tracking).await?;
        Ok(Box::new(Incremental::create(postgres, identity).await?))
    }

    async fn open_to_forget(&self) -> Result<Box<dyn Forget>, SinkError> {
        let postgres = Postgres::connect(&self.address, Tz::UTC, &[], Tracking::default()).await?;
        Ok(Box::new(postgres))
    }

    async fn open(&self, identity: Option<&Identity>) -> Result<Box<dyn Sink>, SinkError> {
        let postgres = Postgres::connect(&self.address, Tz::UTC, &[], Tracking::default()).await?;
        Ok(Box::new(Incremental::open(postgres, identity).await?))
    }
}
