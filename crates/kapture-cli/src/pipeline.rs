//! The course of a pull into a sink: events to writers, progress and summary.

pub(crate) mod date_ranges;
pub(crate) mod events;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::Path;
use std::time::Instant;

use chrono::NaiveDate;
use futures_util::{FutureExt, SinkExt, Stream, StreamExt};
use kapture_customers::{Days, Event, Pull, PullError};
use kapture_sinks::{DayWriter, Destination, Sink};
use kapture_transport::Endpoint;
use tokio::task::JoinHandle;
use tracing::field::{Empty, display};
use tracing::{Instrument, Span, trace_span};

use crate::args::OutputArgs;
use crate::config::connection::Connected;
use crate::error::CliError;
use crate::output::message::Message;
use crate::output::progress::Progress;
use crate::output::summary::Summary;
use crate::pipeline::date_ranges::{by_reason, ranges};
use crate::pipeline::events::events;
use crate::signals::interrupted;

/// Everything about one course but its pull.
pub(crate) struct Pipeline<'a> {
    pub(crate) connected: &'a Connected,
    pub(crate) destination: &'a Destination,
    pub(crate) sink: Box<dyn Sink>,
    /// The days that are to be there afterwards.
    pub(crate) wanted: &'a Days,
    /// Those of them that are not there for good already.
    pub(crate) days: &'a Days,
    pub(crate) summary: Option<&'a Path>,
    pub(crate) output: &'a OutputArgs,
}

impl Pipeline<'_> {
    /// Follows the pull to its end, and says what was done.
    pub(crate) async fn run(self, pull: Pull) -> Result<(), CliError> {
        let mut following = EventConsumer {
            sink: &*self.sink,
            under_way: BTreeMap::new(),
            outstanding: self.days.iter().collect(),
            progress: Progress::start(
                self.days.len(),
                &self.connected.client,
                self.destination,
                self.output,
            ),
            summary: Summary {
                days_asked: self.days.len(),
                days_skipped: self.wanted.len() - self.days.len(),
                ..Summary::default()
            },
            endpoint: self.connected.endpoint(),
            all_or_nothing: matches!(self.destination, Destination::File { .. }),
            wanted_from: self.wanted.bounds().map(|(first, _)| first),
            failed: None,
        };
        let begun = Instant::now();
        // Before anything is asked for: whoever wants an end then is to be heard.
        let interrupted = interrupted();
        let (events, pulling) = spawned(events(pull));
        let outcome = tokio::select! {
            outcome = following.follow(events) => outcome,
            () = interrupted => Err(CliError::interrupted()),
        };
        // The pull is over before its end is told: nothing of it is still under way.
        pulling.abort();
        let _ = pulling.await;
        let mut summary = following.summary;
        drop(following.under_way);
        // What is said from here on stays: it would clear the last lines.
        drop(following.progress);
        // Of a run that ended for another reason a day had failed before.
        if let Some(failure) = following.failed.take() {
            failure.report();
        }
        summary.time = begun.elapsed();
        summary.stats = self.connected.client.stats();
        summary.drift = self.sink.drift();
        // Also of a run that failed: an older one would tell of another run.
        let written = self.summary.map_or(Ok(()), |path| {
            summary.write(path).map_err(|error| {
                CliError::write_failed(error)
                    .context(format!("cannot write the summary to {}", path.display()))
            })
        });
        let outcome = outcome.and(written);
        let worth_telling = outcome
            .as_ref()
            .map_or_else(CliError::deserves_summary, |()| true);
        if worth_telling {
            for note in summary.notes() {
                Message::note(note).print();
            }
            Message::info(summary.to_string())
                .with("summary", summary.json())
                .print();
            if outcome.is_ok() {
                self.report_stale_days().await?;
            }
        }
        outcome
    }
}

impl Pipeline<'_> {
    /// What was pulled may have brought other days in doubt.
    async fn report_stale_days(&self) -> Result<(), CliError> {
        let ledger = self.sink.ledger().await.map_err(CliError::sink)?;
        for (reason, days) in by_reason(&ledger) {
            let days = ranges(&days);
            Message::note(format!("to be pulled again, because {reason}: {days}")).print();
        }
        Ok(())
    }
}

