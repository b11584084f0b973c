//! Response bodies of bounded size.

use std::io;

use bytes::{Bytes, BytesMut};

/// The most memory that is reserved because a server announces it.
const MAX_RESERVED: usize = 4 * 1024 * 1024;

/// A body that grows up to a limit: an endless body, or a small one that decompresses into a huge
/// one, is not received.
pub(super) struct LimitedBody {
    body: BytesMut,
    limit: usize,
    is_full: bool,
}

impl LimitedBody {
    /// Reserves the expected length, up to a few MiB.
    pub(super) fn new(limit: usize, expected: u64) -> Self {
        let expected = usize::try_from(expected).unwrap_or(usize::MAX);
        Self {
            body: BytesMut::with_capacity(expected.min(MAX_RESERVED).min(limit)),
            limit,
            is_full: false,
        }
    }

    /// Whether it was given more than its limit.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(super) fn finish(self) -> Bytes {
        self.body.freeze()
    }
}

impl io::Write for LimitedBody {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        if self.body.len() + chunk.len() > self.limit {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.body.extend_from_slice(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
