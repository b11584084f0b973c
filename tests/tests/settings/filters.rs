//! Filters without a value, as of a shell variable that is not set.

use kapture_sandbox::{Behaviour, PerDay};
use kapture_tests::scripted::{Scripted, customers};
use kapture_tests::{Served, around_may, code, kapture, stderr};

const DAY: [&str; 4] = ["--from", "2024-05-02", "--to", "2024-05-02"];

#[test]
fn an_empty_filter_is_refused_before_any_request() {
    let served = Served::new(around_may(PerDay::Fixed(3)), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("customers.db");
    let database = database.to_str().unwrap();
    let filters = [
        "--name=",
        "--phone=",
        "--email=",
        "--designation-type=",
        "--customer-id=",
        "--customer-code=",
        "--zone=",
        "--zone-id=",
        "--assigned-to=",
        "--assigned-to-id=",
        "--primary-source-id=",
        "--secondary-source-id=",
        "--tertiary-source-id=",
        "--attribute=3=",
        "--attribute=",
        "--kind=",
        "--set=region=",
        "--set=",
        // Blank, not empty.
        "--name= ",
        "--attribute=3=\t",
    ];
    for filter in filters {
        for command in [
            &["pull"][..],
            &["pull", "--dry-run"],
            &["sync", database],
            &["plan"],
        ] {
            let arguments = [command, &DAY, &[filter]].concat();
            let output = served.kapture(&arguments).output().unwrap();
            assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        }
    }
    let arguments = ["verify", database, "--attribute=3="];
    let output = served.kapture(&arguments).output().unwrap();
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    let words = "--attribute 3=: the filter is empty, as of a shell variable that is not set";
    assert!(stderr(&output).contains(words), "{}", stderr(&output));
    assert!(stderr(&output).contains("hint: "), "{}", stderr(&output));
    assert_eq!(served.tenant.request_count(), 0);
    assert!(!folder.path().join("customers.db").exists());
}

#[test]
fn an_attribute_is_named_by_its_number_or_its_key() {
    let plan = |attribute| {
        let plan = ["plan", "--body", "--sandbox", "--attribute", attribute];
        let output = kapture(&[&plan[..], &DAY].concat()).output().unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        output.stdout
    };
    assert_eq!(plan("attr3=gold"), plan("3=gold"));
}

#[test]
fn blank_text_can_be_sent_on_purpose() {
    let plan = ["plan", "--body", "--sandbox", "--set", "region=\"\""];
    let output = kapture(&[&plan[..], &DAY].concat()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(r#""region":"""#), "{text}");
}

#[test]
fn a_filter_that_the_server_ignores_is_named() {
    let rows: Vec<_> = ["silver", "bronze", "silver"]
        .iter()
        .enumerate()
        .map(|(id, attribute)| {
            format!(r#"{{"id":{id},"generationDate":"2024-05-02 10:00:00","attr3":"{attribute}"}}"#)
        })
        .collect();
    let server = Scripted::bodies(move |asked| {
        customers(match asked.holds("2024-05-02") {
            true => asked.page(&rows),
            false => &[],
        })
    });
    let folder = tempfile::tempdir().unwrap();
    let summary = folder.path().join("summary.json");
    let said = |filter: &str| {
        let more = [
            "--attribute",
            filter,
            "--summary",
            summary.to_str().unwrap(),
        ];
        let pull = [&["pull"][..], &DAY, &more].concat();
        let output = server.kapture(&pull).output().unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let summary = std::fs::read_to_string(&summary).unwrap();
        let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
        (stderr(&output), summary["unmatched_filters"].clone())
    };
    let (text, counts) = said("3=gold");
    let words = "warning: 3 of 3 customers do not match the filter attr3: the server seems to ignore this filter";
    assert!(text.contains(words), "{text}");
    assert!(!text.contains("gold"), "{text}");
    assert_eq!(counts, serde_json::json!({"attr3": 3}));
    let (text, _) = said("3=silver");
    assert!(
        text.contains("warning: 1 of 3 customers do not match the filter attr3"),
        "{text}"
    );
    let (text, counts) = said("4=silver");
    assert!(
        !text.contains("warning"),
        "customers do not show attr4: {text}"
    );
    assert_eq!(counts, serde_json::json!({}));
}