/// The same events, but the pull goes on while a sink is busy with the ones before. If it panics, so
/// does whoever reads them: events that break off are not all that there were.
fn spawned<T: Send + 'static>(
    events: impl Stream<Item = T> + Send + Unpin + 'static,
) -> (impl Stream<Item = T> + Unpin, JoinHandle<()>) {
    let (mut sender, receiver) = futures_channel::mpsc::channel(0);
    let mut panicked = sender.clone();
    let mut events = events.map(|event| Ok(Ok(event)));
    let pulling = async move {
        // Whoever drops the receiver wants no more of it.
        let sending = AssertUnwindSafe(sender.send_all(&mut events)).catch_unwind();
        if let Err(panic) = sending.await {
            let _ = panicked.send(Err(panic)).await;
        }
    };
    let events = receiver.map(|event| event.unwrap_or_else(|panic| resume_unwind(panic)));
    (events, tokio::spawn(pulling.in_current_span()))
}

/// A pull that is being followed.
struct EventConsumer<'a> {
    sink: &'a dyn Sink,
    under_way: BTreeMap<NaiveDate, OpenDay>,
    /// The days asked of which no end was told yet.
    outstanding: BTreeSet<NaiveDate>,
    progress: Progress,
    summary: Summary,
    endpoint: Endpoint,
    /// Whether a failed day leaves nothing worth going on for.
    all_or_nothing: bool,
    /// The first day that the place is to hold, from where later runs are to go on, until it is told.
    wanted_from: Option<NaiveDate>,
    failed: Option<CliError>,
}

/// A day that is being pulled.
struct OpenDay {
    writer: Box<dyn DayWriter>,
    /// Ends with the day.
    span: Span,
}

impl EventConsumer<'_> {
    async fn follow(
        &mut self,
        mut events: impl Stream<Item = Result<Event, PullError>> + Unpin,
    ) -> Result<(), CliError> {
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| CliError::pull(error, self.endpoint))?;
            self.take(event).await?;
            if self.all_or_nothing
                && let Some(failure) = self.failed.take()
            {
                return Err(failure);
            }
        }
        // Silence about a day is no proof of it.
        if !self.outstanding.is_empty() {
            let days = ranges(&self.outstanding.iter().copied().collect());
            return Err(CliError::bug(format!(
                "the pull is over, and nothing was told of {days}"
            )));
        }
        if let Some(failure) = self.failed.take() {
            return Err(failure);
        }
        self.sink.finish().await.map_err(CliError::sink)
    }

    async fn take(&mut self, event: Event) -> Result<(), CliError> {
        if let Event::DayDone(_) | Event::DayFailed { .. } = event
            && let Some(first) = self.wanted_from.take()
        {
            // Before any day is there: the first ones may come last, or never.
            self.sink.set_start(first).await.map_err(CliError::sink)?;
        }
        match event {
            Event::DayStarted(day) => {
                let writer = self.sink.day(day).await.map_err(CliError::sink)?;
                let span = trace_span!("day", %day, customers = Empty, error = Empty);
                self.under_way.insert(day, OpenDay { writer, span });
            }
            Event::Records { day, records } => {
                let under_way = self.under_way.get_mut(&day);
                let under_way = under_way.ok_or_else(|| unexpected("customers", day))?;
                let written = under_way.writer.write(&records).await;
                written.map_err(CliError::sink)?;
                self.summary.customers += records.len() as u64;
                self.progress.customers(records.len());
            }
            Event::DayDone(receipt) => {
                let under_way = self.under_way.remove(&receipt.day);
                let OpenDay { writer, span } =
                    under_way.ok_or_else(|| unexpected("the end", receipt.day))?;
                span.record("customers", receipt.customers);
                writer.commit(&receipt).await.map_err(CliError::sink)?;
                self.outstanding.remove(&receipt.day);
                self.summary.day_done(&receipt);
                self.progress.day_done();
            }
            Event::DayFailed { day, error } => {
                if let Some(under_way) = self.under_way.remove(&day) {
                    under_way.span.record("error", display(&error));
                }
                self.outstanding.remove(&day);
                self.summary.days_failed += 1;
                self.progress.day_done();
                let failure = CliError::pull(error, self.endpoint).context(format!(
                    "the customers of {day} are not shown to be complete"
                ));
                match self.failed {
                    None => self.failed = Some(failure),
                    Some(_) => self.progress.aside(|| failure.report()),
                }
            }
            Event::RetryScheduled { wait, error, .. } => {
                self.progress.waiting(wait, &error.to_string());
            }
            _ => {}
        }
        Ok(())
    }
}

