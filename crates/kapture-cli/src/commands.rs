//! The commands, one file or folder each; those of connectors are in `protocols`.

pub(crate) mod auth;
mod changes;
pub(crate) mod completions;
mod doctor;
mod forget;
mod man;
mod plan;
mod pull;
mod report;
mod sandbox;
mod schema;
mod status;
mod sync;
mod verify;

use crate::args::{Cli, Command};
use crate::error::CliError;
use crate::protocols;

/// Runs the command of this command line.
pub(crate) async fn run(arguments: Cli) -> Result<(), CliError> {
    let output = arguments.output;
    match arguments.command {
        Command::Pull(arguments) => pull::run(&arguments, &output).await,
        Command::Sync(arguments) => sync::run(&arguments, &output).await,
        Command::Status(arguments) => status::run(&arguments, &output).await,
        Command::Report(arguments) => report::run(&arguments).await,
        Command::Changes(arguments) => changes::run(&arguments).await,
        Command::Verify(arguments) => verify::run(&arguments, &output).await,
        Command::Forget(arguments) => forget::run(&arguments).await,
        Command::Plan(arguments) => plan::run(&arguments).await,
        Command::Doctor(arguments) => doctor::run(&arguments).await,
        Command::Auth(arguments) => auth::run(&arguments).await,
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Singer(arguments) => protocols::singer::run(&arguments, &output).await,
        Command::Airbyte(arguments) => protocols::airbyte::run(&arguments.command, &output).await,
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
        Command::Sandbox(arguments) => sandbox::run(&arguments).await,
    }
}
