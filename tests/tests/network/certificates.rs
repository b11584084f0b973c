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
