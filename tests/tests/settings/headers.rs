//! Further headers of a profile, whose values are secrets.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use kapture_sandbox::{Behaviour, DEFAULT_TOKEN, PerDay};
use kapture_tests::{Served, around_may, code, ids, kapture, stderr};

const KEY: &str = "9f8e7d6c5b4a3928";

fn served() -> Served {
    let behaviour = Behaviour {
        required_header: Some(("x-api-key".into(), KEY.into())),
        ..Behaviour::default()
    };
    Served::new(around_may(PerDay::Fixed(5)), behaviour)
}

/// Stores a file that its owner alone can read.
fn private(path: &Path, text: &str) {
    fs::write(path, text).expect("a fresh folder");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("it is ours");
}

/// Pulls a day with a profile that has this line, and logs everything.
fn pull(served: &Served, line: &str, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a fresh folder");
    private(&folder.path().join("key"), &format!("{KEY}\n"));
    let config = folder.path().join("config.toml");
    let url = served.url();
    let text = format!("[profiles.acme]\nbase-url = '{url}'\ncm-id = 424242\n{line}\n");
    private(&config, &text);
    let mut command = kapture(&["pull", "--from", "2024-05-02", "--to", "2024-05-02", "-vvv"]);
    let command = command.args(more).arg("--config").arg(&config);
    command
        .env("KAPTURE_TOKEN", DEFAULT_TOKEN)
        .env("ACME_KEY", KEY);
    command.output().expect("it runs")
}

#[test]
fn headers_of_a_profile_come_from_file_environment_or_command() {
    let served = served();
    for line in [
        "headers.x-api-key = {file = 'key'}",
        "headers.X-Api-Key = {env = 'ACME_KEY'}",
        "headers = {x-api-key = {command = ['printenv', 'ACME_KEY']}, x-api-type = {env = 'HOME'}}",
        "[profiles.acme.headers]\nx-api-key = {file = 'key'}",
    ] {
        let output = pull(&served, line, &[]);
        assert_eq!(code(&output), 0, "{line}: {}", stderr(&output));
        assert_eq!(ids(&output.stdout).len(), 5);
        assert!(!stderr(&output).contains(KEY), "{}", stderr(&output));
    }
}

#[test]
fn request_without_the_header_is_refused() {
    let served = served();
    let output = pull(&served, "", &[]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
}

#[test]
fn headers_are_sent_to_the_tenant_of_the_profile_only() {
    let (own, other) = (served(), served());
    let line = "headers.x-api-key = {file = 'key'}";
    let output = pull(&own, line, &["--base-url", &other.url()]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert_eq!(own.tenant.request_count(), 0);
}

#[test]
fn wrong_headers_are_refused_and_their_values_not_quoted() {
    let served = served();
    for (line, said) in [
        (
            "headers.x-api-key = 'hunter2'",
            "expected {file = …}, {env = …} or {command = […]}",
        ),
        (
            "headers.x-api-key = {value = 'hunter2'}",
            "expected {file = …}",
        ),
        (
            "headers.x-api-key = {env = 'ACME_KEY', file = 'key'}",
            "expected {file = …}",
        ),
        ("headers = 'hunter2'", "expected headers.NAME"),
        (
            "headers.x-api-key = {env = 'NOT_SET'}",
            "NOT_SET is not set",
        ),
        (
            "headers.x-api-key = {file = 'absent'}",
            "cannot read the secret in",
        ),
        (
            "headers.host = {env = 'ACME_KEY'}",
            "is set by kapture itself",
        ),
        (
            "headers.'x y' = {env = 'ACME_KEY'}",
            "is no name of an HTTP header",
        ),
        ("headers.x-api-key = {command = ['true']}", "is empty"),
    ] {
        let output = pull(&served, line, &[]);
        assert_eq!(code(&output), 2, "{line}: {}", stderr(&output));
        assert!(
            stderr(&output).contains(said),
            "{line}: {}",
            stderr(&output)
        );
        assert!(!stderr(&output).contains("hunter2"), "{}", stderr(&output));
        assert!(!stderr(&output).contains(KEY), "{}", stderr(&output));
    }
    assert_eq!(served.tenant.request_count(), 0);
}
