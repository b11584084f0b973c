//! The password of a database is in no output, however its address is spelled.

use std::net::TcpListener;

use kapture_tests::{code, kapture};

/// Pieces of the password, in every spelling.
const PIECES: [&str; 13] = [
    "Xq#", "Xq%", "Xq7", "7/Z", "7%2", "Zk?", "Zk%", "Zk4", "4@W", "4%4", "Wv%", "Wv2", "2Jp",
];

const COMMANDS: [&str; 8] = [
    "sync WHERE --sandbox --from -2d -vv",
    "sync WHERE --sandbox --from -2d --log-format json",
    "pull -o WHERE --sandbox --last 2 --metrics m.prom",
    "plan WHERE --sandbox --from -2d",
    "status WHERE --json",
    "verify WHERE --sandbox --from -2d",
    "changes WHERE",
    "forget WHERE --id 1",
];

/// Addresses of a closed port with the password `Xq#7/Zk?4@Wv%2Jp` or a part of it as it is, and
/// whether they can be read.
fn addresses(port: u16) -> Vec<(String, bool)> {
    let encoded = "Xq%237%2FZk%3F4%40Wv%252Jp";
    let refused = [
        "Xq#7/Zk?4@Wv%2Jp",
        "Xq%237%2FZk%3F4@Wv%252Jp",
        "Xq#7Zk4Wv2Jp",
        "Xq7/Zk4Wv2Jp",
        "Xq7Zk?4Wv2Jp",
        "Xq7Zk4Wv%2Jp",
        "Xq7Zk4Wv%",
    ];
    let server = format!("127.0.0.1:{port}");
    let mut addresses = vec![
        (format!("postgres://me:{encoded}@{server}/crm"), true),
        (
            format!("postgres://{server}/crm?user=me&password={encoded}"),
            true,
        ),
        (
            format!("postgres://{server}/crm?password=a&Xq7Zk4Wv2Jp=b"),
            false,
        ),
        (
            format!("postgres://{server}/crm?password=a&Xq7Zk4Wv2Jp"),
            false,
        ),
        (format!("postgres://Xq7Zk@4Wv2Jp:a@{server}/crm"), false),
        ("postgres://me:Xq7Zk4Wv2Jp/crm".to_owned(), false),
        (format!("me:Xq7Zk4Wv2Jp://x@{server}/crm"), false),
        (format!("//me:Xq7Zk4Wv2Jp://x@{server}/crm"), false),
        (format!("postgres:/me:{encoded}@{server}/crm"), false),
        (format!("POSTGRES://me:{encoded}@{server}/crm"), false),
        (
            format!("postgresql+psycopg2://me:{encoded}@{server}/crm"),
            false,
        ),
        (
            format!("host=127.0.0.1 port={port} user=me password={encoded}"),
            false,
        ),
        (
            format!("postgres://{server}/crm&password=Xq7Zk4Wv2Jp"),
            false,
        ),
        (
            format!("postgres://{server}/crm;password=Xq7Zk4Wv2Jp"),
            false,
        ),
        (
            format!("postgres://{server}/crm password=Xq7Zk4Wv2Jp"),
            false,
        ),
        (
            format!("postgres://{server}/crm%3Fpassword%3DXq7Zk4Wv2Jp"),
            false,
        ),
        (
            format!("postgres://{server};user=me;password=Xq7Zk4Wv2Jp"),
            false,
        ),
        (format!("postgres://me%3AXq7Zk4Wv2Jp%40{server}/crm"), false),
        ("postgres://me:/Xq7Zk4Wv2Jp/crm".to_owned(), false),
        ("postgres://[Xq7Zk4Wv2Jp]/crm".to_owned(), false),
        (
            format!("postgres%3A%2F%2Fme%3AXq7Zk4Wv2Jp%40{server}%2Fcrm"),
            false,
        ),
        (format!("postgres//me:Xq7Zk4Wv2Jp@{server}/crm/"), false),
        (format!("me:Xq7Zk4Wv2Jp@{server}/crm.db"), false),
        (format!("sqlite://me:Xq7Zk4Wv2Jp@{server}/crm"), false),
        ("user:me password:Xq7Zk4Wv2Jp".to_owned(), false),
    ];
    for password in refused {
        addresses.push((format!("postgresql://me:{password}@{server}/crm"), false));
        if password.contains(['#', '@', '%']) {
            let query = format!("postgres://{server}/crm?password={password}");
            addresses.push((query, false));
        }
    }
    addresses
}

