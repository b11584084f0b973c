//! The name of a SQLite database, as a destination.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::Sqlite;
use crate::destination::capabilities::Capabilities;
use crate::destination::error::DestinationError;
use crate::destination::opener::Opener;
use crate::encoding::Encoding;
use crate::encoding::format::Format;
use crate::error::SinkError;
use crate::incremental::Incremental;
use crate::ledger::identity::Identity;
use crate::sink::Sink;
use crate::sql::schema::migrations;
use crate::sql::tables::Dialect;

/// `customers.db`, or a file of any name behind `sqlite:`.
pub(crate) fn parse(text: &str, _: Option<Format>) -> Result<Arc<dyn Opener>, DestinationError> {
    let Some(path) = text.strip_prefix("sqlite:") else {
        return Ok(Arc::new(SqliteFile(text.into())));
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    // SQLite would take these for databases in memory or without a name.
    let is_unnamed = path.trim().is_empty() || path == ":memory:" || path.ends_with('/');
    if is_unnamed || path.starts_with("file:") {
        return Err(DestinationError::NoFile(text.to_owned()));
    }
    Ok(Arc::new(SqliteFile(path.into())))
}

/// A SQLite database, as a destination.
#[derive(Debug)]
struct SqliteFile(PathBuf);

impl fmt::Display for SqliteFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

#[async_trait]
impl Opener for SqliteFile {
    fn capabilities(&self) -> Capabilities {
        Capabilities::DATABASE
    }

    fn local_path(&self) -> Option<&Path> {
        Some(&self.0)
    }

    async fn create(
        &self,
        identity: &Identity,
        encoding: &Encoding,
    ) -> Result<Box<dyn Sink>, SinkError> {
        let migrations = migrations(Dialect::Sqlite);
        let columns = &encoding.columns;
        let sqlite = Sqlite::writer(&self.0, identity.zone, columns, migrations).await?;
        Ok(Box::new(Incremental::create(sqlite, identity).await?))
    }

    async fn open(&self, identity: Option<&Identity>) -> Result<Box<dyn Sink>, SinkError> {
        let sqlite = Sqlite::reader(&self.0, migrations(Dialect::Sqlite)).await?;
        Ok(Box::new(Incremental::open(sqlite, identity).await?))
    }
}