/// An event of a day that has not begun, or is over.
fn unexpected(what: &str, day: NaiveDate) -> CliError {
    CliError::bug(format!("{what} of {day} came, which is not under way"))
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use futures_util::stream;
    use kapture_customers::{Checksum, DayState, EndBound, Proof, Receipt};
    use kapture_model::Record;
    use kapture_sinks::{Encoding, Format, StreamSink};
    use kapture_transport::{Client, ClientOptions, HttpOptions, HttpTransport, TenantUrl, Token};

    use super::*;
    use crate::args::LogFormat;

    #[tokio::test]
    #[should_panic(expected = "at heart")]
    async fn a_pull_that_panics_does_not_look_like_one_that_is_over() {
        let events = stream::iter([1, 2]).inspect(|event| assert_eq!(*event, 1, "at heart"));
        let (events, _pulling) = spawned(events);
        events.collect::<Vec<_>>().await;
    }

    /// Never asked for anything.
    fn client() -> Client {
        let options = HttpOptions {
            https: false,
            ..HttpOptions::default()
        };
        let transport = HttpTransport::new(&options).unwrap();
        let site = TenantUrl::base_url("http://127.0.0.1:9").unwrap();
        let token = Token::from_base64("U0VDUkVU").unwrap();
        Client::new(transport, &site, token, ClientOptions::default())
    }

    /// What comes of a pull of 2 May that tells of these events.
    async fn followed(events: Vec<Event>) -> Result<(), CliError> {
        let sink = StreamSink::new(std::io::sink(), &Encoding::new(Format::Ndjson)).unwrap();
        let output = OutputArgs {
            quiet: true,
            verbose: 0,
            log_format: LogFormat::Text,
        };
        let mut following = EventConsumer {
            sink: &sink,
            under_way: BTreeMap::new(),
            outstanding: BTreeSet::from([day()]),
            progress: Progress::start(1, &client(), &Destination::StandardOutput, &output),
            summary: Summary::default(),
            endpoint: Endpoint::default(),
            all_or_nothing: false,
            wanted_from: None,
            failed: None,
        };
        following.follow(stream::iter(events).map(Ok)).await
    }

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, 2).unwrap()
    }

    #[tokio::test]
    async fn a_day_of_which_nothing_is_told_is_an_error_and_not_silence() {
        let begun = || Event::DayStarted(day());
        let records = || Event::Records {
            day: day(),
            records: vec![Record::decode(r#"{"id":1}"#.into()).unwrap()],
        };
        let done = || {
            Event::DayDone(Receipt {
                day: day(),
                customers: 1,
                checksum: Checksum::default(),
                undated: 0,
                fetched: chrono::DateTime::UNIX_EPOCH,
                state: DayState::Sealed,
                end_bound: EndBound::Inclusive,
                proof: Proof::Contiguous,
                empty_response: None,
            })
        };
        assert!(followed(vec![begun(), records(), done()]).await.is_ok());
        for (events, sentence) in [
            (vec![], "nothing was told of 2024-05-02"),
            (vec![begun(), records()], "nothing was told of 2024-05-02"),
            (vec![records()], "customers of 2024-05-02 came"),
            (vec![done()], "the end of 2024-05-02 came"),
        ] {
            let failure = followed(events).await.unwrap_err();
            let line = failure.one_line();
            assert!(line.contains(sentence), "{line}");
            assert!(line.ends_with("this is a bug of kapture"), "{line}");
            assert_eq!(failure.exit_code(), ExitCode::from(1));
        }
    }
}
