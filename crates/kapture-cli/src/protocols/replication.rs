//! A pull of the days that streams lack, told as messages of a protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use kapture_model::{DayState, Days, Drift, Receipt, Record, RowReader};
use kapture_sinks::{DayWriter, Destination, Ledger, Sink, SinkError};
use kapture_transport::Error;

use crate::args::OutputArgs;
use crate::config::refresh::Refresh;
use crate::error::CliError;
use crate::output::stdout;
use crate::output::summary::Summary;
use crate::pipeline::Pipeline;
use crate::protocols::record::{RecordKey, Selection, StreamRecord};
use crate::protocols::settings::Source;
use crate::protocols::state::{HeldDay, StreamState};
use crate::protocols::streams::Stream;

/// Messages are written when there are so many bytes of them, and with each state.
const BUFFER: usize = 256 * 1024;

/// A stream that is replicated.
pub(crate) struct Replicated {
    pub(crate) stream: Stream,
    pub(crate) selection: Selection,
    /// Whether every day is read, whatever the state says, and the target forgets all earlier records.
    pub(crate) is_full_refresh: bool,
    /// What the stream has received; empty for a full refresh.
    pub(crate) state: StreamState,
}

/// How a protocol tells what happens. Each method appends whole messages to `out`.
pub(crate) trait Protocol: Send + 'static {
    /// Before anything else.
    fn begin(&mut self, streams: &[Replicated], out: &mut Vec<u8>);

    /// A record of a stream.
    fn record(&mut self, of: &Replicated, record: &StreamRecord<'_>, out: &mut Vec<u8>);

    /// A record that a stream had, and has no more.
    fn gone(&mut self, of: &Replicated, key: RecordKey, out: &mut Vec<u8>);

    /// A day is finished, and all of its records were told: the `changed` streams have a new state.
    fn state(&mut self, streams: &[Replicated], changed: &[Stream], out: &mut Vec<u8>);

    /// A request is made again at `next`, because of `error`.
    fn waiting(&mut self, _: &[Replicated], _next: DateTime<Utc>, _error: &Error, _: &mut Vec<u8>) {
    }

    /// Every day is finished.
    fn end(&mut self, streams: &[Replicated], out: &mut Vec<u8>);
}

/// Reads the days that the streams lack, and tells them by `protocol` on standard output.
pub(crate) async fn run(
    source: Source,
    streams: Vec<Replicated>,
    protocol: impl Protocol,
    output: &OutputArgs,
) -> Result<(), CliError> {
    if stdout::is_closed() {
        let error = io::Error::new(ErrorKind::NotConnected, "standard output is closed");
        return Err(CliError::sink(SinkError::Stream(error)));
    }
    let lacking = streams
        .iter()
        .map(|of| of.lacking(&source))
        .collect::<Vec<_>>();
    let days: Days = lacking.iter().flat_map(Days::iter).collect();
    let ledger = held_days(&streams);
    let destination =
        Destination::parse("-", None).map_err(|error| CliError::usage(error.into()))?;
    let today = source.calendar.today();
    let sink = MessageSink::new(Telling {
        zone: source.connection.zone.unwrap_or(Tz::UTC),
        refresh: source.refresh,
        wanted: source.wanted.clone(),
        today,
        streams,
        lacking,
        protocol,
        out: Box::new(io::stdout()),
    });
    sink.begin().map_err(CliError::sink)?;
    let on_wait = |wait, error: &Error| sink.wait(wait, error);
    let filters = source.connection.filter_check(&source.query);
    let connected = source.connection.open().await?;
    let pull = connected.pull(&ledger, source.query, &days);
    let pipeline = Pipeline {
        connected: &connected,
        destination: &destination,
        sink: &sink,
        wanted: &source.wanted,
        until: source.until,
        days: &days,
        filters,
        summary: None,
        output,
        on_wait: Some(&on_wait),
    };
    pipeline.run(pull, &mut Summary::default()).await
}

impl Replicated {
    /// The days that it lacks.
    fn lacking(&self, source: &Source) -> Days {
        match self.is_full_refresh {
            true => source.wanted.clone(),
            false => self
                .state
                .lacking(&source.wanted, &source.refresh, &source.calendar),
        }
    }
}

/// The days of which is known that they held customers.
fn held_days(streams: &[Replicated]) -> Ledger {
    let held = streams.iter().flat_map(|of| of.state.held_days());
    held.map(|(day, held)| {
        let mut receipt = Receipt::new(day, DateTime::<Utc>::UNIX_EPOCH);
        receipt.customers = held.customers.len() as u64;
        receipt
    })
    .collect()
}

