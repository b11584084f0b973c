//! How a database is named, as libpq does it: by the address, a service file, variables of the
//! environment and a password file. What is not a server is read by the binary.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use kapture_tests::postgres::Schema;
use kapture_tests::{code, kapture, stderr};

use crate::create;

/// A home folder, and a database with the role `clerk`, whose password is `pa@ss#1/?%`.
struct Home<'s> {
    folder: tempfile::TempDir,
    schema: &'s Schema,
    port: u16,
}

impl Home<'_> {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str, text: &str, mode: u32) {
        let path = self.path().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    }

    /// `kapture status` of an address with these variables.
    fn status(&self, address: &str, variables: &[(&str, &str)]) -> Output {
        let output = kapture(&["status", address, "--json"])
            .env("HOME", self.path())
            .envs(variables.iter().copied())
            .output()
            .expect("it runs");
        let shown = [&output.stdout[..], &output.stderr[..]].concat();
        let shown = String::from_utf8_lossy(&shown);
        for piece in ["pa@s", "a@ss", "@ss#", "ss#1", "s#1/", "#1/?", "1/?%"] {
            assert!(!shown.contains(piece), "{shown}");
        }
        output
    }

    fn opens(&self, address: &str, variables: &[(&str, &str)]) {
        let output = self.status(address, variables);
        assert_eq!(
            code(&output),
            0,
            "{address} {variables:?}: {}",
            stderr(&output)
        );
    }

    fn fails(&self, address: &str, variables: &[(&str, &str)], sentence: &str) {
        let output = self.status(address, variables);
        assert_eq!(code(&output), 6, "{address}: {}", stderr(&output));
        assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
    }

    fn options(&self) -> String {
        format!("-csearch_path={}", self.schema.name())
    }
}

const PASSWORD: &str = "pa@ss#1/?%";
const PASSWORD_ENCODED: &str = "pa%40ss%231%2F%3F%25";

#[tokio::test]
async fn database_is_named_as_for_psql() {
    let schema = schema!();
    let Some(cluster) = schema.cluster() else {
        eprintln!("skipped: whom the named server trusts is not known");
        return;
    };
    drop(create(&schema).await);
    schema.execute(&format!(
        "CREATE ROLE clerk LOGIN SUPERUSER PASSWORD '{PASSWORD}'"
    ));
    let home = Home {
        folder: tempfile::tempdir().expect("a folder"),
        schema: &schema,
        port: cluster.port,
    };
    let (port, options) = (home.port.to_string(), home.options());
    let socket = cluster.folder.to_str().expect("text");
    let name = schema.name();

    // By a socket, which trusts everybody.
    home.opens(
        &format!("postgres:///postgres?host={socket}&port={port}&user=postgres&schema={name}"),
        &[],
    );
    let by_socket = [
        ("PGHOST", socket),
        ("PGPORT", &port),
        ("PGUSER", "postgres"),
        ("PGDATABASE", "postgres"),
        ("PGOPTIONS", &options),
    ];
    home.opens("postgres://", &by_socket);
    // The address comes first.
    home.fails(
        "postgres:///nowhere",
        &by_socket,
        "\"nowhere\" does not exist",
    );

    // By TCP, which wants a password.
    let address = format!("postgres://clerk@127.0.0.1:{port}/postgres?schema={name}");
    home.fails(&address, &[], "set PGPASSWORD, or write it to");
    home.opens(&address.replace('@', &format!(":{PASSWORD_ENCODED}@")), &[]);
    home.opens(&format!("{address}&password={PASSWORD_ENCODED}"), &[]);
    home.opens(&address, &[("PGPASSWORD", PASSWORD)]);
    home.fails(
        &address,
        &[("PGPASSWORD", "pa@ss#1/?%x")],
        "password authentication failed",
    );
    let line = format!("127.0.0.1:{port}:postgres:clerk:{PASSWORD}\n");
    home.file(".pgpass", &line, 0o644);
    home.fails(&address, &[], "chmod 600");
    home.file(".pgpass", &line, 0o600);
    home.opens(&address, &[]);
    home.file(".pgpass", "*:*:*:somebody:else\n", 0o600);
    home.fails(&address, &[], "no line of the password file");
    home.file("passwords", &line, 0o600);
    let passfile = home.path().join("passwords");
    home.opens(
        &address,
        &[("PGPASSFILE", passfile.to_str().expect("text"))],
    );

    // By the name of a service.
    let service = format!(
        "[crm]\nhost=127.0.0.1\nport={port}\nuser=clerk\ndbname=postgres\noptions={options}\npassword={PASSWORD}\n"
    );
    home.file(".pg_service.conf", &service, 0o600);
    home.opens("postgres://?service=crm", &[]);
    home.opens("postgresql://", &[("PGSERVICE", "crm")]);
    home.fails(
        "postgres://?service=other",
        &[],
        "the service is in none of these files",
    );
}

#[tokio::test]
async fn schema_that_is_not_there_is_named() {
    let schema = schema!();
    let url = format!("{}&schema=nowhere", schema.url());
    let error = crate::told(&crate::refused(&url).await);
    assert!(
        error.contains("no schema of the search path exists"),
        "{error}"
    );
}
