//! `kapture report`.

use std::path::Path;

use anyhow::Context;
use chrono::Utc;

use crate::args::ReportArgs;
use crate::config::destination;
use crate::error::CliError;
use crate::output::message::Message;
use crate::output::{side_file, stdout};
use crate::report::Subject;

/// Writes the report of a destination.
pub(crate) async fn run(arguments: &ReportArgs) -> Result<(), CliError> {
    let usage = CliError::usage;
    let output = Some(arguments.output.as_path()).filter(|path| *path != Path::new("-"));
    side_file::check("-o", output).map_err(usage)?;
    let destination = destination::incremental(&arguments.destination).map_err(usage)?;
    let sink = destination.open(None).await.map_err(CliError::sink)?;
    let subject = Subject {
        destination: &destination,
        ledger: &sink.ledger().await.map_err(CliError::sink)?,
        runs: &sink.runs().await.map_err(CliError::sink)?,
        now: Utc::now(),
    };
    let page = subject.html().map_err(CliError::unexpected)?;
    let Some(path) = output else {
        return stdout::print(&page);
    };
    side_file::replace(path, page.as_bytes())
        .with_context(|| format!("cannot write the report to {}", path.display()))
        .map_err(CliError::write_failed)?;
    Message::info(format!("wrote {}: open it in a browser", path.display())).print();
    Ok(())
}
