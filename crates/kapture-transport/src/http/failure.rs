//! What went wrong below HTTP.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use rustls::CertificateError;

use crate::transport::TransportError;

/// The words of the HTTP client for status 407 of a proxy.
const PROXY_LOGIN: &str = "proxy authorization required";

/// The failure behind an error of reqwest, for a request that goes through `proxy`, if any. Its own text names the
/// address only; the reason is the innermost source.
pub(super) fn failure(
    error: &reqwest::Error,
    proxy: Option<&str>,
    timeout: Duration,
) -> TransportError {
    if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref()) {
        return TransportError::Tls(tls_reason(tls));
    }
    let reason = causes(error).last().map(ToString::to_string);
    let reason = reason.unwrap_or_else(|| "no reason given".into());
    if error.is_connect() {
        no_connection(reason, proxy)
    } else if error.is_timeout() {
        TransportError::Timeout(timeout)
    } else {
        TransportError::Broken(reason)
    }
}

fn no_connection(reason: String, proxy: Option<&str>) -> TransportError {
    match proxy.map(str::to_owned) {
        None => TransportError::Connect(reason),
        Some(proxy) if reason.contains(PROXY_LOGIN) => TransportError::ProxyLogin(proxy),
        Some(proxy) => TransportError::Proxy {
            proxy,
            reason: reason.replace("tunnel error: unsuccessful", "it refuses this host"),
        },
    }
}

/// What an error is caused by, outermost first.
fn causes(error: &dyn StdError) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |error| cause(*error))
}

fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    // An I/O error leaves out what it wraps, and gives the source of that.
    let io = error.downcast_ref::<io::Error>();
    match io.and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// Why there is no TLS connection: what is wrong with the certificate, or whatever else it is.
fn tls_reason(error: &rustls::Error) -> String {
    let certificate = match error {
        rustls::Error::InvalidCertificate(certificate) => certificate,
        rustls::Error::InvalidMessage(_) => {
            return format!("what answers at this address and port does not speak TLS ({error})");
        }
        rustls::Error::AlertReceived(_) => {
            return format!(
                "the server ended the handshake, as one does that supports neither TLS 1.2 nor 1.3 or asks for a certificate of the client ({error})"
            );
        }
        _ => return error.to_string(),
    };
    let wrong = match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another host"
        }
        CertificateError::UnknownIssuer => {
            "was issued by an authority that this machine does not trust, or the server does not send the certificates in between"
        }
        CertificateError::Revoked => "is revoked",
        // A certificate that is signed by itself is one of an authority, mostly.
        other if other.to_string().contains("CaUsedAsEndEntity") => {
            "is signed by itself, or that of an authority"
        }
        other => return format!("the certificate of the server is not valid: {other}"),
    };
    format!("the certificate of the server {wrong}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outermost")]
    struct Outermost(#[source] io::Error);

    /// As hyper-rustls wraps it: in two I/O errors.
    #[test]
    fn cause_is_found_inside_of_io_errors() {
        let expired = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let inner = io::Error::new(io::ErrorKind::InvalidData, expired);
        let error = Outermost(io::Error::other(inner));
        let found = causes(&error).find_map(|cause| cause.downcast_ref::<rustls::Error>());
        let reason = tls_reason(found.expect("a cause"));
        assert_eq!(reason, "the certificate of the server has expired");
    }

    #[test]
    fn other_failures_of_tls_keep_their_words() {
        let reason = tls_reason(&rustls::Error::InvalidCertificate(
            CertificateError::BadSignature,
        ));
        assert!(reason.starts_with("the certificate of the server is not valid: "));
        let http = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        assert!(tls_reason(&http).contains("does not speak TLS"));
        let alert = rustls::AlertDescription::ProtocolVersion;
        assert!(tls_reason(&rustls::Error::AlertReceived(alert)).contains("neither TLS 1.2"));
        let reason = tls_reason(&rustls::Error::HandshakeNotComplete);
        assert!(!reason.contains("certificate"), "{reason}");
    }
}
