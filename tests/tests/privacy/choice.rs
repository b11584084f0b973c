//! How fields and the key are chosen, and that a destination keeps its choice.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use kapture_sandbox::{Behaviour, PerDay};
use kapture_tests::{Served, around_may, code, names, stderr};

const KEY: &str = "a key for tests, and for nothing else";
const DAY: [&str; 4] = ["--from", "2024-05-02", "--to", "2024-05-02"];

fn served() -> Served {
    Served::new(around_may(PerDay::Fixed(3)), Behaviour::default())
}

/// Expects an exit code, and all of `sentences` on standard error; returns standard output.
fn expect(command: &mut Command, expected: i32, sentences: &[&str]) -> String {
    let output = command.output().expect("it runs");
    let told = stderr(&output);
    assert_eq!(code(&output), expected, "{command:?}: {told}");
    for sentence in sentences {
        assert!(told.contains(sentence), "{command:?}: {sentence}: {told}");
    }
    String::from_utf8(output.stdout).expect("text")
}

fn private(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a mode");
}

#[test]
fn wrong_fields_are_refused_before_anything_is_touched() {
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    let pull = |more: &[&str]| {
        let mut command = served.kapture(&[&["pull", "-o", "a.db"][..], &DAY, more].concat());
        command.current_dir(&folder).env("KAPTURE_HASH_KEY", KEY);
        command
    };
    let cases: [(&[&str], &[&str]); 11] = [
        (
            &["--drop", "contacts.phon"],
            &["unknown field `contacts.phon`, did you mean `contacts.phone`?"],
        ),
        (&["--drop", "phone"], &["did you mean `contacts.phone`?"]),
        (
            &["--hash", "adress"],
            &["did you mean `address`?", "extra.NAME"],
        ),
        (
            &["--drop", "loyalty"],
            &["unknown field `loyalty`", "extra.NAME"],
        ),
        (&["--drop", "id"], &["`id` has to stay"]),
        (&["--hash", "id"], &["`id` has to stay"]),
        (&["--hash", "creatorId"], &["not text", "--drop"]),
        (
            &["--drop", "name", "--hash", "name"],
            &["both dropped and hashed"],
        ),
        (
            &["--drop", "contacts", "--hash", "contacts.email"],
            &["both dropped and hashed"],
        ),
        (
            &["--email", "a@example.com", "--hash", "contacts.email"],
            &["--email filters by contacts.email"],
        ),
        (
            &["--attribute", "3=gold", "--drop", "attr3"],
            &["--attribute filters by attr3"],
        ),
    ];
    for (more, sentences) in cases {
        expect(&mut pull(more), 2, sentences);
    }
    expect(
        pull(&["--hash", "name"]).env_remove("KAPTURE_HASH_KEY"),
        2,
        &["no key", "openssl rand"],
    );
    let raw = ["pull", "--raw", "--drop", "name"];
    expect(
        &mut served.kapture(&[&raw[..], &DAY].concat()),
        2,
        &["--raw", "dropped or hashed"],
    );
    assert!(names(folder.path()).is_empty());
    assert_eq!(served.tenant.requests().len(), 0);
}

#[test]
fn key_comes_from_file_environment_or_command_and_is_never_shown() {
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    private(&at("key"), &format!("{KEY}\n"));
    let pull = |more: &[&str]| {
        let hash = ["pull", "--hash", "contacts.email", "-vvv"];
        let mut command = served.kapture(&[&hash[..], &DAY, more].concat());
        command.current_dir(&folder);
        command
    };
    let expected = expect(pull(&[]).env("KAPTURE_HASH_KEY", KEY), 0, &[]);
    assert_eq!(
        expect(&mut pull(&["--hash-key-file", "key"]), 0, &[]),
        expected
    );
    assert_eq!(
        expect(pull(&[]).env("KAPTURE_HASH_KEY_FILE", at("key")), 0, &[]),
        expected
    );
    // The sandbox has no key of its own.
    let sandbox = ["pull", "--sandbox", "--hash", "name", "--last", "1d"];
    expect(
        kapture_tests::kapture(&sandbox).env("KAPTURE_HASH_KEY", KEY),
        0,
        &[],
    );
    // The fields, too, are settings like any other.
    for (name, keys) in [
        ("file", "hash = ['contacts.email']\nhash-key-file = 'key'"),
        (
            "command",
            "hash = 'contacts.email'\nhash-key-command = ['cat', 'key']",
        ),
    ] {
        let config = at(&format!("{name}.toml"));
        private(&config, &format!("[profiles.acme]\n{keys}\n"));
        let mut command = served.kapture(&[&["pull"][..], &DAY].concat());
        command.current_dir(&folder).env("KAPTURE_CONFIG", config);
        assert_eq!(expect(&mut command, 0, &[]), expected, "{name}");
    }
    let told = pull(&[]).env("KAPTURE_HASH_KEY", KEY).output().unwrap();
    assert!(!stderr(&told).contains(KEY));
    expect(
        pull(&[]).env("KAPTURE_HASH_KEY", "short"),
        0,
        &["KAPTURE_HASH_KEY: a hash key of fewer than"],
    );
    fs::set_permissions(at("key"), fs::Permissions::from_mode(0o644)).unwrap();
    expect(
        &mut pull(&["--hash-key-file", "key"]),
        2,
        &["others can read it", "chmod 600"],
    );
    private(
        &at("config.toml"),
        &format!("[profiles.acme]\nhash-key = '{KEY}'\n"),
    );
    let output = pull(&[])
        .env("KAPTURE_CONFIG", at("config.toml"))
        .output()
        .unwrap();
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("hash-key-command") && !stderr(&output).contains(KEY));
}

#[test]
fn destination_keeps_its_choice_and_its_key() {
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    for destination in ["a.db", "a/"] {
        let sync = |more: &[&str], key: &str| {
            let mut command = served.kapture(&[&["sync", destination][..], &DAY, more].concat());
            command.current_dir(&folder).env("KAPTURE_HASH_KEY", key);
            command
        };
        let choice = [
            "--drop",
            "remarks,contacts.phone",
            "--hash",
            "contacts.email",
        ];
        expect(&mut sync(&choice, KEY), 0, &[]);
        let same = [
            "--drop",
            "contacts.phone",
            "--drop",
            " remarks",
            "--hash",
            "contacts.email",
        ];
        expect(&mut sync(&same, KEY), 0, &[]);
        let requests = served.tenant.requests().len();
        let held = "holds customers without contacts.phone, remarks and with hashes of contacts.email, not";
        expect(
            &mut sync(&[], KEY),
            6,
            &[held, "every field as it is", "--drop and --hash as before"],
        );
        expect(&mut sync(&["--drop", "remarks"], KEY), 6, &[held]);
        expect(
            &mut sync(&choice, "another key for tests"),
            6,
            &["holds hashes of the key", "give the key"],
        );
        assert_eq!(served.tenant.requests().len(), requests);
        expect(
            served
                .kapture(&["status", destination])
                .current_dir(&folder),
            0,
            &[],
        );
    }
    // Fields that were written are not taken back.
    let sync = |more: &[&str]| {
        let mut command = served.kapture(&[&["sync", "clear.db"][..], &DAY, more].concat());
        command.current_dir(&folder);
        command
    };
    expect(&mut sync(&[]), 0, &[]);
    expect(
        &mut sync(&["--drop", "remarks"]),
        6,
        &["with every field as it is, not without remarks"],
    );
}
