//! Results on standard output.

use std::io::{ErrorKind, Write};

use kapture_sinks::SinkError;

use crate::error::CliError;

/// Prints and flushes a text.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            Err(CliError::sink(SinkError::Closed))
        }
        Err(error) => Err(CliError::sink(SinkError::Stream(error))),
    }
}
