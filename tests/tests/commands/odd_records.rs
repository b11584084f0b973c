//! Records that break the rules of JSON or spell an id in another way: no customer is lost.

use kapture_sandbox::{Behaviour, Oddities, PerDay};
use kapture_tests::scripted::{Scripted, customers};
use kapture_tests::{Served, around_may, code, ids, run, stderr};

const WEEK: [&str; 5] = ["pull", "--from", "2024-05-01", "--to", "2024-05-07"];

fn served(oddities: Oddities) -> Served {
    let behaviour = Behaviour {
        oddities,
        ..Behaviour::default()
    };
    Served::new(around_may(PerDay::Fixed(40)), behaviour)
}

fn expected(served: &Served) -> Vec<u64> {
    let day = |text: &str| text.parse().expect("a date");
    let truth = served
        .tenant
        .truth_ids(day("2024-05-01"), day("2024-05-07"));
    truth.into_iter().collect()
}

/// Of two customers under one id one can be kept, and the user is told.
#[test]
fn rows_of_one_id_that_differ_are_told() {
    let server = Scripted::bodies(|asked| {
        let row = |name: &str| {
            format!(r#"{{"id":17,"name":"{name}","generationDate":"2024-05-02 10:00:00"}}"#)
        };
        let rows = [row("Asha"), row("Mira")];
        let rows = if asked.holds("2024-05-02") {
            &rows[..]
        } else {
            &[]
        };
        customers(asked.page(rows))
    });
    let mut pull = server.kapture(&["pull", "--from", "2024-05-02", "--to", "2024-05-02"]);
    let output = pull.output().unwrap();
    let said = stderr(&output);
    assert!(
        said.contains("the first row of each id is kept: 2024-05-02"),
        "{said}"
    );
}

#[test]
fn every_spelling_of_an_id_is_the_same_customer() {
    let served = served(Oddities {
        ids_as_float: 0.4,
        ids_as_text: 0.4,
        ..Oddities::default()
    });
    let output = run(&served, &WEEK);
    // `ids` takes whole numbers only.
    assert_eq!(Vec::from_iter(ids(&output.stdout)), expected(&served));

    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("customers.db");
    let database = database.to_str().unwrap();
    run(
        &served,
        &[
            "sync",
            database,
            "--from",
            "2024-05-01",
            "--to",
            "2024-05-07",
        ],
    );
    let connection = rusqlite::Connection::open(database).unwrap();
    let mut statement = connection
        .prepare("select id from customers order by id")
        .unwrap();
    let stored = statement.query_map([], |row| row.get(0)).unwrap();
    let stored: Vec<i64> = stored.map(Result::unwrap).collect();
    let expected: Vec<_> = expected(&served)
        .into_iter()
        .map(u64::cast_signed)
        .collect();
    assert_eq!(stored, expected);
}

#[test]
fn control_characters_and_odd_numbers_cost_no_customer() {
    let served = served(Oddities {
        raw_control_characters: 0.3,
        non_finite_numbers: 0.3,
        ..Oddities::default()
    });
    let output = run(&served, &WEEK);
    assert_eq!(Vec::from_iter(ids(&output.stdout)), expected(&served));
    let note = "customer.maxCreditAmt (not a finite number";
    assert!(stderr(&output).contains(note), "{}", stderr(&output));
    // One line for each customer also where line breaks are kept.
    let output = run(&served, &[&WEEK[..], &["--raw"]].concat());
    let lines = output.stdout.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines, expected(&served).len());
}

/// As Gson writes a response whose fields are all null: what it means is shown by windows that must be empty.
#[test]
fn value_without_content_is_learnt_to_mean_no_customers() {
    for nothing in ["{}", "null", "[]"] {
        let server = Scripted::bodies(move |asked| {
            let rows: Vec<_> = [2, 4]
                .into_iter()
                .filter(|day| asked.holds(&format!("2024-05-{day:02}")))
                .map(|day| {
                    format!(r#"{{"id":{day},"generationDate":"2024-05-{day:02} 10:20:30"}}"#)
                })
                .collect();
            match asked.page(&rows) {
                [] => nothing.into(),
                page => customers(page),
            }
        });
        let range = ["pull", "--from", "2024-05-01", "--to", "2024-05-05"];
        let output = server.kapture(&range).output().expect("it runs");
        assert_eq!(code(&output), 0, "{nothing}: {}", stderr(&output));
        assert_eq!(ids(&output.stdout), [2, 4].into(), "{nothing}");
    }
}
