//! Results on standard output.

use std::io::{ErrorKind, Write};

use kapture_sinks::SinkError;

use crate::error::CliError;

/// Whether standard output was closed when this process began. The runtime opens `/dev/null` in its
/// place, for reading too; a shell opens `> /dev/null` for writing.
pub(crate) fn is_closed() -> bool {
    #[cfg(unix)]
    {
        use rustix::fs::{OFlags, fcntl_getfl, fstat};
        let null = rustix::fs::stat("/dev/null").map(|null| null.st_rdev);
        let out = std::io::stdout();
        let flags = fcntl_getfl(&out);
        let is_null = matches!((fstat(&out), null), (Ok(out), Ok(null)) if out.st_rdev == null);
        is_null && flags.is_ok_and(|flags| flags.contains(OFlags::RDWR))
    }
    #[cfg(not(unix))]
    false
}

/// Prints and flushes a text.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    printed.map_err(failed)
}

/// Why standard output could not be written. A reader that is gone is no failure.
pub(crate) fn failed(error: std::io::Error) -> CliError {
    CliError::sink(match error.kind() {
        ErrorKind::BrokenPipe => SinkError::Closed,
        _ => SinkError::Stream(error),
    })
}
