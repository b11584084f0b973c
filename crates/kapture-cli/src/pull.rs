//! `kapture pull`.

use std::collections::BTreeMap;
use std::time::Instant;

use chrono::NaiveDate;
use futures_util::{Stream, StreamExt};
use kapture_customers::{Event, Pull, PullError};
use kapture_sinks::{DayWriter, Location, Sink};
use kapture_transport::Endpoint;
use tracing::info;

use crate::arguments::{OutputArguments, PullArguments};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::pull_settings::PullSettings;
use crate::summary::Summary;

/// Runs one pull.
pub(crate) async fn run(
    arguments: &PullArguments,
    output: &OutputArguments,
) -> Result<(), Failure> {
    let settings = PullSettings::settle(arguments).map_err(Failure::usage)?;
    let sink = settings
        .location
        .create("", &settings.encoding)
        .await
        .map_err(Failure::sink)?;
    let endpoint = settings.connection.endpoint();
    let connected = settings
        .connection
        .open()
        .await
        .map_err(Failure::unexpected)?;

    let mut pull = Pull::new(
        connected.client.clone(),
        settings.query,
        settings.days.clone(),
    );
    if let Some(zone) = settings.zone {
        pull = pull.time_zone(zone);
    }
    if let Some(sentence) = settings.empty_answer {
        pull = pull.empty_answer(sentence);
    }
    let mut course = Course {
        sink: &*sink,
        writers: BTreeMap::new(),
        progress: Progress::start(settings.days.len(), &settings.location, output),
        summary: Summary {
            days_asked: settings.days.len(),
            ..Summary::default()
        },
        endpoint,
        all_or_nothing: settings.location != Location::StandardOutput,
        failed: None,
    };
    let begun = Instant::now();
    let outcome = tokio::select! {
        outcome = course.follow(pull.events()) => outcome,
        () = interrupted() => Err(Failure::interrupted()),
    };
    let mut summary = course.summary;
    drop(course.progress);
    summary.time = begun.elapsed();
    summary.traffic = connected.client.traffic();
    summary.drift = sink.drift();
    if let Some(path) = &settings.summary {
        let written = summary.write(path);
        outcome
            .as_ref()
            .map_or(Ok(()), |()| written)
            .map_err(|error| {
                Failure::unexpected(error)
                    .context(format!("cannot write the summary to {}", path.display()))
            })?;
    }
    if !output.quiet
        && outcome
            .as_ref()
            .map_or_else(Failure::is_worth_a_summary, |()| true)
    {
        for note in summary.notes() {
            eprintln!("note: {note}");
        }
        eprintln!("{summary}");
    }
    outcome
}

/// A pull under way.
struct Course<'a> {
    sink: &'a dyn Sink,
    writers: BTreeMap<NaiveDate, Box<dyn DayWriter>>,
    progress: Progress,
    summary: Summary,
    endpoint: Endpoint,
    /// Whether a failed day leaves nothing worth going on for.
    all_or_nothing: bool,
    failed: Option<Failure>,
}

impl Course<'_> {
    async fn follow(
        &mut self,
        mut events: impl Stream<Item = Result<Event, PullError>> + Unpin,
    ) -> Result<(), Failure> {
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| Failure::pull(error, self.endpoint))?;
            self.take(event).await?;
            if self.all_or_nothing && self.failed.is_some() {
                break;
            }
        }
        if let Some(failure) = self.failed.take() {
            return Err(failure);
        }
        self.sink.finish().await.map_err(Failure::sink)
    }

    async fn take(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::DayStarted(day) => {
                let writer = self.sink.day(day).await.map_err(Failure::sink)?;
                self.writers.insert(day, writer);
            }
            Event::Records { day, records } => {
                if let Some(writer) = self.writers.get_mut(&day) {
                    writer.write(&records).await.map_err(Failure::sink)?;
                }
                self.summary.customers += records.len() as u64;
                self.progress.customers(records.len());
            }
            Event::DayDone(receipt) => {
                info!(day = %receipt.day, customers = receipt.customers, "day done");
                if let Some(writer) = self.writers.remove(&receipt.day) {
                    writer.commit(&receipt).await.map_err(Failure::sink)?;
                }
                self.summary.day_done(&receipt);
                self.progress.day_done();
            }
            Event::DayFailed { day, error } => {
                self.writers.remove(&day);
                self.summary.days_failed += 1;
                self.progress.day_done();
                let failure = Failure::pull(error, self.endpoint).context(format!(
                    "the customers of {day} are not shown to be complete"
                ));
                match self.failed {
                    None => self.failed = Some(failure),
                    Some(_) => failure.report(),
                }
            }
            Event::Learned(lesson) => info!(?lesson, "learned"),
            Event::Waiting {
                wait,
                attempt,
                error,
            } => {
                info!(?wait, attempt, %error, "waiting");
                self.progress.waiting(wait, &error.to_string());
            }
            _ => {}
        }
        Ok(())
    }
}

/// Comes back when the user or the system asks to stop. A second request stops at once.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut terminate), Ok(mut hang_up)) = (
            signal(SignalKind::terminate()),
            signal(SignalKind::hangup()),
        ) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