#[test]
fn no_piece_of_a_database_password_is_in_any_output() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let folder = tempfile::tempdir().expect("a folder");
    for (address, is_readable) in addresses(port) {
        for command in COMMANDS {
            let arguments: Vec<_> = command
                .split(' ')
                .map(|argument| match argument {
                    "WHERE" => address.as_str(),
                    argument => argument,
                })
                .collect();
            let output = kapture(&arguments)
                .current_dir(&folder)
                .output()
                .expect("it runs");
            let metrics = std::fs::read(folder.path().join("m.prom")).unwrap_or_default();
            let shown = [&output.stdout[..], &output.stderr, &metrics].concat();
            let shown = String::from_utf8_lossy(&shown);
            for piece in PIECES {
                assert!(!shown.contains(piece), "{arguments:?}: {shown}");
            }
            let expected = if is_readable { 6 } else { 2 };
            assert_eq!(code(&output), expected, "{arguments:?}: {shown}");
        }
    }
}

/// An address in place of another value, wherever it is given.
#[test]
fn no_piece_of_a_database_password_is_repeated_with_a_wrong_value() {
    let folder = tempfile::tempdir().expect("a folder");
    for address in [
        "postgres://me:Xq7Zk4Wv2Jp@127.0.0.1:9/crm",
        "postgres://127.0.0.1:9/crm?password=Xq7Zk4Wv2Jp",
        "postgres://me:Xq7Z k4Wv2Jp@127.0.0.1:9/crm",
        "host=127.0.0.1 password=Xq7Zk4Wv2Jp",
    ] {
        let profile = format!("[profiles.a]\ncm-id = 7\nsubdomain = \"{address}\"\n");
        std::fs::write(folder.path().join("a.toml"), profile).expect("written");
        for words in [
            "WHERE",
            "status a.db WHERE",
            "pull --sandbox WHERE",
            "pull --sandbox --from WHERE",
            "pull --sandbox --last 2 --format WHERE",
            "pull --sandbox --last 2 --contacts WHERE",
            "pull --config WHERE --last 2",
            "pull --config a.toml --last 2",
            "pull --subdomain WHERE --cm-id 7 --last 2",
            "doctor WHERE --log-format json",
            "singer --config WHERE",
            "airbyte read --config WHERE --catalog WHERE",
        ] {
            let arguments: Vec<_> = words.split(' ').collect();
            let arguments = arguments.iter().map(|word| match *word {
                "WHERE" => address,
                word => word,
            });
            let arguments: Vec<_> = arguments.collect();
            let mut command = kapture(&arguments);
            let output = command.current_dir(&folder).output().expect("it runs");
            let shown = [&output.stdout[..], &output.stderr].concat();
            let shown = String::from_utf8_lossy(&shown);
            assert_eq!(code(&output), 2, "{arguments:?}: {shown}");
            for piece in ["Xq7Z", "k4Wv", "2Jp"] {
                assert!(!shown.contains(piece), "{arguments:?}: {shown}");
            }
        }
    }
}

/// A whole address in a variable that is for one part of it.
#[test]
fn no_piece_of_a_database_password_is_repeated_from_a_variable() {
    for variable in [
        "PGHOST",
        "PGHOSTADDR",
        "PGPORT",
        "PGDATABASE",
        "PGUSER",
        "PGSERVICE",
        "PGPASSFILE",
        "PGSSLMODE",
        "PGSSLROOTCERT",
        "PGCONNECT_TIMEOUT",
        "PGREQUIREPEER",
        "PGSSLCRLDIR",
    ] {
        let mut command = kapture(&["status", "postgres://"]);
        command.envs([("PGPORT", "9"), ("PGCONNECT_TIMEOUT", "2")]);
        command.env("HOME", "/nowhere");
        command.env(variable, "postgres://me:Xq7Zk4Wv2Jp@127.0.0.1:9/crm");
        let output = command.output().expect("it runs");
        let shown = kapture_tests::stderr(&output);
        assert_eq!(code(&output), 6, "{variable}: {shown}");
        for piece in ["Xq7", "Zk4", "Wv2"] {
            assert!(!shown.contains(piece), "{variable}: {shown}");
        }
    }
}

#[test]
fn hint_says_how_characters_are_encoded() {
    for address in [
        "postgres://me:pa@ssword#1@db.invalid/crm",
        "postgres://me:pa?ssword@db.invalid/crm",
        "postgres://me:50%off@db.invalid/crm",
    ] {
        let output = kapture(&["status", address]).output().expect("it runs");
        let shown = kapture_tests::stderr(&output);
        assert_eq!(code(&output), 2, "{shown}");
        for cure in [
            "hint: ",
            "%40",
            "%23",
            "%2F",
            "%3F",
            "%25",
            "PGPASSWORD",
            "~/.pgpass",
        ] {
            assert!(shown.contains(cure), "{shown}");
        }
    }
}
