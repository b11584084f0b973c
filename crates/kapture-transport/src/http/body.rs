//! Response bodies of bounded size.

use bytes::{Bytes, BytesMut};

use crate::transport::TransportError;

/// The most memory that is reserved because a server announces it.
const MAX_RESERVED: usize = 4 * 1024 * 1024;

/// A body that grows up to a limit: an endless body, or a small one that decompresses into a huge
/// one, fails with [`TransportError::TooLarge`].
pub(super) struct LimitedBody {
    body: BytesMut,
    limit: usize,
}

impl LimitedBody {
    /// Reserves the announced length, up to a few MiB.
    pub(super) fn new(limit: usize, announced: u64) -> Result<Self, TransportError> {
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        if announced > limit {
            return Err(TransportError::TooLarge(limit));
        }
        Ok(Self {
            body: BytesMut::with_capacity(announced.min(MAX_RESERVED)),
            limit,
        })
    }

    pub(super) fn add(&mut self, chunk: &[u8]) -> Result<(), TransportError> {
        if self.body.len() + chunk.len() > self.limit {
            return Err(TransportError::TooLarge(self.limit));
        }
        self.body.extend_from_slice(chunk);
        Ok(())
    }

    pub(super) fn finish(self) -> Bytes {
        self.body.freeze()
    }
}
