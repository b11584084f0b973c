//! `kapture pull` from end to end: over HTTP, as a user runs it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use chrono::NaiveDate;
use kapture_sandbox::{
    Behaviour, ContentType, EmptyForm, FaultKind, Faults, Limit, Oddities, PerDay, Windows,
};
use kapture_tests::{Served, around_may, code, ids, kapture, names, stderr};
use serde_json::Value;

const WEEK: [&str; 5] = ["pull", "--from", "2024-05-01", "--to", "2024-05-07"];

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

#[test]
fn the_sandbox_needs_no_account_and_no_certificates() {
    let mut pull = kapture(&WEEK);
    pull.env("SSL_CERT_FILE", "/nowhere");
    pull.env("SSL_CERT_DIR", "/nowhere");
    let output = pull.arg("--sandbox").output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(ids(&output.stdout).len() > 100);
    assert!(
        stderr(&output).starts_with("7 days, "),
        "{}",
        stderr(&output)
    );
}

/// The libraries that kapture is made of listen to variables of their own.
#[test]
fn no_variable_of_a_library_ends_a_run() {
    for threads in ["0", "abc"] {
        let mut pull = kapture(&WEEK);
        pull.env("TOKIO_WORKER_THREADS", threads);
        let output = pull.arg("--sandbox").output().unwrap();
        assert_eq!(code(&output), 0, "{threads}: {}", stderr(&output));
    }
}

#[test]
fn the_same_customers_on_servers_of_every_kind() {
    for (number, windows) in Windows::ALL.into_iter().enumerate() {
        let behaviour = Behaviour {
            windows,
            limit: [
                Limit::Honoured,
                Limit::CappedAt(100),
                Limit::CappedAt(37),
                Limit::Ignored,
            ][number % 4],
            zone_shift_minutes: [0, 330, -600, 840][number % 4],
            content_type: if number % 2 == 0 {
                ContentType::Html
            } else {
                ContentType::Json
            },
            gzip: number < 2,
            empty_window: [
                EmptyForm::Null,
                EmptyForm::Failed("No customers found".into()),
                EmptyForm::NotFound("No data found".into()),
                EmptyForm::Missing,
            ][number % 4]
                .clone(),
            faults: Faults::random(0.1, FaultKind::passing(), number as u64),
            ..Behaviour::default()
        };
        let weekly = PerDay::Weekly {
            weekday: 50..=400,
            weekend: 0..=0,
        };
        let served = Served::new(around_may(weekly), behaviour);
        let output = served.kapture(&WEEK).output().unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let truth = served
            .tenant
            .truth_ids(day("2024-05-01"), day("2024-05-07"));
        assert_eq!(ids(&output.stdout), truth, "{windows:?}");
    }
}

#[test]
fn every_field_survives_and_times_agree() {
    let behaviour = Behaviour {
        pretty: true,
        oddities: Oddities::all(0.3),
        ..Behaviour::default()
    };
    let served = Served::new(around_may(PerDay::Fixed(60)), behaviour);
    let output = served.kapture(&WEEK).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let mut pulled: BTreeMap<String, Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice::<Value>(line).unwrap())
        .map(|customer| (text(&customer["id"]), customer))
        .collect();
    for sent in served.tenant.truth(day("2024-05-01"), day("2024-05-07")) {
        let original: Value = serde_json::from_str(&sent.json).unwrap();
        let customer = pulled.remove(&text(&original["id"])).unwrap();
        let keys = |value: &Value| {
            value
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(&customer), keys(&original));
        // The one value with milliseconds is an identifier, not a date, and stays text.
        if let (Some(reference), Some(created)) = (
            customer["imageReferenceId"].as_str(),
            customer["generationDate"].as_str(),
        ) && let Some(moment) = reference.strip_prefix("CUS_")
            && created.len() >= 19
            && created.as_bytes()[10] == b'T'
        {
            assert_eq!(created[..19], moment.replace(' ', "T")[..19]);
        }
        for (key, value) in original.as_object().unwrap() {
            match (value, key.as_str()) {
                (_, "generationDate" | "lastModificationTime" | "contacts") => {}
                (Value::String(text), _) if text.trim().is_empty() => {
                    assert_eq!(customer[key], Value::Null)
                }
                // The type may be another one: the documented.
                _ => assert_eq!(text(&customer[key]), text(value), "{key}"),
            }
        }
    }
    assert!(
        pulled.is_empty(),
        "customers from nowhere: {:?}",
        pulled.keys()
    );
    assert!(stderr(&output).contains("note: "), "{}", stderr(&output));
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn raw_gives_the_bytes_that_the_api_sent() {
    let served = Served::new(around_may(PerDay::Fixed(40)), Behaviour::default());
    let output = served.kapture(&WEEK).arg("--raw").output().unwrap();
    let mut lines: Vec<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    let mut sent: Vec<_> = served
        .tenant
        .truth(day("2024-05-01"), day("2024-05-07"))
        .into_iter()
        .map(|customer| customer.json)
        .collect();
    sent.sort();
    assert_eq!(lines, sent);
}

