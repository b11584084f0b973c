//! A profile: named settings of the configuration file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use toml_edit::{Array, Item, Value};

use crate::config::layered::{Layer, Sourced};
use crate::config::suggest::did_you_mean;
use crate::error::hinted;

/// The keys of a profile.
pub(crate) const KEYS: [&str; 18] = [
    "subdomain",
    "base-url",
    "cm-id",
    "endpoint",
    "user",
    "token-file",
    "token-command",
    "headers",
    "drop",
    "hash",
    "hash-key-file",
    "hash-key-command",
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
    headers: BTreeMap<String, SecretSource>,
}

/// Where the secret value of a header comes from.
#[derive(Debug, Clone)]
pub(crate) enum SecretSource {
    /// The path of a file.
    File(PathBuf),
    /// The name of an environment variable.
    Environment(String),
    /// A command that prints it, run without a shell.
    Command(Vec<String>),
}

#[derive(Debug, Clone)]
enum Entry {
    Text(String),
    Words(Vec<String>),
}

impl Profile {
    /// Reads a profile. An unknown key is an error even if the profile is not used.
    pub(crate) fn read<'a>(
        name: &str,
        file: &Path,
        entries: impl Iterator<Item = (&'a str, &'a Item)>,
    ) -> Result<Self> {
        let (mut values, mut headers) = (BTreeMap::new(), BTreeMap::new());
        for (key, item) in entries {
            if !KEYS.contains(&key) {
                let instead = match key {
                    "token" | "password" | "secret" => format!(
                        "run kapture auth login --profile {name}, or set token-file or token-command"
                    ),
                    "hash-key" => "set hash-key-file or hash-key-command".into(),
                    _ => String::new(),
                };
                if !instead.is_empty() {
                    let text =
                        format!("`{key}` in profile `{name}`: secrets are not read from this file");
                    return Err(hinted(text, instead));
                }
                bail!(
                    "unknown key `{key}` in profile `{name}`{}",
                    did_you_mean(key, KEYS)
                );
            }
            let origin = format!("{key} in profile `{name}`");
            if key == "headers" {
                headers = SecretSource::read_all(&origin, file, item)?;
                continue;
            }
            values.insert(key.to_owned(), Entry::read(key, &origin, item)?);
        }
        Ok(Self {
            name: name.to_owned(),
            file: file.to_owned(),
            values,
            headers,
        })
    }

    /// The value of a key.
    pub(crate) fn text(&self, key: &str) -> Result<Option<Sourced<String>>> {
        Ok(self.values.get(key).and_then(|entry| match entry {
            Entry::Text(text) => Some(self.sourced(key, text.clone())),
            Entry::Words(_) => None,
        }))
    }

    /// The file that a key names. A relative path is relative to the configuration file.
    pub(crate) fn path(&self, key: &str) -> Option<Sourced<PathBuf>> {
        let Entry::Text(path) = self.values.get(key)? else {
            return None;
        };
        let folder = self.file.parent().unwrap_or(Path::new(""));
        Some(self.sourced(key, folder.join(path)))
    }

    /// The command of a key.
    pub(crate) fn command(&self, key: &str) -> Option<Sourced<Vec<String>>> {
        match self.values.get(key)? {
            Entry::Words(words) => Some(self.sourced(key, words.clone())),
            Entry::Text(_) => None,
        }
    }

    /// The headers that each request carries, by their names.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, Sourced<SecretSource>)> {
        self.headers.iter().map(|(name, source)| {
            let origin = format!("headers.{name}");
            (name.as_str(), self.sourced(&origin, source.clone()))
        })
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

impl SecretSource {
    fn read_all(origin: &str, file: &Path, item: &Item) -> Result<BTreeMap<String, Self>> {
        let Some(headers) = item.as_table_like() else {
            bail!("{origin}: expected headers.NAME = {{file = …}}");
        };
        let read = |(name, item): (&str, &Item)| {
            let origin = format!("headers.{name} of {origin}");
            Ok((name.to_owned(), Self::read(&origin, file, item)?))
        };
        headers.iter().map(read).collect()
    }

    fn read(origin: &str, file: &Path, item: &Item) -> Result<Self> {
        let expected = || {
            hinted(
                format!("{origin}: expected {{file = …}}, {{env = …}} or {{command = […]}}"),
                "secrets are not read from this file: name a file, an environment variable or a command that has the value",
            )
        };
        let table = item.as_table_like().ok_or_else(expected)?;
        let [(key, item)] = table.iter().collect::<Vec<_>>()[..] else {
            return Err(expected());
        };
        let text = item.as_str().filter(|text| !text.trim().is_empty());
        match (key, text) {
            ("file", Some(path)) => {
                let folder = file.parent().unwrap_or(Path::new(""));
                Ok(Self::File(folder.join(path)))
            }
            ("env", Some(name)) => Ok(Self::Environment(name.to_owned())),
            ("command", _) => match Entry::read("token-command", origin, item)? {
                Entry::Words(words) => Ok(Self::Command(words)),
                Entry::Text(_) => Err(expected()),
            },
            _ => Err(expected()),
        }
    }
}

impl Entry {
    fn read(key: &str, origin: &str, item: &Item) -> Result<Self> {
        let value = item.as_value();
        match (key, value) {
            ("token-command" | "hash-key-command", Some(Value::Array(words))) => {
                match texts(words) {
                    Some(words) if !words.is_empty() => Ok(Self::Words(words)),
                    _ => bail!(
                        "{origin}: expected a list of words: [\"pass\", \"show\", \"kapture\"]"
                    ),
                }
            }
            ("drop" | "hash", Some(Value::Array(names))) => match texts(names) {
                Some(names) => Ok(Self::Text(names.join(","))),
                None => {
                    bail!("{origin}: expected a list of fields: [\"remarks\", \"contacts.phone\"]")
                }
            },
            ("token-command" | "hash-key-command", _) => bail!(
                "{origin}: expected a list of words, since no shell is used: [\"pass\", \"show\", \"kapture\"]"
            ),
            (_, Some(Value::String(text))) => Ok(Self::Text(text.value().clone())),
            (_, Some(Value::Integer(number))) => Ok(Self::Text(number.value().to_string())),
            (_, Some(Value::Float(number))) => Ok(Self::Text(number.value().to_string())),
            _ => bail!("{origin}: expected a text or a number"),
        }
    }
}

/// The texts of a list; `None` if something else is in it.
fn texts(values: &Array) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    values.iter().map(text).collect()
}
