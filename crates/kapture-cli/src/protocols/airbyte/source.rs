//! `kapture airbyte read`: the messages of a replication.

use std::collections::BTreeMap;

use anyhow::Result;
use chrono::{DateTime, Utc};
use kapture_sinks::Identity;
use kapture_transport::Error;

use super::catalog;
use super::message::{Message, State, StreamProgress};
use super::record::RecordWriter;
use super::{state_file, tell};
use crate::args::{AirbyteReadArgs, OutputArgs};
use crate::error::{CliError, prefixed};
use crate::protocols::record::{RecordKey, Selection, StreamRecord};
use crate::protocols::replication::{self, Protocol, Replicated};
use crate::protocols::settings::{Source, read_json};
use crate::protocols::state::StreamState;
use crate::protocols::streams::Stream;

/// Reads the streams of the catalog.
pub(super) async fn read(arguments: &AirbyteReadArgs, output: &OutputArgs) -> Result<(), CliError> {
    let settings = super::settings(&arguments.config);
    let source = settings.and_then(|settings| settings.source());
    let source = source.map_err(CliError::usage)?;
    let identity = source.connection.source(&source.query);
    let streams = streams(arguments, &source, &identity).map_err(CliError::usage)?;
    let names: Vec<_> = streams.iter().map(|of| of.stream.name()).collect();
    let progress = |of: &Replicated| {
        let lacking = of
            .state
            .lacking(&source.wanted, &source.refresh, &source.calendar);
        (of.stream, Progress::new(lacking.len() as u64))
    };
    let messages = Messages {
        progress: streams.iter().map(progress).collect(),
        records: RecordWriter::new(Utc::now()),
        identity,
        waits_until: None,
    };
    let outcome = replication::run(source, streams, messages, output).await;
    if outcome
        .as_ref()
        .is_err_and(|error| !error.one_line().is_empty())
    {
        for name in names {
            tell(&Message::stream_status(name, StreamProgress::Incomplete))?;
        }
    }
    outcome
}

/// The streams of the catalog with their states.
///
/// A full refresh begins without a state: the platform forgets it. If there is one, it is that of an
/// attempt that did not come to its end, and the next one goes on there.
fn streams(
    arguments: &AirbyteReadArgs,
    source: &Source,
    identity: &Identity,
) -> Result<Vec<Replicated>> {
    let catalog = read_json(&arguments.catalog, "catalog")?;
    let configured = catalog::configured(catalog)
        .map_err(|error| prefixed(&arguments.catalog.display().to_string(), error))?;
    let mut states = match &arguments.state {
        Some(path) => state_file::states(read_json(path, "state")?)
            .map_err(|error| prefixed(&path.display().to_string(), error))?,
        None => BTreeMap::new(),
    };
    let privacy = &source.connection.privacy;
    let replicated = |stream: Stream| {
        let state = states.remove(&stream);
        let state = state.map(|state| StreamState::parse(stream, &state, identity));
        Ok(Replicated {
            stream,
            selection: Selection::all(stream, privacy),
            is_full_refresh: false,
            state: state.transpose()?.unwrap_or_default(),
        })
    };
    configured.into_iter().map(replicated).collect()
}

/// What was told of a stream.
#[derive(Debug, Default)]
struct Progress {
    /// How many days are to be read, and how many are finished.
    days: u64,
    days_done: u64,
    records: u64,
    /// The records since the last state.
    unsaved: u64,
    has_state: bool,
}

impl Progress {
    fn new(days: u64) -> Self {
        Self {
            days,
            ..Self::default()
        }
    }

    /// How many records there will be, if the days that are left are like those before. After 1, 2, 4, …
    /// days, so that there are few such messages.
    fn estimate(&self) -> Option<u64> {
        let is_due = self.days_done.is_power_of_two() && self.days_done < self.days;
        is_due.then(|| self.records * self.days / self.days_done)
    }
}

