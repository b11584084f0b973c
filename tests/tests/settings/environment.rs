//! Where a run gets its settings in containers and services: variables, mounted secrets, no home.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use kapture_sandbox::{Behaviour, DEFAULT_TOKEN, PerDay};
use kapture_tests::{Served, around_may, binary, code, kapture, stderr};

const DAY: [&str; 5] = ["pull", "--from", "2024-05-02", "--to", "2024-05-02"];

fn served() -> Served {
    Served::new(around_may(PerDay::Fixed(3)), Behaviour::default())
}

/// Runs as a user without an entry in the user database. `None` if this user may not switch.
fn as_unknown_user(served: &Served, arguments: &[&str]) -> Option<Output> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("permitted");
    let program = folder.path().join("kapture");
    fs::copy(binary(), &program).expect("copied");
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("KAPTURE_BASE_URL", served.url())
        .env("KAPTURE_CM_ID", "424242")
        .env("KAPTURE_TOKEN", DEFAULT_TOKEN)
        .current_dir("/")
        .uid(65_123)
        .gid(65_123);
    Some(command.output().expect("it runs"))
}

#[test]
fn a_user_without_a_home_folder_needs_no_configuration() {
    let served = served();
    let Some(output) = as_unknown_user(&served, &DAY) else {
        return;
    };
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let named = [&DAY[..], &["--profile", "acme"]].concat();
    let output = as_unknown_user(&served, &named).expect("root");
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    for words in [
        "no profile `acme`",
        "no home folder",
        "hint: set one with --config",
    ] {
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

#[test]
fn a_home_that_is_no_folder_has_no_configuration() {
    let served = served();
    let mut command = served.kapture(&DAY);
    command
        .env_remove("XDG_CONFIG_HOME")
        .env("HOME", "/dev/null");
    let output = command.output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}

#[test]
fn a_password_of_several_lines_is_refused() {
    let served = served();
    let mut command = served.kapture(&DAY);
    command
        .env_remove("KAPTURE_TOKEN")
        .env("KAPTURE_USER", "sandbox")
        .env("KAPTURE_PASSWORD", "sandbox\nurl: https://acme.example");
    let output = command.output().unwrap();
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("more than one line"),
        "{}",
        stderr(&output)
    );
    assert_eq!(served.tenant.request_count(), 0);
}

#[test]
fn variables_are_trimmed() {
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("token"), DEFAULT_TOKEN).unwrap();
    fs::set_permissions(path("token"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(path("config.toml"), "").unwrap();
    for variables in [
        vec![("TOKEN", format!("{DEFAULT_TOKEN}\n"))],
        vec![("TOKEN_FILE", format!("{}\n", path("token")))],
        vec![
            ("USER", "sandbox\r\n".to_owned()),
            ("PASSWORD", "sandbox\n".to_owned()),
        ],
    ] {
        let mut pull = kapture(&DAY);
        pull.env("KAPTURE_BASE_URL", format!("{}\r", served.url()))
            .env("KAPTURE_CM_ID", "424242\n")
            .env("KAPTURE_ENDPOINT", "search\n")
            .env("KAPTURE_TIME_ZONE", "UTC\r\n")
            .env("KAPTURE_TIMEOUT", "30\n")
            .env("KAPTURE_RETRY_FOR", "10s\n")
            .env("KAPTURE_CONFIG", format!("{}\n", path("config.toml")));
        for (name, value) in &variables {
            pull.env(format!("KAPTURE_{name}"), value);
        }
        let output = pull.output().unwrap();
        assert_eq!(code(&output), 0, "{variables:?}: {}", stderr(&output));
    }
    // The error quotes the subdomain without the carriage return.
    let output = kapture(&DAY)
        .env("KAPTURE_SUBDOMAIN", "acme.example\r")
        .env("KAPTURE_CM_ID", "1")
        .env("KAPTURE_TOKEN", DEFAULT_TOKEN)
        .output()
        .unwrap();
    let quoted = "`acme.example`";
    assert!(stderr(&output).contains(quoted), "{}", stderr(&output));
}

/// Containers mount secrets on read-only file systems, with modes that cannot be changed.
#[cfg(target_os = "linux")]
#[test]
fn a_secret_on_a_read_only_file_system_is_accepted() {
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    fs::create_dir(&secrets).unwrap();
    let pull = served.kapture(&DAY);
    let script = format!(
        r#"mount -t tmpfs tmpfs {0} && printf %s {DEFAULT_TOKEN} > {0}/token && chmod 444 {0}/token &&
        {{ mount -o remount,ro {0} || exit 77; exec "$0" "$@" --token-file {0}/token; }} || exit 77"#,
        secrets.display()
    );
    let mut shell = Command::new("unshare");
    shell.args(["--mount", "sh", "-c", &script]);
    shell.arg(pull.get_program()).args(pull.get_args());
    for (name, value) in pull.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.env_remove("KAPTURE_TOKEN");
    let Ok(output) = shell.output() else {
        return;
    };
    // Where this user may not mount anything there is nothing to see.
    if output.status.code() == Some(77) || stderr(&output).starts_with("unshare:") {
        return;
    }
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}
