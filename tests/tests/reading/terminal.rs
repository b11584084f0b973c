//! On a terminal: what is drawn there, what is asked there, and what is never shown.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use kapture_sandbox::{Behaviour, PerDay, Population};
use kapture_tests::{Served, kapture, names, stderr};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// A pseudo-terminal: this end of it, and what was shown there so far.
struct Terminal {
    end: File,
    shown: String,
}

impl Terminal {
    /// A terminal of so many columns, and its other end.
    fn new(columns: u16) -> (Self, OwnedFd) {
        let end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&end)
            .and_then(|()| unlockpt(&end))
            .expect("a terminal");
        let size = Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&end, size).expect("a size");
        let name = ptsname(&end, Vec::new()).expect("a name");
        let other = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty());
        let terminal = Self {
            end: File::from(end),
            shown: String::new(),
        };
        (terminal, other.expect("the other end"))
    }

    /// Reads until `text` is shown.
    fn expect(&mut self, text: &str) {
        while !self.shown.contains(text) {
            assert!(self.read(), "{text} is not in {}", self.shown);
        }
    }

    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.end.read(&mut buffer) {
            // The last one on the other end is gone.
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.shown += &String::from_utf8_lossy(&buffer[..length]);
                true
            }
        }
    }

    fn wait_until_it_shows_keys(&self, shows: bool) {
        let modes = || tcgetattr(&self.end).expect("its modes").local_modes;
        while modes().contains(LocalModes::ECHO) != shows {
            std::thread::yield_now();
        }
    }

    /// Reads to the end, and expects this exit code.
    fn finish(mut self, mut child: Child, code: i32) -> String {
        while self.read() {}
        let status = child.wait().expect("an end");
        assert_eq!(status.code(), Some(code), "{}", self.shown);
        self.shown
    }
}

/// Starts a command whose standard error is this terminal, and with it what else is asked for.
fn start(mut command: Command, terminal: &OwnedFd, all: bool) -> Child {
    let end = || terminal.try_clone().expect("one more");
    command
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stderr(end());
    if all {
        command.stdin(end()).stdout(end());
    }
    command.spawn().expect("a run")
}

fn served(think_time: Duration) -> Served {
    let day = |text: &str| text.parse().expect("a date");
    let population =
        Population::new(3).days(day("2024-01-01"), day("2024-12-31"), PerDay::Fixed(5));
    let behaviour = Behaviour {
        think_time,
        ..Behaviour::default()
    };
    Served::new(population, behaviour)
}

const SPRING: [&str; 5] = ["pull", "--from", "2024-03-01", "--to", "2024-05-31"];

/// Without colours, and with a line end wherever the cursor is moved.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' => {
                let command = rest.find(|character| character.is_ascii_alphabetic());
                plain.extend(command.filter(|command| *command != 'm').map(|_| '\n'));
            }
            character => plain.push(character),
        }
    }
    plain
}

#[test]
fn progress_fits_into_forty_columns() {
    let served = served(Duration::from_millis(20));
    let folder = tempfile::tempdir().unwrap();
    let mut command = served.kapture(&SPRING);
    command
        .args(["-o", "customers.ndjson"])
        .current_dir(folder.path());
    let (terminal, end) = Terminal::new(40);
    let child = start(command, &end, false);
    drop(end);
    let shown = plain(&terminal.finish(child, 0));
    assert!(shown.contains("/92 days"), "{shown}");
    assert!(shown.contains("customers, "), "{shown}");
    assert!(shown.contains(" in flight"), "{shown}");
    let summary = |line: &&str| line.starts_with("92 days, ");
    // The terminal itself begins a new line after forty columns: nothing is cut there.
    for line in shown.split(['\r', '\n']).filter(|line| !summary(line)) {
        let columns: Vec<_> = line.chars().collect();
        assert!(columns.len() <= 80, "{line}");
        for row in columns.chunks(40).map(|row| row.iter().collect::<String>()) {
            assert_eq!(row.contains("/92 days, "), row.contains(" left"), "{line}");
            // Nothing is known yet of how long it takes.
            assert!(!row.contains(" 0/92 days, "), "{line}");
        }
    }
    assert!(
        shown
            .trim_end()
            .lines()
            .last()
            .is_some_and(|line| summary(&line.trim()))
    );
    assert_eq!(names(folder.path()), ["customers.ndjson"]);
}

