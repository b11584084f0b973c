//! `kapture plan` and `--dry-run`: the days of a run, its requests and its cost.

use std::process::Output;

use kapture_sandbox::{Behaviour, PerDay};
use kapture_tests::{Served, around_may, code, kapture, names, run, stderr};
use serde_json::{Value, json};

const DAYS: [&str; 4] = ["--from", "2024-04-30", "--to", "2024-05-02"];

fn printed(output: &Output) -> &str {
    assert_eq!(code(output), 0, "{}", stderr(output));
    std::str::from_utf8(&output.stdout).expect("text")
}

fn told(arguments: &[&str]) -> String {
    printed(&kapture(arguments).output().expect("a run")).to_owned()
}

#[test]
fn a_plan_names_the_days_and_needs_no_connection() {
    let plan = [&["plan"], &DAYS[..]].concat();
    let output = kapture(&plan).output().unwrap();
    assert_eq!(printed(&output), "2024-04-30\n2024-05-01\n2024-05-02\n");
    let stderr = stderr(&output);
    assert!(
        stderr.contains("3 days") && stderr.contains("5 windows"),
        "{stderr}"
    );
    assert!(stderr.contains("2024-04-29 to 2024-05-03"), "{stderr}");
    assert_eq!(
        told(&[&plan[..], &["--shard", "2/3"]].concat()),
        "2024-05-01\n"
    );
    let lines = told(&[&plan[..], &["--json"]].concat());
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(
        first,
        json!({"day": "2024-04-30", "windows": ["2024-04-29", "2024-04-30", "2024-05-01"]})
    );
}

#[test]
fn the_plan_of_a_sync_is_what_it_pulls() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    let destination = destination.to_str().unwrap();
    let week = ["--from", "2024-05-01", "--to", "2024-05-07"];
    let plan = [&["plan", destination], &week[..]].concat();
    assert_eq!(told(&plan).lines().count(), 7);
    assert!(names(folder.path()).is_empty(), "planning makes nothing");
    let day = ["--from", "2024-05-03", "--to", "2024-05-04"];
    told(&[&["sync", destination, "--sandbox"], &day[..]].concat());
    let missing = "2024-05-01\n2024-05-02\n2024-05-05\n2024-05-06\n2024-05-07\n";
    assert_eq!(told(&plan), missing);
    for run in [
        &["sync", destination, "--sandbox", "--dry-run"][..],
        &["pull", "-o", destination, "--sandbox", "--dry-run"],
    ] {
        assert_eq!(told(&[run, &week[..]].concat()), missing, "{run:?}");
    }
    let list = folder.path().join("days");
    std::fs::write(&list, "2024-05-03\n2024-05-04\n").unwrap();
    let list = ["plan", destination, "--days", list.to_str().unwrap()];
    assert_eq!(told(&list), "");
    let refreshed = [&list[..], &["--refresh", "1"]].concat();
    assert_eq!(told(&refreshed), "2024-05-04\n");
    let again = told(&["plan", destination, "--to", "2024-05-04", "--refresh", "1"]);
    assert_eq!(again, "2024-05-04\n");
}

