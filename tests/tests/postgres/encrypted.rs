//! Connections with TLS: `sslmode`, certificates of servers and clients, channel binding.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use kapture_tests::postgres::{Cluster, Schema};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;

use crate::subject::{identity, open_to_write};
use crate::{refused, told};

/// Certificates of an invented authority, in a folder.
struct Certificates {
    folder: TempDir,
    /// The certificate of the server for 127.0.0.1 with its key, and that of the authority.
    server: [String; 3],
}

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = || KeyPair::generate().expect("a key");
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.distinguished_name
            .push(DnType::CommonName, "Example Root");
        let root = CertifiedIssuer::self_signed(root, key()).expect("signed");
        let signed = |name: &str, common_name: &str| {
            let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
            params
                .distinguished_name
                .push(DnType::CommonName, common_name);
            let own = key();
            let certificate = params.signed_by(&own, &root).expect("signed");
            [certificate.pem(), own.serialize_pem()]
        };
        let [certificate, server_key] = signed("127.0.0.1", "server");
        let [client, client_key] = signed("client.example.com", "certified");
        for (name, text) in [
            ("root.crt", &root.pem()),
            ("client.crt", &client),
            ("client.key", &client_key),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        }
        Self {
            server: [certificate, server_key, root.pem()],
            folder,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

/// A certificate that signed itself and calls itself an authority, as `openssl req -x509` makes it.
fn self_signed() -> [String; 3] {
    let own = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&own).expect("signed").pem();
    [certificate.clone(), own.serialize_pem(), certificate]
}

/// The certificate without version and extensions, as `openssl x509 -req` made them. Its signature does
/// not fit any more, which only a client that trusts an authority would see.
fn of_version_1(pem: &str) -> String {
    let element = |content: &[u8]| {
        let length = u16::try_from(content.len()).expect("a short element");
        let [high, low] = length.to_be_bytes();
        let start = match length {
            ..=0x7f => vec![0x30, low],
            0x80..=0xff => vec![0x30, 0x81, low],
            _ => vec![0x30, 0x82, high, low],
        };
        [&start, content].concat()
    };
    let content = |der: &[u8]| match der[1] {
        length @ ..=0x7f => (2, 2 + usize::from(length)),
        0x81 => (3, 3 + usize::from(der[2])),
        _ => (4, 4 + usize::from(u16::from_be_bytes([der[2], der[3]]))),
    };
    let v3 = CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
    let (start, _) = content(&v3);
    let (signed, signature) = v3[start..].split_at(content(&v3[start..]).1);
    let mut fields = &signed[content(signed).0..];
    let mut kept = Vec::new();
    while !fields.is_empty() {
        let (field, rest) = fields.split_at(content(fields).1);
        if !matches!(field[0], 0xa0 | 0xa3) {
            kept.extend(field);
        }
        fields = rest;
    }
    let v1 = element(&[element(&kept), signature.to_vec()].concat());
    let text = base64(&v1);
    format!("-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n")
}

/// In lines of 64 characters.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (at, group) in bytes.chunks(3).enumerate() {
        let bits = (0..3).fold(0, |bits, at| {
            bits << 8 | u32::from(group.get(at).copied().unwrap_or_default())
        });
        for digit in 0..4 {
            let bits = bits >> (18 - 6 * digit) & 63;
            let character = char::from(DIGITS[usize::try_from(bits).expect("six bits")]);
            text.push(if digit <= group.len() { character } else { '=' });
        }
        if at % 16 == 15 {
            text.push('\n');
        }
    }
    text + "\n"
}

/// A role with the password `right`, which comes over TCP.
fn role(schema: &Schema, name: &str) {
    schema.execute(&format!(
        "CREATE ROLE {name} LOGIN SUPERUSER PASSWORD 'right'"
    ));
}

fn start(cluster: &Cluster, schema: &Schema, pem: &[String; 3], rules: &str) {
    cluster.start_tls(schema, pem.each_ref().map(String::as_str), rules);
}

/// Whether the session of a role has TLS, while it is connected.
async fn is_encrypted(schema: &Schema, url: &str) -> bool {
    let sink = open_to_write(url, &identity()).await;
    let _sink = sink.unwrap_or_else(|error| panic!("{url}: {}", told(&error)));
    let select = "
        SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'kapture' AND usename <> 'postgres'";
    let row = schema.client().await.query_one(select, &[]).await;
    row.expect("a row").get(0)
}

