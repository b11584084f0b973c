//! Filters without a value, as of a shell variable that is not set.

use kapture_sandbox::{Behaviour, PerDay};
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
