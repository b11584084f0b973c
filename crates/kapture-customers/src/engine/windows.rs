//! The windows of a run, by how far each has come.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use kapture_model::{Record, Window};
use kapture_transport::Refusal;

use crate::evidence::Evidence;
use crate::request::Span;
use crate::window::{CompleteWindow, WindowReader};

/// The windows of a run. Each day is in one of the first four.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    /// Not begun.
    pub(crate) waiting: BTreeSet<NaiveDate>,
    /// Being read, or deferred until more is known.
    pub(crate) reading: BTreeMap<NaiveDate, WindowReader>,
    /// Empty, or without rows where some were known: to be looked at again.
    pub(crate) pending: BTreeMap<NaiveDate, PendingWindow>,
    /// Read whole, and not told yet.
    pub(crate) read: BTreeMap<NaiveDate, CompleteWindow>,
    /// How many rows the windows of one day have that were read.
    pub(crate) rows: BTreeMap<NaiveDate, u64>,
    /// First pages that came while something else was to be learnt.
    pub(crate) first_pages: BTreeMap<Window, FirstPage>,
}

/// A first page that came before its window was read.
#[derive(Debug, Clone)]
pub(crate) struct FirstPage {
    /// The rows that were asked for.
    pub(crate) limit: u32,
    pub(crate) records: Vec<Record>,
}

/// A window that waits for its next look.
#[derive(Debug)]
pub(crate) struct PendingWindow {
    pub(crate) reader: WindowReader,
    /// How often it was shown to have no rows while a canary had some before and after.
    pub(crate) looks: u32,
}

impl Windows {
    pub(crate) fn new(days: impl IntoIterator<Item = NaiveDate>) -> Self {
        Self {
            waiting: days.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Whether the window of `day` is one of the run, and not told yet.
    pub(crate) fn has(&self, day: NaiveDate) -> bool {
        self.waiting.contains(&day)
            || self.reading.contains_key(&day)
            || self.pending.contains_key(&day)
            || self.read.contains_key(&day)
    }

    /// The window of `day` has no rows, so it was told.
    pub(crate) fn is_empty(
        &mut self,
        day: NaiveDate,
        span: Span,
        refusal: Option<Refusal>,
        evidence: &Evidence,
    ) {
        self.waiting.remove(&day);
        let reader = WindowReader::empty(day, span, refusal, evidence);
        self.pending.insert(day, PendingWindow { reader, looks: 0 });
    }

    /// How many rows D…D has, as far as it was read to an end.
    pub(crate) fn rows_of_day(&self, day: NaiveDate) -> Option<u64> {
        if let Some(rows) = self.rows.get(&day) {
            return Some(*rows);
        }
        if self.pending.contains_key(&day) {
            return Some(0);
        }
        let reader = self.reading.get(&day)?;
        reader
            .rows()
            .filter(|_| Span::of(reader.window) == Span::OneDay)
    }

    /// Whether some D…D was read to its end.
    pub(crate) fn has_read_single_days(&self) -> bool {
        !self.rows.is_empty()
    }

    /// The window of `day` was read whole.
    pub(crate) fn was_read(&mut self, day: NaiveDate, window: Window, complete: CompleteWindow) {
        if Span::of(window) == Span::OneDay {
            self.rows.insert(day, complete.rows);
        }
        self.read.insert(day, complete);
    }

    /// Takes back the window of `day`, if it was read and not told. Returns whether it was.
    pub(crate) fn take_read(&mut self, day: NaiveDate) -> bool {
        self.rows.remove(&day);
        self.read.remove(&day).is_some()
    }

    /// Takes back every window of `span` that is not read whole, to be read in another way. Returns the days
    /// of those that were being read.
    pub(crate) fn take_back(&mut self, span: Span) -> Vec<NaiveDate> {
        let is_it = |reader: &WindowReader| Span::of(reader.window) == span;
        let reading = self.reading.extract_if(.., |_, reader| is_it(reader));
        let reading: Vec<_> = reading.map(|(day, _)| day).collect();
        let pending = self
            .pending
            .extract_if(.., |_, pending| is_it(&pending.reader));
        self.waiting.extend(pending.map(|(day, _)| day));
        self.waiting.extend(&reading);
        reading
    }

    /// Takes back every window of one day that is not told yet, to be read in another way. Returns the
    /// days of those that were being read.
    pub(crate) fn take_back_single_days(&mut self) -> Vec<NaiveDate> {
        self.waiting
            .extend(std::mem::take(&mut self.read).into_keys());
        self.rows.clear();
        self.take_back(Span::OneDay)
    }
}
