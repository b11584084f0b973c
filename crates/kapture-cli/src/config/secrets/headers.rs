//! Further headers of a profile, whose values are secrets like the token.

use std::env;

use anyhow::{Result, anyhow};
use kapture_transport::Token;

use super::{password_command, private_file};
use crate::config::profile::{Profile, SecretSource};

/// The token with every header of the profile.
pub(crate) fn with_headers(token: Token, profile: &Profile) -> Result<Token> {
    let mut token = token;
    for (name, source) in profile.headers() {
        let value = source.try_map(|source| value(&source))?;
        token = value
            .try_map(|value| token.with_header(name, &value))?
            .value;
    }
    Ok(token)
}

fn value(source: &SecretSource) -> Result<String> {
    match source {
        SecretSource::File(path) => private_file::read(path),
        SecretSource::Command(words) => password_command::run(words),
        SecretSource::Environment(name) => match env::var(name) {
            Ok(value) => Ok(value),
            Err(env::VarError::NotPresent) => Err(anyhow!("{name} is not set")),
            Err(env::VarError::NotUnicode(_)) => Err(anyhow!("{name} is not valid text")),
        },
    }
}
