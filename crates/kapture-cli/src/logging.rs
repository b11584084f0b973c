//! Log lines on standard error, as far as they are wanted.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::arguments::{LogFormat, OutputArguments};

/// Starts logging. Only this project's own lines are shown: those of the HTTP libraries could
/// hold what must stay secret.
pub(crate) fn start(output: &OutputArguments) {
    let level = match (output.quiet, output.verbose) {
        (true, _) => "error",
        (_, 0) => "warn",
        (_, 1) => "info",
        (_, 2) => "debug",
        _ => "trace",
    };
    let filter = [
        "kapture",
        "kapture_customers",
        "kapture_transport",
        "kapture_sandbox",
    ]
    .map(|target| format!("{target}={level}"))
    .join(",");
    let colour = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::new(filter))
        .with_target(false)
        .with_span_events(FmtSpan::NONE)
        // A line that nobody reads is nothing to complain about, least of all to the same nobody.
        .log_internal_errors(false)
        .with_ansi(colour);
    match output.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}