/// Clearing the bar takes away the lines around the cursor.
#[test]
fn what_is_said_in_the_end_is_not_cleared_away() {
    let served = served(Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    let range = ["--from", "2024-03-01", "--to", "2024-05-31"];
    let mut sync = served.kapture(&["sync"]);
    let output = sync.arg(&destination).args(range).output().unwrap();
    assert!(output.status.success());
    let mut verify = served.kapture(&["verify"]);
    verify.arg(&destination);
    let (terminal, end) = Terminal::new(80);
    let child = start(verify, &end, false);
    drop(end);
    let shown = terminal.finish(child, 0);
    let (_, after) = shown.split_once("92 days compared").unwrap();
    assert!(!after.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn data_on_the_same_terminal_is_not_garbled() {
    let served = served(Duration::ZERO);
    let (terminal, end) = Terminal::new(80);
    let child = start(served.kapture(&SPRING), &end, true);
    drop(end);
    let shown = terminal.finish(child, 0);
    assert!(!shown.contains('\u{1b}'), "nothing moves the cursor");
    let lines: Vec<_> = shown.lines().collect();
    let (last, data) = lines.split_last().unwrap();
    assert_eq!(data.len(), 92 * 5);
    for line in data {
        assert!(
            serde_json::from_str::<serde_json::Value>(line).is_ok(),
            "{line}"
        );
    }
    assert!(last.starts_with("92 days, "), "{last}");
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let served = served(Duration::ZERO);
    let log = |no_colour: &str| {
        let mut command = served.kapture(&SPRING);
        command
            .args(["-v", "-o", "-"])
            .stdout(std::process::Stdio::null());
        let (terminal, end) = Terminal::new(80);
        let child = {
            command.env("TERM", "xterm").env("NO_COLOR", no_colour);
            command.stderr(end).spawn().unwrap()
        };
        drop(command);
        terminal.finish(child, 0)
    };
    assert!(log("").contains("\u{1b}["));
    assert!(!log("1").contains("\u{1b}["));
    let output = served.kapture(&SPRING).arg("-v").output().unwrap();
    assert!(
        !output.stderr.contains(&0x1b),
        "no colour without a terminal"
    );
}

/// Ctrl-D at a question ends signing in, rather than answering with nothing.
#[test]
fn an_end_of_input_is_no_answer() {
    let home = tempfile::tempdir().unwrap();
    let (mut terminal, end) = Terminal::new(80);
    let mut command = kapture(&["auth", "login"]);
    command.env("XDG_CONFIG_HOME", home.path());
    let child = start(command, &end, true);
    drop(end);
    terminal.expect("Subdomain");
    terminal.end.write_all(&[4]).unwrap();
    let shown = terminal.finish(child, 2);
    assert!(shown.contains("nothing is stored"), "{shown}");
    assert!(!shown.contains("Account id"), "{shown}");
    assert!(names(home.path()).is_empty());
}

/// Signing in on the terminal that the session has.
fn login(url: &str, home: &Path) -> Command {
    let login = kapture(&["auth", "login", "--base-url", url]);
    let mut command = Command::new("setsid");
    command
        .args(["--ctty", "--wait"])
        .arg(login.get_program())
        .args(login.get_args())
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
        .env("XDG_CONFIG_HOME", home);
    for name in ["KAPTURE_PROFILE", "KAPTURE_CONFIG"] {
        command.env_remove(name);
    }
    command
}

/// The keys that end or stop a command work at the prompt, and the terminal is left as it was.
#[test]
fn a_prompt_that_is_left_shows_again_what_is_typed() {
    let home = tempfile::tempdir().unwrap();
    for (key, stops) in [(0x03, false), (0x1c, false), (0x1a, true)] {
        let (mut terminal, end) = Terminal::new(80);
        let mut child = start(login("http://127.0.0.1:9", home.path()), &end, true);
        terminal.expect("Account id");
        terminal.end.write_all(b"424242\n").unwrap();
        terminal.expect("User name");
        terminal.end.write_all(b"\n").unwrap();
        terminal.expect("Token (not shown)");
        terminal.wait_until_it_shows_keys(false);
        terminal.end.write_all(&[key]).unwrap();
        terminal.wait_until_it_shows_keys(true);
        if stops {
            child.kill().unwrap();
        }
        child.wait().unwrap();
        assert!(names(home.path()).is_empty());
    }
}

#[test]
fn login_prompts_and_hides_the_password() {
    let served = served(Duration::ZERO);
    let home = tempfile::tempdir().unwrap();
    let (mut terminal, end) = Terminal::new(80);
    let command = login(&served.url(), home.path());
    let child = start(command, &end, true);
    drop(end);
    terminal.expect("Account id");
    terminal.end.write_all(b"424242\n").unwrap();
    terminal.expect("User name");
    terminal.end.write_all(b"sandbox\n").unwrap();
    terminal.expect("Password (not shown)");
    terminal.wait_until_it_shows_keys(false);
    let before = terminal.shown.len();
    terminal.end.write_all(b"sandbox\n").unwrap();
    let shown = terminal.finish(child, 0);
    assert!(!shown[before..].contains("sandbox"), "{shown}");
    assert!(
        shown.contains("the server accepts the connection"),
        "{shown}"
    );
    let folder = home.path().join("kapture");
    assert_eq!(names(&folder), ["config.toml", "tokens"]);
}

#[test]
fn a_sandbox_that_finds_its_port_taken_says_so() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = kapture(&["sandbox", "--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    for words in [&format!("cannot serve on 127.0.0.1:{port}"), "another port"] {
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

#[test]
fn a_sandbox_ends_when_it_is_told_to() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let mut child = kapture(&["sandbox"])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut line = [0; 8];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut line)
            .unwrap();
        assert_eq!(&line[..7], b"http://");
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, signal).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{signal:?}");
    }
}
