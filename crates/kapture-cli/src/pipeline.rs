//! What pull and sync share: the events of a pull into the writers of a sink, progress and summary.

pub(crate) mod date_ranges;
pub(crate) mod events;
pub(crate) mod failed_days;
pub(crate) mod run_end;
mod silence;
pub(crate) mod volatile_fields;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use futures_util::{FutureExt, SinkExt, Stream, StreamExt};
use kapture_customers::{Days, Event, Finding, Pull, PullError, Receipt};
use kapture_model::{DayEvent, FilterCheck};
use kapture_sinks::{Atomic, Destination, Filling, RangeEnd, Sink, SinkError};
use kapture_transport::{Endpoint, Error};
use tokio::task::{JoinError, JoinHandle, JoinSet};
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
use crate::pipeline::failed_days::FailedDays;
use crate::pipeline::silence::Silence;
use crate::signals::{Signal, stop_signal};

/// The inputs of a run other than its pull.
pub(crate) struct Pipeline<'a> {
    pub(crate) connected: &'a Connected,
    pub(crate) destination: &'a Destination,
    pub(crate) sink: &'a dyn Sink,
    /// The days that the destination has afterwards.
    pub(crate) wanted: &'a Days,
    /// The last day that the destination is to hold.
    pub(crate) until: RangeEnd,
    /// The wanted days that are pulled.
    pub(crate) days: &'a Days,
    /// Counts the customers that do not match the filters.
    pub(crate) filters: FilterCheck,
    /// The file that the summary is written to.
    pub(crate) summary: Option<&'a Path>,
    pub(crate) output: &'a OutputArgs,
    /// Learns how long a request waits, and why.
    pub(crate) on_wait: Option<&'a OnWait<'a>>,
}

/// What learns of a wait before a request is made again.
pub(crate) type OnWait<'a> = dyn Fn(Duration, &Error) + Sync + 'a;

