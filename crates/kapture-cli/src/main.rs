//! The `kapture` command.

mod arguments;
mod auth;
mod check;
mod colour;
mod completions;
mod configuration;
mod connection;
mod course;
mod dates;
mod destination;
mod doctor;
mod duration;
mod events;
mod failure;
mod interruption;
mod kept;
mod keyring;
mod logging;
mod manual;
mod memory;
mod message;
mod nearest;
mod plan;
mod private_file;
mod profile;
mod progress;
mod pull;
mod query;
mod runs;
mod said;
mod sandbox;
mod schema;
mod secret;
mod standard_output;
mod status;
mod summary;
mod sync;
#[cfg(feature = "otel")]
mod traces;
mod verify;
mod zone;

use std::num::NonZero;
use std::process::ExitCode;
use std::thread::available_parallelism;

use clap::Parser;
use tracing::Instrument;

use arguments::{Arguments, Command};
use failure::Failure;
use logging::Logging;

fn main() -> ExitCode {
    memory::keep_private();
    completions::answer();
    let arguments =
        Arguments::try_parse().unwrap_or_else(|error| message::misuse(&error, std::env::args_os()));
    message::settle(&arguments.output);
    let logging = logging::start(&arguments.output);
    match attend(arguments, logging) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

fn attend(arguments: Arguments, logging: Logging) -> Result<(), Failure> {
    // Said here, so that no variable meant for another program decides it or is an error. On a
    // machine of one core, answers are still received while another one is taken apart.
    let threads = available_parallelism().map_or(1, NonZero::get).max(2);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(Failure::unexpected)?;
    let span = tracing::trace_span!("run", command = arguments.command.name());
    let outcome = runtime.block_on(run(arguments).instrument(span));
    // While the runtime is there, another Ctrl-C ends the wait for a collector of traces.
    logging.end();
    // A name that is being looked up may take its time; there is nothing left to wait for.
    runtime.shutdown_background();
    outcome
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let output = arguments.output;
    match arguments.command {
        Command::Pull(arguments) => pull::run(&arguments, &output).await,
        Command::Sync(arguments) => sync::run(&arguments, &output).await,
        Command::Status(arguments) => status::run(&arguments).await,
        Command::Verify(arguments) => verify::run(&arguments, &output).await,
        Command::Plan(arguments) => plan::run(&arguments).await,
        Command::Doctor(arguments) => doctor::run(&arguments).await,
        Command::Auth(arguments) => auth::run(&arguments).await,
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => manual::run(&arguments),
        Command::Sandbox(arguments) => sandbox::run(&arguments).await,
    }
}
