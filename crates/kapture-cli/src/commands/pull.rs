//! `kapture pull`.

use kapture_sinks::RangeEnd;

use crate::args::{OutputArgs, PullArgs};
use crate::commands::plan;
use crate::config::connection::Connection;
use crate::config::destination::RecordOutput;
use crate::config::{dates, privacy, query};
use crate::error::CliError;
use crate::output::summary;
use crate::pipeline::Pipeline;

/// Runs a pull.
pub(crate) async fn run(arguments: &PullArgs, output: &OutputArgs) -> Result<(), CliError> {
    if arguments.dry_run {
        return plan::pull(arguments).await;
    }
    let usage = CliError::usage;
    summary::check(arguments.summary.as_deref()).map_err(usage)?;
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

    let created = destination.create(&connection.source(&query)).await;
    let sink = created.map_err(CliError::sink)?;
    let outcome = async {
        let ledger = sink.ledger().await.map_err(CliError::sink)?;
        // The file of contacts is complete only if every day is pulled.
        let days = if arguments.again || arguments.form.contacts.is_some() {
            wanted.clone()
        } else {
            ledger.missing_or_stale(&wanted, calendar.now)
        };
        let connected = connection.open().await?;
        let pull = connected.pull(&ledger, query, &days);
        let course = Pipeline {
            connected: &connected,
            destination: &destination.destination,
            sink: &*sink,
            wanted: &wanted,
            until,
            days: &days,
            summary: arguments.summary.as_deref(),
            output,
        };
        course
            .run(pull.fewer_requests(arguments.proof.fewer_requests))
            .await
    };
    let outcome = outcome.await;
    sink.close().await;
    outcome
}