impl Pipeline<'_> {
    /// Consumes the pull to its end, and prints the summary, which is left in `summary`.
    pub(crate) async fn run(self, pull: Pull, summary: &mut Summary) -> Result<(), CliError> {
        let mut filling = Filling::new(self.sink, self.days);
        if let Some((first, _)) = self.wanted.bounds() {
            filling = filling.range(first, self.until);
        }
        let mut consumer = EventConsumer {
            filling,
            spans: BTreeMap::new(),
            commits: JoinSet::new(),
            commits_at_once: self.destination.capabilities().days_at_once,
            progress: Progress::start(
                self.days.len(),
                &self.connected.client,
                self.destination,
                self.output,
            ),
            summary: Summary {
                days_asked: self.days.len(),
                days_skipped: self.wanted.len() - self.days.len(),
                filters: self.filters.clone(),
                ..Summary::default()
            },
            endpoint: self.connected.endpoint(),
            atomic: self.destination.capabilities().atomic,
            outstanding: self.days.iter().collect(),
            failed: FailedDays::new(self.connected.endpoint()),
            on_wait: self.on_wait,
            silence: Silence::default(),
        };
        let started = Instant::now();
        // Before the first request, so that a signal is handled from here on.
        let stopped = stop_signal();
        let (events, pulling) = spawned(events(pull, self.days.len()));
        let outcome = tokio::select! {
            outcome = consumer.consume(events) => outcome,
            signal = stopped => Err(self.stopped(signal)),
        };
        // The task of the pull ends before the summary is printed.
        pulling.abort();
        let _ = pulling.await;
        *summary = consumer.summary;
        drop(consumer.filling);
        // A commit that was begun ends, one way or the other, before the sink is closed.
        consumer.commits.shutdown().await;
        // The progress bar would clear the lines that follow.
        drop(consumer.progress);
        // Days failed before the run ended for another reason.
        summary.failures.extend(consumer.failed.by_kind());
        for failure in consumer.failed.take(incomplete) {
            failure.report();
        }
        summary.time = started.elapsed();
        summary.stats = self.connected.client.stats();
        summary.drift = self.connected.drift(self.sink.drift());
        if outcome.is_err() && consumer.atomic == Some(Atomic::Run) {
            summary.nothing_written();
        }
        // Also after a failure: an older file would describe another run.
        let written = self.summary.map_or(Ok(()), |path| {
            summary.write(path).map_err(|error| {
                CliError::write_failed(error)
                    .context(format!("cannot write the summary to {}", path.display()))
            })
        });
        let outcome = outcome.and(written);
        let with_summary = outcome
            .as_ref()
            .map_or_else(CliError::deserves_summary, |()| true);
        if with_summary {
            for note in summary.notes() {
                Message::note(note).print();
            }
            for warning in summary.warnings() {
                Message::warning(warning).print();
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
    fn stopped(&self, signal: Signal) -> CliError {
        let stopped = CliError::stopped(signal);
        match self.destination.capabilities().incremental {
            true => stopped.hint("complete days are kept: the same command goes on behind them"),
            false => stopped,
        }
    }

    /// Notes the days that this run has made stale.
    async fn report_stale_days(&self) -> Result<(), CliError> {
        let ledger = self.sink.ledger().await.map_err(CliError::sink)?;
        for (reason, days) in by_reason(&ledger) {
            let days = ranges(&days);
            Message::note(format!("to be pulled again, because {reason}: {days}")).print();
        }
        Ok(())
    }
}

/// Runs the pull in a task of its own, so that it goes on while a sink is busy. A panic of the pull
/// is resumed by the reader of the events: a stream that breaks off is not complete.
fn spawned<T: Send + 'static>(
    events: impl Stream<Item = T> + Send + Unpin + 'static,
) -> (impl Stream<Item = T> + Unpin, JoinHandle<()>) {
    let (mut sender, receiver) = futures_channel::mpsc::channel(0);
    let mut panicked = sender.clone();
    let mut events = events.map(|event| Ok(Ok(event)));
    let pulling = async move {
        // The receiver is dropped when the run ends early.
        let sending = AssertUnwindSafe(sender.send_all(&mut events)).catch_unwind();
        if let Err(panic) = sending.await {
            let _ = panicked.send(Err(panic)).await;
        }
    };
    let events = receiver.map(|event| event.unwrap_or_else(|panic| resume_unwind(panic)));
    (events, tokio::spawn(pulling.in_current_span()))
}

/// A day, and the outcome of its commit.
type Committed = (Receipt, Result<(), SinkError>);

/// The state of a run while its events are consumed.
struct EventConsumer<'a> {
    filling: Filling<'a>,
    /// The trace of each day that is being pulled, which ends with the day.
    spans: BTreeMap<NaiveDate, Span>,
    /// The days that are being committed.
    commits: JoinSet<Committed>,
    /// How many days are committed at the same time.
    commits_at_once: usize,
    progress: Progress,
    summary: Summary,
    endpoint: Endpoint,
    /// What the destination replaces as a whole.
    atomic: Option<Atomic>,
    /// The days without a result yet.
    outstanding: BTreeSet<NaiveDate>,
    failed: FailedDays,
    on_wait: Option<&'a OnWait<'a>>,
    silence: Silence,
}

