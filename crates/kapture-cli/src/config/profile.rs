//! A profile: under a name, what a user would else say on each command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use toml_edit::{Item, Value};

use crate::config::layered::{Layer, Sourced};
use crate::config::suggest::did_you_mean;

/// Everything that a profile may say.
pub(crate) const KEYS: [&str; 13] = [
    "subdomain",
    "base-url",
    "cm-id",
    "endpoint",
    "user",
    "token-file",
    "token-command",
    "empty-answer",
    "timeout",
    "retry-for",
    "concurrency",
    "max-rps",
    "time-zone",
];

/// One profile of a configuration file.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) name: String,
    file: PathBuf,
    values: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone)]
enum Entry {
    Text(String),
    Words(Vec<String>),
}

impl Profile {
    /// Reads a profile; a key that is none is an error, wherever the profile is used or not.
    pub(crate) fn read<'a>(
        name: &str,
        file: &Path,
        entries: impl Iterator<Item = (&'a str, &'a Item)>,
    ) -> Result<Self> {
        let mut values = BTreeMap::new();
        for (key, item) in entries {
            if !KEYS.contains(&key) {
                if ["token", "password", "secret"].contains(&key) {
                    bail!(
                        "`{key}` in profile `{name}`: this file holds no secrets. Run kapture auth login --profile {name}, or name a file with token-file or a command with token-command"
                    );
                }
                bail!(
                    "there is no key `{key}` (profile `{name}`){}",
                    did_you_mean(key, KEYS)
                );
            }
            let origin = format!("{key} in profile `{name}`");
            values.insert(key.to_owned(), Entry::read(key, &origin, item)?);
        }
        Ok(Self {
            name: name.to_owned(),
            file: file.to_owned(),
            values,
        })
    }

    /// What it says under a key.
    pub(crate) fn text(&self, key: &str) -> Result<Option<Sourced<String>>> {
        Ok(self.values.get(key).and_then(|entry| match entry {
            Entry::Text(text) => Some(self.sourced(key, text.clone())),
            Entry::Words(_) => None,
        }))
    }

    /// The file with the secret; a relative path begins at the configuration file.
    pub(crate) fn token_file(&self) -> Option<Sourced<PathBuf>> {
        let Entry::Text(path) = self.values.get("token-file")? else {
            return None;
        };
        let folder = self.file.parent().unwrap_or(Path::new(""));
        Some(self.sourced("token-file", folder.join(path)))
    }

    /// The command that prints the secret.
    pub(crate) fn token_command(&self) -> Option<Sourced<Vec<String>>> {
        match self.values.get("token-command")? {
            Entry::Words(words) => Some(self.sourced("token-command", words.clone())),
            _ => None,
        }
    }

    fn sourced<T>(&self, key: &str, value: T) -> Sourced<T> {
        Sourced {
            value,
            layer: Layer::Profile,
            origin: format!(
                "{key} in profile `{}` of {}",
                self.name,
                self.file.display()
            ),
        }
    }
}

impl Entry {
    fn read(key: &str, origin: &str, item: &Item) -> Result<Self> {
        let value = item.as_value();
        match (key, value) {
            ("token-command", Some(Value::Array(words))) => {
                let words: Option<Vec<_>> = words
                    .iter()
                    .map(|word| word.as_str().map(str::to_owned))
                    .collect();
                match words {
                    Some(words) if !words.is_empty() => Ok(Self::Words(words)),
                    _ => bail!("{origin} is a list of words: [\"pass\", \"show\", \"kapture\"]"),
                }
            }
            ("token-command", _) => bail!(
                "{origin} is a list of words, since no shell reads it: [\"pass\", \"show\", \"kapture\"]"
            ),
            (_, Some(Value::String(text))) => Ok(Self::Text(text.value().clone())),
            (_, Some(Value::Integer(number))) => Ok(Self::Text(number.value().to_string())),
            (_, Some(Value::Float(number))) => Ok(Self::Text(number.value().to_string())),
            _ => bail!("{origin} is a text or a number"),
        }
    }
}
