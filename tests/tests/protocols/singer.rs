//! What a tap tells: records, schemas and states.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use chrono::{TimeDelta, Utc};
use kapture_sandbox::{Behaviour, Edit, Oddities, PerDay, Population};
use kapture_tests::{Served, around_may, kapture};
use serde_json::{Value, json};

use super::tap::{Tap, Told, beside, served, truth};

#[test]
fn a_fresh_run_tells_every_record_and_a_state_for_each_day() {
    let served = served(Behaviour::default());
    let told = Tap::at(&served.url()).run(&[]);
    told.assert_valid();
    let kinds: Vec<_> = told.0.iter().map(|message| &message["type"]).collect();
    assert_eq!(kinds[..2], ["SCHEMA", "SCHEMA"]);
    assert_eq!(told.ids(), truth(&served, 1, 7));
    let inside: usize = told
        .records("customers")
        .map(|customer| customer["contacts"].as_array().expect("a list").len())
        .sum();
    assert_eq!(told.records("contacts").count(), inside);
    assert!(inside > 20);
    assert_eq!(told.of_type("STATE").count(), 7);
    for stream in ["customers", "contacts"] {
        let state = &told.state()["bookmarks"][stream];
        assert_eq!(state["complete"], json!(["2024-05-01/2024-05-07"]));
        assert_eq!(
            (&state["open"], &state["read_again"]),
            (&json!([]), &json!({}))
        );
    }
}

#[test]
fn the_records_of_a_day_come_before_the_state_that_has_it() {
    let served = served(Behaviour::default());
    let told = Tap::at(&served.url()).run(&[]);
    for (place, state) in told.0.iter().enumerate() {
        if state["type"] != "STATE" {
            continue;
        }
        let before = Told(told.0[..place].to_vec()).ids();
        for range in state["value"]["bookmarks"]["customers"]["complete"]
            .as_array()
            .unwrap()
        {
            let day = |text: &str| text.parse().expect("a date");
            let range = range.as_str().unwrap();
            let (first, last) = range.split_once('/').unwrap_or((range, range));
            let complete = served.tenant.truth_ids(day(first), day(last));
            assert!(complete.is_subset(&before), "{range}");
        }
    }
}

#[test]
fn a_second_run_tells_nothing_and_the_same_state() {
    let served = served(Behaviour::default());
    let tap = Tap::at(&served.url());
    let state = tap.run(&[]).state();
    let again = tap.run_with_state(&state);
    assert_eq!(again.of_type("RECORD").count(), 0);
    assert_eq!(again.state(), state);
    // Later days are new.
    let more = tap
        .with(&json!({"end_date": "2024-05-09"}))
        .run_with_state(&state);
    assert_eq!(more.ids(), truth(&served, 8, 9));
}

#[test]
fn open_days_are_read_again() {
    let today = Utc::now().date_naive();
    let first = today - TimeDelta::days(6);
    let population = Population::new(3).days(first, today + TimeDelta::days(2), PerDay::Fixed(5));
    let served = Served::new(population, Behaviour::default());
    let settings = json!({"start_date": first.to_string(), "end_date": today.to_string()});
    let tap = Tap::at(&served.url()).with(&settings);
    let state = tap.run(&[]).state();
    let customers = &state["bookmarks"]["customers"];
    let open = customers["open"].as_array().unwrap().iter();
    let open: BTreeSet<_> = open.map(|day| day.as_str().unwrap()).collect();
    assert!(!open.is_empty());
    let again = tap.run_with_state(&state);
    let days: BTreeSet<_> = again
        .records("customers")
        .map(|customer| &customer["generationDate"].as_str().unwrap()[..10])
        .collect();
    assert_eq!(days, open);
}

#[test]
fn a_vanished_customer_is_told_as_deleted_and_a_moved_one_is_not() {
    let before = served(Behaviour::default());
    let tap = Tap::at(&before.url()).with(&json!({"refresh": "30"}));
    let state = tap.run(&[]).state();
    let ids: Vec<_> = truth(&before, 3, 3).into_iter().collect();
    let script = format!("delete {}\nmove {} 2024-05-05", ids[0], ids[1]);
    let after = before.with(Behaviour {
        edits: Edit::script(&script).expect("edits"),
        ..Behaviour::default()
    });
    let again = tap.run_with_state(&state);
    let gone = |stream| {
        let gone = again
            .records(stream)
            .filter(|record| !record["_sdc_deleted_at"].is_null());
        gone.cloned().collect::<Vec<_>>()
    };
    let customers = gone("customers");
    assert_eq!(customers.len(), 1, "{customers:?}");
    assert_eq!(customers[0]["id"], ids[0]);
    for contact in gone("contacts") {
        assert_eq!(contact["customer_id"], ids[0]);
    }
    let told: BTreeSet<_> = again
        .records("customers")
        .map(|it| it["id"].as_u64().unwrap())
        .collect();
    let mut expected = truth(&after, 1, 7);
    assert!(expected.contains(&ids[1]));
    expected.insert(ids[0]);
    assert_eq!(told, expected);
    // It is told once.
    let third = tap.run_with_state(&again.state());
    assert_eq!(third.ids(), truth(&after, 1, 7));
}

