//! The changes of a dataset: a file for each commit of a day that changed something.
//!
//! A day is committed in this order:
//! 1. its changes are written aside, `_kapture/changes/SEEN-DAY-DIGEST.parquet`, named after a digest
//!    of the file that the day is to have;
//! 2. the day's file and receipt are replaced;
//! 3. the changes get their name, `changes/seen_date=…/SEEN-DAY.parquet`.
//!
//! Where a run was killed in between, the next one finds the file of the first step. If the day's file
//! has that digest, the changes happened, and the third step is done; if not, the day has its old file,
//! and they are removed. So a change is there once, wherever a run ends.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::NaiveDate;
use futures_util::{StreamExt, TryStreamExt, stream};
use kapture_model::{CustomerId, Drift, RowHasher};
use sha2::{Digest, Sha256};

use super::Dataset;
use super::files::{DayContent, Files};
use super::layout::{self, ChangesOfDay};
use crate::encoding::changes::Seen;
use crate::error::SinkError;
use crate::incremental::blocking;
use crate::incremental::forget::Erased;
use crate::incremental::seen::SeenTimes;
use crate::ledger::change::{Change, ChangeStream, SeenBetween};

/// What a writer needs to record changes.
pub(super) struct Recording {
    /// What tells a changed row.
    hasher: RowHasher,
    seen: SeenTimes,
    /// The days whose commit is under way or failed: changes may be written aside.
    unfinished: Mutex<BTreeSet<NaiveDate>>,
}

impl Recording {
    pub(super) fn new(hasher: RowHasher) -> Self {
        Self {
            hasher,
            seen: SeenTimes::default(),
            unfinished: Mutex::default(),
        }
    }

    fn unfinished(&self) -> MutexGuard<'_, BTreeSet<NaiveDate>> {
        let unfinished = self.unfinished.lock();
        unfinished.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Files> Dataset<F> {
    /// Replaces a day, and records what changed.
    pub(super) async fn replace_and_record(
        &self,
        content: DayContent,
        recording: &Recording,
    ) -> Result<Drift, SinkError> {
        let (day, format) = (content.receipt.day, content.format);
        // An earlier commit of this run may have failed halfway.
        let has_failed = recording.unfinished().contains(&day);
        if has_failed {
            self.finish_changes(Some(day)).await?;
            recording.unfinished().remove(&day);
        }
        let seen = recording.seen.next_time(content.receipt.fetched);
        let (content, drift) = blocking::run(move || content.encoded()).await?;
        let before = self.files.fetch(&layout::day(day, format)).await?;
        let after = content.file().map_err(SinkError::Spool)?;
        let (stored, hasher) = (self.stored(), recording.hasher.clone());
        let changes = blocking::run(move || -> io::Result<_> {
            let out = tempfile::tempfile()?;
            let digest = digest(after.as_ref())?;
            let at = Seen { at: seen, day };
            let written = stored.write_changes(before, after, &hasher, at, out.try_clone()?)?;
            Ok(written.then_some((out, digest)))
        });
        let Some((changes, digest)) = changes.await.map_err(SinkError::Spool)? else {
            return self.files.replace_day(content).await.map(|_| drift);
        };
        let named = ChangesOfDay { seen, day };
        let aside = named.unfinished_file(&digest, format);
        recording.unfinished().insert(day);
        self.files.put(&aside, changes).await?;
        self.files.replace_day(content).await?;
        self.files.rename(&aside, &named.file(format)).await?;
        recording.unfinished().remove(&day);
        Ok(drift)
    }

    /// Finishes what a killed run left, and notes the times that were given out.
    pub(super) async fn recover_changes(&self, recording: &Recording) -> Result<(), SinkError> {
        self.finish_changes(None).await?;
        for name in self.files.names_below(layout::CHANGES).await? {
            if let Some((changes, _)) = ChangesOfDay::parse(&name) {
                recording.seen.note(changes.seen);
            }
        }
        Ok(())
    }

    /// Gives changes that were written aside, of one day or of all, their name if their day has the
    /// file that they led to, and removes them if not.
    async fn finish_changes(&self, of: Option<NaiveDate>) -> Result<(), SinkError> {
        let format = self.held_format();
        for name in self.files.names_below(layout::UNFINISHED).await? {
            let Some((changes, Some(expected))) = ChangesOfDay::parse(&name) else {
                continue;
            };
            if of.is_some_and(|day| day != changes.day) {
                continue;
            }
            let file = self.files.fetch(&layout::day(changes.day, format)).await?;
            let found = blocking::run(move || digest(file.as_ref())).await;
            match found.map_err(SinkError::Spool)? == expected {
                true => self.files.rename(&name, &changes.file(format)).await?,
                false => self.files.remove(&name).await?,
            }
        }
        Ok(())
    }

    /// The changes that were seen in a span, file by file.
    pub(super) fn changes_between(&self, span: SeenBetween) -> ChangeStream<'_> {
        let files = async move {
            let names = self.files.names_below(layout::CHANGES).await?;
            let files = names.into_iter().filter_map(move |name| {
                let (changes, _) = ChangesOfDay::parse(&name)?;
                let is_within = span.after.is_none_or(|after| changes.seen > after)
                    && span.until.is_none_or(|until| changes.seen <= until);
                is_within.then_some(Ok::<_, SinkError>((name, changes)))
            });
            Ok::<_, SinkError>(stream::iter(files))
        };
        let read = move |(name, changes): (String, ChangesOfDay)| async move {
            let changes = self.read_changes(&name, changes).await?;
            Ok::<_, SinkError>(stream::iter(changes.into_iter().map(Ok)))
        };
        let files = stream::once(files).try_flatten();
        files.and_then(read).try_flatten().boxed()
    }

