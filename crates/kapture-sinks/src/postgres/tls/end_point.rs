//! Channel binding by the certificate of the server, `tls-server-end-point` of RFC 5929: a hash of
//! the certificate, with the hash function of its signature.

use rustls::pki_types::AlgorithmIdentifier;
use rustls::pki_types::alg_id::{
    ECDSA_SHA256, ECDSA_SHA384, ECDSA_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::certificate::signature_algorithm;

/// The hash of a certificate in DER. `None` for a signature without a hash function of its own,
/// such as Ed25519, for which RFC 5929 defines nothing.
pub(super) fn tls_server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let signature = signature_algorithm(certificate)?;
    let is_one_of =
        |known: [AlgorithmIdentifier; 3]| known.iter().any(|known| known.as_ref() == signature);
    if is_one_of([RSA_PKCS1_SHA256, ECDSA_SHA256, RSA_PSS_SHA256]) {
        Some(Sha256::digest(certificate).to_vec())
    } else if is_one_of([RSA_PKCS1_SHA384, ECDSA_SHA384, RSA_PSS_SHA384]) {
        Some(Sha384::digest(certificate).to_vec())
    } else if is_one_of([RSA_PKCS1_SHA512, ECDSA_SHA512, RSA_PSS_SHA512]) {
        Some(Sha512::digest(certificate).to_vec())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate with nothing but its signature's algorithm.
    fn certificate(algorithm: &[u8], content: usize) -> Vec<u8> {
        let element = |content: &[u8]| {
            let length = u16::try_from(content.len()).unwrap().to_be_bytes();
            [&[0x30, 0x82], &length[..], content].concat()
        };
        let short = [&[0x30, u8::try_from(algorithm.len()).unwrap()], algorithm].concat();
        element(&[element(&vec![7; content]), short, vec![0x03, 1, 0]].concat())
    }

    #[test]
    fn hash_is_that_of_the_signature() {
        for (algorithm, length) in [
            (RSA_PKCS1_SHA256, Some(32)),
            (ECDSA_SHA256, Some(32)),
            (RSA_PSS_SHA256, Some(32)),
            (ECDSA_SHA384, Some(48)),
            (RSA_PKCS1_SHA512, Some(64)),
            (rustls::pki_types::alg_id::ED25519, None),
        ] {
            let hash = tls_server_end_point(&certificate(algorithm.as_ref(), 300));
            assert_eq!(hash.map(|hash| hash.len()), length, "{algorithm:?}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_hash() {
        let whole = certificate(ECDSA_SHA256.as_ref(), 3);
        for length in 0..whole.len() - 3 {
            assert_eq!(tls_server_end_point(&whole[..length]), None, "{length}");
        }
        assert_eq!(tls_server_end_point(&[0x30, 0x80, 0, 0]), None);
        assert_eq!(
            tls_server_end_point(&[0x30, 0x88, 1, 1, 1, 1, 1, 1, 1, 1]),
            None
        );
    }
}
