//! Records to a stream, such as standard output.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use kapture_model::{Drift, Receipt, Record};

use crate::encoding::{Encoder, Encoding};
use crate::error::SinkError;
use crate::sink::{DayWriter, Sink};

/// Writes records to a stream as they arrive, days interleaved. What was written stays written.
pub struct StreamSink {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    /// `None` after the stream was finished.
    encoder: Option<Box<dyn Encoder>>,
    drift: Drift,
}

impl StreamSink {
    /// Writes to `out`, which needs no buffer: records arrive in batches.
    ///
    /// # Errors
    /// When this build lacks the format.
    pub fn new(out: impl Write + Send + 'static, encoding: &Encoding) -> Result<Self, SinkError> {
        let encoder = encoding.encoder(Box::new(out))?;
        Ok(Self {
            shared: Arc::new(Mutex::new(Shared {
                encoder: Some(encoder),
                drift: Drift::default(),
            })),
        })
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn finished() -> SinkError {
    SinkError::Stream(io::Error::other("the stream was finished already"))
}

#[async_trait]
impl Sink for StreamSink {
    async fn day(&self, _day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(StreamWriter(Arc::clone(&self.shared))))
    }

    async fn prepare(&self) -> Result<(), SinkError> {
        let mut shared = lock(&self.shared);
        let encoder = shared.encoder.take().ok_or_else(finished)?;
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

struct StreamWriter(Arc<Mutex<Shared>>);

#[async_trait]
impl DayWriter for StreamWriter {
    async fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        let mut shared = lock(&self.0);
        let encoder = shared.encoder.as_mut().ok_or_else(finished)?;
        encoder.write(records).map_err(SinkError::stream)
    }

    async fn commit(self: Box<Self>, _receipt: &Receipt) -> Result<(), SinkError> {
        Ok(())
    }
}
