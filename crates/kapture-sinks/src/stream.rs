//! Records to a stream, such as standard output.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use kapture_model::{Drift, Receipt, Record};

use crate::destination::capabilities::Capabilities;
use crate::destination::opener::Opener;
use crate::encoding::{Encoder, Encoding};
use crate::error::SinkError;
use crate::ledger::identity::Identity;
use crate::sink::{DayWriter, Sink};

/// Standard output, as a destination.
#[derive(Debug)]
pub(crate) struct StandardOutput;

impl fmt::Display for StandardOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output")
    }
}

#[async_trait]
impl Opener for StandardOutput {
    fn capabilities(&self) -> Capabilities {
        Capabilities::STREAM
    }

    async fn create(&self, _: &Identity, encoding: &Encoding) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(StreamSink::new(io::stdout(), encoding)?))
    }
}

/// Writes records to a stream as they arrive, days interleaved. What was written stays written, so
/// that the sink refuses to finish unless every day that was begun is committed.
pub struct StreamSink {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    /// `None` after the stream was finished or failed.
    encoder: Option<Box<dyn Encoder>>,
    drift: Drift,
    /// The days of all writers that are not committed, each with the number of its writers.
    uncommitted: BTreeMap<NaiveDate, usize>,
}

impl StreamSink {
    /// Writes to `out`, which needs no buffer: records arrive in batches.
    ///
    /// # Errors
    /// When this build lacks the format.
    pub fn new(out: impl Write + Send + 'static, encoding: &Encoding) -> Result<Self, SinkError> {
        let encoder = encoding.parallel_encoder(Box::new(out))?;
        Ok(Self {
            shared: Arc::new(Mutex::new(Shared {
                encoder: Some(encoder),
                drift: Drift::default(),
                uncommitted: BTreeMap::new(),
            })),
        })
    }
}

impl Shared {
    /// Writes to the stream. After an error part of it may be written, so that the stream ends there.
    fn write(
        &mut self,
        write: impl FnOnce(&mut dyn Encoder) -> io::Result<()>,
    ) -> Result<(), SinkError> {
        let encoder = self.encoder.as_mut().ok_or_else(ended)?;
        let Err(error) = write(encoder.as_mut()) else {
            return Ok(());
        };
        self.drift = encoder.drift();
        self.encoder = None;
        Err(SinkError::stream(error))
    }

    fn commit(&mut self, day: NaiveDate) -> Result<(), SinkError> {
        self.write(|encoder| encoder.end_day())?;
        if let Entry::Occupied(mut writers) = self.uncommitted.entry(day) {
            *writers.get_mut() -= 1;
            if *writers.get() == 0 {
                writers.remove();
            }
        }
        Ok(())
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ended() -> SinkError {
    SinkError::Stream(io::Error::other("the stream has ended or failed already"))
}

#[async_trait]
impl Sink for StreamSink {
    async fn day(&self, day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        *lock(&self.shared).uncommitted.entry(day).or_default() += 1;
        Ok(Box::new(StreamWriter {
            shared: Arc::clone(&self.shared),
            day,
            customers: 0,
        }))
    }

    async fn prepare(&self) -> Result<(), SinkError> {
        let mut shared = lock(&self.shared);
        if !shared.uncommitted.is_empty() {
            return Err(SinkError::Incomplete {
                days: shared.uncommitted.keys().copied().collect(),
            });
        }
        let encoder = shared.encoder.take().ok_or_else(ended)?;
        shared.drift = encoder.drift();
        encoder.finish().map_err(SinkError::stream)
    }

    fn drift(&self) -> Drift {
        let shared = lock(&self.shared);
        match &shared.encoder {
            Some(encoder) => encoder.drift(),
            None => shared.drift.clone(),
        }
    }
}

struct StreamWriter {
    shared: Arc<Mutex<Shared>>,
    day: NaiveDate,
    /// How many records were written.
    customers: u64,
}

#[async_trait]
impl DayWriter for StreamWriter {
    async fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        lock(&self.shared).write(|encoder| encoder.write(self.day, records))?;
        self.customers += records.len() as u64;
        Ok(())
    }

    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), SinkError> {
        SinkError::check_count(receipt, self.customers)?;
        lock(&self.shared).commit(self.day)
    }
}
