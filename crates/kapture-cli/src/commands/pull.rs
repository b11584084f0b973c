//! `kapture pull`.

use kapture_sinks::RangeEnd;

use crate::args::{OutputArgs, PullArgs};
use crate::commands::plan;
use crate::config::connection::Connection;
use crate::config::destination::RecordOutput;
use crate::config::{dates, privacy, query};
use crate::error::CliError;
use crate::metrics;
use crate::output::summary::{self, Summary};
use crate::pipeline::Pipeline;
use crate::pipeline::run_end::StartedRun;

/// Runs a pull.
pub(crate) async fn run(arguments: &PullArgs, output: &OutputArgs) -> Result<(), CliError> {
    if arguments.dry_run {
        return plan::pull(arguments).await;
    }
    let usage = CliError::usage;
    summary::check(arguments.summary.as_deref()).map_err(usage)?;
    metrics::check(arguments.metrics.as_deref()).map_err(usage)?;
    let connection = Connection::resolve(&arguments.connection)?;
    let connection = connection.protected(&arguments.connection, &arguments.privacy);
    let connection = connection.map_err(usage)?;
    let zone = connection.zone;
    let calendar = dates::Calendar::of(zone);
    let wanted = dates::resolve(&arguments.days, &calendar).map_err(usage)?;
    let until = wanted.bounds().map(|(_, last)| RangeEnd::Day(last));
    let until = until.unwrap_or(RangeEnd::Today);
    let destination = RecordOutput::resolve(&arguments.output, &arguments.form, zone).await;
    let destination = destination.map_err(usage)?;
    destination
        .check_apart(&[
            ("--contacts", arguments.form.contacts.as_deref()),
            ("--summary", arguments.summary.as_deref()),
            ("--metrics", arguments.metrics.as_deref()),
            ("--days", arguments.days.days.as_deref()),
            ("--token-file", arguments.connection.token_file.as_deref()),
            (
                "--hash-key-file",
                arguments.privacy.hash_key_file.as_deref(),
            ),
        ])
        .map_err(usage)?;
    let (filters, raw) = (&arguments.filters, arguments.form.raw);
    privacy::check(&connection.privacy, filters, &destination.destination, raw).map_err(usage)?;
    let query = query::resolve(connection.cm_id, filters).map_err(usage)?;

    let metrics = arguments.metrics.as_deref();
    let started = StartedRun::new("pull", &destination.destination, metrics, calendar.now);
    let mut summary = Summary::default();
    let sink = match destination.create(&connection.source(&query)).await {
        Ok(sink) => sink,
        Err(error) => {
            return started
                .end(None, &summary, Err(CliError::sink(error)))
                .await;
        }
    };
    let outcome = async {
        started.begin(&*sink).await?;
        let ledger = sink.ledger().await.map_err(CliError::sink)?;
        // The file of contacts is complete only if every day is pulled.
        let days = if arguments.again || arguments.form.contacts.is_some() {
            wanted.clone()
        } else {
            ledger.missing_or_stale(&wanted, calendar.now)
        };
        let filters = connection.filter_check(&query);
        let connected = connection.open().await?;
        let pull = connected.pull(&ledger, query, &days);
        let course = Pipeline {
            connected: &connected,
            destination: &destination.destination,
            sink: &*sink,
            wanted: &wanted,
            until,
            days: &days,
            filters,
            summary: arguments.summary.as_deref(),
            output,
            on_wait: None,
        };
        let pull = pull.fewer_requests(arguments.proof.fewer_requests);
        course.run(pull, &mut summary).await
    };
    let outcome = outcome.await;
    started.end(Some(&*sink), &summary, outcome).await
}