impl EventConsumer<'_> {
    async fn consume(
        &mut self,
        mut events: impl Stream<Item = Result<Event, PullError>> + Unpin,
    ) -> Result<(), CliError> {
        let handled = self.handle_all(&mut events).await;
        // Also after a failure: a day that is being committed is complete.
        let committed = self.finish_commits().await.map_err(CliError::sink);
        handled.and(committed)?;
        self.report_failed_days()?;
        self.filling.finish().await.map_err(|error| match error {
            // No day failed, so that each has to be complete.
            SinkError::Incomplete { days } => CliError::bug(format!(
                "the pull ended without a result for {}",
                ranges(&days)
            )),
            error => CliError::sink(error),
        })
    }

    /// Prints one error for each reason for which days failed, and returns the last one.
    fn report_failed_days(&mut self) -> Result<(), CliError> {
        self.summary.failures.extend(self.failed.by_kind());
        let mut failures = self.failed.take(incomplete);
        let last = failures.pop();
        for failure in failures {
            self.progress.suspend(|| failure.report());
        }
        last.map_or(Ok(()), Err)
    }

    /// Handles the events in order, while days are committed.
    async fn handle_all(
        &mut self,
        events: &mut (impl Stream<Item = Result<Event, PullError>> + Unpin),
    ) -> Result<(), CliError> {
        loop {
            let event = tokio::select! {
                biased;
                Some(committed) = self.commits.join_next() => {
                    self.committed(committed).map_err(CliError::sink)?;
                    continue;
                }
                event = events.next() => event,
            };
            let Some(event) = event else {
                return Ok(());
            };
            match event {
                Ok(event) => self.handle(event).await?,
                // The days that are left fail for one reason, and perhaps others failed for it, too.
                Err(error @ PullError::RefusesEverything { .. }) => {
                    let days = std::mem::take(&mut self.outstanding);
                    self.summary.failed.extend(&days);
                    self.failed.add(days, error);
                }
                Err(error) => return Err(CliError::pull(error, self.endpoint)),
            }
            // Without one of its days a file is not written.
            if self.atomic == Some(Atomic::Run) {
                self.report_failed_days()?;
            }
        }
    }

    /// Waits for all commits, and returns the first failure.
    async fn finish_commits(&mut self) -> Result<(), SinkError> {
        let mut outcome = Ok(());
        while let Some(committed) = self.commits.join_next().await {
            outcome = outcome.and(self.committed(committed));
        }
        outcome
    }

    fn committed(&mut self, committed: Result<Committed, JoinError>) -> Result<(), SinkError> {
        let (receipt, outcome) =
            committed.unwrap_or_else(|error| resume_unwind(error.into_panic()));
        outcome?;
        self.filling.committed(receipt.day);
        self.summary.day_done(&receipt, self.atomic.is_none());
        self.progress.day_done();
        Ok(())
    }

    async fn handle(&mut self, event: Event) -> Result<(), CliError> {
        match event {
            Event::DayStarted(day) => {
                let span = trace_span!("day", %day, customers = Empty, error = Empty);
                self.spans.insert(day, span);
            }
            Event::RetryScheduled { wait, error, .. } => {
                if let Some(length) = self.silence.goes_on(Instant::now()) {
                    let text = format!(
                        "nothing has come for {} s ({error}): the server is asked again until the time of --retry-for is over",
                        length.as_secs()
                    );
                    self.progress.suspend(|| Message::note(text).print());
                }
                self.progress.waiting(wait, &error.to_string());
                if let Some(on_wait) = self.on_wait {
                    on_wait(wait, &error);
                }
            }
            Event::Discovered(Finding::ConflictingRows(day)) => {
                self.summary.conflicting.insert(day);
            }
            event => {
                if let Some(event) = event.into() {
                    self.silence.end();
                    self.handle_day(event).await.map_err(CliError::sink)?;
                }
            }
        }
        Ok(())
    }

    async fn handle_day(&mut self, event: DayEvent<PullError>) -> Result<(), SinkError> {
        match event {
            DayEvent::Records { day, records } => {
                self.summary.filters.observe(&records);
                self.filling.write(day, &records).await?;
                if self.atomic.is_none() {
                    self.summary.customers += records.len() as u64;
                }
                self.progress.customers(records.len());
            }
            DayEvent::Done(receipt) => {
                while self.commits.len() >= self.commits_at_once
                    && let Some(committed) = self.commits.join_next().await
                {
                    self.committed(committed)?;
                }
                self.outstanding.remove(&receipt.day);
                let writer = self.filling.complete(receipt.day).await?;
                let span = self.spans.remove(&receipt.day).unwrap_or(Span::none());
                span.record("customers", receipt.customers);
                let commit = async move {
                    let committed = writer.commit(&receipt).await;
                    (receipt, committed)
                };
                self.commits.spawn(commit.instrument(span));
            }
            DayEvent::Failed { day, error } => {
                self.filling.fail(day).await?;
                if let Some(span) = self.spans.remove(&day) {
                    span.record("error", display(&error));
                }
                self.summary.failed.insert(day);
                self.progress.day_done();
                self.outstanding.remove(&day);
                self.failed.add([day], error);
            }
        }
        Ok(())
    }
}