/// Tells a replication as messages of Airbyte.
struct Messages {
    identity: Identity,
    records: RecordWriter,
    progress: BTreeMap<Stream, Progress>,
    /// Until when requests wait because the server asks for fewer, as it was told last.
    waits_until: Option<DateTime<Utc>>,
}

fn push(message: &Message, out: &mut Vec<u8>) {
    out.extend_from_slice(message.to_line().as_bytes());
}

impl Messages {
    /// Counts a record, and tells that the stream is running before its first one.
    fn count(&mut self, stream: Stream, out: &mut Vec<u8>) {
        let progress = self.progress.entry(stream).or_default();
        if progress.records == 0 {
            let running = StreamProgress::Running;
            push(&Message::stream_status(stream.name(), running), out);
        }
        progress.records += 1;
        progress.unsaved += 1;
        self.records.set_time(Utc::now());
    }

    /// Tells the state of a stream, with the number of records since its last one.
    fn tell_state(&mut self, of: &Replicated, out: &mut Vec<u8>) {
        let progress = self.progress.entry(of.stream).or_default();
        let records = std::mem::take(&mut progress.unsaved);
        progress.has_state = true;
        let state = State::new(of.stream.name(), of.state.to_json(&self.identity), records);
        push(&Message::State { state }, out);
    }
}

impl Protocol for Messages {
    fn begin(&mut self, streams: &[Replicated], out: &mut Vec<u8>) {
        for of in streams {
            let name = of.stream.name();
            let days = self.progress.get(&of.stream).map_or(0, |it| it.days);
            push(&Message::info(format!("{name}: days to read: {days}")), out);
            push(&Message::stream_status(name, StreamProgress::Started), out);
        }
    }

    fn record(&mut self, of: &Replicated, record: &StreamRecord<'_>, out: &mut Vec<u8>) {
        self.count(of.stream, out);
        self.records.write(of.stream, &of.selection, record, out);
    }

    fn gone(&mut self, of: &Replicated, key: RecordKey, out: &mut Vec<u8>) {
        self.count(of.stream, out);
        self.records.write_gone(of.stream, key, out);
    }

    fn state(&mut self, streams: &[Replicated], changed: &[Stream], out: &mut Vec<u8>) {
        for of in streams.iter().filter(|of| changed.contains(&of.stream)) {
            self.tell_state(of, out);
            let progress = self.progress.entry(of.stream).or_default();
            progress.days_done += 1;
            if let Some(records) = progress.estimate() {
                push(&Message::estimate(of.stream.name(), records), out);
            }
        }
    }

    fn waiting(
        &mut self,
        streams: &[Replicated],
        next: DateTime<Utc>,
        error: &Error,
        out: &mut Vec<u8>,
    ) {
        // Many requests wait at the same time.
        let is_told = self.waits_until.is_some_and(|until| Utc::now() < until);
        if is_told || !matches!(error.root(), Error::RateLimited { .. }) {
            return;
        }
        self.waits_until = Some(next);
        for of in streams {
            push(&Message::rate_limited(of.stream.name(), next), out);
        }
    }

    fn end(&mut self, streams: &[Replicated], out: &mut Vec<u8>) {
        for of in streams {
            // Each stream has a state in each read, also if there was nothing to do.
            if !self.progress.get(&of.stream).is_some_and(|it| it.has_state) {
                self.tell_state(of, out);
            }
            let complete = StreamProgress::Complete;
            push(&Message::stream_status(of.stream.name(), complete), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_estimated_after_one_two_and_four_days_but_not_at_the_end() {
        let estimate = |days_done, records| {
            let days = 4;
            let progress = Progress {
                days,
                days_done,
                records,
                ..Progress::default()
            };
            progress.estimate()
        };
        assert_eq!(estimate(1, 10), Some(40));
        assert_eq!(estimate(2, 50), Some(100));
        assert_eq!(estimate(3, 60), None);
        assert_eq!(estimate(4, 60), None);
    }
}
