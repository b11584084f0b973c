//! A stored secret of a profile, removed again if the profile cannot be written.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use kapture_transport::Token;
use secrecy::ExposeSecret;
use toml_edit::Value;

use crate::config::file::Entries;
use crate::config::secrets::keyring::{self, Key};
use crate::config::secrets::private_file;

/// A stored secret.
pub(crate) enum StoredSecret {
    InKeyring {
        /// The command that prints it.
        command: Vec<String>,
        /// The file that can hold an earlier secret.
        file: PathBuf,
    },
    InFile {
        file: PathBuf,
        /// The earlier content of the file, if it existed.
        before: Option<String>,
    },
}

impl StoredSecret {
    /// Stores a token in the keyring, or else in `file`.
    pub(crate) fn store(
        key: &Key<'_>,
        token: &Token,
        file: PathBuf,
        in_file: bool,
    ) -> Result<Self> {
        let secret = token.authorization();
        let command = match in_file {
            true => None,
            false => keyring::store(key, secret.expose_secret()),
        };
        if let Some(command) = command {
            return Ok(Self::InKeyring { command, file });
        }
        let before = fs::read_to_string(&file).ok();
        private_file::write(&file, secret.expose_secret())?;
        Ok(Self::InFile { file, before })
    }

    /// The entries with which a profile of this name refers to it.
    pub(crate) fn entries(&self, profile: &str) -> Entries {
        let (file, command) = match self {
            Self::InKeyring { command, .. } => (None, Some(Value::from_iter(command))),
            Self::InFile { .. } => (Some(Value::from(format!("tokens/{profile}"))), None),
        };
        vec![("token-file", file), ("token-command", command)]
    }

    /// Restores the state before [`store`](Self::store): the `earlier` command of the profile that
    /// prints the same item stays valid, and a file gets its earlier content.
    pub(crate) fn roll_back(&self, earlier: Option<&Vec<String>>) {
        // The first error is reported; this can fail for the same reason.
        match self {
            Self::InKeyring { command, .. } if earlier == Some(command) => {}
            Self::InKeyring { command, .. } => {
                keyring::delete(command);
            }
            Self::InFile { file, before } => {
                let _ = match before {
                    Some(before) => private_file::write(file, before),
                    None => private_file::remove(file),
                };
            }
        }
    }

    /// Deletes the earlier secret, to which no profile refers any more.
    pub(crate) fn delete_earlier(&self, earlier: Option<Vec<String>>) -> Result<()> {
        let same = |earlier: &Vec<String>| matches!(self, Self::InKeyring { command, .. } if command == earlier);
        if let Some(earlier) = earlier.filter(|earlier| !same(earlier)) {
            keyring::delete(&earlier);
        }
        match self {
            Self::InKeyring { file, .. } => private_file::remove(file),
            Self::InFile { .. } => Ok(()),
        }
    }
}

impl fmt::Display for StoredSecret {
    /// The location.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InKeyring { .. } => f.write_str("the keyring"),
            Self::InFile { file, .. } => {
                write!(f, "{}, {}", file.display(), private_file::PRIVACY)
            }
        }
    }
}
