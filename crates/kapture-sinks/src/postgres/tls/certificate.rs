//! Parts of a certificate in DER.

use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::{CertificateError, Error};

/// The algorithm of the signature: the second of the three elements of a certificate.
pub(super) fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (elements, _) = element(certificate)?;
    let (_, after_content) = element(elements)?;
    let (algorithm, _) = element(after_content)?;
    Some(algorithm)
}

/// The public key, in certificates of X.509 version 1 as well, which webpki does not read.
pub(super) fn public_key(certificate: &[u8]) -> Option<SubjectPublicKeyInfoDer<'_>> {
    const VERSION: u8 = 0xa0;
    let (elements, _) = element(certificate)?;
    let (mut fields, _) = element(elements)?;
    if fields.first() == Some(&VERSION) {
        (_, fields) = element(fields)?;
    }
    // Serial number, algorithm, issuer, validity and subject.
    for _ in 0..5 {
        (_, fields) = element(fields)?;
    }
    let (_, rest) = element(fields)?;
    Some(fields[..fields.len() - rest.len()].into())
}

/// The content of the first element of DER, and what follows the element.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = der.get(1..)?.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        // The length has this many bytes.
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let length = length
                .iter()
                .fold(0, |all, byte| all << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// Why webpki refuses a certificate, if rustls has no word of its own for it.
pub(super) fn fault(error: &Error) -> Option<&webpki::Error> {
    match error {
        Error::InvalidCertificate(CertificateError::Other(error)) => error.0.downcast_ref(),
        _ => None,
    }
}

/// Whether webpki does not read a certificate since it is not of X.509 version 3.
pub(super) fn is_of_version_1(error: &Error) -> bool {
    matches!(fault(error), Some(webpki::Error::UnsupportedCertVersion))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_found_with_and_without_a_version() {
        let element = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).unwrap();
            [&[tag, length], content].concat()
        };
        let before: Vec<_> = (0..5).flat_map(|at| element(0x30, &[at])).collect();
        let key = element(0x30, b"key");
        let of_version_1 = [&before[..], &key].concat();
        let with_version = [&element(0xa0, &[2, 1, 1])[..], &of_version_1, &[0xa3, 0]].concat();
        for signed in [of_version_1, with_version] {
            let certificate = element(0x30, &element(0x30, &signed));
            assert_eq!(public_key(&certificate).unwrap().as_ref(), key);
            for length in 0..certificate.len() {
                assert!(public_key(&certificate[..length]).is_none(), "{length}");
            }
        }
    }
}
