//! Where the secret must not appear: arguments of processes, other files, messages and core dumps;
//! and no command waits for input without a terminal.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use kapture_sandbox::{Behaviour, PerDay};
use kapture_tests::{Served, around_may, code, kapture, login, stderr};
use tempfile::TempDir;

/// A password that stands nowhere else, and the token that is made of it for the user `asha`.
const PASSWORD: &str = "xyzzy-4711";
const TOKEN: &str = "YXNoYTp4eXp6eS00NzEx";

const PULL: [&str; 7] = [
    "pull",
    "--from",
    "2024-05-02",
    "--to",
    "2024-05-02",
    "-o",
    "customers.ndjson",
];

fn served(think_time: Duration) -> Served {
    let behaviour = Behaviour {
        token: TOKEN.into(),
        think_time,
        ..Behaviour::default()
    };
    Served::new(around_may(PerDay::Fixed(5)), behaviour)
}

/// A home, which is also the folder to work in.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        path.to_str().expect("text").to_owned()
    }

    fn kapture(&self, served: &Served, arguments: &[&str]) -> Command {
        let mut command = kapture(arguments);
        command
            .current_dir(&self.0)
            .env("HOME", self.0.path())
            .env("XDG_CONFIG_HOME", self.0.path())
            .env("KAPTURE_BASE_URL", served.url())
            .env("KAPTURE_CM_ID", "424242")
            .stdin(Stdio::null());
        command
    }

    /// The files below that hold the secret in any form.
    fn holding(&self) -> Vec<String> {
        fn walk(folder: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    walk(&path, found);
                } else if holds(&fs::read(&path).expect("a file")) {
                    found.push(entry.file_name().to_string_lossy().into_owned());
                }
            }
        }
        let mut found = Vec::new();
        walk(self.0.path(), &mut found);
        found.sort();
        found
    }
}

fn holds(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let hexadecimal: String = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect();
    [PASSWORD, TOKEN, &hexadecimal]
        .iter()
        .any(|secret| text.contains(secret))
}

/// The ways to give the secret, as what the environment says.
fn ways(home: &Home, served: &Served) -> Vec<Vec<(&'static str, String)>> {
    let profile = |text: &str| {
        let text = format!("[profiles.acme]\nbase-url = '{}'\n{text}\n", served.url());
        home.file("kapture/config.toml", &text, 0o600)
    };
    let token_file = home.file("chosen", TOKEN, 0o600);
    // It records what it sees of its own arguments and of those of who started it.
    let command = home.file(
        "command",
        "#!/bin/sh\ncat /proc/$$/cmdline /proc/$PPID/cmdline >> \"$HOME/seen\"\ncat \"$HOME/vault\"\n",
        0o700,
    );
    home.file("vault", PASSWORD, 0o600);
    vec![
        vec![("KAPTURE_TOKEN", TOKEN.into())],
        vec![
            ("KAPTURE_USER", "asha".into()),
            ("KAPTURE_PASSWORD", PASSWORD.into()),
        ],
        vec![("KAPTURE_TOKEN_FILE", token_file)],
        vec![(
            "KAPTURE_CONFIG",
            profile(&format!("user = 'asha'\ntoken-command = ['{command}']")),
        )],
    ]
}

/// Over plain http a proxy would be shown the token.
#[test]
fn plain_http_is_shown_to_no_proxy() {
    let (served, home) = (served(Duration::ZERO), Home::new());
    let mut pull = home.kapture(&served, &PULL);
    pull.env("KAPTURE_TOKEN", TOKEN);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        pull.env(name, "http://127.0.0.1:9");
    }
    let output = pull.output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}

