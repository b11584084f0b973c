//! Messages on standard error: as text, as JSON, with `--quiet`, and on a closed descriptor.

use std::io::Read;
use std::process::{Command, Stdio};

use chrono::NaiveDate;
use kapture_sandbox::{Behaviour, DEFAULT_TOKEN, EmptyForm, FaultKind, Faults, Oddities, PerDay};
use kapture_tests::scripted::{Scripted, one_a_day};
use kapture_tests::{Served, around_may, code, login, stderr};
use serde_json::Value;

const DAY: [&str; 5] = ["pull", "--from", "2024-05-02", "--to", "2024-05-02"];

fn served(behaviour: Behaviour) -> Served {
    Served::new(around_may(PerDay::Fixed(5)), behaviour)
}

/// The lines on standard error, each of which is an object with what log lines have too.
fn lines(command: &mut Command, expected: i32) -> Vec<Value> {
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    assert_eq!(code(&output), expected, "{command:?}: {}", stderr(&output));
    let lines: Vec<Value> = stderr(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{command:?}: {line}")))
        .collect();
    for line in &lines {
        for key in ["timestamp", "level", "message"] {
            assert!(line[key].is_string(), "{command:?}: {line}");
        }
    }
    lines
}

#[test]
fn machines_get_an_object_a_line_from_every_command() {
    let served = served(Behaviour {
        oddities: Oddities::all(0.5),
        ..Behaviour::default()
    });
    let folder = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    let destination = destination.to_str().unwrap();
    let url = served.url();
    let login = login(&url, &["--with-token"]);
    let sync = [
        "sync",
        destination,
        "--from",
        "2024-05-01",
        "--to",
        "2024-05-04",
    ];
    let cases: [(&[&str], i32); 18] = [
        (&DAY, 0),
        (&["pull"], 2),
        (&["pul"], 2),
        (&["pull", "--last", "7d", "--kind", "organization"], 2),
        (
            &[
                "pull",
                "--last",
                "7d",
                "-o",
                "/no/such/folder/customers.csv",
            ],
            6,
        ),
        (&["pull", "--last", "7d", "--profile", "acme"], 2),
        (&sync, 0),
        (&sync, 0),
        (&["sync", "customers.ndjson"], 2),
        (&["status", destination], 0),
        (&["status", "no-such.db"], 6),
        (&["verify", destination], 0),
        (&["plan", "--last", "7d"], 0),
        (&["doctor", "--day", "2024-05-02"], 0),
        (&["auth", "status"], 0),
        (&["auth", "logout"], 2),
        (&login, 2),
        (&["schema"], 0),
    ];
    for (arguments, code) in cases {
        for more in [&[][..], &["-vvv"]] {
            let mut command = served.kapture(&[arguments, more].concat());
            command
                .env("XDG_CONFIG_HOME", home.path())
                .args(["--log-format", "json"]);
            let lines = lines(&mut command, code);
            let errors = lines.iter().filter(|line| line["level"] == "ERROR");
            let codes: Vec<_> = errors.map(|line| line["exit_code"].as_i64()).collect();
            let expected = (code != 0).then_some(Some(i64::from(code)));
            assert_eq!(codes, Vec::from_iter(expected), "{arguments:?}");
        }
    }
}

#[test]
fn the_end_of_a_run_is_told_to_machines_in_numbers() {
    let served = served(Behaviour::default());
    let json = ["--log-format", "json"];
    let summaries = lines(served.kapture(&DAY).args(json), 0);
    let [summary] = &summaries[..] else {
        panic!("one line: {summaries:?}");
    };
    assert_eq!(summary["summary"]["customers"], 5);
    assert_eq!(
        summary["summary"]["requests"],
        served.tenant.request_count()
    );
    assert!(
        summary["message"]
            .as_str()
            .unwrap()
            .starts_with("1 day, 5 customers")
    );

    let refused = lines(
        served
            .kapture(&DAY)
            .args(json)
            .env("KAPTURE_TOKEN", "V1JPTkc="),
        3,
    );
    let error = refused.last().unwrap();
    assert_eq!(error["exit_code"], 3);
    assert!(
        error["hint"].as_str().unwrap().contains("auth status"),
        "{error}"
    );
    assert!(error["causes"].is_array(), "{error}");
}

/// What a log collector reads: numbers, flags, lists and texts, none of them printed by a debugger.
#[test]
fn every_field_of_a_log_line_is_machine_readable() {
    let served = served(Behaviour {
        empty_window: EmptyForm::Failed("No Data Found".into()),
        faults: Faults::scheduled([(2, FaultKind::Status500)]),
        ..Behaviour::default()
    });
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("out/");
    let sync = [
        "sync",
        destination.to_str().unwrap(),
        "--from",
        "2024-04-15",
    ];
    let mut command = served.kapture(&sync);
    command.args(["--to", "2024-05-04", "--log-format", "json", "-vv"]);
    let lines = lines(&mut command, 0);
    let is_plain = |text: &str| !text.contains(['{', '(']);
    let mut days = std::collections::BTreeSet::new();
    for line in &lines {
        for (key, value) in line.as_object().unwrap() {
            let readable = match key.as_str() {
                "timestamp" => value
                    .as_str()
                    .is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok()),
                "duration_ms" | "wait_ms" => value.as_f64().is_some_and(|time| time >= 0.0),
                "attempt" | "status" | "customers" | "done" | "of" | "offset" => value.is_u64(),
                "day" => value
                    .as_str()
                    .is_some_and(|day| day.parse::<NaiveDate>().is_ok()),
                "span" | "spans" | "summary" => true,
                // No text of a debugger, such as `EndBound(Inclusive)`.
                "finding" | "value" => value.is_u64() || value.as_str().is_some_and(is_plain),
                _ => value.is_string(),
            };
            assert!(readable, "{key}: {line}");
        }
        if line["message"] == "day done" {
            assert!(days.insert(line["day"].as_str().unwrap().to_owned()));
            assert_eq!(line["done"], days.len());
            assert_eq!(line["of"], 20);
        }
    }
    assert_eq!(days.len(), 20);
    let with = |key: &str| lines.iter().filter(|line| line[key].is_number()).count();
    assert!(with("duration_ms") >= 20 && with("wait_ms") >= 1);
    let finding = lines
        .iter()
        .find(|line| line["finding"] == "empty_response");
    assert_eq!(finding.unwrap()["value"], "No Data Found");
}

