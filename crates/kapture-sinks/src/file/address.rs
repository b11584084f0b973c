//! The name of a single file, as a destination.

use std::fmt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::FileSink;
use crate::destination::Destination;
use crate::destination::capabilities::Capabilities;
use crate::destination::error::DestinationError;
use crate::destination::opener::Opener;
use crate::destination::redact::may_hold_secret;
use crate::encoding::Encoding;
use crate::encoding::compression::Compression;
use crate::encoding::format::Format;
use crate::error::SinkError;
use crate::ledger::identity::Identity;
use crate::sink::Sink;

/// A single file: `customers.ndjson`, `.csv`, `.parquet` or `.arrows`, or any name if the format is `asked`.
pub(crate) fn parse(text: &str, asked: Option<Format>) -> Result<Destination, DestinationError> {
    let path = Path::new(text);
    let (named, compression) = Format::of_file(path);
    let format = match (named, asked) {
        (Some(named), Some(asked)) if named != asked => {
            return Err(DestinationError::OtherFormat {
                destination: text.to_owned(),
                named,
                asked,
            });
        }
        (named, asked) => named.or(asked).ok_or_else(|| match may_hold_secret(text) {
            true => DestinationError::PerhapsDatabase,
            false => DestinationError::Unclear(text.to_owned()),
        })?,
    };
    if !format.is_text() && compression != Compression::None {
        return Err(DestinationError::CompressedBinary {
            destination: text.to_owned(),
            format,
        });
    }
    Ok(Destination::file(path, format, compression))
}

/// A single file, as a destination.
#[derive(Debug)]
pub(crate) struct FileDestination {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    pub(crate) compression: Compression,
}

impl fmt::Display for FileDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

#[async_trait]
impl Opener for FileDestination {
    fn capabilities(&self) -> Capabilities {
        Capabilities::FILE
    }

    fn local_path(&self) -> Option<&Path> {
        Some(&self.path)
    }

    async fn format(&self) -> Option<Format> {
        Some(self.format)
    }

    async fn create(&self, _: &Identity, encoding: &Encoding) -> Result<Box<dyn Sink>, SinkError> {
        let encoding = Encoding {
            format: self.format,
            compression: self.compression,
            ..encoding.clone()
        };
        let found = std::fs::metadata(&self.path);
        let is_device = found.is_ok_and(|found| !found.is_file() && !found.is_dir());
        let sink = match is_device {
            true => FileSink::open_device(&self.path, &encoding)?,
            false => FileSink::create(&self.path, &encoding)?,
        };
        Ok(Box::new(sink))
    }
}
