//! What went wrong below HTTP.

use std::error::Error as _;
use std::time::Duration;

use crate::transport::TransportError;

/// The failure behind an error of reqwest. Its own text names the address only; the reason is the
/// innermost source.
pub(super) fn failure(error: &reqwest::Error, timeout: Duration) -> TransportError {
    let mut reason = None;
    let mut tls = false;
    let mut source = error.source();
    while let Some(error) = source {
        tls |= error.is::<rustls::Error>();
        // An I/O error hides what it wraps behind `get_ref`.
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            tls |= io
                .get_ref()
                .is_some_and(|inner| inner.is::<rustls::Error>());
        }
        reason = Some(error.to_string());
        source = error.source();
    }
    let reason = reason.unwrap_or_else(|| "no reason given".into());
    if tls {
        TransportError::Tls(reason)
    } else if error.is_connect() {
        TransportError::Connect(reason)
    } else if error.is_timeout() {
        TransportError::Timeout(timeout)
    } else {
        TransportError::Broken(reason)
    }
}
