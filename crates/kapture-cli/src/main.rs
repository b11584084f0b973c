//! The `kapture` command.

mod args;
mod commands;
mod config;
mod error;
mod hardening;
mod output;
mod pipeline;
mod signals;

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
    hardening::keep_private();
    completions::answer();
    let arguments =
        Cli::try_parse().unwrap_or_else(|error| message::usage_error(&error, std::env::args_os()));
    message::configure(&arguments.output);
    let logging = logging::start(&arguments.output);
    match attend(arguments, logging) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

fn attend(arguments: Cli, logging: Logging) -> Result<(), CliError> {
    // Set here, so that no variable meant for another program decides it or is an error. On a
    // machine of one core, answers are still received while another one is taken apart.
    let threads = available_parallelism().map_or(1, NonZero::get).max(2);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(CliError::unexpected)?;
    let span = tracing::trace_span!("run", command = arguments.command.name());
    let outcome = runtime.block_on(commands::run(arguments).instrument(span));
    // While the runtime is there, another Ctrl-C ends the wait for a collector of traces.
    logging.end();
    // A name that is being looked up may take its time; there is nothing left to wait for.
    runtime.shutdown_background();
    outcome
}