#[test]
fn a_failed_run_names_its_days_and_counts_what_was_written() {
    let server = Scripted::bodies(|asked| {
        let start = asked.body["createStartDate"].as_str().unwrap_or_default();
        match ("2024-05-06"..="2024-05-08").contains(&start) {
            true => br#"{"message":"Account is being moved","status":"failed"}"#.to_vec(),
            false => one_a_day(asked),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("customers.csv");
    let dataset = folder.path().join("out/");
    let days = ["--from", "2024-05-01", "--to", "2024-05-12"];
    for (destination, written) in [(&file, 0), (&dataset, 7)] {
        let pull = [
            "pull",
            "-o",
            destination.to_str().unwrap(),
            "--retry-for",
            "2s",
        ];
        let mut command = server.kapture(&[&pull[..], &days].concat());
        command.args(["--log-format", "json"]);
        let lines = lines(&mut command, 4);
        let errors = lines.iter().filter(|line| line["level"] == "ERROR");
        let named: Vec<_> = errors
            .flat_map(|line| line["days"].as_array().unwrap())
            .collect();
        let summary = lines
            .iter()
            .find(|line| line["summary"].is_object())
            .unwrap();
        let summary = &summary["summary"];
        assert_eq!(summary["customers"], written, "{summary}");
        assert_eq!(summary["days_done"], written, "{summary}");
        let failed = summary["failed_days"].as_array().unwrap();
        assert_eq!(summary["days_failed"], failed.len());
        assert!(failed.iter().eq(named), "{summary}");
        // A run to a file ends with its first failed day.
        let expected = if written > 0 { 5 } else { 1 };
        assert_eq!(failed.len(), expected, "{summary}");
    }
    assert!(!file.exists());
}

#[test]
fn who_wants_errors_alone_gets_nothing_else() {
    let served = served(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, DEFAULT_TOKEN).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let destination = folder.path().join("customers.db");
    let destination = destination.to_str().unwrap();
    let (url, token) = (served.url(), token.to_str().unwrap());
    let login = login(&url, &["--token-file", token]);
    for arguments in [
        &DAY[..],
        &[
            "sync",
            destination,
            "--from",
            "2024-05-01",
            "--to",
            "2024-05-04",
        ],
        &["verify", destination],
        &["plan", "--last", "7d"],
        &login,
        &["auth", "logout"],
    ] {
        let mut command = served.kapture(arguments);
        command.env("XDG_CONFIG_HOME", home.path()).arg("--quiet");
        let output = command.output().unwrap();
        assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
        assert_eq!(stderr(&output), "", "{arguments:?}");
    }
}

/// As in `kapture … 2>&1 | head`.
#[test]
fn nobody_need_listen_to_messages() {
    let served = served(Behaviour::default());
    for arguments in [&DAY[..], &["pull"]] {
        let mut child = served
            .kapture(arguments)
            .arg("-vv")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stderr.take());
        let mut data = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut data).unwrap();
        let expected = if arguments.len() == 1 { 2 } else { 0 };
        assert_eq!(
            child.wait().unwrap().code(),
            Some(expected),
            "{arguments:?}"
        );
    }
}

/// An answer without words leaves nothing to be named.
#[test]
fn no_hint_names_a_sentence_that_was_not_said() {
    for (empty, words) in [
        (EmptyForm::NotFound(String::new()), None),
        (
            EmptyForm::Failed("That isn't so".into()),
            Some(r"--empty-answer 'That isn'\''t so'"),
        ),
    ] {
        let served = served(Behaviour {
            empty_window: empty,
            ..Behaviour::default()
        });
        let output = served
            .kapture(&["pull", "--from", "2024-01-02", "--to", "2024-01-02"])
            .output()
            .unwrap();
        assert_eq!(code(&output), 4, "{}", stderr(&output));
        let named = stderr(&output).contains("--empty-answer");
        assert_eq!(named, words.is_some(), "{}", stderr(&output));
        assert!(
            words.is_none_or(|words| stderr(&output).contains(words)),
            "{}",
            stderr(&output)
        );
    }
}
