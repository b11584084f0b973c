//! A pull into a sink.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::future::poll_fn;
use std::pin::pin;

use chrono::NaiveDate;
use futures_core::Stream;
use kapture_model::{DayEvent, Days, Receipt, Record};

use crate::error::SinkError;
use crate::ledger::RangeEnd;
use crate::sink::{DayWriter, Sink};

/// Writes the days of a pull to `sink`, and finishes it. Returns the receipts in the order in which
/// days were committed.
///
/// `events` is the stream of a pull of `days`: `Pull::events` of kapture-customers, or any stream of
/// [`DayEvent`]. A day that fails is not committed, and others go on; then the sink is not finished,
/// so that a file does not get its name. Watch the events with `inspect` to show progress.
///
/// Dropping the future abandons the days that are not committed.
///
/// ```
/// # use std::convert::Infallible;
/// # use std::error::Error;
/// use futures_util::stream;
/// use kapture_model::{DayEvent, Days, Receipt, Record};
/// use kapture_sinks::{Encoding, FileSink, Format, fill};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn Error>> {
/// let folder = tempfile::tempdir()?;
/// let sink = FileSink::create(&folder.path().join("customers.ndjson"), &Encoding::new(Format::Ndjson))?;
/// let day = "2024-05-02".parse()?;
/// let records = vec![Record::decode(r#"{"id":17}"#.into())?];
/// # let receipt: Receipt = kapture_model::serde_json::from_str(
/// #     r#"{"day":"2024-05-02","customers":1,"checksum":"0000000000000000","undated":0,
/// #     "fetched":"2024-05-04T06:00:00Z","state":"sealed","end_bound":"inclusive","proof":"contiguous",
/// #     "empty_response":null}"#)?;
/// let events = [DayEvent::Records { day, records }, DayEvent::Done(receipt)];
/// let events = stream::iter(events.map(Ok::<DayEvent<Infallible>, Infallible>));
/// let receipts = fill(events, &Days::between(day, day)?, &sink).await?;
/// assert_eq!(receipts[0].customers, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When the stream ends with an error, days failed, or the sink fails.
pub async fn fill<T, E>(
    events: impl Stream<Item = Result<T, E>>,
    days: &Days,
    sink: &dyn Sink,
) -> Result<Vec<Receipt>, FillError<E>>
where
    T: Into<Option<DayEvent<E>>>,
{
    let mut events = pin!(events);
    let mut filling = Filling::new(sink, days);
    let mut receipts = Vec::new();
    let mut failed = Vec::new();
    while let Some(event) = poll_fn(|context| events.as_mut().poll_next(context)).await {
        match event.map_err(FillError::Pull)?.into() {
            Some(DayEvent::Records { day, records }) => filling.write(day, &records).await?,
            Some(DayEvent::Done(receipt)) => {
                filling.commit(&receipt).await?;
                receipts.push(receipt);
            }
            Some(DayEvent::Failed { day, error }) => {
                filling.fail(day).await?;
                failed.push((day, error));
            }
            None => {}
        }
    }
    if !failed.is_empty() {
        return Err(FillError::DaysFailed(failed));
    }
    filling.finish().await?;
    Ok(receipts)
}

/// Why a sink was not filled. Days that were committed to an incremental sink stay.
#[derive(Debug)]
#[non_exhaustive]
pub enum FillError<E> {
    /// The pull ended early.
    Pull(E),
    /// These days could not be shown to be complete, in the order in which they failed.
    DaysFailed(Vec<(NaiveDate, E)>),
    /// The sink failed, or the pull told something of a day that was not asked for.
    Sink(SinkError),
}

impl<E> From<SinkError> for FillError<E> {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

impl<E> Display for FillError<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pull(_) => f.write_str("the pull ended early"),
            Self::DaysFailed(failed) => {
                f.write_str("days that cannot be shown to be complete: ")?;
                let days: Vec<_> = failed.iter().map(|(day, _)| day.to_string()).collect();
                f.write_str(&days.join(", "))
            }
            Self::Sink(_) => f.write_str("the customers cannot be written"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for FillError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Pull(error) => Some(error),
            Self::DaysFailed(failed) => failed.first().map(|(_, error)| error as _),
            Self::Sink(error) => Some(error),
        }
    }
}

