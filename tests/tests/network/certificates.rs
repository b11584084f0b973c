//! Certificates that a client must not accept.

use kapture_tests::tls::{Certificate, Connections, TlsServer};
use kapture_tests::{code, ids, stderr};

const WRONG: [(Certificate, &str); 5] = [
    (Certificate::Expired, "has expired"),
    (Certificate::Future, "is not valid yet"),
    (Certificate::OtherHost, "is for another host"),
    (Certificate::SelfSigned, "does not trust"),
    (Certificate::WithoutChain, "does not trust"),
];

const PULL: [&str; 5] = ["pull", "--from", "2024-05-02", "--to", "2024-05-03"];

#[test]
fn trusted_certificate_is_accepted() {
    let server = TlsServer::new(Certificate::Valid, Connections::default());
    let output = server.kapture(&PULL).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(ids(&output.stdout), [2, 3].into());
}

#[test]
fn wrong_certificate_is_named_at_the_first_attempt() {
    for (certificate, wrong) in WRONG {
        let server = TlsServer::new(certificate, Connections::default());
        let output = server.kapture(&PULL).output().unwrap();
        let said = stderr(&output);
        assert_eq!(code(&output), 5, "{said}");
        for words in [
            "the certificate of the server",
            wrong,
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
        ] {
            assert!(said.contains(words), "{certificate:?}: {said}");
        }
        assert!(!said.contains("gave up after"), "{certificate:?}: {said}");
        assert!(!said.contains("U0VDUkVU"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn variable_that_names_no_certificate_is_named() {
    let server = TlsServer::new(Certificate::Valid, Connections::default());
    let folder = tempfile::tempdir().unwrap();
    let path = |name| folder.path().join(name);
    std::fs::write(path("empty.pem"), "").unwrap();
    std::fs::write(path("der.crt"), b"\x30\x82\x01\x0a").unwrap();
    std::fs::create_dir(path("folder")).unwrap();
    for (variable, name, words) in [
        ("SSL_CERT_FILE", "empty.pem", "no certificate in PEM form"),
        ("SSL_CERT_FILE", "der.crt", "no certificate in PEM form"),
        ("SSL_CERT_FILE", "folder", "cannot read"),
        ("SSL_CERT_FILE", "missing", "cannot read"),
        ("SSL_CERT_DIR", "folder", "no certificate in PEM form"),
        ("SSL_CERT_DIR", "empty.pem", "cannot read"),
    ] {
        let mut command = server.kapture(&PULL);
        command
            .env_remove("SSL_CERT_FILE")
            .env(variable, path(name));
        let output = command.output().unwrap();
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{said}");
        assert!(said.contains(&format!("{variable}: ")), "{said}");
        assert!(said.contains(words), "{variable} {name}: {said}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn doctor_fails_at_tls() {
    for (certificate, wrong) in WRONG {
        let server = TlsServer::new(certificate, Connections::default());
        let output = server.kapture(&["doctor"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(code(&output), 5, "{said}");
        let failed = said.lines().find(|line| line.starts_with("failed"));
        let failed = failed.expect("a failed step");
        assert!(failed.contains("tls") && failed.contains(wrong), "{said}");
        assert!(said.contains("SSL_CERT_FILE"), "{said}");
    }
}
