//! Log lines on standard error.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::{LogFormat, OutputArgs};
use crate::output::colour;

/// Started logging, which ends when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Logging {
    #[cfg(feature = "otel")]
    _traces: Option<crate::output::otel::Traces>,
}

impl Logging {
    /// Flushes and ends it.
    pub(crate) fn end(self) {}
}

/// Starts logging.
pub(crate) fn start(output: &OutputArgs) -> Logging {
    let level = match (output.quiet, output.verbose) {
        (true, _) => LevelFilter::ERROR,
        (_, 0) => LevelFilter::WARN,
        (_, 1) => LevelFilter::INFO,
        (_, 2) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        // Standard error may be closed, and then there is nowhere to report it.
        .log_internal_errors(false)
        .with_ansi(colour::is_enabled(&std::io::stderr()));
    let lines = match output.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let log = tracing_subscriber::registry().with(lines.with_filter(ours(level)));
    #[cfg(feature = "otel")]
    {
        let traces = crate::output::otel::Traces::start();
        let spans = traces
            .as_ref()
            .map(|traces| traces.layer().with_filter(ours(LevelFilter::TRACE)));
        log.with(spans).init();
        Logging { _traces: traces }
    }
    #[cfg(not(feature = "otel"))]
    {
        log.init();
        Logging {}
    }
}

/// The lines of this project only: those of HTTP libraries can contain secrets.
fn ours(level: LevelFilter) -> Targets {
    Targets::new().with_target("kapture", level)
}
