//! Forgets customers: erases what is held of them, and keeps them from coming back.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::NaiveDate;
use kapture_model::{CustomerId, Days};

use super::DayStore;
use crate::error::SinkError;
use crate::ledger::manifest::Manifest;

/// What was erased from a destination.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Erased {
    customers: BTreeSet<CustomerId>,
    by_day: BTreeMap<NaiveDate, BTreeSet<CustomerId>>,
}

impl Erased {
    /// The customers of which it held anything.
    pub fn customers(&self) -> &BTreeSet<CustomerId> {
        &self.customers
    }

    /// The days that listed them.
    pub fn days(&self) -> Days {
        self.by_day.keys().copied().collect()
    }

    /// A day listed this customer.
    pub(crate) fn add_listed(&mut self, day: NaiveDate, id: CustomerId) {
        self.add(id.clone());
        self.by_day.entry(day).or_default().insert(id);
    }

    /// Something of this customer was held.
    pub(crate) fn add(&mut self, id: CustomerId) {
        self.customers.insert(id);
    }

    /// The days that listed some, with those.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn by_day(&self) -> &BTreeMap<NaiveDate, BTreeSet<CustomerId>> {
        &self.by_day
    }
}

/// A destination that is opened to forget customers.
#[async_trait]
pub(crate) trait Forget: Send + Sync {
    async fn forget(&self, ids: &BTreeSet<CustomerId>) -> Result<Erased, SinkError>;

    async fn allow_return(
        &self,
        ids: &BTreeSet<CustomerId>,
    ) -> Result<BTreeSet<CustomerId>, SinkError>;
}

#[async_trait]
impl<S: DayStore> Forget for S {
    async fn forget(&self, ids: &BTreeSet<CustomerId>) -> Result<Erased, SinkError> {
        forget(self, ids).await
    }

    async fn allow_return(
        &self,
        ids: &BTreeSet<CustomerId>,
    ) -> Result<BTreeSet<CustomerId>, SinkError> {
        allow_return(self, ids).await
    }
}

/// Erases customers, and keeps tombstones, so that no run writes them again.
///
/// The tombstones come first: if the erasure is interrupted, no later run brings a customer back,
/// and the same command again erases what is left.
async fn forget(store: &impl DayStore, ids: &BTreeSet<CustomerId>) -> Result<Erased, SinkError> {
    let mut manifest = open(store).await?;
    let erase = async {
        ids.iter().for_each(|id| manifest.forgotten.add(id));
        store.write_manifest(&manifest).await?;
        store.erase(ids).await
    };
    let erased = erase.await;
    store.unlock().await;
    erased
}

/// Removes the tombstones of customers, so that the next run that reads their day writes them
/// again. Returns those that were forgotten.
async fn allow_return(
    store: &impl DayStore,
    ids: &BTreeSet<CustomerId>,
) -> Result<BTreeSet<CustomerId>, SinkError> {
    let mut manifest = open(store).await?;
    let mut forgotten = ids.clone();
    forgotten.retain(|id| manifest.forgotten.remove(id));
    let written = match forgotten.is_empty() {
        true => Ok(()),
        false => store.write_manifest(&manifest).await,
    };
    store.unlock().await;
    written.map(|()| forgotten)
}

/// Opens an existing destination to change it, with any tenant, selection and time zone. Returns its manifest.
async fn open(store: &impl DayStore) -> Result<Manifest, SinkError> {
    let not_found = || SinkError::NotFound {
        destination: store.destination(),
    };
    store.manifest().await?.ok_or_else(not_found)?;
    store.lock().await?;
    let open = async {
        // Another run may have changed it meanwhile.
        let held = store.manifest().await?.ok_or_else(not_found)?;
        let identity = held.identity.identity();
        store.initialize(Some(held), &identity).await?;
        store.manifest().await?.ok_or_else(not_found)
    };
    let opened = open.await;
    if opened.is_err() {
        store.unlock().await;
    }
    opened
}
