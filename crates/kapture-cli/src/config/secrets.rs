//! The secret: from a file, the environment, a command or the keyring; never from an argument.

pub(crate) mod keyring;
pub(crate) mod private_file;
pub(crate) mod stored_secret;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use kapture_model::sanitize;
use kapture_transport::Token;

use crate::config::layered::{Layer, Layers, Sourced, variable};
use crate::config::profile::Profile;

/// The secret, if it is said anywhere.
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

/// The token that a text is, or that it is the password for. A file or a pipe often ends in a line
/// break.
pub(crate) fn made_of(user: Option<&str>, text: &str) -> Result<Token> {
    let Some(user) = user else {
        return Ok(Token::from_base64(text)?);
    };
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("the password is empty");
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
            .try_map(|password| anyhow::Ok(Token::from_user(&user.value, &password)))
            .map(Some),
        (Some(_), None) => bail!("KAPTURE_PASSWORD is set, but KAPTURE_USER is not"),
        (None, Some(user)) if user.layer == Layer::Environment => {
            bail!("KAPTURE_USER is set, but KAPTURE_PASSWORD is not")
        }
        (None, _) => Ok(None),
    }
}

/// Where a profile names a user, what it keeps is that user's password; else it is the token.
fn from_profile(
    profile: &Profile,
    user: Option<Sourced<String>>,
) -> Result<Option<Sourced<Token>>> {
    let user = user.as_ref().map(|user| user.value.as_str());
    let token = |text: String| made_of(user, &text);
    match (profile.token_file(), profile.token_command()) {
        (Some(file), None) => file
            .try_map(|path| private_file::read(&path))?
            .try_map(token)
            .map(Some),
        (None, Some(command)) => command
            .try_map(|words| printed_by(&words))?
            .try_map(token)
            .map(Some),
        (None, None) => Ok(None),
        (Some(file), Some(command)) => bail!(
            "{} and {} both say where the secret is: leave one",
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

/// What a command prints. It cannot ask for anything, and what it prints is told to nobody.
fn printed_by(words: &[String]) -> Result<String> {
    let [program, arguments @ ..] = words else {
        bail!("there is no command");
    };
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run `{program}`"))?;
    if !output.status.success() {
        let message = sanitize(&String::from_utf8_lossy(&output.stderr));
        let message = match message.as_str() {
            "" => "and said nothing".to_owned(),
            text => format!("and said: {text}"),
        };
        let hint = match keyring::is_ours(words) {
            true => ". Unlock the keyring, or sign in again with kapture auth login",
            false => "",
        };
        bail!("`{program}` ended with {} {message}{hint}", output.status);
    }
    String::from_utf8(output.stdout).map_err(|_| anyhow!("`{program}` printed what is no text"))
}
