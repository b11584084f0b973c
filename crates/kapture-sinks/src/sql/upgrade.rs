//! What a database needs before a run writes to it.

use chrono::{DateTime, Utc};
use kapture_model::AttributeColumn;

use crate::ledger::identity::Identity;
use crate::ledger::manifest::Manifest;
use crate::ledger::tracking::Tracking;

/// What a database needs before a run writes to it.
pub(crate) struct Upgrade {
    /// How many migrations it has already.
    pub(crate) version: usize,
    /// The columns that are asked for and not there yet.
    pub(crate) missing: Vec<AttributeColumn>,
    /// When its history begins, if it begins now.
    pub(crate) history_from: Option<DateTime<Utc>>,
    /// Its manifest afterwards.
    pub(crate) manifest: Manifest,
}

impl Upgrade {
    /// `version` is how many migrations the database has already, and `held` its manifest, if a run
    /// has written to it. `latest` is the number of all migrations.
    pub(crate) fn new(
        version: usize,
        held: Option<Manifest>,
        identity: &Identity,
        latest: usize,
        columns: &[AttributeColumn],
        tracking: &Tracking,
    ) -> Self {
        let mut manifest = held.unwrap_or_else(|| Manifest::new(latest, identity));
        manifest.version = latest;
        let is_missing = |column: &&AttributeColumn| !manifest.columns.contains(column);
        let missing: Vec<_> = columns.iter().filter(is_missing).cloned().collect();
        manifest.columns.extend_from_slice(&missing);
        let history_from = tracking.history_from.filter(|_| !manifest.history);
        manifest.track(tracking);
        Self {
            version,
            missing,
            history_from,
            manifest,
        }
    }
}
