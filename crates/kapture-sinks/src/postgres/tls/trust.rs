//! Which certificates of servers are accepted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::super::parameters::Parameters;
use super::super::parameters::machine::Machine;
use super::certificate::{fault, is_of_version_1, public_key};

/// The trusted certificate authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Roots {
    /// Those of this machine, by `sslrootcert=system`.
    System,
    /// Only those in a PEM file.
    File(PathBuf),
    /// None are named, and the user has no file of them: those of this machine.
    Unnamed,
}

impl Roots {
    pub(in super::super) fn new(parameters: &Parameters, machine: &impl Machine) -> Self {
        match parameters.get("sslrootcert") {
            Some("system") => Self::System,
            Some(path) => Self::File(path.into()),
            None => {
                let usual = machine.user_file(".postgresql/root.crt");
                let usual = usual.filter(|path| machine.exists(path));
                usual.map_or(Self::Unnamed, Self::File)
            }
        }
    }
}

/// Which certificates are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Trust {
    /// Any: the connection is encrypted, but it is not checked which server answers.
    Anyone,
    /// Those of an authority.
    Chain(Roots),
    /// Those of an authority for the name of the server.
    ChainAndName(Roots),
}

impl Trust {
    /// Reads the roots when a connection needs them: a server without TLS needs none.
    pub(super) fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> io::Result<Arc<dyn ServerCertVerifier>> {
        let (roots, checks_name) = match self {
            Self::Anyone => return Ok(Certificates::verifier(None, provider)),
            Self::Chain(roots) => (roots, false),
            Self::ChainAndName(roots) => (roots, true),
        };
        match roots {
            Roots::File(path) => {
                let authorities = Authorities::read(path, checks_name, provider)?;
                Ok(Certificates::verifier(Some(authorities), provider))
            }
            Roots::System | Roots::Unnamed => {
                let verifier = Verifier::new(Arc::clone(provider));
                Ok(Arc::new(verifier.map_err(io::Error::other)?))
            }
        }
    }
}

/// Accepts certificates as far as a mode of libpq asks for, and connections whose server has the key of
/// its certificate.
#[derive(Debug)]
struct Certificates {
    /// `None`: any certificate.
    authorities: Option<Authorities>,
    provider: Arc<CryptoProvider>,
}

impl Certificates {
    fn verifier(
        authorities: Option<Authorities>,
        provider: &Arc<CryptoProvider>,
    ) -> Arc<dyn ServerCertVerifier> {
        Arc::new(Self {
            authorities,
            provider: Arc::clone(provider),
        })
    }

    /// A certificate of X.509 version 1 has a key as well. No more is needed where any is accepted.
    fn takes_version_1(&self, error: &Error) -> bool {
        self.authorities.is_none() && is_of_version_1(error)
    }
}

fn key_of<'a>(certificate: &'a CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'a>, Error> {
    public_key(certificate).ok_or_else(|| CertificateError::BadEncoding.into())
}

/// Verifies a signature of TLS 1.2, whose scheme does not name the curve of the key.
fn verify_signature(
    message: &[u8],
    key: &SubjectPublicKeyInfoDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let key = webpki::RawPublicKeyEntity::try_from(key);
    let key = key.map_err(|_| CertificateError::BadEncoding)?;
    let mut possible = algorithms.mapping.iter();
    let is_signed = possible.any(|(scheme, algorithms)| {
        *scheme == signed.scheme
            && algorithms.iter().any(|algorithm| {
                let verified = key.verify_signature(*algorithm, message, signed.signature());
                verified.is_ok()
            })
    });
    match is_signed {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(CertificateError::BadSignature.into()),
    }
}

impl ServerCertVerifier for Certificates {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.authorities {
            None => Ok(ServerCertVerified::assertion()),
            Some(authorities) => authorities.verify(certificate, between, name, ocsp, now),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let verified =
            rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms);
        match verified {
            Err(error) if self.takes_version_1(&error) => {
                verify_signature(message, &key_of(certificate)?, signed, algorithms)
            }
            verified => verified,
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let verified =
            rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms);
        match verified {
            Err(error) if self.takes_version_1(&error) => verify_tls13_signature_with_raw_key(
                message,
                &key_of(certificate)?,
                signed,
                algorithms,
            ),
            verified => verified,
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// Accepts the certificates of the authorities in a file.
#[derive(Debug)]
struct Authorities {
    verifier: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
    checks_name: bool,
}

impl Authorities {
    fn read(path: &Path, checks_name: bool, provider: &Arc<CryptoProvider>) -> io::Result<Self> {
        let failed = |reason: String| {
            io::Error::other(format!(
                "cannot use {} (sslrootcert): {reason}",
                path.display()
            ))
        };
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| failed(error.to_string()))?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            let added = roots.add(certificate.clone());
            added.map_err(|error| failed(error.to_string()))?;
        }
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider)).build();
        Ok(Self {
            verifier: verifier.map_err(|error| failed(error.to_string()))?,
            certificates,
            checks_name,
        })
    }

    fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self
            .verifier
            .verify_server_cert(certificate, between, name, ocsp, now);
        match verified {
            // The name is compared last.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_name => Ok(ServerCertVerified::assertion()),
            // A certificate that signed itself is its own authority, in libpq as well.
            Err(error) if is_authority(&error) && self.certificates.contains(certificate) => {
                if self.checks_name {
                    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }
}

/// Whether a certificate is refused for one thing only: it is that of an authority, not of a server.
/// Its dates are compared before.
fn is_authority(error: &Error) -> bool {
    matches!(fault(error), Some(webpki::Error::CaUsedAsEndEntity))
}
