//! What libpq looks at around a connection: variables, files and the user.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::file::account;

/// A machine and its user. By default there is nothing on it.
pub(in super::super) trait Machine {
    /// An environment variable.
    fn variable(&self, _name: &str) -> Option<OsString> {
        None
    }

    /// The home folder of the user.
    fn home(&self) -> Option<PathBuf> {
        None
    }

    /// The name of the user.
    fn user(&self) -> Option<String> {
        None
    }

    /// A text file.
    fn read(&self, _path: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    /// Whether a file, folder or socket exists.
    fn exists(&self, _path: &Path) -> bool {
        false
    }

    /// Whether a file is one that other users cannot read or write.
    fn is_private(&self, _path: &Path) -> bool {
        false
    }

    /// A file of the user, by its name on Unix below the home folder: `.pgpass`,
    /// `.postgresql/root.crt`.
    fn user_file(&self, name: &str) -> Option<PathBuf> {
        if !cfg!(windows) {
            return Some(self.home()?.join(name));
        }
        let name = match name {
            ".pgpass" => "pgpass.conf",
            name => name.strip_prefix(".postgresql/").unwrap_or(name),
        };
        let folder = PathBuf::from(self.variable("APPDATA")?);
        Some(folder.join("postgresql").join(name))
    }
}

/// A machine without anything, to check parameters by themselves.
pub(in super::super) struct Nothing;

impl Machine for Nothing {}

/// The machine that this process runs on.
pub(in super::super) struct ThisMachine;

impl Machine for ThisMachine {
    fn variable(&self, name: &str) -> Option<OsString> {
        env::var_os(name)
    }

    fn home(&self) -> Option<PathBuf> {
        account::home_dir()
    }

    fn user(&self) -> Option<String> {
        account::user_name()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        fs::read_to_string(path)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn is_private(&self, path: &Path) -> bool {
        let Ok(metadata) = fs::metadata(path) else {
            return false;
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            metadata.is_file() && metadata.permissions().mode() & 0o077 == 0
        }
        #[cfg(not(unix))]
        metadata.is_file()
    }
}

/// A machine in memory, of the user `me` with the home folder `/u/me`.
#[cfg(test)]
#[derive(Default)]
pub(in super::super) struct FakeMachine {
    variables: std::collections::BTreeMap<String, String>,
    files: std::collections::BTreeMap<PathBuf, String>,
    public: std::collections::BTreeSet<PathBuf>,
}

#[cfg(test)]
impl FakeMachine {
    pub(in super::super) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    pub(in super::super) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.into(), text.into());
        self
    }

    /// A file that others may read.
    pub(in super::super) fn public_file(mut self, path: &str, text: &str) -> Self {
        self.public.insert(path.into());
        self.file(path, text)
    }
}

#[cfg(test)]
impl Machine for FakeMachine {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).map(Into::into)
    }

    fn home(&self) -> Option<PathBuf> {
        Some("/u/me".into())
    }

    fn user(&self) -> Option<String> {
        Some("me".into())
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let text = self.files.get(path).cloned();
        text.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn exists(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }

    fn is_private(&self, path: &Path) -> bool {
        self.exists(path) && !self.public.contains(path)
    }
}
