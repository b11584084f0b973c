//! The certificate that a client shows to a server which asks for one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::super::parameters::Parameters;
use super::super::parameters::machine::Machine;
use super::certificate::is_of_version_1;

/// The files of a certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct ClientIdentity {
    certificate: PathBuf,
    key: PathBuf,
}

impl ClientIdentity {
    /// The files that `sslcert` and `sslkey` name, or the usual ones. `None` where there are none.
    pub(in super::super) fn new(parameters: &Parameters, machine: &impl Machine) -> Option<Self> {
        let usual = |name| machine.user_file(name);
        let certificate = match parameters.get("sslcert") {
            Some(path) => path.into(),
            None => usual(".postgresql/postgresql.crt").filter(|path| machine.exists(path))?,
        };
        let key = match parameters.get("sslkey") {
            Some(path) => path.into(),
            None => usual(".postgresql/postgresql.key")?,
        };
        Some(Self { certificate, key })
    }

    /// Reads the certificate with its chain, and the key.
    pub(super) fn certified_key(&self, provider: &CryptoProvider) -> io::Result<CertifiedKey> {
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect)
            .map_err(|error| unusable(&self.certificate, "sslcert", &error.to_string()))?;
        let key_unusable = |reason: &str| unusable(&self.key, "sslkey", reason);
        let metadata = fs::metadata(&self.key).map_err(|error| key_unusable(&error.to_string()))?;
        if is_open_to_others(&metadata) {
            return Err(key_unusable("other users may read it: chmod 600"));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| {
            key_unusable(&format!(
                "{error}; a key with a passphrase is not supported"
            ))
        })?;
        let key = provider.key_provider.load_private_key(key);
        let key = key.map_err(|error| key_unusable(&error.to_string()))?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            // The server compares the key of a certificate that cannot be read here.
            Err(error) if !is_of_version_1(&error) => {
                let both = format!("{error}, with the key {}", self.key.display());
                Err(unusable(&self.certificate, "sslcert", &both))
            }
            _ => Ok(certified),
        }
    }
}

fn unusable(path: &Path, keyword: &str, reason: &str) -> io::Error {
    io::Error::other(format!(
        "cannot use {} ({keyword}): {reason}",
        path.display()
    ))
}

/// The rule of libpq: a group may read the key if root owns it.
#[cfg(unix)]
fn is_open_to_others(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    metadata.mode() & forbidden != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::super::super::parameters::address::Address;
    use super::super::super::parameters::machine::FakeMachine;
    use super::*;

    #[test]
    fn files_are_the_named_or_the_usual_ones() {
        let identity = |url: &str, machine: &FakeMachine| {
            let identity = ClientIdentity::new(&Address::parse(url).unwrap().parameters, machine);
            identity.map(|files| {
                (
                    files.certificate.display().to_string(),
                    files.key.display().to_string(),
                )
            })
        };
        let none = FakeMachine::default();
        assert_eq!(identity("postgres://", &none), None);
        let named = identity("postgres://?sslcert=a.crt&sslkey=a.key", &none);
        assert_eq!(named, Some(("a.crt".into(), "a.key".into())));
        let usual = FakeMachine::default().file("/u/me/.postgresql/postgresql.crt", "");
        let key = "/u/me/.postgresql/postgresql.key";
        let found = identity("postgres://", &usual);
        assert_eq!(
            found,
            Some(("/u/me/.postgresql/postgresql.crt".into(), key.into()))
        );
        let named = identity("postgres://?sslcert=a.crt", &usual);
        assert_eq!(named, Some(("a.crt".into(), key.into())));
    }
}