#[test]
fn a_file_is_there_when_it_is_complete_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("customers.ndjson");
    let path = file.to_str().unwrap();

    let served = Served::new(around_may(PerDay::Fixed(9)), Behaviour::default());
    let output = served.kapture(&WEEK).args(["-o", path]).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(ids(&std::fs::read(&file).unwrap()).len(), 63);
    assert_eq!(names(folder.path()), ["customers.ndjson"]);

    // A pull that fails leaves the file of the one before, and nothing beside it.
    let behaviour = Behaviour {
        token: "another".into(),
        ..Behaviour::default()
    };
    let refusing = Served::new(around_may(PerDay::Fixed(9)), behaviour);
    let output = refusing.kapture(&WEEK).args(["-o", path]).output().unwrap();
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert_eq!(ids(&std::fs::read(&file).unwrap()).len(), 63);
    assert_eq!(names(folder.path()), ["customers.ndjson"]);

    // No customers make an empty file.
    let quiet = Served::new(around_may(PerDay::Fixed(0)), Behaviour::default());
    let output = quiet.kapture(&WEEK).args(["-o", path]).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(std::fs::read(&file).unwrap(), b"");
}

#[test]
fn a_wrong_token_quotes_the_server() {
    let behaviour = Behaviour {
        token: "another".into(),
        ..Behaviour::default()
    };
    let served = Served::new(around_may(PerDay::Fixed(9)), behaviour);
    let output = served.kapture(&WEEK).output().unwrap();
    assert_eq!(code(&output), 3);
    assert!(
        stderr(&output).contains("“Invalid Auth Key”"),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&output).contains("hint: "), "{}", stderr(&output));
    // Those that are sent at once.
    assert!(served.tenant.request_count() <= 3);
}

#[test]
fn a_refusal_quotes_the_server() {
    let served = Served::new(around_may(PerDay::Fixed(9)), Behaviour::default());
    let output = served
        .kapture(&WEEK)
        .args(["--cm-id", "7"])
        .output()
        .unwrap();
    assert_eq!(code(&output), 4, "{}", stderr(&output));
    let words = served.tenant.requests().pop().unwrap().refusal.unwrap();
    assert!(
        stderr(&output).contains(&words),
        "{words} / {}",
        stderr(&output)
    );
    // What would be believed to be an empty account is not offered.
    let said = stderr(&output);
    assert!(
        said.contains("--cm-id") && !said.contains("--empty-answer"),
        "{said}"
    );
}

