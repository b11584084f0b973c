//! `kapture auth`: sign in, show the connection, sign out.

pub(crate) mod check;
mod login;
mod prompt;

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::args::{AuthAction, AuthArgs, AuthStatusArgs, LogoutArgs};
use crate::config::connection::Connection;
use crate::config::file::ConfigFile;
use crate::config::layered::Sourced;
use crate::config::secrets::keyring;
use crate::config::secrets::private_file;
use crate::error::{CliError, hinted};
use crate::output::message::Message;
use crate::output::stdout;

/// Runs `auth login`, `auth status` or `auth logout`.
pub(crate) async fn run(arguments: &AuthArgs) -> Result<(), CliError> {
    match &arguments.action {
        AuthAction::Login(arguments) => login::run(arguments).await,
        AuthAction::Status(arguments) => status(arguments).await,
        AuthAction::Logout(arguments) => logout(arguments),
    }
}

async fn status(arguments: &AuthStatusArgs) -> Result<(), CliError> {
    let connection = Connection::resolve(&arguments.connection)?;
    stdout::print(&format!("{}\n", connection.description))?;
    let verdict = check::once(connection).await.map_err(|failure| {
        failure.hint_if_unauthorized(
            "keys have an expiry date, and the user of the token may be disabled: kapture auth login stores a new one",
        )
    })?;
    stdout::print(&format!("{verdict}\n"))
}

fn logout(arguments: &LogoutArgs) -> Result<(), CliError> {
    let usage = CliError::usage;
    let configuration = ConfigFile::find(arguments.config.as_deref()).map_err(usage)?;
    let profile = configuration.profile(arguments.profile.as_ref());
    let profile = profile.map_err(usage)?;
    let profile =
        profile.ok_or_else(|| usage(hinted("no profile is selected", "add --profile NAME")))?;
    let name = &profile.name;
    let ours = token_file(&configuration.path, name);
    let key = match (profile.path("token-file"), profile.command("token-command")) {
        (Some(file), _) if file.value == ours => {
            private_file::remove(&ours).map_err(CliError::write_failed)?;
            "token-file"
        }
        (_, Some(command)) if keyring::is_ours(&command.value) => {
            if !keyring::delete(&command.value) {
                return Err(usage(hinted(
                    format!("the keyring did not delete the token of profile `{name}`"),
                    format!(
                        "unlock the keyring and try again; if it has no token any more, remove {}",
                        command.origin
                    ),
                )));
            }
            "token-command"
        }
        (Some(Sourced { origin, .. }), _) | (_, Some(Sourced { origin, .. })) => {
            return Err(usage(anyhow!(
                "cannot remove the token: auth login did not store {origin}, so remove it by hand"
            )));
        }
        (None, None) => {
            Message::info(format!("profile `{name}` has no stored token")).print();
            return Ok(());
        }
    };
    configuration
        .write(name, &[(key, None)])
        .map_err(CliError::write_failed)?;
    Message::info(format!("removed the token of profile `{name}`")).print();
    Ok(())
}

/// The file for the token of a profile.
fn token_file(configuration: &Path, profile: &str) -> PathBuf {
    let folder = configuration.parent().unwrap_or(Path::new(""));
    folder.join("tokens").join(profile)
}
