//! The `kapture` command.

mod args;
mod commands;
mod config;
mod error;
mod hardening;
mod metrics;
mod output;
mod pipeline;
mod protocols;
mod report;
mod signals;
mod text_file;

use std::num::NonZero;
use std::process::ExitCode;
use std::thread::available_parallelism;

use clap::Parser;
use tracing::Instrument;

use args::Cli;
use commands::completions;
use error::CliError;
use output::logging::{self, Logging};
use output::message;

fn main() -> ExitCode {
    hardening::disable_core_dumps();
    completions::respond();
    let arguments =
        Cli::try_parse().unwrap_or_else(|error| message::usage_error(&error, std::env::args_os()));
    message::configure(&arguments.output);
    let logging = logging::start(&arguments.output);
    match execute(arguments, logging) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

fn execute(arguments: Cli, logging: Logging) -> Result<(), CliError> {
    // Set here, so that TOKIO_WORKER_THREADS, which can be meant for another program, has no effect.
    // Two threads on one core receive an answer while another one is decoded.
    let threads = available_parallelism().map_or(1, NonZero::get).max(2);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(CliError::unexpected)?;
    {
        let _within = runtime.enter();
        signals::fail_at_file_size_limit();
    }
    let span = tracing::trace_span!("run", command = arguments.command.name());
    let outcome = runtime.block_on(commands::run(arguments).instrument(span));
    // Before the runtime ends, so that Ctrl-C can end the wait for a trace collector.
    logging.end();
    // Without waiting for a DNS lookup that is still running.
    runtime.shutdown_background();
    outcome
}