#[test]
fn streams_and_properties_are_selected() {
    let served = served(Behaviour::default());
    let tap = Tap::at(&served.url());
    let off = json!({"selected": false});
    let changes = [
        (0, json!(["properties", "name"]), off.clone()),
        (
            0,
            json!(["properties", "contacts", "properties", "phone"]),
            off.clone(),
        ),
        (1, json!([]), off),
    ];
    let told = tap.run_with_metadata(&changes, &[]);
    told.assert_valid();
    assert_eq!(told.records("contacts").count(), 0);
    assert_eq!(told.ids(), truth(&served, 1, 7));
    for customer in told.records("customers") {
        assert!(customer.get("name").is_none() && customer.get("address").is_some());
        for contact in customer["contacts"].as_array().unwrap() {
            assert!(contact.get("phone").is_none() && contact.get("email").is_some());
        }
    }
    // The other stream has received nothing yet.
    let both = tap.run_with_state(&told.state());
    assert_eq!(both.records("customers").count(), 0);
    assert!(both.records("contacts").count() > 20);
    assert!(both.state()["bookmarks"]["customers"].is_object());
}

#[test]
fn a_full_table_is_told_whatever_the_state_and_ends_with_its_version() {
    let served = served(Behaviour::default());
    let tap = Tap::at(&served.url());
    let state = tap.run(&[]).state();
    tap.write("state.json", &state);
    let full = json!({"replication-method": "FULL_TABLE"});
    let told = tap.run_with_metadata(&[(0, json!([]), full)], &["--state", "state.json"]);
    assert_eq!(told.ids(), truth(&served, 1, 7));
    assert_eq!(told.records("contacts").count(), 0);
    let activated: Vec<_> = told.of_type("ACTIVATE_VERSION").collect();
    assert_eq!(
        (activated.len(), &activated[0]["stream"]),
        (1, &json!("customers"))
    );
    for record in told.of_type("RECORD") {
        assert_eq!(record["version"], activated[0]["version"]);
    }
    assert_eq!(told.state(), state);
}

#[test]
fn odd_records_fit_their_schemas_and_no_customer_is_lost() {
    let oddities = Oddities {
        ids_as_float: 0.2,
        raw_control_characters: 0.2,
        non_finite_numbers: 0.2,
        lone_surrogates: 0.3,
        nul_characters: 0.3,
        ..Oddities::all(0.3)
    };
    let behaviour = Behaviour {
        oddities,
        ..Behaviour::default()
    };
    let served = Served::new(around_may(PerDay::Between(0, 40)), behaviour);
    let told = Tap::at(&served.url()).run(&[]);
    told.assert_valid();
    assert_eq!(told.ids(), truth(&served, 1, 7));
    let has_extra = |record: &&Value| record["extra"].is_object();
    assert!(told.records("customers").filter(has_extra).count() > 20);
    let text = told.0.iter().map(Value::to_string).collect::<String>();
    assert!(!text.contains("\\u0000"));
}

#[test]
fn dropped_and_hashed_fields_are_in_no_message() {
    let served = Served::new(around_may(PerDay::Fixed(30)), Behaviour::default());
    let clear = Tap::at(&served.url()).run(&[]);
    let values = |field: &str| {
        let contacts = clear
            .records("contacts")
            .filter_map(|it| it[field].as_str());
        contacts.map(str::to_owned).collect::<Vec<_>>()
    };
    let tap = Tap::at(&served.url()).with(&json!({
        "drop": "contacts.phone", "hash": ["contacts.email"], "hash_key": "a key for tests alone",
    }));
    let output = tap.output(&[]);
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8(printed).unwrap();
    for secret in [values("phone"), values("email")].concat() {
        assert!(!printed.contains(&secret), "{secret}");
    }
    let catalog = tap.catalog();
    assert!(
        catalog["streams"][1]["schema"]["properties"]
            .get("phone")
            .is_none()
    );
}

/// What came behind the last state is told again: at least once, never lost.
#[test]
fn a_run_that_is_killed_goes_on_behind_its_last_state() {
    let served = Served::new(around_may(PerDay::Fixed(300)), Behaviour::default());
    let tap = Tap::at(&served.url());
    let mut command = kapture(&["singer", "--config"]);
    let child = command.arg(tap.path("config.json"));
    let mut child = child
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut received = Vec::new();
    while received
        .last()
        .is_none_or(|last: &Value| last["type"] != "STATE")
    {
        let line = lines.next().unwrap().unwrap();
        received.push(serde_json::from_str(&line).unwrap());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let first = Told(received);
    let second = tap.run_with_state(&first.state());
    let together: BTreeSet<_> = first.ids().union(&second.ids()).copied().collect();
    assert_eq!(together, truth(&served, 1, 7));
    let complete = &second.state()["bookmarks"]["customers"]["complete"];
    assert_eq!(*complete, json!(["2024-05-01/2024-05-07"]));
    assert!(
        second.ids().len() < together.len(),
        "the first state has a day"
    );
}

#[test]
fn the_launcher_runs_the_program_beside_it() {
    let about = |command: &mut Command| {
        let output = command.arg("--about=json").output().expect("it runs");
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let launched = about(&mut Command::new(beside("tap-kapture")));
    assert_eq!(launched, about(&mut kapture(&["singer"])));
    assert_eq!(launched["name"], "tap-kapture");
    assert_eq!(launched["settings"]["properties"]["token"]["secret"], true);
    let output = Command::new(beside("tap-kapture")).arg("--wrong").output();
    assert_eq!(output.expect("it runs").status.code(), Some(2));
}
