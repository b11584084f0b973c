//! Wrong usage: refused with exit code 2 before any request is made.

use kapture_sandbox::{Behaviour, PerDay};
use kapture_tests::{Served, around_may, code, kapture, stderr};

const WEEK: [&str; 5] = ["pull", "--from", "2024-05-01", "--to", "2024-05-07"];

#[test]
fn wrong_usage_is_refused_before_any_request() {
    let served = Served::new(around_may(PerDay::Fixed(9)), Behaviour::default());
    for (arguments, sentence) in [
        (
            &["--from", "2024-05-07", "--to", "2024-05-01"][..],
            "comes after",
        ),
        (
            &["--from", "2024-02-30", "--to", "2024-03-01"],
            "no day of the calendar",
        ),
        (
            &["--from", "May 1", "--to", "2024-05-01"],
            "expected a date",
        ),
        (&["--from", "2024-05-01"], "--to"),
        (&[], "no days are selected"),
        (&["--last", "7d", "--cm-id", "many"], "a number"),
        (
            &["--last", "7d", "--base-url", "http://crm.example.com"],
            "plain http",
        ),
        (
            &["--last", "7d", "--subdomain", "a.b"],
            "--base-url https://a.b.kapturecrm.com",
        ),
        (
            &["--last", "7d", "--endpoint", "third"],
            "`search` or `legacy`",
        ),
        (
            &["--last", "7d", "--set", "limit=5"],
            "sets this key itself",
        ),
        (&["--last", "7d", "--attribute", "16=x"], "--attribute"),
        (
            &["--last", "7d", "--time-zone", "Mars"],
            "unknown time zone",
        ),
        (&["--last", "7d", "--shard", "9/8"], "I/N"),
        (&["--last", "7d", "-o", "customers.docx"], ".ndjson"),
        (
            &["--last", "7d", "-o", "ftp://bucket/"],
            "unsupported destination",
        ),
        (
            &["--last", "7d", "-o", "", "--format", "csv"],
            "empty destination",
        ),
        (&["--last", "7d", "--contacts", ""], "a value is required"),
        (&["--last", "7d", "--summary", ""], "a value is required"),
        (&["--last", "7d", "-o", "a.csv", "--raw"], "--raw"),
        (
            &["--last", "7d", "-o", "a.csv", "--format", "ndjson"],
            "has the extension of csv",
        ),
        (
            &["--last", "7d", "-o", "a.db", "--format", "csv"],
            "is a database",
        ),
        (&["--last", "7d", "--format", "xml"], "unknown format"),
        (&["--last", "7d", "--spreadsheet-safe"], "for CSV"),
        (&["--last", "7d", "--contacts", "a.txt"], "--contacts"),
        (
            &["--last", "7d", "-o", "a.csv", "--contacts", "./a.csv"],
            "the same file",
        ),
        (
            &["--last", "7d", "-o", "a.ndjson", "--summary", "a.ndjson"],
            "the same file",
        ),
        (&["--last", "7d", "--retry-for", "soon"], "--retry-for"),
    ] {
        let output = served.kapture(&["pull"]).args(arguments).output().unwrap();
        assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        assert!(
            stderr(&output).contains(sentence),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    let lacking = kapture(&["pull", "--last", "7d"]).output().unwrap();
    assert_eq!(code(&lacking), 2);
    assert!(
        stderr(&lacking).contains("--sandbox"),
        "{}",
        stderr(&lacking)
    );
    let output = served
        .kapture(&["pull", "--last", "7d"])
        .env_remove("KAPTURE_CM_ID")
        .output()
        .unwrap();
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("--cm-id"), "{}", stderr(&output));
    let output = served
        .kapture(&["pull", "--last", "7d", "-o", "/no/such/folder/x.ndjson"])
        .output()
        .unwrap();
    assert_eq!(code(&output), 6, "{}", stderr(&output));
    assert_eq!(served.tenant.request_count(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn help_that_cannot_be_printed_is_a_failure() {
    for arguments in [&["--help"][..], &["--version"], &["pull", "--help"]] {
        let full = std::fs::File::options().write(true).open("/dev/full");
        let mut command = kapture(arguments);
        let output = command.stdout(full.unwrap()).output().unwrap();
        assert_eq!(code(&output), 6, "{}", stderr(&output));
        assert!(stderr(&output).contains("No space left"));
    }
}

#[cfg(unix)]
#[test]
fn deleted_folder_is_named() {
    for arguments in [
        &["pull", "--sandbox", "--last", "1", "-o", "a.csv"][..],
        &["sync", "a.db", "--sandbox", "--from", "-1d"],
        &["status", "out/"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", r#"rmdir "$PWD"; exec "$0" "$@""#]);
        shell.arg(kapture_tests::binary()).args(arguments);
        let output = shell.current_dir(folder.path()).output().unwrap();
        assert_eq!(code(&output), 2, "{}", stderr(&output));
        let said = stderr(&output);
        assert!(said.contains("the current folder was deleted"), "{said}");
    }
}

#[test]
fn an_unwritable_summary_is_refused_before_any_request() {
    let served = Served::new(around_may(PerDay::Fixed(3)), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let output = served
        .kapture(&WEEK)
        .arg("--summary")
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("is a folder"),
        "{}",
        stderr(&output)
    );
}