    async fn read_changes(
        &self,
        name: &str,
        changes: ChangesOfDay,
    ) -> Result<Vec<Change>, SinkError> {
        let Some(file) = self.files.fetch(name).await? else {
            return Ok(Vec::new());
        };
        let stored = self.stored();
        let ChangesOfDay { seen: at, day } = changes;
        let read = blocking::run(move || stored.read_changes(file, Seen { at, day }));
        let read = read.await;
        read.map_err(|error| self.files.unreadable(name, error))
    }

    /// Erases customers from all changes.
    pub(super) async fn erase_changes(
        &self,
        ids: &BTreeSet<CustomerId>,
        erased: &mut Erased,
    ) -> Result<(), SinkError> {
        for name in self.files.names_below(layout::CHANGES).await? {
            let Some(file) = self.files.fetch(&name).await? else {
                continue;
            };
            let (stored, ids) = (self.stored(), ids.clone());
            let rewrite = move || -> io::Result<_> {
                let mut file = file;
                let held = stored.ids(file.try_clone()?)?;
                file.rewind()?;
                let found: BTreeSet<_> = held.intersection(&ids).cloned().collect();
                let left = match found.len() < held.len() {
                    true if !found.is_empty() => {
                        let out = tempfile::tempfile()?;
                        stored.copy_without(file, out.try_clone()?, &found)?;
                        Some(out)
                    }
                    _ => None,
                };
                Ok((found, left))
            };
            let rewritten = blocking::run(rewrite).await;
            let (found, left) = rewritten.map_err(|error| self.files.unreadable(&name, error))?;
            match left {
                Some(left) => self.files.put(&name, left).await?,
                None if !found.is_empty() => self.files.remove(&name).await?,
                None => {}
            }
            found.into_iter().for_each(|id| erased.add(id));
        }
        Ok(())
    }
}

/// A digest of a file; of none a name.
fn digest(file: Option<&File>) -> io::Result<String> {
    let Some(file) = file else {
        return Ok("none".into());
    };
    let mut file = file.try_clone()?;
    file.rewind()?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => hash.update(&buffer[..length]),
        }
    }
    file.rewind()?;
    // 128 bits are enough to tell two files of a day apart.
    let hash = hash.finalize();
    Ok(hash
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