/// What a [`MessageSink`] is made of.
struct Telling<P> {
    zone: Tz,
    refresh: Refresh,
    wanted: Days,
    today: NaiveDate,
    streams: Vec<Replicated>,
    /// The days that each stream lacks.
    lacking: Vec<Days>,
    protocol: P,
    out: Box<dyn Write + Send>,
}

/// Writes the messages of a protocol. Days come mixed, and each is finished when it is committed.
struct MessageSink<P> {
    shared: Arc<Mutex<Shared<P>>>,
}

struct Shared<P> {
    telling: Telling<P>,
    reader: RowReader<Tz>,
    /// Messages that are not written yet.
    buffer: Vec<u8>,
    /// The customers that states name, as far as they came in this run, each with the number of its
    /// contacts: a customer that moved to another day is not gone.
    met: BTreeMap<i64, usize>,
    /// The customers that the states name.
    named: BTreeSet<i64>,
    /// Finished days that lack records which they had, by stream. What is gone is told at the end,
    /// since a customer may have moved to a day that is still read; until then the state has the day
    /// as it was.
    suspects: Vec<(usize, FinishedDay)>,
    /// Why a write failed. What is in the buffer then is not written.
    broken: Option<ErrorKind>,
}

/// A day that was read to its end.
#[derive(Debug, Clone)]
struct FinishedDay {
    day: NaiveDate,
    is_open: bool,
    customers: BTreeMap<i64, usize>,
}

impl<P: Protocol> MessageSink<P> {
    fn new(telling: Telling<P>) -> Self {
        let streams = telling.streams.iter().zip(&telling.lacking);
        let held = streams
            .flat_map(|(of, lacking)| lacking.iter().filter_map(move |day| of.state.held(day)));
        let named = held
            .flat_map(|held| held.customers.keys().copied())
            .collect();
        Self {
            shared: Arc::new(Mutex::new(Shared {
                reader: RowReader::new(telling.zone),
                telling,
                buffer: Vec::new(),
                met: BTreeMap::new(),
                named,
                suspects: Vec::new(),
                broken: None,
            })),
        }
    }

    /// Tells that the run begins.
    fn begin(&self) -> Result<(), SinkError> {
        let mut shared = lock(&self.shared);
        let Shared {
            telling, buffer, ..
        } = &mut *shared;
        telling.protocol.begin(&telling.streams, buffer);
        shared.flush()
    }

    /// Tells that a request is made again after `wait`.
    fn wait(&self, wait: Duration, error: &Error) {
        let mut shared = lock(&self.shared);
        let Shared {
            telling, buffer, ..
        } = &mut *shared;
        let next = Utc::now() + wait;
        telling
            .protocol
            .waiting(&telling.streams, next, error, buffer);
        // A failure is reported by the next write.
        let _ = shared.flush();
    }
}

