//! The name of a SQLite database, as a destination.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use chrono_tz::Tz;

use super::Sqlite;
use crate::destination::capabilities::Capabilities;
use crate::destination::error::DestinationError;
use crate::destination::opener::Opener;
use crate::destination::redact::has_login;
use crate::encoding::Encoding;
use crate::encoding::format::Format;
use crate::error::SinkError;
use crate::incremental::Incremental;
use crate::incremental::forget::Forget;
use crate::ledger::identity::Identity;
use crate::ledger::tracking::Tracking;
use crate::sink::Sink;
use crate::sql::schema::migrations;
use crate::sql::tables::Dialect;

/// `customers.db`, or a file of any name behind `sqlite:`.
pub(crate) fn parse(text: &str, _: Option<Format>) -> Result<Arc<dyn Opener>, DestinationError> {
    let Some(path) = text.strip_prefix("sqlite:") else {
        return Ok(Arc::new(SqliteFile::new(text)));
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    if has_login(path) {
        return Err(DestinationError::PerhapsDatabase);
    }
    // SQLite would take these for databases in memory or without a name.
    let is_unnamed = path.trim().is_empty() || path == ":memory:" || path.ends_with('/');
    if is_unnamed || path.starts_with("file:") {
        return Err(DestinationError::NoFile(text.to_owned()));
    }
    Ok(Arc::new(SqliteFile::new(path)))
}

/// A SQLite database, as a destination.
struct SqliteFile {
    path: PathBuf,
    tracking: Tracking,
}

impl SqliteFile {
    fn new(path: &str) -> Self {
        Self {
            path: path.into(),
            tracking: Tracking::default(),
        }
    }
}

impl fmt::Debug for SqliteFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqliteFile").field(&self.path).finish()
    }
}

impl fmt::Display for SqliteFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

#[async_trait]
impl Opener for SqliteFile {
    fn capabilities(&self) -> Capabilities {
        Capabilities::DATABASE
    }

    fn local_path(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn tracking(&self, tracking: &Tracking) -> Option<Arc<dyn Opener>> {
        Some(Arc::new(Self {
            path: self.path.clone(),
            tracking: tracking.clone(),
        }))
    }

    async fn create(
        &self,
        identity: &Identity,
        encoding: &Encoding,
    ) -> Result<Box<dyn Sink>, SinkError> {
        let migrations = migrations(Dialect::Sqlite);
        let (columns, tracking) = (&encoding.columns, self.tracking.clone());
        let sqlite =
            Sqlite::writer(&self.path, identity.zone, columns, migrations, tracking).await?;
        Ok(Box::new(Incremental::create(sqlite, identity).await?))
    }

    async fn open_to_forget(&self) -> Result<Box<dyn Forget>, SinkError> {
        if !self.path.exists() {
            // Opened to write, it would be created.
            return Err(SinkError::NotFound {
                destination: self.to_string(),
            });
        }
        let migrations = migrations(Dialect::Sqlite);
        let sqlite =
            Sqlite::writer(&self.path, Tz::UTC, &[], migrations, Tracking::default()).await?;
        Ok(Box::new(sqlite))
    }

    async fn open(&self, identity: Option<&Identity>) -> Result<Box<dyn Sink>, SinkError> {
        let sqlite = Sqlite::reader(&self.path, migrations(Dialect::Sqlite)).await?;
        Ok(Box::new(Incremental::open(sqlite, identity).await?))
    }
}
