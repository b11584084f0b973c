//! The `kapture` command.

mod arguments;
mod auth;
mod check;
mod completions;
mod configuration;
mod connection;
mod course;
mod dates;
mod destination;
mod doctor;
mod duration;
mod failure;
mod interruption;
mod keyring;
mod logging;
mod manual;
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
mod status;
mod summary;
mod sync;
mod verify;
mod zone;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use failure::Failure;

fn main() -> ExitCode {
    completions::answer();
    let arguments =
        Arguments::try_parse().unwrap_or_else(|error| message::misuse(&error, std::env::args_os()));
    message::settle(&arguments.output);
    logging::start(&arguments.output);
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::unexpected)?;
    let output = arguments.output;
    runtime.block_on(async move {
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
    })
}