#[test]
fn a_server_that_is_not_there_ends_with_5() {
    // A port that the system never assigns.
    let output = kapture(&WEEK)
        .args(["--base-url", "http://127.0.0.1:1", "--cm-id", "1"])
        .args(["--retry-for", "1s"])
        .env("KAPTURE_TOKEN", "dG9rZW4=")
        .output()
        .unwrap();
    assert_eq!(code(&output), 5, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("no connection"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_token_is_never_printed() {
    let behaviour = Behaviour {
        faults: Faults::random(0.3, FaultKind::passing(), 5),
        token: "U0VDUkVU".into(),
        ..Behaviour::default()
    };
    let served = Served::new(around_may(PerDay::Fixed(30)), behaviour);
    for (token, code_expected) in [("U0VDUkVU", 0), ("V1JPTkc=", 3)] {
        for format in ["text", "json"] {
            let output = served
                .kapture(&WEEK)
                .args(["-vvv", "--log-format", format])
                .env("KAPTURE_TOKEN", token)
                .output()
                .unwrap();
            assert_eq!(code(&output), code_expected, "{}", stderr(&output));
            assert!(!stderr(&output).contains(token), "{}", stderr(&output));
            assert!(
                stderr(&output).contains("status"),
                "requests are logged: {}",
                stderr(&output)
            );
        }
        let help = served
            .kapture(&["pull", "--help"])
            .env("KAPTURE_TOKEN", token)
            .output()
            .unwrap();
        assert!(!String::from_utf8_lossy(&help.stdout).contains(token));
    }
}

#[test]
fn a_closed_standard_output_ends_the_run_quietly() {
    let served = Served::new(around_may(PerDay::Fixed(3_000)), Behaviour::default());
    for (format, beginning) in [("ndjson", "{\"id\":"), ("csv", "id,cm_id,")] {
        let mut child = served
            .kapture(&WEEK)
            .args(["--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        drop(out);
        let output = child.wait_with_output().unwrap();
        assert!(line.starts_with(beginning), "{line}");
        assert_eq!(code(&output), 0);
        assert_eq!(stderr(&output), "");
    }
}

/// The API may send its JSON with line breaks, but a line is a record.
#[test]
fn raw_records_are_a_line_each_however_they_are_printed() {
    let behaviour = Behaviour {
        pretty: true,
        ..Behaviour::default()
    };
    let served = Served::new(around_may(PerDay::Fixed(3)), behaviour);
    let output = served.kapture(&WEEK).arg("--raw").output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let lines = output.stdout.lines().map(|line| line.unwrap());
    let records = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap());
    assert_eq!(records.count(), 21);
}

/// The reader of the customers has gone, and the contacts are not complete then.
#[test]
fn a_closed_standard_output_is_an_error_if_contacts_are_lost() {
    let served = Served::new(around_may(PerDay::Fixed(3)), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = served
        .kapture(&WEEK)
        .arg("--contacts")
        .arg(folder.path().join("contacts.csv"))
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!(code(&output), 6, "{}", stderr(&output));
    assert!(names(folder.path()).is_empty());
}

/// A workbook is begun in a temporary folder.
#[cfg(unix)]
#[test]
fn missing_temporary_folder_is_named_before_the_first_request() {
    let served = Served::new(around_may(PerDay::Fixed(3)), Behaviour::default());
    let mut pull = served.kapture(&WEEK);
    pull.args(["-o", "customers.xlsx"])
        .env("TMPDIR", "/nowhere");
    let output = pull.output().unwrap();
    assert_eq!(code(&output), 6, "{}", stderr(&output));
    for words in ["temporary folder", "/nowhere", "set TMPDIR"] {
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
    assert_eq!(served.tenant.requests().len(), 0);
}

/// A workbook is written at the end, by a library that has errors of its own.
#[test]
fn a_closed_standard_output_ends_a_workbook_as_it_ends_lines() {
    let served = Served::new(around_may(PerDay::Fixed(3)), Behaviour::default());
    let outputs = ["ndjson", "xlsx"].map(|format| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut pull = served.kapture(&WEEK);
        let output = pull.args(["--format", format]).stdout(writer).output();
        let output = output.unwrap();
        (code(&output), stderr(&output))
    });
    assert_eq!(outputs[0], outputs[1]);
}

/// Compressed, the contacts meet the full disk when all of them are there.
#[cfg(target_os = "linux")]
#[test]
fn customers_are_not_replaced_where_their_contacts_have_no_room() {
    let served = Served::new(around_may(PerDay::Fixed(3)), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let (customers, contacts) = (
        folder.path().join("customers.csv"),
        folder.path().join("contacts.csv.zst"),
    );
    std::fs::write(&customers, "before").unwrap();
    std::os::unix::fs::symlink("/dev/full", &contacts).unwrap();
    let mut pull = served.kapture(&WEEK);
    pull.arg("-o").arg(&customers);
    let output = pull.arg("--contacts").arg(&contacts).output().unwrap();
    assert_eq!(code(&output), 6, "{}", stderr(&output));
    let sentence = format!("cannot write {}", contacts.display());
    assert!(stderr(&output).contains(&sentence), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&customers).unwrap(), "before");
    assert_eq!(names(folder.path()), ["contacts.csv.zst", "customers.csv"]);
}

#[test]
fn days_may_be_listed_and_sharded() {
    let served = Served::new(around_may(PerDay::Between(5, 40)), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("days");
    std::fs::write(&list, "\u{feff}2024-05-02\n\n 2024-05-05 \n").unwrap();
    let output = served
        .kapture(&["pull", "--days", list.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let mut truth = served
        .tenant
        .truth_ids(day("2024-05-02"), day("2024-05-02"));
    truth.extend(
        served
            .tenant
            .truth_ids(day("2024-05-05"), day("2024-05-05")),
    );
    assert_eq!(ids(&output.stdout), truth);

    let mut together = std::collections::BTreeSet::new();
    for shard in ["1/3", "2/3", "3/3"] {
        let output = served
            .kapture(&WEEK)
            .args(["--shard", shard])
            .output()
            .unwrap();
        together.extend(ids(&output.stdout));
    }
    assert_eq!(
        together,
        served
            .tenant
            .truth_ids(day("2024-05-01"), day("2024-05-07"))
    );
}

#[test]
fn the_summary_is_there_for_machines_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.json");
    let served = Served::new(around_may(PerDay::Fixed(11)), Behaviour::default());
    let output = served
        .kapture(&WEEK)
        .args(["--summary", path.to_str().unwrap(), "--quiet"])
        .output()
        .unwrap();
    assert_eq!(stderr(&output), "");
    let summary: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(summary["days_done"], 7);
    assert_eq!(summary["customers"], 77);
    assert_eq!(summary["requests"], served.tenant.request_count());
}

#[test]
fn each_request_is_a_line_for_machines() {
    let behaviour = Behaviour {
        faults: Faults::scheduled([(1, FaultKind::Status500)]),
        ..Behaviour::default()
    };
    let served = Served::new(around_may(PerDay::Fixed(5)), behaviour);
    let output = served
        .kapture(&WEEK)
        .args(["-vv", "--log-format", "json"])
        .output()
        .unwrap();
    let lines: Vec<Value> = stderr(&output)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Value| line["message"] == "answer")
        .collect();
    assert_eq!(lines.len() as u64, served.tenant.request_count());
    for line in &lines {
        assert!(
            line["status"].is_u64() && line["duration_ms"].is_f64(),
            "{line}"
        );
        for field in ["day", "window", "offset"] {
            assert!(!line["span"][field].is_null(), "{line}");
        }
    }
    let attempts: Vec<_> = lines.iter().map(|line| line["attempt"].as_u64()).collect();
    assert_eq!(
        attempts
            .iter()
            .filter(|attempt| **attempt == Some(2))
            .count(),
        1
    );
}