#[tokio::test]
async fn server_without_tls_is_refused_where_tls_is_required() {
    let schema = schema!();
    let Some(cluster) = schema.cluster() else {
        eprintln!("skipped: whether the named server has TLS is not known");
        return;
    };
    role(&schema, "crypt");
    let address = cluster.address("crypt", "right");
    let error = told(&refused(&format!("{address}?sslmode=require")).await);
    assert!(error.contains("add sslmode=disable"), "{error}");
    let allowed = schema.within(&format!("{address}?sslmode=allow"));
    assert!(!is_encrypted(&schema, &allowed).await);
}

/// As `psql` does on this machine; elsewhere and where it is asked for, the certificate is checked.
#[tokio::test]
async fn certificate_that_signed_itself_is_accepted_on_this_machine() {
    let schema = schema!();
    let Some(cluster) = schema.cluster() else {
        eprintln!("skipped: the certificate of the named server is not known");
        return;
    };
    role(&schema, "crypt");
    let pem = self_signed();
    start(cluster, &schema, &pem, "");
    let address = schema.within(&cluster.address("crypt", "right"));
    assert!(is_encrypted(&schema, &address).await, "as in psql");
    for mode in ["prefer", "require"] {
        let address = format!("{address}&sslmode={mode}");
        assert!(is_encrypted(&schema, &address).await, "{mode}");
    }
    for checked in [
        "sslmode=verify-full",
        "sslmode=verify-ca",
        "sslrootcert=system",
    ] {
        let error = told(&refused(&format!("{address}&{checked}")).await);
        assert!(
            error.contains("certificate of the server"),
            "{checked}: {error}"
        );
        for cure in ["sslrootcert=FILE", "sslmode=require"] {
            assert!(error.contains(cure), "{checked}: {error}");
        }
    }
    // It is its own authority.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("server.crt");
    fs::write(&file, &pem[0]).expect("written");
    let known = format!(
        "{address}&sslmode=verify-full&sslrootcert={}",
        file.display()
    );
    assert!(is_encrypted(&schema, &known).await);
    let other_name = known.replace("127.0.0.1", "localhost");
    let error = told(&refused(&other_name).await);
    assert!(error.contains("certificate of the server"), "{error}");
    // A key that is not the one of the file.
    fs::write(&file, &self_signed()[0]).expect("written");
    let error = told(&refused(&known).await);
    assert!(error.contains("certificate of the server"), "{error}");
}

/// As `psql` does: the connection is encrypted with the key of the certificate, and no more is asked for.
#[tokio::test]
async fn certificate_of_version_1_is_accepted_where_any_is() {
    let schema = schema!();
    let Some(cluster) = schema.cluster() else {
        eprintln!("skipped: the certificate of the named server is not known");
        return;
    };
    role(&schema, "crypt");
    let mut certificates = Certificates::new();
    let [certificate, ..] = &mut certificates.server;
    *certificate = of_version_1(certificate);
    let client = certificates.path("client.crt");
    let text = fs::read_to_string(&client).expect("a certificate");
    fs::write(&client, of_version_1(&text)).expect("written");
    start(cluster, &schema, &certificates.server, "");
    let address = schema.within(&cluster.address("crypt", "right"));
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        schema.reload("ssl_max_protocol_version", protocol);
        let bound = format!("{address}&sslmode=require&channel_binding=require");
        for accepted in [&address, &bound] {
            assert!(
                is_encrypted(&schema, accepted).await,
                "{protocol} {accepted}"
            );
        }
    }
    let root = certificates.path("root.crt");
    let checked = format!("{address}&sslmode=verify-ca&sslrootcert={root}");
    let error = told(&refused(&checked).await);
    assert!(error.contains("certificate of the server"), "{error}");

    // The server refuses a certificate that does not fit its signature, and it is not called its own.
    let key = certificates.path("client.key");
    let shown = format!("{address}&sslmode=require&sslcert={client}&sslkey={key}");
    let error = told(&refused(&shown).await);
    assert!(!error.contains("certificate of the server"), "{error}");
}