/// A sink while days are written to it: what [`fill`] does, step by step, for a program that does
/// more with the events than to write them.
///
/// It opens a writer for each day, and refuses to finish before every day has a result.
pub struct Filling<'a> {
    sink: &'a dyn Sink,
    writers: BTreeMap<NaiveDate, Box<dyn DayWriter>>,
    /// The days without a result yet.
    outstanding: BTreeSet<NaiveDate>,
    /// The complete days that the caller commits.
    committing: BTreeSet<NaiveDate>,
    /// The first and the last day that the destination is to hold, until they are stored.
    range: Option<(NaiveDate, RangeEnd)>,
}

impl<'a> Filling<'a> {
    /// A sink that is to receive `days`.
    pub fn new(sink: &'a dyn Sink, days: &Days) -> Self {
        Self {
            sink,
            writers: BTreeMap::new(),
            outstanding: days.iter().collect(),
            committing: BTreeSet::new(),
            range: days
                .bounds()
                .map(|(first, last)| (first, RangeEnd::Day(last))),
        }
    }

    /// Stores that the destination is to hold the days from `start` to `end`, in place of the first
    /// and the last of the days: where a run pulls only some of them, or later runs go on.
    #[must_use]
    pub fn range(mut self, start: NaiveDate, end: RangeEnd) -> Self {
        self.range = Some((start, end));
        self
    }

    /// Writes customers of `day`.
    ///
    /// # Errors
    /// When the sink fails, or the day was not asked for or has a result.
    pub async fn write(&mut self, day: NaiveDate, records: &[Record]) -> Result<(), SinkError> {
        let mut writer = self.writer(day).await?;
        writer.write(records).await?;
        self.writers.insert(day, writer);
        Ok(())
    }

    /// Commits the day of `receipt`.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn commit(&mut self, receipt: &Receipt) -> Result<(), SinkError> {
        let writer = self.complete(receipt.day).await?;
        writer.commit(receipt).await?;
        self.committed(receipt.day);
        Ok(())
    }

    /// The writer of `day`, which is complete: for a caller that commits several days at the same
    /// time, and says of each when it is [`committed`](Self::committed).
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn complete(&mut self, day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        self.store_range().await?;
        let writer = self.writer(day).await?;
        self.outstanding.remove(&day);
        self.committing.insert(day);
        Ok(writer)
    }

    /// The writer of `day` was committed.
    pub fn committed(&mut self, day: NaiveDate) {
        self.committing.remove(&day);
    }

    /// Abandons `day`: an incremental sink keeps what it held of it.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn fail(&mut self, day: NaiveDate) -> Result<(), SinkError> {
        self.store_range().await?;
        // A sink that is not incremental has to know of the day, so that it does not finish.
        drop(self.writer(day).await?);
        self.outstanding.remove(&day);
        Ok(())
    }

    /// Finishes the sink.
    ///
    /// # Errors
    /// [`SinkError::Incomplete`] when a day has no result, or the sink is not incremental and a day
    /// failed; else when the sink fails.
    pub async fn finish(&mut self) -> Result<(), SinkError> {
        let unfinished = self.outstanding.union(&self.committing);
        let days: Days = unfinished.copied().collect();
        if !days.is_empty() {
            return Err(SinkError::Incomplete { days });
        }
        self.sink.finish().await
    }

    /// The writer of `day`, out of the map: after an error it is dropped.
    async fn writer(&mut self, day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        if !self.outstanding.contains(&day) {
            return Err(SinkError::UnexpectedDay { day });
        }
        match self.writers.remove(&day) {
            Some(writer) => Ok(writer),
            None => self.sink.day(day).await,
        }
    }

    /// Before the first day is committed, since the first days can come last or fail.
    async fn store_range(&mut self) -> Result<(), SinkError> {
        match self.range.take() {
            Some((start, end)) => self.sink.set_range(start, end).await,
            None => Ok(()),
        }
    }
}
