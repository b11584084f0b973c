//! Where the token comes from: a file, the environment, a command or the keyring; never an argument.

mod hash_key;
mod headers;
pub(crate) mod keyring;
mod password_command;
pub(crate) mod private_file;
pub(crate) mod stored_secret;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use kapture_transport::Token;

use crate::config::layered::{Layer, Layers, Sourced, variable};
use crate::config::profile::Profile;

pub(crate) use hash_key::hash_key;
pub(crate) use headers::with_headers;

/// The token, if one is set in any layer.
pub(crate) fn resolve(
    argument: Option<&PathBuf>,
    layers: &Layers<'_>,
) -> Result<Option<Sourced<Token>>> {
    if let Some(path) = argument {
        let sourced = Sourced {
            value: path.clone(),
            layer: Layer::Argument,
            origin: "--token-file".into(),
        };
        return from_file(sourced).map(Some);
    }
    let Layers::All(profile) = layers else {
        return Ok(None);
    };
    let user = layers.get("user", None::<&String>)?;
    match from_environment(user.as_ref())? {
        Some(token) => Ok(Some(token)),
        None => profile.map_or(Ok(None), |profile| from_profile(profile, user)),
    }
}

/// The token that a text is, or that it forms as password of `user`. A line break at the end, as
/// files and pipes have it, is ignored.
pub(crate) fn made_of(user: Option<&str>, text: &str) -> Result<Token> {
    let Some(user) = user else {
        return Ok(Token::from_base64(text)?);
    };
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("the password is empty");
    }
    if password.contains(['\r', '\n']) {
        bail!("the password has more than one line: give its line alone");
    }
    Ok(Token::from_user(user, password))
}

fn from_environment(user: Option<&Sourced<String>>) -> Result<Option<Sourced<Token>>> {
    if let Some(sourced) = variable("token")? {
        return sourced.try_map(|text| Token::from_base64(&text)).map(Some);
    }
    if let Some(sourced) = variable("token-file")? {
        return from_file(sourced.try_map(|path| anyhow::Ok(path.into()))?).map(Some);
    }
    match (variable("password")?, user) {
        (Some(password), Some(user)) => password
            .try_map(|password| made_of(Some(&user.value), &password))
            .map(Some),
        (Some(_), None) => bail!("KAPTURE_PASSWORD is set, but KAPTURE_USER is not"),
        (None, Some(user)) if user.layer == Layer::Environment => {
            bail!("KAPTURE_USER is set, but KAPTURE_PASSWORD is not")
        }
        (None, _) => Ok(None),
    }
}

/// The secret of a profile is the password of its user, or the token if it has no user.
fn from_profile(
    profile: &Profile,
    user: Option<Sourced<String>>,
) -> Result<Option<Sourced<Token>>> {
    let user = user.as_ref().map(|user| user.value.as_str());
    let text = text_of_profile(profile, "token-file", "token-command", "the secret")?;
    text.map(|text| text.try_map(|text| made_of(user, &text)))
        .transpose()
}

/// The text of a secret, from the file or the command that a profile names under these keys. `what`
/// is the secret in errors.
fn text_of_profile(
    profile: &Profile,
    file: &'static str,
    command: &'static str,
    what: &str,
) -> Result<Option<Sourced<String>>> {
    match (profile.path(file), profile.command(command)) {
        (Some(file), None) => file.try_map(|path| private_file::read(&path)).map(Some),
        (None, Some(command)) => command
            .try_map(|words| password_command::run(&words))
            .map(Some),
        (None, None) => Ok(None),
        (Some(file), Some(command)) => bail!(
            "{} and {} both set {what}: remove one",
            file.origin,
            command.origin
        ),
    }
}

fn from_file(sourced: Sourced<PathBuf>) -> Result<Sourced<Token>> {
    sourced.try_map(|path| {
        let text = private_file::read(&path)?;
        Token::from_base64(&text).with_context(|| format!("the token in {}", path.display()))
    })
}
