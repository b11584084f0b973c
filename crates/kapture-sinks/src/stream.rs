//! Lines to a stream, such as standard output.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use kapture_customers::Receipt;
use kapture_model::{Drift, Record};

use crate::error::SinkError;
use crate::lines::Lines;
use crate::sink::{DayWriter, Sink};

/// Writes lines to a stream as they come, days mixed. What was written cannot be taken back.
pub struct StreamSink<W> {
    shared: Arc<Mutex<Shared<W>>>,
}

struct Shared<W> {
    lines: Lines,
    out: W,
}

impl<W: Write + Send + 'static> StreamSink<W> {
    /// Lines to `out`. It should not buffer: records come in batches.
    pub fn new(out: W, lines: Lines) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Shared { lines, out })),
        }
    }
}

fn lock<W>(shared: &Mutex<Shared<W>>) -> MutexGuard<'_, Shared<W>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl<W: Write + Send + 'static> Sink for StreamSink<W> {
    async fn day(&self, _day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(StreamWriter(Arc::clone(&self.shared))))
    }

    async fn finish(&self) -> Result<(), SinkError> {
        lock(&self.shared).out.flush().map_err(SinkError::stream)
    }

    fn drift(&self) -> Drift {
        lock(&self.shared).lines.drift()
    }
}

struct StreamWriter<W>(Arc<Mutex<Shared<W>>>);

#[async_trait]
impl<W: Write + Send + 'static> DayWriter for StreamWriter<W> {
    async fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        let Shared { lines, out } = &mut *lock(&self.0);
        lines.write(records, out).map_err(SinkError::stream)
    }

    async fn commit(self: Box<Self>, _receipt: &Receipt) -> Result<(), SinkError> {
        lock(&self.0).out.flush().map_err(SinkError::stream)
    }
}
