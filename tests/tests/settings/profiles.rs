//! Profiles and signing in, as a user does it: which value wins, where it was said, and where the
//! secret ends up.
#![cfg(unix)]

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kapture_sandbox::{Behaviour, DEFAULT_TOKEN, EmptyForm, PerDay};
use kapture_tests::{Served, around_may, ids, kapture, login, names, stderr};
use tempfile::TempDir;

const DAY: [&str; 5] = ["pull", "--from", "2024-05-02", "--to", "2024-05-02"];

fn served() -> Served {
    Served::new(around_may(PerDay::Fixed(5)), Behaviour::default())
}

/// A user's configuration folder.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a fresh folder and a command that runs"))
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("kapture")
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        fs::create_dir_all(
            path.parent()
                .expect("a fresh folder and a command that runs"),
        )
        .expect("a fresh folder and a command that runs");
        fs::write(&path, text).expect("a fresh folder and a command that runs");
        chmod(&path, 0o600);
        path
    }

    fn kapture(&self, arguments: &[&str]) -> Command {
        let mut command = kapture(arguments);
        command.env("XDG_CONFIG_HOME", self.0.path());
        command
    }

    fn profile(&self, served: &Served, more: &str) -> PathBuf {
        let text = format!(
            "[profiles.acme]\nbase-url = '{}'\ncm-id = 424242\n{more}\n",
            served.url()
        );
        self.file("config.toml", &text)
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .expect("a fresh folder and a command that runs");
}

fn expect(output: &Output, code: i32, words: &[&str]) {
    let stderr = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{word}: {stderr}");
    }
    assert!(!stderr.contains(DEFAULT_TOKEN), "{stderr}");
}

