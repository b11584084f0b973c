//! `kapture airbyte`: the commands of a source connector for Airbyte.
//!
//! Standard output has messages of the protocol and nothing else. A failure is a message, too, and is
//! printed on standard error as well.

mod catalog;
mod failure;
mod message;
mod record;
mod source;
mod spec;
mod state_file;

use std::path::Path;

use anyhow::Result;

use crate::args::{AirbyteCommand, OutputArgs};
use crate::commands::auth::check;
use crate::error::{CliError, prefixed};
use crate::output::stdout;
use crate::protocols::settings::{self, Settings};
use message::Message;

/// Runs a command of the connector.
pub(crate) async fn run(command: &AirbyteCommand, output: &OutputArgs) -> Result<(), CliError> {
    let outcome = match command {
        AirbyteCommand::Spec(_) => tell(&Message::Spec {
            spec: spec::specification(),
        }),
        AirbyteCommand::Check(arguments) => check(&arguments.config).await,
        AirbyteCommand::Discover(arguments) => discover(&arguments.config),
        AirbyteCommand::Read(arguments) => source::read(arguments, output).await,
    };
    if let Err(error) = &outcome
        && let Some(trace) = failure::trace(error)
    {
        tell(&trace)?;
    }
    outcome
}

/// Tries the connection with one request. That it does not work is a result, not a failure.
async fn check(config: &Path) -> Result<(), CliError> {
    let verdict = async {
        let source = settings(config).and_then(|settings| settings.source());
        check::once(source.map_err(CliError::usage)?.connection).await
    };
    tell(&match verdict.await {
        Ok(words) => Message::succeeded(words),
        Err(error) => Message::failed(failure::words(&error)),
    })
}

/// Tells the streams that there are, without the fields that the configuration drops.
fn discover(config: &Path) -> Result<(), CliError> {
    let privacy = settings(config).and_then(|settings| settings.privacy());
    let catalog = catalog::discovered(&privacy.map_err(CliError::usage)?);
    tell(&Message::Catalog { catalog })
}

/// The configuration in a file.
fn settings(path: &Path) -> Result<Settings> {
    let config = settings::read_json(path, "configuration")?;
    let settings = spec::flattened(config).and_then(|config| Settings::parse(&config));
    settings.map_err(|error| prefixed(&path.display().to_string(), error))
}

/// Writes one message.
fn tell(message: &Message) -> Result<(), CliError> {
    stdout::print(&message.to_line())
}
