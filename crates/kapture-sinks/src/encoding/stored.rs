//! Files of customers that were written before: the ids in them, and copies without some customers.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use bytes::Bytes;
use kapture_model::{CustomerId, RowHasher};

use crate::encoding::format::Format;
use crate::sink::RowHashes;

/// The rows of a file of text, each with its customer and its bytes.
pub(crate) type Rows = Vec<(CustomerId, Range<u64>)>;

/// How files are read back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored {
    pub(crate) format: Format,
    /// That of CSV.
    #[cfg(feature = "csv")]
    pub(crate) separator: u8,
}

impl Stored {
    /// The ids of the customers in a file.
    pub(crate) fn ids(self, file: File) -> io::Result<BTreeSet<CustomerId>> {
        #[cfg(feature = "parquet")]
        if self.format == Format::Parquet {
            return crate::encoding::parquet::stored::ids(file);
        }
        Ok(self.rows(&file)?.into_iter().map(|(id, _)| id).collect())
    }

    /// The customers in a file, each with a hash of its values.
    pub(crate) fn row_hashes(self, file: File, hasher: &RowHasher) -> io::Result<RowHashes> {
        #[cfg(feature = "parquet")]
        if self.format == Format::Parquet {
            return crate::encoding::parquet::stored::row_hashes(file, hasher);
        }
        self.row_hashes_of_text(file, hasher)
    }

    /// The customers in a file in memory, each with a hash of its values.
    pub(crate) fn row_hashes_in(self, file: Bytes, hasher: &RowHasher) -> io::Result<RowHashes> {
        #[cfg(feature = "parquet")]
        if self.format == Format::Parquet {
            return crate::encoding::parquet::stored::row_hashes(file, hasher);
        }
        self.row_hashes_of_text(&*file, hasher)
    }

    fn row_hashes_of_text(self, file: impl Read, hasher: &RowHasher) -> io::Result<RowHashes> {
        match self.format {
            Format::Ndjson => crate::encoding::ndjson::row_hashes(file, hasher),
            #[cfg(feature = "csv")]
            Format::Csv => crate::encoding::csv::row_hashes(file, self.separator, hasher),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Copies a file without the rows of some customers. All other rows stay as they are.
    pub(crate) fn copy_without(
        self,
        file: File,
        out: File,
        erased: &BTreeSet<CustomerId>,
    ) -> io::Result<()> {
        #[cfg(feature = "parquet")]
        if self.format == Format::Parquet {
            return crate::encoding::parquet::stored::copy_without(file, out, erased);
        }
        let rows = self.rows(&file)?;
        let erased = rows.into_iter().filter(|(id, _)| erased.contains(id));
        copy_without(file, out, erased.map(|(_, bytes)| bytes))
    }

    fn rows(self, file: &File) -> io::Result<Rows> {
        match self.format {
            Format::Ndjson => crate::encoding::ndjson::rows(file),
            #[cfg(feature = "csv")]
            Format::Csv => crate::encoding::csv::rows(file, self.separator),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// Copies some of the bytes of a file.
#[cfg(feature = "csv")]
pub(crate) fn copy_bytes(
    file: &mut File,
    bytes: &Range<u64>,
    out: &mut impl Write,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(bytes.start))?;
    io::copy(&mut file.take(bytes.end - bytes.start), out).map(drop)
}

/// Copies a file without some of its bytes, which are in order.
fn copy_without(
    mut file: File,
    out: File,
    erased: impl Iterator<Item = Range<u64>>,
) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let mut start = 0;
    for bytes in erased {
        file.seek(SeekFrom::Start(start))?;
        io::copy(&mut (&mut file).take(bytes.start - start), &mut out)?;
        start = bytes.end;
    }
    file.seek(SeekFrom::Start(start))?;
    io::copy(&mut file, &mut out)?;
    out.flush()
}
