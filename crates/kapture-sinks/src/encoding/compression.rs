//! Compression of whole files.

use std::io::{self, Write};

use crate::error::SinkError;

/// The compression of a whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// No compression.
    #[default]
    None,
    /// `.gz`.
    Gzip,
    /// `.zst`.
    Zstd,
}

/// The output of an encoder, compressed.
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

    /// Writes what is buffered, and the end of the compressed stream.
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

    /// Flushes the writer behind a compressed stream, not the stream itself: that would cost
    /// compression.
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