/// What is wrong with days that failed.
fn incomplete(days: &str) -> String {
    format!("cannot prove that the customers of {days} are complete")
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use futures_util::stream;

    use kapture_model::Record;
    use kapture_sinks::{Encoding, Format, StreamSink};
    use kapture_transport::{Client, ClientOptions, HttpOptions, HttpTransport, TenantUrl, Token};

    use super::*;
    use crate::args::LogFormat;

    #[tokio::test]
    #[should_panic(expected = "the pull panics")]
    async fn a_panic_of_the_pull_is_resumed() {
        let events = stream::iter([1, 2]).inspect(|event| assert_eq!(*event, 1, "the pull panics"));
        let (events, _pulling) = spawned(events);
        events.collect::<Vec<_>>().await;
    }

    /// A client that makes no requests.
    fn client() -> Client {
        let options = HttpOptions::default().https(false);
        let transport = HttpTransport::new(&options).unwrap();
        let site = TenantUrl::base_url("http://127.0.0.1:9").unwrap();
        let token = Token::from_base64("U0VDUkVU").unwrap();
        Client::new(transport, &site, token, ClientOptions::default())
    }

    /// The outcome of a pull of 2 May with these events.
    async fn outcome_of(events: Vec<Event>) -> Result<(), CliError> {
        let sink = StreamSink::new(std::io::sink(), &Encoding::new(Format::Ndjson)).unwrap();
        let output = OutputArgs {
            quiet: true,
            verbose: 0,
            log_format: LogFormat::Text,
        };
        let destination = Destination::parse("-", None).unwrap();
        let mut consumer = EventConsumer {
            filling: Filling::new(&sink, &[day()].into_iter().collect()),
            spans: BTreeMap::new(),
            commits: JoinSet::new(),
            commits_at_once: 1,
            progress: Progress::start(1, &client(), &destination, &output),
            summary: Summary::default(),
            endpoint: Endpoint::default(),
            atomic: None,
            outstanding: BTreeSet::new(),
            failed: FailedDays::new(Endpoint::default()),
            on_wait: None,
            silence: Silence::default(),
        };
        consumer.consume(stream::iter(events).map(Ok)).await
    }

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, 2).unwrap()
    }

    #[tokio::test]
    async fn a_day_without_a_result_is_an_error() {
        let record = || Record::decode(r#"{"id":1}"#.into()).unwrap();
        let started = || Event::DayStarted(day());
        let records = || Event::Records {
            day: day(),
            records: vec![record()],
        };
        let done = || {
            Event::DayDone(Receipt::of(
                day(),
                &[record()],
                chrono::DateTime::UNIX_EPOCH,
            ))
        };
        assert!(outcome_of(vec![started(), records(), done()]).await.is_ok());
        for (events, sentence) in [
            (vec![], "without a result for 2024-05-02"),
            (
                vec![started(), records()],
                "without a result for 2024-05-02",
            ),
            (
                vec![records(), done(), records()],
                "received something of 2024-05-02",
            ),
            (
                vec![records(), done(), done()],
                "received something of 2024-05-02",
            ),
        ] {
            let failure = outcome_of(events).await.unwrap_err();
            let line = failure.one_line();
            assert!(line.contains(sentence), "{line}");
            assert!(line.ends_with("this is a bug of kapture"), "{line}");
            assert_eq!(failure.exit_code(), ExitCode::from(1));
        }
    }
}
