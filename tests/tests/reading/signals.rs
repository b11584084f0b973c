//! What signals do to a run: SIGINT, SIGTERM and SIGHUP.
#![cfg(unix)]

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kapture_sandbox::{Behaviour, FaultKind, Faults, PerDay};
use kapture_tests::{Served, around_may, code, names, stderr};

const WEEK: [&str; 5] = ["pull", "--from", "2024-05-01", "--to", "2024-05-07"];

#[test]
fn an_interrupted_pull_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("customers.ndjson");
    for (signal, expected) in [("-INT", 130), ("-TERM", 143), ("-QUIT", 131), ("-HUP", 129)] {
        // The third request is never answered, so that the run is under way when the signal comes.
        let behaviour = Behaviour {
            faults: Faults::scheduled((3..100).map(|number| (number, FaultKind::Stall))),
            ..Behaviour::default()
        };
        let served = Served::new(around_may(PerDay::Fixed(30)), behaviour);
        let child = served
            .kapture(&WEEK)
            .args(["-o", file.to_str().unwrap()])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        served.tenant.wait_for_requests(3, Duration::MAX);
        Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), expected, "{}", stderr(&output));
        assert!(
            names(folder.path()).is_empty(),
            "{:?}",
            names(folder.path())
        );
    }
}

#[test]
fn an_interrupted_sync_says_how_to_go_on() {
    let behaviour = Behaviour {
        faults: Faults::scheduled((3..100).map(|number| (number, FaultKind::Stall))),
        ..Behaviour::default()
    };
    let served = Served::new(around_may(PerDay::Fixed(30)), behaviour);
    let folder = tempfile::tempdir().unwrap();
    let child = served
        .kapture(&["sync", "a.db", "--from", "2024-05-01", "--to", "2024-05-07"])
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    served.tenant.wait_for_requests(3, Duration::MAX);
    let mut kill = Command::new("kill");
    kill.args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 130);
    let said = stderr(&output);
    assert!(said.contains("the same command goes on"), "{said}");
}

/// The reader of the output is stuck, so the run cannot react to the first signal.
#[test]
fn a_second_signal_ends_a_blocked_run_at_once() {
    // A page is larger than the buffer of a pipe, so the write blocks after the first byte.
    let served = Served::new(around_may(PerDay::Fixed(500)), Behaviour::default());
    let mut child = served
        .kapture(&WEEK)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = child.stdout.as_mut().unwrap();
    out.read_exact(&mut [0]).unwrap();
    end_by_two_signals(&mut child);
}

/// Sends two signals, and checks that one of them ended the process.
fn end_by_two_signals(child: &mut Child) {
    // Two that are the same may arrive as one.
    for signal in ["-TERM", "-INT"] {
        let mut kill = Command::new("kill");
        kill.args([signal, &child.id().to_string()]);
        assert!(kill.status().expect("kill").success());
    }
    // Two signals that arrive together have no order.
    let ended = child.wait().expect("the end").code();
    assert!(matches!(ended, Some(130 | 143)), "{ended:?}");
}

/// The run cannot react to the first signal, and has customers in a temporary file.
#[test]
fn a_second_signal_leaves_no_customers_behind() {
    let served = Served::new(around_may(PerDay::Fixed(500)), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("contacts.csv");
    let mut mkfifo = Command::new("mkfifo");
    assert!(mkfifo.arg(&pipe).status().unwrap().success());
    let mut child = served
        .kapture(&WEEK)
        .args(["-o", "customers.csv", "--contacts", "contacts.csv"])
        .current_dir(folder.path())
        .spawn()
        .unwrap();
    // The contacts of a page are more than a pipe holds.
    let mut reader = std::fs::File::open(&pipe).unwrap();
    reader.read_exact(&mut [0]).unwrap();
    end_by_two_signals(&mut child);
    assert_eq!(names(folder.path()), ["contacts.csv"]);
}

/// `nohup` is for runs that outlast the terminal they were started from.
#[test]
fn an_ignored_hangup_does_not_end_a_run() {
    let slow = FaultKind::SlowBody {
        pieces: 1,
        pause: Duration::from_secs(1),
    };
    let behaviour = Behaviour {
        faults: Faults::scheduled([(3, slow)]),
        ..Behaviour::default()
    };
    let served = Served::new(around_may(PerDay::Fixed(30)), behaviour);
    let pull = served.kapture(&WEEK);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", r#"trap "" HUP; exec "$0" "$@""#]);
    shell.arg(pull.get_program()).args(pull.get_args());
    for (name, value) in pull.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let child = shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap();
    served.tenant.wait_for_requests(3, Duration::MAX);
    std::process::Command::new("kill")
        .args(["-HUP", &child.id().to_string()])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}