#[tokio::test]
async fn certificate_of_an_authority_is_checked_as_far_as_the_mode_says() {
    let schema = schema!();
    let Some(cluster) = schema.cluster() else {
        eprintln!("skipped: the certificate of the named server is not known");
        return;
    };
    role(&schema, "crypt");
    let certificates = Certificates::new();
    start(cluster, &schema, &certificates.server, "");
    let address = schema.within(&cluster.address("crypt", "right"));
    let with = |options: &str| format!("{address}&{options}");
    let root = format!("sslrootcert={}", certificates.path("root.crt"));
    for mode in ["require", "verify-ca", "verify-full"] {
        let known = with(&format!("sslmode={mode}&{root}"));
        assert!(is_encrypted(&schema, &known).await, "{mode}");
    }
    // The certificate is for 127.0.0.1 and for no other name.
    let named = |mode| with(&format!("sslmode={mode}&{root}")).replace("127.0.0.1", "localhost");
    assert!(is_encrypted(&schema, &named("verify-ca")).await);
    let error = told(&refused(&named("verify-full")).await);
    assert!(error.contains("certificate of the server"), "{error}");
    let no_root = with("sslmode=verify-full&sslrootcert=/nowhere/root.crt");
    let error = told(&refused(&no_root).await);
    assert!(error.contains("/nowhere/root.crt (sslrootcert)"), "{error}");
}

#[tokio::test]
async fn channel_binding_is_bound_to_the_certificate() {
    let schema = schema!();
    let Some(cluster) = schema.cluster() else {
        eprintln!("skipped: the certificate of the named server is not known");
        return;
    };
    role(&schema, "bound");
    start(cluster, &schema, &Certificates::new().server, "");
    let address = schema.within(&cluster.address("bound", "right"));
    let bound = format!("{address}&sslmode=require&channel_binding=require");
    assert!(is_encrypted(&schema, &bound).await);
    // There is nothing to bind to without TLS.
    let error = told(
        &refused(&format!(
            "{address}&sslmode=disable&channel_binding=require"
        ))
        .await,
    );
    assert!(error.contains("channel binding"), "{error}");
}

#[tokio::test]
async fn client_shows_its_certificate() {
    let schema = schema!();
    let Some(cluster) = schema.cluster() else {
        eprintln!("skipped: whom the named server trusts is not known");
        return;
    };
    role(&schema, "certified");
    let certificates = Certificates::new();
    let rules = "hostssl all certified 127.0.0.1/32 cert";
    start(cluster, &schema, &certificates.server, rules);
    let address = format!("postgres://certified@127.0.0.1:{}/postgres", cluster.port);
    let with = |files: [&str; 2]| {
        let [certificate, key] = files.map(|name| certificates.path(name));
        schema.within(&format!(
            "{address}?sslmode=require&sslcert={certificate}&sslkey={key}"
        ))
    };
    let error = told(&refused(&schema.within(&format!("{address}?sslmode=require"))).await);
    assert!(error.contains("certificate"), "{error}");
    assert!(is_encrypted(&schema, &with(["client.crt", "client.key"])).await);
    let key = certificates.path("client.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("a mode");
    let error = told(&refused(&with(["client.crt", "client.key"])).await);
    assert!(
        error.contains("client.key (sslkey): other users may read it"),
        "{error}"
    );
    let error = told(&refused(&with(["client.crt", "root.crt"])).await);
    assert!(error.contains("root.crt (sslkey)"), "{error}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("a mode");
    let error = told(&refused(&with(["root.crt", "client.key"])).await);
    assert!(error.contains("root.crt (sslcert)"), "{error}");
    let error = told(&refused(&with(["none.crt", "root.crt"])).await);
    assert!(error.contains("none.crt (sslcert)"), "{error}");
}

#[tokio::test]
async fn other_way_is_tried_if_the_server_refuses_the_first() {
    let schema = schema!();
    let Some(cluster) = schema.cluster() else {
        eprintln!("skipped: whom the named server trusts is not known");
        return;
    };
    role(&schema, "plain");
    role(&schema, "crypt");
    let rules = "
        hostssl all plain 127.0.0.1/32 reject
        hostnossl all crypt 127.0.0.1/32 reject";
    start(cluster, &schema, &Certificates::new().server, rules);
    let url = |role, mode| {
        let address = cluster.address(role, "right");
        schema.within(&format!("{address}?sslmode={mode}"))
    };
    assert!(!is_encrypted(&schema, &url("plain", "prefer")).await);
    assert!(is_encrypted(&schema, &url("crypt", "allow")).await);
    for (role, mode) in [("plain", "require"), ("crypt", "disable")] {
        let error = told(&refused(&url(role, mode)).await);
        assert!(error.contains("pg_hba.conf rejects"), "{mode}: {error}");
    }
}