/// Arguments of a process and of all that it has started.
fn arguments(process: u32) -> Vec<u8> {
    let of = format!("/proc/{process}");
    let mut found = fs::read(format!("{of}/cmdline")).unwrap_or_default();
    for task in fs::read_dir(format!("{of}/task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children
            .split_whitespace()
            .filter_map(|child| child.parse().ok())
        {
            found.extend(arguments(child));
        }
    }
    found
}

#[test]
fn no_list_of_processes_no_file_and_no_line_shows_it() {
    for way in 0..4 {
        let (served, home) = (served(Duration::from_millis(20)), Home::new());
        let variables = ways(&home, &served).swap_remove(way);
        let before = home.holding();
        for more in [
            &["-vvv"][..],
            &["-vvv", "--log-format", "json"],
            &["--concurrency", "1"],
        ] {
            let asked = served.tenant.request_count();
            let mut child: Child = home
                .kapture(&served, &PULL)
                .args(more)
                .envs(variables.iter().map(|(name, value)| (name, value)))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            served.runs_until_request(&mut child, asked + 1);
            assert!(!holds(&arguments(child.id())));
            let output = child.wait_with_output().unwrap();
            assert_eq!(code(&output), 0, "{variables:?}: {}", stderr(&output));
            assert!(!holds(&output.stderr) && !holds(&output.stdout));
        }
        // What was chosen to hold it does, and nothing else.
        assert_eq!(home.holding(), before);
        let seen = fs::read(home.0.path().join("seen"));
        assert_eq!(
            seen.is_ok(),
            way == 3,
            "the command has run where it is named"
        );
        assert!(!holds(&seen.unwrap_or_default()));
    }
}

/// Tools of keyrings, acted out: what they are given, as arguments and otherwise, they keep in
/// `given` and `kept`.
const SECRET_TOOL: &str = r#"#!/bin/bash
echo "$*" >> "$HOME/given"
case $1 in
    store) cat > "$HOME/kept" ;;
    lookup) cat "$HOME/kept" ;;
    clear) rm "$HOME/kept" ;;
esac
"#;
const SECURITY: &str = r#"#!/bin/bash
echo "$*" >> "$HOME/given"
case $1 in
    -i) read -r line; hex=${line##*-X }; printf "$(sed 's/../\\x&/g' <<< "$hex")" > "$HOME/kept" ;;
    find-generic-password) cat "$HOME/kept" && echo ;;
    delete-generic-password) rm "$HOME/kept" && echo "password has been deleted." ;;
esac
"#;

#[test]
fn a_keyring_is_given_it_through_a_pipe_and_it_is_there_alone() {
    for (name, script) in [("secret-tool", SECRET_TOOL), ("security", SECURITY)] {
        let (served, home) = (served(Duration::ZERO), Home::new());
        let tool = home.file(&format!("bin/{name}"), script, 0o700);
        let folder = Path::new(&tool).parent().unwrap().to_str().unwrap();
        let path = format!("{folder}:/usr/bin:/bin");
        let run = |arguments: &[&str]| {
            let mut command = home.kapture(&served, arguments);
            command.env("PATH", &path);
            command.output().unwrap()
        };
        let source = home.file("source", TOKEN, 0o600);
        let url = served.url();
        let sign_in = |more: &[&str], destination: &str| {
            let told = run(&login(&url, &[&["--token-file", &source], more].concat()));
            assert_eq!(code(&told), 0, "{}", stderr(&told));
            assert!(stderr(&told).contains(destination), "{}", stderr(&told));
        };
        sign_in(&["--keep-in-file"], "tokens/default, which only you");
        assert_eq!(home.holding(), ["default", "source"]);
        sign_in(&[], "its token in the keyring");
        fs::remove_file(&source).unwrap();
        let pulled = run(&PULL);
        assert_eq!(code(&pulled), 0, "{}", stderr(&pulled));
        assert_eq!(home.holding(), ["kept"], "{name}");

        // It may be locked, or gone.
        home.file(&format!("bin/{name}"), "#!/bin/sh\nexit 1\n", 0o700);
        let locked = "unlock the keyring, or sign in again with kapture auth login";
        assert!(stderr(&run(&PULL)).contains(locked));
        let remaining = "unlock the keyring and try again; if it has no token any more, remove token-command in profile";
        assert!(stderr(&run(&["auth", "logout"])).contains(remaining));
        home.file(&format!("bin/{name}"), script, 0o700);

        let gone = run(&["auth", "logout"]);
        assert_eq!(
            (code(&gone), &*gone.stdout),
            (0, &b""[..]),
            "{}",
            stderr(&gone)
        );
        assert!(home.holding().is_empty());
        assert_eq!(code(&run(&PULL)), 2);

        // Where no profile can come to be, it is not kept there either.
        let source = home.file("source", TOKEN, 0o600);
        let nowhere = ["--token-file", &source, "--config", "/dev/null/config.toml"];
        let told = run(&login(&url, &nowhere));
        assert_eq!(code(&told), 6, "{}", stderr(&told));
        assert_eq!(home.holding(), ["source"], "{name}");
        fs::remove_file(&source).unwrap();

        // One that does not give back what it was given is none.
        home.file(
            &format!("bin/{name}"),
            "#!/bin/sh\ncat > /dev/null\n",
            0o700,
        );
        let source = home.file("source", TOKEN, 0o600);
        let told = run(&login(&url, &["--token-file", &source]));
        assert!(
            stderr(&told).contains("tokens/default"),
            "{}",
            stderr(&told)
        );
        assert_eq!(code(&run(&PULL)), 0);
    }
}

