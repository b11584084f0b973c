//! The key of hashes, which is a secret like the token.

use std::path::PathBuf;

use anyhow::Result;
use kapture_model::HashKey;

use super::{private_file, text_of_profile};
use crate::config::layered::{Layer, Layers, Sourced, variable};
use crate::output::message::Message;

/// A key with fewer characters can be found by trying.
const SHORT: usize = 16;

/// The key, if one is set in any layer. The sandbox takes one from the environment too, since it has
/// none of its own.
pub(crate) fn hash_key(argument: Option<&PathBuf>, layers: &Layers<'_>) -> Result<Option<HashKey>> {
    let text = match argument {
        Some(path) => Some(from_file(Sourced {
            value: path.clone(),
            layer: Layer::Argument,
            origin: "--hash-key-file".into(),
        })?),
        None => match (from_environment()?, layers) {
            (Some(text), _) => Some(text),
            (None, Layers::All(Some(profile))) => {
                text_of_profile(profile, "hash-key-file", "hash-key-command", "the hash key")?
            }
            (None, _) => None,
        },
    };
    let Some(text) = text else {
        return Ok(None);
    };
    if text.value.trim().chars().count() < SHORT {
        Message::note(format!(
            "{}: a hash key of fewer than {SHORT} characters can be found by trying, and with it what was hashed; openssl rand -hex 32 prints a good one",
            text.origin
        ))
        .print();
    }
    let key = text.try_map(|text| HashKey::new(&text))?;
    Ok(Some(key.value))
}

fn from_environment() -> Result<Option<Sourced<String>>> {
    if let Some(key) = variable("hash-key")? {
        return Ok(Some(key));
    }
    let file = variable("hash-key-file")?;
    file.map(|file| from_file(file.map(PathBuf::from)))
        .transpose()
}

fn from_file(file: Sourced<PathBuf>) -> Result<Sourced<String>> {
    file.try_map(|path| private_file::read(&path))
}
