//! Content codings: what a response is compressed with.
//!
//! Only gzip is requested. Whether a body is compressed with it is seen by the body, since its name
//! comes in any case, as `x-gzip`, or not at all.

use std::io::{self, BufRead, Write};

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use super::body::LimitedBody;
use crate::transport::TransportError;

/// What a stream of gzip begins with (RFC 1952); JSON never does.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// How often a body may be compressed: gateways compress what is compressed already.
const MAX_LAYERS: usize = 2;

/// The body without gzip, of at most `limit` bytes.
pub(super) fn decompressed(body: Bytes, limit: usize) -> Result<Bytes, TransportError> {
    let mut body = body;
    for _ in 0..MAX_LAYERS {
        if !body.starts_with(&MAGIC) {
            break;
        }
        let mut plain = LimitedBody::new(limit, body.len() as u64 * 4);
        match gunzip(&body, &mut plain) {
            _ if plain.is_full() => return Err(TransportError::TooLarge(limit)),
            Ok(()) => body = plain.finish(),
            Err(error) => return Err(TransportError::Broken(format!("gzip: {error}"))),
        }
    }
    Ok(body)
}

/// Appends what the members of a gzip stream hold; what follows them is padding.
fn gunzip(mut body: &[u8], plain: &mut LimitedBody) -> io::Result<()> {
    while body.starts_with(&MAGIC) {
        let mut member = io::BufReader::with_capacity(64 * 1024, GzDecoder::new(body));
        loop {
            let chunk = member.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            let length = chunk.len();
            plain.write_all(chunk)?;
            member.consume(length);
        }
        body = member.into_inner().into_inner();
    }
    Ok(())
}

/// The name of a content coding that was not requested, if the header has one (RFC 9110, 8.4).
pub(super) fn unrequested(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let codings = values.filter_map(|value| value.to_str().ok());
    let mut codings = codings.flat_map(|value| value.split(',')).map(str::trim);
    let known = ["", "gzip", "x-gzip", "identity"];
    let is_known = |coding: &str| known.iter().any(|known| known.eq_ignore_ascii_case(coding));
    codings.find(|coding| !is_known(coding)).map(str::to_owned)
}

/// Whether a body may be JSON or a web page: an answer whose header names a coding that it does not
/// have is an answer all the same.
pub(super) fn is_plain(body: &[u8]) -> bool {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    matches!(
        body.trim_ascii_start().first(),
        None | Some(b'{' | b'[' | b'<')
    )
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use reqwest::header::HeaderValue;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn text_of(body: Vec<u8>) -> Result<Bytes, TransportError> {
        decompressed(body.into(), 1000)
    }

    #[test]
    fn body_shows_whether_it_is_compressed() {
        let plain = Bytes::from_static(b"{}");
        let twice = gzip(&gzip(b"{}"));
        let members = [gzip(b"{"), gzip(b"}")].concat();
        let padded = [gzip(b"{}"), vec![0; 16]].concat();
        for body in [b"{}".to_vec(), gzip(b"{}"), twice, members, padded] {
            assert_eq!(text_of(body), Ok(plain.clone()));
        }
        assert_eq!(text_of(Vec::new()), Ok(Bytes::new()));
    }

    #[test]
    fn incomplete_or_damaged_gzip_is_broken() {
        let whole = gzip(b"{\"message\":[]}");
        for length in 2..whole.len() {
            let cut = text_of(whole[..length].to_vec());
            assert!(matches!(cut, Err(TransportError::Broken(_))), "{length}");
        }
        let mut damaged = whole.clone();
        let last = damaged.len() - 8;
        damaged[last] ^= 1;
        assert!(matches!(text_of(damaged), Err(TransportError::Broken(_))));
    }

    #[test]
    fn decompressed_body_is_limited() {
        assert_eq!(text_of(gzip(&[b' '; 1000])).unwrap().len(), 1000);
        for body in [gzip(&[b' '; 1001]), gzip(&gzip(&[b' '; 1001]))] {
            assert_eq!(text_of(body), Err(TransportError::TooLarge(1000)));
        }
    }

    #[test]
    fn codings_are_compared_without_case() {
        for (header, expected) in [
            ("gzip", None),
            ("GZIP", None),
            ("x-gzip, Gzip", None),
            ("identity", None),
            ("", None),
            ("br", Some("br")),
            ("gzip, zstd", Some("zstd")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(header));
            assert_eq!(unrequested(&headers).as_deref(), expected, "{header}");
        }
        assert_eq!(unrequested(&HeaderMap::new()), None);
    }

    #[test]
    fn answer_is_plain_whatever_its_header_says() {
        for body in [&b""[..], b" \n{}", b"[]", b"\xef\xbb\xbf{}", b"<html>"] {
            assert!(is_plain(body));
        }
        assert!(!is_plain(b"\x8b\x01\x80{}"));
    }
}
