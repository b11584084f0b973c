//! A file that is synced while it is written.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use crate::file::beside::Beside;

/// So many bytes are written between two syncs, or more while the disk is slower.
const BETWEEN_SYNCS: usize = 8 * 1024 * 1024;

/// Writes to a file that a thread of its own syncs every few megabytes, so that little is left to sync
/// at the end. A flush returns an error of the disk.
pub(crate) struct SyncEarly {
    file: Arc<File>,
    unsynced: usize,
    syncing: Option<Beside<()>>,
}

impl SyncEarly {
    pub(crate) fn new(file: File) -> Self {
        Self {
            file: Arc::new(file),
            unsynced: 0,
            syncing: None,
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.unsynced = 0;
        let file = &self.file;
        let syncing = self.syncing.get_or_insert_with(|| {
            let file = Arc::clone(file);
            Beside::start(1, move |signals: Receiver<()>| {
                signals.iter().try_for_each(|()| file.sync_data())
            })
        });
        syncing.offer(())
    }
}

impl Write for SyncEarly {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = (&*self.file).write(bytes)?;
        self.unsynced += written;
        if self.unsynced >= BETWEEN_SYNCS {
            self.sync()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.syncing.take().map_or(Ok(()), Beside::finish)
    }
}