#[test]
fn a_crash_leaves_no_image_of_memory() {
    let (served, home) = (served(Duration::from_secs(600)), Home::new());
    let pull = home.kapture(&served, &PULL);
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -c unlimited; exec \"$@\"", "sh"])
        .arg(pull.get_program())
        .args(pull.get_args())
        .envs(
            pull.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("KAPTURE_TOKEN", TOKEN)
        .current_dir(&home.0)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    served.runs_until_request(&mut child, 1);
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::ABORT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped());
    assert!(home.holding().is_empty());
}

#[test]
fn no_command_waits_for_input_without_a_terminal() {
    let (served, home) = (served(Duration::ZERO), Home::new());
    let closed = |command: &Command| {
        let mut closing = Command::new("sh");
        closing
            .args(["-c", "exec \"$@\" <&-", "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(&home.0);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => closing.env(name, value),
                None => closing.env_remove(name),
            };
        }
        closing.output().unwrap()
    };
    // A pipe without a writer.
    let open = |command: &mut Command| -> Output {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let end = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        drop(end);
        output
    };
    let cases: [(&[&str], i32); 14] = [
        (&PULL, 2),
        (&["pull"], 2),
        (&["sync", "customers.db"], 2),
        (&["status", "customers.db"], 6),
        (&["verify", "customers.db"], 2),
        (&["plan", "--last", "7d"], 0),
        (&["doctor"], 2),
        (&["auth", "login"], 2),
        (&["auth", "login", "--subdomain", "acme"], 2),
        (
            &[
                "auth",
                "login",
                "--subdomain",
                "acme",
                "--cm-id",
                "1",
                "--user",
                "asha",
            ],
            2,
        ),
        (&["auth", "status"], 2),
        (&["auth", "logout"], 2),
        (&["schema"], 0),
        (&["completions", "bash"], 0),
    ];
    for (arguments, expected) in cases {
        let mut command = home.kapture(&served, arguments);
        let outputs = [
            command.output().unwrap(),
            open(&mut command),
            closed(&command),
        ];
        for output in outputs {
            assert_eq!(
                code(&output),
                expected,
                "{arguments:?}: {}",
                stderr(&output)
            );
        }
    }
}

/// Addresses in the formats of other programs.
#[test]
fn a_destination_that_may_hold_a_password_is_not_repeated() {
    for destination in [
        "host=db user=me password=secret",
        "postgres:/me:secret@h/crm",
    ] {
        for command in [
            &["status"][..],
            &["plan"],
            &["verify", "--sandbox"],
            &["sync", "--sandbox", "--from", "-1d"],
            &["pull", "--sandbox", "--last", "1d", "-o"],
        ] {
            let output = kapture(&[command, &[destination]].concat())
                .output()
                .unwrap();
            assert_eq!(code(&output), 2, "{}", stderr(&output));
            let sentence = "write it as postgres://user@host/database";
            assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
            assert!(!stderr(&output).contains("secret"), "{}", stderr(&output));
        }
    }
}