fn lock<P>(shared: &Mutex<Shared<P>>) -> MutexGuard<'_, Shared<P>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<P: Protocol> Shared<P> {
    fn flush(&mut self) -> Result<(), SinkError> {
        if let Some(kind) = self.broken {
            return Err(stream_error(kind.into()));
        }
        let out = &mut self.telling.out;
        let written = out.write_all(&self.buffer).and_then(|()| out.flush());
        self.buffer.clear();
        self.broken = written.as_ref().err().map(io::Error::kind);
        written.map_err(stream_error)
    }

    /// Tells records of a day, and adds their customers to `customers`.
    fn write(
        &mut self,
        day: NaiveDate,
        records: &[Record],
        customers: &mut BTreeMap<i64, usize>,
    ) -> Result<(), SinkError> {
        let Telling {
            streams,
            lacking,
            protocol,
            ..
        } = &mut self.telling;
        for record in records {
            let row = self.reader.read(record);
            for (of, _) in streams
                .iter()
                .zip(&*lacking)
                .filter(|(_, days)| days.contains(day))
            {
                StreamRecord::each(of.stream, &row, |record| {
                    protocol.record(of, &record, &mut self.buffer);
                });
            }
            customers.insert(row.id, row.contacts.len());
            if self.named.contains(&row.id) {
                self.met.insert(row.id, row.contacts.len());
            }
        }
        match self.buffer.len() >= BUFFER {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// A day was read to its end.
    fn finish_day(&mut self, finished: &FinishedDay) -> Result<(), SinkError> {
        let mut changed = Vec::new();
        for index in 0..self.telling.streams.len() {
            let of = &self.telling.streams[index];
            if of.is_full_refresh || !self.telling.lacking[index].contains(finished.day) {
                continue;
            }
            let here = |id| finished.customers.get(&id).copied();
            match of.gone(finished.day, here).is_empty() {
                true => {
                    changed.push(of.stream);
                    self.hold(index, finished);
                }
                false => self.suspects.push((index, finished.clone())),
            }
        }
        self.tell_state(&changed)
    }

    /// Every day was read to its end: what did not come on any of them is gone.
    fn finish_run(&mut self) -> Result<(), SinkError> {
        let mut changed = Vec::new();
        for (index, finished) in std::mem::take(&mut self.suspects) {
            let of = &self.telling.streams[index];
            let anywhere = |id| {
                let here = finished.customers.get(&id);
                here.or_else(|| self.met.get(&id)).copied()
            };
            for key in of.gone(finished.day, anywhere) {
                self.telling.protocol.gone(of, key, &mut self.buffer);
            }
            changed.push(of.stream);
            self.hold(index, &finished);
        }
        self.tell_state(&changed)?;
        let Telling {
            protocol, streams, ..
        } = &mut self.telling;
        protocol.end(streams, &mut self.buffer);
        self.flush()
    }

    /// Takes a finished day into the state of a stream, with its customers if it is read again.
    fn hold(&mut self, index: usize, finished: &FinishedDay) {
        let Telling {
            refresh,
            wanted,
            today,
            ..
        } = &self.telling;
        let FinishedDay { day, is_open, .. } = *finished;
        let is_read_again = is_open || refresh.reads_again(day, wanted, *today);
        let held = is_read_again.then(|| HeldDay {
            read: *today,
            customers: finished.customers.clone(),
        });
        self.telling.streams[index].state.finish(day, is_open, held);
    }

    fn tell_state(&mut self, changed: &[Stream]) -> Result<(), SinkError> {
        if changed.is_empty() {
            return Ok(());
        }
        let Telling {
            protocol, streams, ..
        } = &mut self.telling;
        protocol.state(streams, changed, &mut self.buffer);
        self.flush()
    }
}

/// What a failed write means.
fn stream_error(error: io::Error) -> SinkError {
    match error.kind() {
        ErrorKind::BrokenPipe => SinkError::Closed,
        _ => SinkError::Stream(error),
    }
}

impl Replicated {
    /// The records of a day that the stream has no more. `contacts` says how many contacts a customer
    /// has now, if it is still there.
    fn gone(&self, day: NaiveDate, contacts: impl Fn(i64) -> Option<usize>) -> Vec<RecordKey> {
        let Some(held) = self.state.held(day) else {
            return Vec::new();
        };
        let gone = held.customers.iter().flat_map(|(customer, had)| {
            let has = contacts(*customer);
            let customer = *customer;
            let (of_customers, of_contacts) = match self.stream {
                Stream::Customers => (has.is_none().then_some(RecordKey::Customer(customer)), 0..0),
                Stream::Contacts => (None, has.unwrap_or(0)..*had),
            };
            let contact = move |position| RecordKey::Contact { customer, position };
            of_customers.into_iter().chain(of_contacts.map(contact))
        });
        gone.collect()
    }
}

#[async_trait]
impl<P: Protocol> Sink for MessageSink<P> {
    async fn day(&self, day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(MessageWriter {
            shared: Arc::clone(&self.shared),
            day,
            customers: BTreeMap::new(),
            written: 0,
        }))
    }

    async fn prepare(&self) -> Result<(), SinkError> {
        lock(&self.shared).finish_run()
    }

    fn drift(&self) -> Drift {
        lock(&self.shared).reader.drift()
    }
}

struct MessageWriter<P> {
    shared: Arc<Mutex<Shared<P>>>,
    day: NaiveDate,
    /// The customers by their keys, each with the number of its contacts.
    customers: BTreeMap<i64, usize>,
    written: u64,
}

#[async_trait]
impl<P: Protocol> DayWriter for MessageWriter<P> {
    async fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        lock(&self.shared).write(self.day, records, &mut self.customers)?;
        self.written += records.len() as u64;
        Ok(())
    }

    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), SinkError> {
        if self.written != receipt.customers {
            return Err(SinkError::CountMismatch {
                day: receipt.day,
                written: self.written,
                stated: receipt.customers,
            });
        }
        let finished = FinishedDay {
            day: self.day,
            is_open: receipt.state == DayState::Open,
            customers: self.customers,
        };
        lock(&self.shared).finish_day(&finished)
    }
}
