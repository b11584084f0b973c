//! How a file is compressed as a whole, and bytes on their way out.

use std::io::{self, Write};

use crate::error::SinkError;

/// How a file is compressed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// `.gz`.
    Gzip,
    /// `.zst`.
    Zstd,
}

/// Where an encoder writes to.
pub(crate) enum Output {
    Plain(Box<dyn Write + Send>),
    #[cfg(feature = "gzip")]
    Gzip(flate2::write::GzEncoder<Box<dyn Write + Send>>),
    #[cfg(feature = "zstd")]
    Zstd(zstd::Encoder<'static, Box<dyn Write + Send>>),
}

impl Output {
    pub(crate) fn new(
        out: Box<dyn Write + Send>,
        compression: Compression,
    ) -> Result<Self, SinkError> {
        match compression {
            Compression::None => Ok(Self::Plain(out)),
            #[cfg(feature = "gzip")]
            Compression::Gzip => Ok(Self::Gzip(flate2::write::GzEncoder::new(
                out,
                flate2::Compression::default(),
            ))),
            #[cfg(feature = "zstd")]
            Compression::Zstd => zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)
                .map(Self::Zstd)
                .map_err(SinkError::stream),
            #[cfg(not(feature = "gzip"))]
            Compression::Gzip => Err(SinkError::FeatureDisabled {
                what: "gzip",
                feature: "gzip",
            }),
            #[cfg(not(feature = "zstd"))]
            Compression::Zstd => Err(SinkError::FeatureDisabled {
                what: "zstd",
                feature: "zstd",
            }),
        }
    }

    /// Writes what is still held back, and the end of the compressed stream.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut out) => out.flush(),
            #[cfg(feature = "gzip")]
            Self::Gzip(encoder) => encoder.finish()?.flush(),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.finish()?.flush(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            #[cfg(feature = "gzip")]
            Self::Gzip(encoder) => encoder.write(bytes),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    /// Of a compressed stream only what stands behind it is flushed: a flush of the stream itself
    /// costs compression, and nobody reads half of one.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            #[cfg(feature = "gzip")]
            Self::Gzip(encoder) => encoder.get_mut().flush(),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.get_mut().flush(),
        }
    }
}
