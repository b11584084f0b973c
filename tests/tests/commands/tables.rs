//! Forms of tables for spreadsheets, and columns for attributes.

use std::process::Output;

use kapture_sandbox::{Behaviour, PerDay};
use kapture_tests::{Served, around_may, code, run, stderr};
use rusqlite::Connection;

const DAYS: [&str; 4] = ["--from", "2024-05-01", "--to", "2024-05-03"];
const COLUMN: [&str; 2] = ["--column", "attr1=source"];

fn served() -> Served {
    Served::new(around_may(PerDay::Fixed(40)), Behaviour::default())
}

/// The sources of the customers that have one, from the JSON of the same customers.
fn sources(served: &Served) -> Vec<String> {
    let Output { stdout, .. } = run(served, &[&["pull", "--quiet"], &DAYS[..]].concat());
    let lines = String::from_utf8(stdout).expect("text");
    let customers = lines.lines().map(|line| {
        let customer: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        customer["attr1"].as_str().map(str::to_owned)
    });
    let mut sources: Vec<_> = customers.flatten().collect();
    sources.sort();
    assert!(!sources.is_empty());
    sources
}

#[test]
fn a_column_for_an_attribute_is_text_in_every_table() {
    let served = served();
    let sources = sources(&served);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let database = at("customers.db");
    run(
        &served,
        &[&["pull", "-o", &database], &DAYS[..], &COLUMN].concat(),
    );
    let found = |path: &str| {
        let database = Connection::open(path).unwrap();
        let select = "SELECT source FROM customers WHERE source IS NOT NULL ORDER BY source";
        let mut select = database.prepare(select).unwrap();
        let rows = select.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<Vec<String>, _>>().unwrap()
    };
    assert_eq!(found(&database), sources);
    // It can be added later, and is there for days that are sealed already.
    let later = at("later.db");
    run(&served, &[&["pull", "-o", &later], &DAYS[..]].concat());
    let sync = ["sync", &later, "--to", "2024-05-03"];
    run(&served, &[&sync[..], &COLUMN].concat());
    assert_eq!(found(&later), sources);
    run(&served, &sync);

    let file = at("customers.csv");
    let separator = ["--csv-separator", "tab", "--csv-bom"];
    run(
        &served,
        &[&["pull", "-o", &file], &DAYS[..], &COLUMN, &separator].concat(),
    );
    let text = std::fs::read_to_string(&file).unwrap();
    let header = text.lines().next().unwrap();
    assert!(header.starts_with("\u{feff}id\tcm_id\t"), "{header}");
    assert!(header.split('\t').any(|name| name == "source"), "{header}");
    for name in ["customers.parquet", "customers.arrows", "customers.xlsx"] {
        run(
            &served,
            &[&["pull", "-o", &at(name)], &DAYS[..], &COLUMN].concat(),
        );
        assert!(std::fs::metadata(at(name)).unwrap().len() > 1_000, "{name}");
    }
}

#[test]
fn forms_that_do_not_fit_are_refused_before_any_request() {
    let served = served();
    for (arguments, words) in [
        (
            &["-o", "a.ndjson", "--column", "attr3=tier"][..],
            "for tables",
        ),
        (
            &["-o", "a.csv", "--column", "city=town"],
            "has a column already: `city`",
        ),
        (
            &["-o", "a.csv", "--column", "attr3=city"],
            "there is a column `city` already",
        ),
        (
            &["-o", "a.csv", "--column", "attr3=t", "--column", "attr4=T"],
            "two columns",
        ),
        (&["-o", "a.parquet", "--csv-bom"], "for CSV"),
        (&["-o", "a.csv", "--csv-separator", "xy"], "expected comma"),
        (&["-o", "a.xlsx.gz"], "compressed"),
        (&["-o", "out/", "--format", "xlsx"], "xlsx"),
    ] {
        let pull = [&["pull"], &DAYS[..], arguments].concat();
        let output = served.kapture(&pull).output().unwrap();
        assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        assert!(
            stderr(&output).contains(words),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    assert_eq!(served.tenant.request_count(), 0);
}