fn feed(mut command: Command, text: &str) -> Output {
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .expect("a fresh folder and a command that runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A command that reads no input may have ended before the write.
    if let Err(error) = stdin.write_all(text.as_bytes()) {
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
    drop(stdin);
    child
        .wait_with_output()
        .expect("a fresh folder and a command that runs")
}

#[test]
fn a_pull_needs_nothing_but_its_profile() {
    let (served, home) = (served(), Home::new());
    home.profile(&served, "token-file = 'secret'");
    home.file("secret", DEFAULT_TOKEN);
    let output = home.kapture(&DAY).output().unwrap();
    expect(&output, 0, &["1 day, 5 customers"]);
    assert_eq!(ids(&output.stdout).len(), 5);
}

#[test]
fn arguments_win_over_the_environment_and_that_over_the_profile() {
    let (served, home) = (served(), Home::new());
    home.profile(&served, "token-file = 'secret'\nendpoint = 'profile'");
    home.file("secret", DEFAULT_TOKEN);
    let output = home.kapture(&DAY).output().unwrap();
    expect(
        &output,
        2,
        &["endpoint in profile `acme` of ", "config.toml", "`profile`"],
    );
    let mut from_environment = home.kapture(&DAY);
    from_environment.env("KAPTURE_ENDPOINT", "environment");
    let output = from_environment.output().unwrap();
    expect(&output, 2, &["KAPTURE_ENDPOINT", "`environment`"]);
    let output = from_environment
        .args(["--endpoint", "serach"])
        .output()
        .unwrap();
    expect(&output, 2, &["--endpoint", "did you mean `search`?"]);
    // The last one of repeated options counts, so that an alias can set the first.
    let output = from_environment.args(["--endpoint", "lagacy"]).output();
    expect(&output.unwrap(), 2, &["did you mean `legacy`?"]);
    let output = home
        .kapture(&DAY)
        .args(["--endpoint", "legacy"])
        .output()
        .unwrap();
    expect(&output, 0, &[]);
}

#[test]
fn every_setting_is_read_from_argument_environment_and_profile() {
    let (served, home) = (served(), Home::new());
    for (key, wrong) in [
        ("subdomain", "a.b"),
        ("base-url", "nonsense"),
        ("cm-id", "many"),
        ("timeout", "0"),
        ("concurrency", "0"),
        ("max-rps", "-1"),
        ("max-rps", "1e-30"),
        ("retry-for", "soon"),
        ("time-zone", "Asia/Kolkatta"),
    ] {
        let profile = if ["subdomain", "base-url"].contains(&key) {
            home.file(
                "config.toml",
                &format!("[profiles.acme]\n{key} = '{wrong}'"),
            )
        } else if key == "cm-id" {
            home.file(
                "config.toml",
                &format!(
                    "[profiles.acme]\ncm-id = 'many'\nbase-url = '{}'",
                    served.url()
                ),
            )
        } else {
            home.profile(&served, &format!("{key} = '{wrong}'"))
        };
        let output = home.kapture(&DAY).output().unwrap();
        let destination = format!("{key} in profile `acme` of {}", profile.display());
        expect(&output, 2, &[&destination]);
        let variable = format!("KAPTURE_{}", key.to_uppercase().replace('-', "_"));
        let output = home.kapture(&DAY).env(&variable, wrong).output().unwrap();
        expect(&output, 2, &[&variable]);
        let flag = format!("--{key}={wrong}");
        let output = home.kapture(&DAY).arg(flag).output().unwrap();
        expect(&output, 2, &[&format!("--{key}")]);
    }
}

#[test]
fn a_profile_is_named_by_argument_environment_or_default() {
    let (served, home) = (served(), Home::new());
    let profiles = format!(
        "default-profile = 'one'\n[profiles.one]\ncm-id = 'one'\nbase-url = '{0}'\n[profiles.two]\ncm-id = 'two'\nbase-url = '{0}'",
        served.url()
    );
    let file = home.file("config.toml", &profiles);
    let output = home.kapture(&DAY).output().unwrap();
    expect(&output, 2, &["profile `one`"]);
    let output = home
        .kapture(&DAY)
        .env("KAPTURE_PROFILE", "two")
        .output()
        .unwrap();
    expect(&output, 2, &["profile `two`"]);
    let output = home
        .kapture(&DAY)
        .args(["--profile", "tow"])
        .output()
        .unwrap();
    expect(&output, 2, &["--profile", "did you mean `two`?"]);

    // The same from a file that is named.
    let mut elsewhere = kapture(&DAY);
    let output = elsewhere.env("KAPTURE_CONFIG", &file).output().unwrap();
    expect(&output, 2, &["profile `one`"]);
    let output = kapture(&DAY)
        .args(["--config", "/nowhere/config.toml"])
        .output()
        .unwrap();
    expect(&output, 2, &["/nowhere/config.toml"]);
}

#[test]
fn a_command_prints_the_secret_and_is_not_quoted() {
    let (served, home) = (served(), Home::new());
    home.profile(
        &served,
        &format!("token-command = ['echo', '{DEFAULT_TOKEN}']"),
    );
    expect(&home.kapture(&DAY).output().unwrap(), 0, &[]);

    // With a user it is that user's password.
    home.profile(
        &served,
        "user = 'sandbox'\ntoken-command = ['echo', 'sandbox']",
    );
    expect(&home.kapture(&DAY).output().unwrap(), 0, &[]);

    // The secret is the first line, as `pass` prints it.
    home.profile(
        &served,
        "user = 'sandbox'\ntoken-command = ['printf', 'sandbox\\nurl: https://acme.example\\n']",
    );
    expect(&home.kapture(&DAY).output().unwrap(), 0, &[]);

    let script = format!("echo {DEFAULT_TOKEN}; echo the vault is locked >&2; exit 3");
    home.profile(
        &served,
        &format!("token-command = ['sh', '-c', '{script}']"),
    );
    let output = home.kapture(&DAY).output().unwrap();
    expect(
        &output,
        2,
        &["token-command in profile `acme`", "the vault is locked"],
    );

    home.profile(&served, "token-command = ['no-such-program']");
    expect(
        &home.kapture(&DAY).output().unwrap(),
        2,
        &["cannot run `no-such-program`"],
    );
}

#[test]
fn what_others_can_read_or_write_is_refused_with_a_hint() {
    let (served, home) = (served(), Home::new());
    let configuration = home.profile(&served, "token-file = 'secret'");
    let secret = home.file("secret", DEFAULT_TOKEN);
    chmod(&secret, 0o644);
    let hint = format!("chmod 600 {}", secret.display());
    expect(&home.kapture(&DAY).output().unwrap(), 2, &[&hint]);
    let output = served
        .kapture(&DAY)
        .args(["--token-file", secret.to_str().unwrap()])
        .output();
    expect(&output.unwrap(), 2, &[&hint]);
    chmod(&secret, 0o600);
    chmod(&configuration, 0o666);
    let hint = format!("chmod go-w {}", configuration.display());
    expect(&home.kapture(&DAY).output().unwrap(), 2, &[&hint]);
}

#[test]
fn the_secret_of_a_profile_goes_to_its_own_tenant_alone() {
    let (served, home) = (served(), Home::new());
    home.profile(&served, "token-file = 'secret'");
    home.file("secret", DEFAULT_TOKEN);
    let elsewhere = self::served();
    let mut pull = home.kapture(&DAY);
    let output = pull
        .args(["--base-url", &elsewhere.url()])
        .output()
        .unwrap();
    expect(&output, 2, &["another tenant", "--base-url"]);
    assert_eq!(elsewhere.tenant.requests().len(), 0);
    // The same tenant under another layer is still the same one.
    let output = home
        .kapture(&DAY)
        .args(["--base-url", &served.url()])
        .output();
    expect(&output.unwrap(), 0, &[]);
}

#[test]
fn without_a_connection_the_ways_to_set_one_are_listed() {
    let output = Home::new().kapture(&DAY).output().unwrap();
    expect(
        &output,
        2,
        &[
            "no tenant is set",
            "auth login",
            "--subdomain",
            "KAPTURE_SUBDOMAIN",
            "--sandbox",
        ],
    );
}

#[test]
fn login_writes_a_profile_and_stores_the_secret_apart() {
    let (served, home) = (served(), Home::new());
    let url = served.url();
    let login = login(&url, &["--profile", "acme"]);
    let mut command = home.kapture(&login);
    command.arg("--with-token");
    let output = feed(command, &format!("{DEFAULT_TOKEN}\n"));
    expect(
        &output,
        0,
        &[
            "the server accepts the connection",
            "stored profile `acme`",
            "tokens/acme",
        ],
    );
    assert_eq!(served.tenant.requests().len(), 1);
    assert_eq!(names(&home.folder()), ["config.toml", "tokens"]);
    let configuration = fs::read_to_string(home.folder().join("config.toml")).unwrap();
    assert!(!configuration.contains(DEFAULT_TOKEN), "{configuration}");
    let secret = home.folder().join("tokens").join("acme");
    assert_eq!(
        fs::metadata(&secret).unwrap().permissions().mode() & 0o777,
        0o600
    );

    expect(&home.kapture(&DAY).output().unwrap(), 0, &["5 customers"]);
    let output = home.kapture(&["auth", "status"]).output().unwrap();
    expect(&output, 0, &[]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("profile `acme`") && told.contains("accepts the connection"),
        "{told}"
    );
    assert!(!told.contains(DEFAULT_TOKEN));

    expect(
        &home.kapture(&["auth", "logout"]).output().unwrap(),
        0,
        &["removed the token"],
    );
    assert!(!secret.exists());
    expect(&home.kapture(&DAY).output().unwrap(), 2, &["no token"]);
    expect(
        &home.kapture(&["auth", "logout"]).output().unwrap(),
        0,
        &["has no stored token"],
    );

    // User and password make the same token.
    let mut command = home.kapture(&login);
    command.args(["--user", "sandbox", "--with-password"]);
    expect(&feed(command, "sandbox\n"), 0, &["accepts the connection"]);
    expect(&home.kapture(&DAY).output().unwrap(), 0, &["5 customers"]);
}

/// Yesterday has no customers, which some servers report as a failure.
#[test]
fn login_needs_no_customers() {
    let behaviour = Behaviour {
        empty_window: EmptyForm::NotFound("No customers found".into()),
        ..Behaviour::default()
    };
    let served = Served::new(around_may(PerDay::Fixed(0)), behaviour);
    let home = Home::new();
    let mut command = home.kapture(&login(&served.url(), &["--profile", "acme"]));
    command.arg("--with-token");
    let output = feed(command, &format!("{DEFAULT_TOKEN}\n"));
    expect(&output, 0, &["does not refuse the token", "profile `acme`"]);
}

#[test]
fn a_refused_token_is_not_stored() {
    let (served, home) = (served(), Home::new());
    let url = served.url();
    let command = home.kapture(&login(&url, &["--with-token"]));
    let output = feed(command, "d3Jvbmc6d3Jvbmc=");
    let next = "nothing is stored: check the user name and password, or the token";
    expect(&output, 3, &["refuses the token", next]);
    assert!(!home.folder().exists());
}

#[test]
fn an_account_id_beyond_toml_integers_is_refused_before_any_request() {
    let (served, home) = (served(), Home::new());
    let url = served.url();
    let number = u64::MAX.to_string();
    let login = ["auth", "login", "--base-url", &url, "--cm-id", &number];
    let mut command = home.kapture(&login);
    command.arg("--with-token");
    let output = feed(command, DEFAULT_TOKEN);
    expect(&output, 2, &["error: --cm-id: cannot store the account id"]);
    assert_eq!(served.tenant.request_count(), 0);
    assert!(!home.folder().exists());
}

#[test]
fn without_its_profile_no_secret_is_stored() {
    let (served, home) = (served(), Home::new());
    let url = served.url();
    let sign_in = || {
        let login = login(&url, &["--with-token", "--profile", "acme"]);
        let output = feed(home.kapture(&login), DEFAULT_TOKEN);
        expect(&output, 6, &["cannot write", "config.toml"]);
    };
    // It cannot be written there, though the folder beside it can.
    let configuration = home.file("config.toml", "");
    fs::remove_file(&configuration).unwrap();
    std::os::unix::fs::symlink("/dev/null/config.toml", &configuration).unwrap();
    sign_in();
    assert!(names(&home.folder().join("tokens")).is_empty());
    // What a profile had before stays its own.
    let secret = home.file("tokens/acme", "ZWFybGllcjpvbmU=");
    sign_in();
    assert_eq!(fs::read_to_string(&secret).unwrap(), "ZWFybGllcjpvbmU=");
}

#[test]
fn without_a_default_the_profiles_are_named() {
    let home = Home::new();
    home.file("config.toml", "[profiles.acme]\n[profiles.beta]\n");
    let output = home.kapture(&DAY).output().unwrap();
    expect(&output, 2, &["--profile", "acme, beta"]);
}

#[test]
fn login_stores_every_given_setting() {
    let (served, home) = (served(), Home::new());
    let mut command = home.kapture(&login(&served.url(), &["--profile", "acme"]));
    command.args(["--with-token", "--max-rps", "2.5", "--retry-for", "5m"]);
    let output = feed(command, &format!("{DEFAULT_TOKEN}\n"));
    expect(&output, 0, &["profile `acme`"]);
    let configuration = fs::read_to_string(home.folder().join("config.toml")).unwrap();
    assert!(
        configuration.contains("max-rps = \"2.5\""),
        "{configuration}"
    );
    assert!(
        configuration.contains("retry-for = \"5m\""),
        "{configuration}"
    );
    expect(&home.kapture(&DAY).output().unwrap(), 0, &["5 customers"]);
    let output = home
        .kapture(&["auth", "login", "--sandbox"])
        .output()
        .unwrap();
    expect(&output, 2, &["the sandbox needs no profile"]);
}

/// The stored settings are the checked ones, from arguments and environment.
#[test]
fn login_reads_missing_settings_from_the_environment() {
    let (served, home) = (served(), Home::new());
    let mut command = home.kapture(&["auth", "login", "--with-token", "--max-rps", "2.5"]);
    command
        .env("KAPTURE_BASE_URL", served.url())
        .env("KAPTURE_CM_ID", "424242")
        .env("KAPTURE_ENDPOINT", "legacy")
        .env("KAPTURE_MAX_RPS", "7")
        .env("KAPTURE_PROFILE", "acme");
    let output = feed(command, &format!("{DEFAULT_TOKEN}\n"));
    expect(&output, 0, &["accepts the connection", "profile `acme`"]);
    let configuration = fs::read_to_string(home.folder().join("config.toml")).unwrap();
    for kept in [
        "cm-id = 424242",
        "endpoint = \"legacy\"",
        "max-rps = \"2.5\"",
    ] {
        assert!(configuration.contains(kept), "{kept}: {configuration}");
    }
    expect(&home.kapture(&DAY).output().unwrap(), 0, &["5 customers"]);
}

#[test]
fn without_a_terminal_there_are_no_prompts() {
    let home = Home::new();
    let output = feed(home.kapture(&["auth", "login"]), "acme\n424242\n");
    expect(
        &output,
        2,
        &[
            "no terminal",
            "--subdomain NAME",
            "--cm-id N",
            "--with-token",
        ],
    );
    let known = [
        "auth",
        "login",
        "--subdomain",
        "acme",
        "--cm-id",
        "1",
        "--user",
        "asha",
    ];
    let output = feed(home.kapture(&known), "secret\n");
    expect(&output, 2, &["no terminal", "--with-password"]);
    // The input would be a password, but --with-token declares a token.
    let mut either = home.kapture(&known);
    either.arg("--with-token");
    let output = feed(either, "secret\n");
    expect(&output, 2, &["--with-token", "--user"]);
}
