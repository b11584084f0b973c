//! A secret that was kept for a profile, which is taken back where the profile does not come to be.

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

/// A secret that was kept.
pub(crate) enum StoredSecret {
    InKeyring {
        /// What prints it.
        command: Vec<String>,
        /// The file that would hold it otherwise, and may hold an earlier one.
        file: PathBuf,
    },
    InFile {
        file: PathBuf,
        /// What the file held before, if it was there.
        before: Option<String>,
    },
}

impl StoredSecret {
    /// Keeps a token in the keyring, or else in `file`.
    pub(crate) fn keep(key: &Key<'_>, token: &Token, file: PathBuf, in_file: bool) -> Result<Self> {
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

    /// How a profile of this name refers to it.
    pub(crate) fn entries(&self, profile: &str) -> Entries {
        let (file, command) = match self {
            Self::InKeyring { command, .. } => (None, Some(Value::from_iter(command))),
            Self::InFile { .. } => (Some(Value::from(format!("tokens/{profile}"))), None),
        };
        vec![("token-file", file), ("token-command", command)]
    }

    /// Undoes it where no profile came to refer to it. What the profile had before stays its own: an
    /// `earlier` command that prints the same item, or what the file held.
    pub(crate) fn roll_back(&self, earlier: Option<&Vec<String>>) {
        // What failed is told already, and this may well fail for the same reason.
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

    /// Removes what was kept elsewhere before: nobody would know any more that it is there.
    pub(crate) fn replace(&self, earlier: Option<Vec<String>>) -> Result<()> {
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
    /// Where it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InKeyring { .. } => f.write_str("the keyring"),
            Self::InFile { file, .. } => {
                write!(f, "{}, {}", file.display(), private_file::PRIVACY)
            }
        }
    }
}