#[test]
fn the_body_of_a_plan_is_the_one_that_is_sent() {
    let served = Served::new(around_may(PerDay::Fixed(3)), Behaviour::default());
    let filters = ["--zone", "north", "--attribute", "3=gold", "--set", "x=[1]"];
    let plan = [&["plan", "--body"], &DAYS[..], &filters].concat();
    let output = served.kapture(&plan).output().unwrap();
    let mut lines = printed(&output).lines();
    let address = lines.next().unwrap();
    assert!(
        address.starts_with(&format!("POST {}/", served.url())),
        "{address}"
    );
    let bodies: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        bodies.len(),
        5 + 3,
        "one for each window, and of each other kind"
    );
    let ends = bodies[5..].iter().map(|body| {
        let text = |key: &str| body[key].as_str().unwrap().to_owned();
        [text("createEndDate"), text("limit"), text("offset")]
    });
    let expected = [
        ["2024-05-01", "500", "0"],
        ["2024-04-30", "500", "492"],
        ["2024-04-30", "100", "0"],
    ];
    assert_eq!(ends.collect::<Vec<_>>(), expected);
    assert!(stderr(&output).contains("note: the last bodies are of other kinds"));
    assert_eq!(
        bodies[0],
        json!({"cm_id": 424242, "zoneIdStr": "north", "attr3": "gold", "x": [1],
               "createStartDate": "2024-04-29", "createEndDate": "2024-04-29",
               "limit": "500", "offset": "0"})
    );
    let json = [&plan[..], &["--json"]].concat();
    let lines = served.kapture(&json).output().unwrap();
    let first: Value = serde_json::from_str(printed(&lines).lines().next().unwrap()).unwrap();
    assert_eq!(first["bodies"][0], bodies[0]);
    assert_eq!(
        Some(first["url"].as_str().unwrap()),
        address.strip_prefix("POST ")
    );
    assert_eq!(served.tenant.request_count(), 0);
    // Names of filters, and not whom they are about.
    let said = stderr(&output);
    assert!(said.contains("filtered by zoneIdStr, attr3, x"), "{said}");
    assert!(!said.contains("gold"), "{said}");
    for missing in ["KAPTURE_BASE_URL", "KAPTURE_CM_ID"] {
        let output = served.kapture(&plan).env_remove(missing).output().unwrap();
        assert_eq!(code(&output), 2, "{}", stderr(&output));
    }
}

#[test]
fn a_plan_tells_what_it_costs() {
    let years = ["plan", "--from", "2024-01-01", "--to", "2024-12-31"];
    let json = ["--log-format", "json"];
    let plan = |more: &[&str]| -> Value {
        let output = kapture(&[&years[..], &json, more].concat())
            .output()
            .unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        serde_json::from_str(stderr(&output).lines().last().unwrap()).unwrap()
    };
    let told = plan(&[]);
    assert_eq!(told["plan"]["days"], 366);
    assert_eq!(told["plan"]["windows"], 368);
    assert_eq!(told["plan"]["requests"], 748);
    assert_eq!(told["plan"]["seconds"], 23.375);
    assert_eq!(plan(&["--max-rps", "2"])["plan"]["seconds"], 374.0);
    assert_eq!(plan(&["--concurrency", "1"])["plan"]["seconds"], 374.0);
    // Fourteen days have sixteen windows, which makes 44.
    let served = Served::new(around_may(PerDay::Fixed(3)), Behaviour::default());
    run(
        &served,
        &[
            "pull",
            "--from",
            "2024-05-01",
            "--to",
            "2024-05-14",
            "--quiet",
        ],
    );
    let made = served.tenant.request_count();
    assert!((34..=54).contains(&made), "{made}");
}

#[test]
fn options_that_do_nothing_are_refused() {
    for option in [
        ["--token-file", "token"],
        ["--timeout", "5"],
        ["--retry-for", "5m"],
        ["--empty-answer", "none"],
    ] {
        let arguments = [&["plan"], &DAYS[..], &option].concat();
        let output = kapture(&arguments).output().unwrap();
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(
            stderr(&output).contains("has no effect"),
            "{}",
            stderr(&output)
        );
        // It is the same command line as without --dry-run.
        let arguments = [&["pull", "--dry-run"], &DAYS[..], &option].concat();
        let output = kapture(&arguments).output().unwrap();
        assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
    }
    let output = kapture(&["sync", "out/", "--shard", "1/4"])
        .output()
        .unwrap();
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("sync has no --shard"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_plan_into_a_destination_of_other_filters_is_refused_as_the_run_is() {
    let served = Served::new(around_may(PerDay::Fixed(3)), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    let destination = destination.to_str().unwrap();
    run(
        &served,
        &[&["sync", destination, "--zone", "north"], &DAYS[..]].concat(),
    );
    for command in ["plan", "sync", "verify"] {
        let output = served.kapture(&[command, destination]).output().unwrap();
        assert_eq!(code(&output), 6, "{command}: {}", stderr(&output));
        let hint = "repeat the filters that it was created with";
        assert!(stderr(&output).contains(hint), "{}", stderr(&output));
    }
    run(&served, &["plan", destination, "--zone", "north"]);
}
