//! The frame of the incremental sinks: [`Incremental`] makes a sink of a [`DayStore`].

pub(crate) mod blocking;
#[cfg(feature = "sqlite")]
pub(crate) mod decoded;
pub(crate) mod forget;
pub(crate) mod seen;
pub(crate) mod spool;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use chrono_tz::Tz;
use kapture_model::{CustomerId, Drift, Receipt, Record, RowHasher, RowReader};

use crate::error::SinkError;
use crate::ledger::change::{ChangeStream, SeenBetween};
use crate::ledger::identity::Identity;
use crate::ledger::manifest::Manifest;
use crate::ledger::rereads::Rereads;
use crate::ledger::run_log::{Run, RunLog};
use crate::ledger::stray::Stray;
use crate::ledger::tombstones::Tombstones;
use crate::ledger::{Ledger, RangeEnd};
use crate::sink::{DayWriter, RowHashes, Sink};
use forget::Erased;
use spool::{SpoolWriter, Spooled};

/// A destination that remembers: a manifest, and days, each with its receipt. No method blocks the
/// thread it is called on.
#[async_trait]
pub(crate) trait DayStore: Send + Sync + 'static {
    /// The destination, for messages: without a password.
    fn destination(&self) -> String;

    /// The manifest, or `None` if there is nothing at all. Data that kapture did not write is an
    /// error.
    async fn manifest(&self) -> Result<Option<Manifest>, SinkError>;

    /// Replaces the manifest.
    async fn write_manifest(&self, manifest: &Manifest) -> Result<(), SinkError>;

    /// Locks the destination until this store is dropped.
    async fn lock(&self) -> Result<(), SinkError>;

    /// Releases the lock, where dropping this store cannot.
    async fn unlock(&self) {}

    /// Creates what is missing, or migrates what is older, and gets ready to write. `held` is the
    /// manifest, whose identity is the one asked for.
    async fn initialize(
        &self,
        held: Option<Manifest>,
        identity: &Identity,
    ) -> Result<(), SinkError>;

    /// Checks that it can be read, and gets ready to.
    async fn prepare_to_read(&self, manifest: &Manifest) -> Result<(), SinkError>;

    /// Adds all receipts to `ledger`, and marks the stale days.
    async fn receipts(&self, ledger: Ledger) -> Result<Ledger, SinkError>;

    /// Replaces a day by `records` and `receipt`, atomically. Returns the schema drift in the
    /// records.
    async fn replace_day(&self, receipt: &Receipt, records: Spooled) -> Result<Drift, SinkError>;

    /// The customers that a day listed, each with a hash of the values that are held.
    async fn row_hashes(&self, day: NaiveDate, hasher: RowHasher) -> Result<RowHashes, SinkError>;

    /// The hashes that these customers of a day would have here. Instants are local times of `zone`.
    async fn row_hashes_of(
        &self,
        zone: Tz,
        _day: NaiveDate,
        records: Vec<Record>,
        hasher: RowHasher,
    ) -> Result<RowHashes, SinkError> {
        let hashes = move || {
            let mut reader = RowReader::new(zone);
            let hash = |record: &Record| (record.id().clone(), hasher.hash(&reader.read(record)));
            records.iter().map(hash).collect()
        };
        Ok(blocking::run(hashes).await)
    }

    /// What it holds that belongs to no day of its ledger.
    async fn strays(&self) -> Result<Vec<Stray>, SinkError> {
        Ok(Vec::new())
    }

    /// The last runs. What cannot be decoded is left out.
    async fn runs(&self) -> Result<RunLog, SinkError>;

    /// Stores the last run of `log`, and no runs that are older than its first one.
    async fn store_last_run(&self, log: &RunLog) -> Result<(), SinkError>;

    /// The changes that were seen in a span of time, in order.
    fn changes(&self, _span: SeenBetween) -> Result<ChangeStream<'_>, SinkError> {
        Err(SinkError::NoHistory {
            destination: self.destination(),
        })
    }

    /// What was found when sealed days were read again.
    async fn rereads(&self) -> Result<Rereads, SinkError> {
        Ok(Rereads::default())
    }

    /// All days of a run were committed: what none of them showed is deleted.
    async fn end_run(&self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Erases customers from all days, from their receipts and from everything else, so that no byte
    /// of them is left, also of earlier copies. Does the same again where it was interrupted.
    async fn erase(&self, ids: &BTreeSet<CustomerId>) -> Result<Erased, SinkError>;

    /// Fails if what was committed is lost: someone removed the destination.
    async fn check_present(&self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// The sink of a store of days.
pub(crate) struct Incremental<S> {
    opened: Arc<Opened<S>>,
}

/// What the sink and the writers of its days share.
pub(crate) struct Opened<S> {
    store: S,
    /// The zone in which instants become local times.
    zone: Tz,
    /// Hashes the values that can be compared with those of a pull.
    hasher: RowHasher,
    /// The customers that must not be written.
    forgotten: Tombstones,
    /// The schema drift in all days that were committed.
    drift: Mutex<Drift>,
}

impl<S: DayStore> Incremental<S> {
    /// Opens a store to write to it. A destination of another identity stays as it is.
    pub(crate) async fn create(store: S, identity: &Identity) -> Result<Self, SinkError> {
        check_identity(&store, identity).await?;
        store.lock().await?;
        // Another run may have created it meanwhile.
        let initialize = async {
            let held = check_identity(&store, identity).await?;
            let forgotten = held.as_ref().map(|manifest| manifest.forgotten.clone());
            store.initialize(held, identity).await?;
            Ok(forgotten.unwrap_or_default())
        };
        match initialize.await {
            Ok(forgotten) => {
                let hasher = RowHasher::default();
                Ok(Self::opened(store, identity.zone, hasher, forgotten))
            }
            Err(error) => {
                store.unlock().await;
                Err(error)
            }
        }
    }

    /// Opens a store to read it. `identity`, if given, is compared with the manifest.
    pub(crate) async fn open(store: S, identity: Option<&Identity>) -> Result<Self, SinkError> {
        let Some(manifest) = store.manifest().await? else {
            return Err(SinkError::NotFound {
                destination: store.destination(),
            });
        };
        store.prepare_to_read(&manifest).await?;
        if let Some(identity) = identity {
            manifest.identity.check(&store.destination(), identity)?;
        }
        let zone = manifest.identity.time_zone.parse().unwrap_or(Tz::UTC);
        let asked = identity.map(|identity| identity.fields.clone());
        let hasher = manifest.comparing_hasher(&asked.unwrap_or_default());
        Ok(Self::opened(store, zone, hasher, manifest.forgotten))
    }

    fn opened(store: S, zone: Tz, hasher: RowHasher, forgotten: Tombstones) -> Self {
        Self {
            opened: Arc::new(Opened {
                store,
                zone,
                hasher,
                forgotten,
                drift: Mutex::default(),
            }),
        }
    }

    #[cfg(test)]
    pub(crate) fn store(&self) -> &S {
        &self.opened.store
    }
}

impl<S: DayStore> Opened<S> {
    async fn replace_day(&self, receipt: &Receipt, records: Spooled) -> Result<(), SinkError> {
        let drift = self.store.replace_day(receipt, records).await?;
        let mut all = self.drift.lock().unwrap_or_else(PoisonError::into_inner);
        all.merge(&drift);
        Ok(())
    }
}

/// The manifest, which states the identity and the fields asked for.
async fn check_identity(
    store: &impl DayStore,
    identity: &Identity,
) -> Result<Option<Manifest>, SinkError> {
    let held = store.manifest().await?;
    if let Some(manifest) = &held {
        let destination = store.destination();
        manifest.identity.check(&destination, identity)?;
        manifest.fields.check(&destination, &identity.fields)?;
    }
    Ok(held)
}

#[async_trait]
impl<S: DayStore> Sink for Incremental<S> {
    async fn day(&self, _day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(SpoolWriter::new(Arc::clone(&self.opened))))
    }

    async fn prepare(&self) -> Result<(), SinkError> {
        self.opened.store.check_present().await
    }

    async fn commit(&self) -> Result<(), SinkError> {
        self.opened.store.end_run().await
    }

    async fn close(&self) {
        self.opened.store.unlock().await;
    }

    fn drift(&self) -> Drift {
        let drift = self.opened.drift.lock();
        drift.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn ledger(&self) -> Result<Ledger, SinkError> {
        let manifest = self.opened.store.manifest().await?;
        let ledger = manifest.map(|manifest| manifest.ledger());
        self.opened.store.receipts(ledger.unwrap_or_default()).await
    }

    async fn set_range(&self, start: NaiveDate, end: RangeEnd) -> Result<(), SinkError> {
        let store = &self.opened.store;
        let Some(mut manifest) = store.manifest().await? else {
            return Ok(());
        };
        match manifest.extend_range(start, end) {
            true => store.write_manifest(&manifest).await,
            false => Ok(()),
        }
    }

    async fn runs(&self) -> Result<RunLog, SinkError> {
        self.opened.store.runs().await
    }

    async fn record_run(&self, run: Run) -> Result<(), SinkError> {
        let mut log = self.opened.store.runs().await?;
        log.push(run);
        self.opened.store.store_last_run(&log).await
    }

    async fn customers(&self, day: NaiveDate) -> Result<BTreeSet<CustomerId>, SinkError> {
        let held = self.row_hashes(day).await?;
        Ok(held.into_keys().collect())
    }

    async fn row_hashes(&self, day: NaiveDate) -> Result<RowHashes, SinkError> {
        let Opened { store, hasher, .. } = &*self.opened;
        store.row_hashes(day, hasher.clone()).await
    }

    async fn row_hashes_of(
        &self,
        day: NaiveDate,
        records: &[Record],
    ) -> Result<RowHashes, SinkError> {
        let Opened {
            store,
            zone,
            hasher,
            ..
        } = &*self.opened;
        store
            .row_hashes_of(*zone, day, records.to_vec(), hasher.clone())
            .await
    }

    async fn strays(&self) -> Result<Vec<Stray>, SinkError> {
        self.opened.store.strays().await
    }

    async fn rereads(&self) -> Result<Rereads, SinkError> {
        self.opened.store.rereads().await
    }

    fn changes(&self, span: SeenBetween) -> Result<ChangeStream<'_>, SinkError> {
        self.opened.store.changes(span)
    }
}
