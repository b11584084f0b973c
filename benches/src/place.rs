//! The place of one pull: empty before it, and nobody's after it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kapture_tests::postgres::Schema;

use crate::Error;
use crate::scenarios::Destination;

/// Where one pull writes.
pub(crate) enum Place {
    Stream,
    Lines(PathBuf),
    Path(PathBuf),
    Database(Schema),
}

impl Place {
    /// An empty one; files are in `folder`. `None`, and a word on standard error, where there is no
    /// such place on this machine.
    pub(crate) fn empty(destination: Destination, folder: &Path) -> Result<Option<Self>, Error> {
        let absent = |name| {
            let path = folder.join(name);
            remove(&path).map(|()| path)
        };
        Ok(match destination {
            Destination::Stream => Some(Self::Stream),
            Destination::Lines(name) => Some(Self::Lines(absent(name)?)),
            Destination::Path(name) => Some(Self::Path(absent(name)?)),
            Destination::Postgres => Schema::fresh().map(Self::Database),
        })
    }

    /// As `kapture pull --output` takes it.
    pub(crate) fn argument(&self) -> String {
        match self {
            Self::Stream => "-".to_owned(),
            Self::Lines(path) | Self::Path(path) => path.display().to_string(),
            Self::Database(schema) => schema.url(),
        }
    }
}

/// Whatever an earlier round wrote.
fn remove(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["customers.csv", "customers/"] {
            let empty = || {
                Place::empty(Destination::Path(name), folder.path())
                    .unwrap()
                    .unwrap()
            };
            let Place::Path(path) = empty() else {
                panic!("not a path");
            };
            if name.ends_with('/') {
                fs::create_dir(&path).unwrap();
                fs::write(path.join("2024-03-05.csv"), "old").unwrap();
            } else {
                fs::write(&path, "old").unwrap();
            }
            empty();
            assert!(!path.exists());
        }
    }
}
