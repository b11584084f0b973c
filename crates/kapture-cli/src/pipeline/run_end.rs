//! The beginning and the end of a run: it is recorded in the destination, and measured.

use std::path::Path;

use chrono::{DateTime, Utc};
use kapture_sinks::{Destination, Run, RunLog, Sink};

use crate::error::CliError;
use crate::metrics::{self, Observed};
use crate::output::message::Message;
use crate::output::summary::Summary;

/// A run from its start on.
pub(crate) struct StartedRun<'a> {
    /// `pull`, `sync` or `verify`.
    pub(crate) command: &'static str,
    pub(crate) destination: &'a Destination,
    pub(crate) metrics: Option<&'a Path>,
    started: DateTime<Utc>,
}

impl<'a> StartedRun<'a> {
    pub(crate) fn new(
        command: &'static str,
        destination: &'a Destination,
        metrics: Option<&'a Path>,
        started: DateTime<Utc>,
    ) -> Self {
        Self {
            command,
            destination,
            metrics,
            started,
        }
    }

    /// Records in the destination that the run begins, so that a run that is killed is there, too.
    pub(crate) async fn begin(&self, sink: &dyn Sink) -> Result<(), CliError> {
        let begun = Run::begun(self.command, self.started);
        sink.record_run(begun).await.map_err(CliError::sink)
    }

    /// Records the run in its destination, and closes it. `sink` is `None` if it could not be opened.
    /// Returns the outcome, or why a run that succeeded could not be recorded.
    pub(crate) async fn end(
        self,
        sink: Option<&dyn Sink>,
        summary: &Summary,
        outcome: Result<(), CliError>,
    ) -> Result<(), CliError> {
        let run = self.record(summary, &outcome);
        let Some(sink) = sink else {
            return outcome.and(self.measure(None, &run, None).await);
        };
        let recorded = sink.record_run(run.clone()).await.map_err(CliError::sink);
        if let (Err(_), Err(error)) = (&outcome, &recorded) {
            let text = format!("the run could not be recorded: {}", error.one_line());
            Message::note(text).print();
        }
        let measured = self.measure(Some(sink), &run, None).await;
        sink.close().await;
        outcome.and(recorded).and(measured)
    }

    /// Measures a run that wrote nothing. `verified` is how many days were alike and different.
    pub(crate) async fn end_of_verification(
        self,
        sink: &dyn Sink,
        summary: &Summary,
        verified: (usize, usize),
        outcome: Result<(), CliError>,
    ) -> Result<(), CliError> {
        let run = self.record(summary, &outcome);
        let measured = self.measure(Some(sink), &run, Some(verified)).await;
        outcome.and(measured)
    }

    fn record(&self, summary: &Summary, outcome: &Result<(), CliError>) -> Run {
        let exit_code = outcome.as_ref().err().map_or(0, CliError::code);
        let mut run = Run::new(self.command, self.started, Utc::now(), exit_code);
        run.days_done = summary.days_done as u64;
        run.days_failed = summary.failed.len() as u64;
        run.days_skipped = summary.days_skipped as u64;
        run.customers = summary.customers;
        run.requests = summary.stats.requests;
        run.retries = summary.stats.retries;
        run.bytes = summary.stats.bytes;
        for (kind, days) in &summary.failures {
            run.add_failed(kind, days);
        }
        run.set_drift(&summary.drift);
        run
    }

    /// Writes the metrics, if they are asked for.
    async fn measure(
        &self,
        sink: Option<&dyn Sink>,
        run: &Run,
        verified: Option<(usize, usize)>,
    ) -> Result<(), CliError> {
        let Some(path) = self.metrics else {
            return Ok(());
        };
        let sink = sink.filter(|_| self.destination.capabilities().incremental);
        let (ledger, runs) = match sink {
            Some(sink) => (
                Some(sink.ledger().await.map_err(CliError::sink)?),
                sink.runs().await.map_err(CliError::sink)?,
            ),
            None => (None, RunLog::default()),
        };
        let observed = Observed {
            destination: self.destination,
            ledger: ledger.as_ref(),
            runs: &runs,
            run: Some(run),
            verified,
            now: Utc::now(),
        };
        metrics::write(path, &observed)
    }
}
