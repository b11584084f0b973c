//! `kapture airbyte`: the messages of each command, and nothing lost at any state.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Output;

use kapture_sandbox::{Behaviour, DEFAULT_TOKEN, FaultKind, Faults, Oddities, PerDay, When};
use kapture_tests::{Served, around_may, code, kapture, stderr};
use serde_json::{Value, json};

/// The days that most tests read.
const WEEK: (&str, &str) = ("2024-05-01", "2024-05-07");

/// A connector with its files.
struct Source {
    folder: tempfile::TempDir,
    config: Value,
}

/// What a command wrote.
struct Written {
    code: i32,
    messages: Vec<Value>,
    stderr: String,
}

impl Source {
    fn new(served: &Served) -> Self {
        Self::at(&served.url())
    }

    fn at(url: &str) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            config: json!({
                "base_url": url,
                "cm_id": 424_242,
                "token": DEFAULT_TOKEN,
                "start_date": WEEK.0,
                "end_date": WEEK.1,
            }),
        }
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.config[key] = value.into();
        self
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("text").to_owned()
    }

    /// Runs a command with the configuration and these further arguments.
    fn run(&self, command: &str, more: &[&str]) -> Written {
        let config = self.file("config.json", &self.config.to_string());
        let arguments = [&["airbyte", command, "--config", &config][..], more].concat();
        Written::of(&kapture(&arguments).output().expect("it runs"))
    }

    /// Reads the streams of `catalog` on from a state.
    fn read_catalog(&self, catalog: &Value, state: Option<&str>) -> Written {
        let catalog = self.file("catalog.json", &catalog.to_string());
        match state.map(|text| self.file("state.json", text)) {
            Some(state) => self.run("read", &["--catalog", &catalog, "--state", &state]),
            None => self.run("read", &["--catalog", &catalog]),
        }
    }

    /// Reads both streams on from the states in these messages.
    fn read(&self, sync_mode: &str, states: &[Value]) -> Written {
        let state = Value::from(states).to_string();
        self.read_catalog(&configured(sync_mode), Some(&state))
    }
}

/// A catalog with both streams, and with fields that this version does not know.
fn configured(sync_mode: &str) -> Value {
    let stream = |name: &str| {
        json!({
            "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh"], "newer": 1},
            "sync_mode": sync_mode,
            "destination_sync_mode": "append_dedup",
            "generation_id": 7,
            "minimum_generation_id": 0,
            "sync_id": 70,
            "include_files": false,
            "newer": {"than": "this"},
        })
    };
    json!({"streams": [stream("customers"), stream("contacts")], "newer": true})
}

impl Written {
    fn of(output: &Output) -> Self {
        let lines = output.stdout.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        let message = |line: &[u8]| serde_json::from_slice(line).expect("a message");
        Self {
            code: code(output),
            messages: lines.map(message).collect(),
            stderr: stderr(output),
        }
    }

    /// Its messages of a type.
    fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        let messages = self.messages.iter();
        messages.filter(move |message| message["type"] == kind)
    }

    /// The data of the records of a stream.
    fn records<'a>(&'a self, stream: &'a str) -> impl Iterator<Item = &'a Value> {
        let records = self.of_type("RECORD").map(|message| &message["record"]);
        let records = records.filter(move |record| record["stream"] == stream);
        records.map(|record| &record["data"])
    }

    /// The ids of customers that were not deleted.
    fn ids(&self) -> BTreeSet<u64> {
        ids(&self.messages)
    }

    /// The last state of each stream.
    fn states(&self) -> Vec<Value> {
        last_states(&self.messages)
    }

    /// The traces of a type.
    fn traces<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        let traces = self.of_type("TRACE").map(|message| &message["trace"]);
        traces.filter(move |trace| trace["type"] == kind)
    }

    /// The statuses of a stream, in their order.
    fn statuses(&self, stream: &str) -> Vec<&str> {
        let statuses = self.traces("STREAM_STATUS");
        let statuses = statuses.map(|trace| &trace["stream_status"]);
        statuses
            .filter(|status| status["stream_descriptor"]["name"] == stream)
            .map(|status| status["status"].as_str().expect("text"))
            .collect()
    }

    /// The types of the errors.
    fn failures(&self) -> Vec<&str> {
        let errors = self.traces("ERROR").map(|trace| &trace["error"]);
        errors
            .map(|error| error["failure_type"].as_str().expect("text"))
            .collect()
    }

    fn assert_no_secret(&self, secret: &str) {
        let all = format!("{:?}{}", self.messages, self.stderr);
        assert!(!all.contains(secret), "{all}");
    }
}

fn ids(messages: &[Value]) -> BTreeSet<u64> {
    let records = messages.iter().map(|message| &message["record"]);
    let customers = records.filter(|record| record["stream"] == "customers");
    let present = customers.filter(|record| record["data"]["_ab_cdc_deleted_at"].is_null());
    present
        .map(|record| record["data"]["id"].as_u64().expect("a number"))
        .collect()
}

fn last_states(messages: &[Value]) -> Vec<Value> {
    let states = messages
        .iter()
        .filter(|message| message["type"] == "STATE")
        .map(|message| &message["state"]);
    let named = states.map(|state| {
        let name = &state["stream"]["stream_descriptor"]["name"];
        (name.as_str().expect("a name").to_owned(), state.clone())
    });
    named.collect::<BTreeMap<_, _>>().into_values().collect()
}

fn truth(served: &Served) -> BTreeSet<u64> {
    let day = |text: &str| text.parse().expect("a date");
    served.tenant.truth_ids(day(WEEK.0), day(WEEK.1))
}

fn served(behaviour: Behaviour) -> Served {
    Served::new(around_may(PerDay::Between(0, 60)), behaviour)
}

#[test]
fn spec_marks_the_secrets() {
    let output = kapture(&["airbyte", "spec"]).output().expect("it runs");
    let written = Written::of(&output);
    let [message] = &written.messages[..] else {
        panic!("{:?}", written.messages);
    };
    let spec = &message["spec"];
    assert_eq!(spec["supportsIncremental"], true);
    let ways = spec["connectionSpecification"]["properties"]["credentials"]["oneOf"].clone();
    let secrets: Vec<_> = ways
        .as_array()
        .expect("ways to sign in")
        .iter()
        .flat_map(|way| way["properties"].as_object().expect("properties"))
        .filter(|(_, property)| property["airbyte_secret"] == true)
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(secrets, ["token", "password"]);
}

#[test]
fn check_says_whether_the_connection_works() {
    let served = served(Behaviour::default());
    let wrong = "bm9ib2R5Om5vYm9keQ==";
    let good = Source::new(&served);
    let form = json!({"auth_type": "user", "user": "sandbox", "password": "sandbox"});
    let mut by_form = Source::new(&served).with("credentials", form);
    by_form
        .config
        .as_object_mut()
        .expect("an object")
        .remove("token");
    for source in [&good, &by_form] {
        let written = source.run("check", &[]);
        let [message] = &written.messages[..] else {
            panic!("{:?}", written.messages);
        };
        assert_eq!(
            message["connectionStatus"]["status"], "SUCCEEDED",
            "{message}"
        );
        assert_eq!(written.code, 0);
    }
    for (source, words) in [
        (Source::new(&served).with("token", wrong), "token"),
        (Source::at("http://127.0.0.1:9"), "no connection"),
        (
            Source::new(&served).with("start_date", "soon"),
            "start_date",
        ),
        (Source::new(&served).with("colour", "blue"), "colour"),
    ] {
        let written = source.run("check", &[]);
        let [message] = &written.messages[..] else {
            panic!("{:?}", written.messages);
        };
        let status = &message["connectionStatus"];
        assert_eq!(status["status"], "FAILED", "{words}");
        let said = status["message"].as_str().expect("text");
        assert!(said.contains(words), "{said}");
        assert_eq!(written.code, 0, "{words}");
        written.assert_no_secret(wrong);
        written.assert_no_secret(DEFAULT_TOKEN);
    }
}

#[test]
fn catalog_declares_every_field_that_records_have() {
    let served = served(Behaviour {
        oddities: Oddities::all(0.3),
        ..Behaviour::default()
    });
    let source = Source::new(&served);
    let discovered = source.run("discover", &[]);
    let streams = discovered.messages[0]["catalog"]["streams"].clone();
    let streams = streams.as_array().expect("streams");
    let keys: Vec<_> = streams
        .iter()
        .map(|stream| (&stream["name"], &stream["source_defined_primary_key"]))
        .collect();
    let expected = [
        (&json!("customers"), &json!([["id"]])),
        (&json!("contacts"), &json!([["customer_id"], ["position"]])),
    ];
    assert_eq!(keys, expected);
    let written = source.read("incremental", &[]);
    assert_eq!(written.code, 0, "{}", written.stderr);
    for stream in streams {
        let modes = json!(["full_refresh", "incremental"]);
        assert_eq!(stream["supported_sync_modes"], modes);
        assert_eq!(stream["source_defined_cursor"], true);
        assert_eq!(stream["is_resumable"], true);
        // Local times have no zone, which Airbyte says by a type of its own.
        let options = jsonschema::options().should_validate_formats(false);
        let validator = options.build(&stream["json_schema"]).expect("a schema");
        let declared = stream["json_schema"]["properties"].as_object();
        let declared = declared.expect("properties");
        let cursor = stream["default_cursor_field"][0].as_str().expect("a field");
        let name = stream["name"].as_str().expect("text");
        assert!(written.records(name).count() > 20, "{name}");
        for record in written.records(name) {
            assert!(validator.is_valid(record), "{record}");
            let fields = record.as_object().expect("an object");
            assert!(fields.keys().all(|key| declared.contains_key(key)));
            assert!(fields[cursor].is_string(), "{record}");
        }
    }
}

#[test]
fn read_has_every_customer_and_contact_and_a_second_one_nothing() {
    let served = served(Behaviour::default());
    let source = Source::new(&served);
    for sync_mode in ["full_refresh", "incremental"] {
        let written = source.read(sync_mode, &[]);
        assert_eq!(written.code, 0, "{}", written.stderr);
        assert_eq!(written.ids(), truth(&served), "{sync_mode}");
        let listed = |record: &Value| record["contacts"].as_array().map_or(0, Vec::len);
        let contacts: usize = written.records("customers").map(listed).sum();
        assert_eq!(written.records("contacts").count(), contacts);
        assert_eq!(written.failures(), <[&str; 0]>::default());
        assert!(written.traces("ESTIMATE").count() >= 2);
        for stream in ["customers", "contacts"] {
            let statuses = written.statuses(stream);
            assert_eq!(statuses, ["STARTED", "RUNNING", "COMPLETE"], "{stream}");
        }
    }
    let first = source.read("incremental", &[]);
    let second = source.read("incremental", &first.states());
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert_eq!(second.of_type("RECORD").count(), 0);
    let state = |written: &Written| -> Vec<_> {
        let states = written.states().into_iter();
        states.map(|state| state["stream"].clone()).collect()
    };
    assert_eq!(state(&second), state(&first));
}

/// A read may be killed at any moment: what came before a state, and what the next read brings from
/// there, are all customers together.
#[test]
fn no_state_is_ahead_of_its_records() {
    let served = served(Behaviour::default());
    let source = Source::new(&served);
    let written = source.read("incremental", &[]);
    let is_state = |message: &Value| message["type"] == "STATE";
    let ends: Vec<_> = (1..=written.messages.len())
        .filter(|end| is_state(&written.messages[end - 1]))
        .collect();
    // One for each stream after each day.
    assert!(ends.len() >= 14, "{} states", ends.len());
    for end in ends {
        let before = &written.messages[..end];
        let rest = source.read("incremental", &last_states(before));
        assert_eq!(rest.code, 0, "{}", rest.stderr);
        let together: BTreeSet<_> = ids(before).union(&rest.ids()).copied().collect();
        assert_eq!(together, truth(&served), "after {end} messages");
    }
}

#[test]
fn states_count_the_records_since_the_last_one() {
    let served = served(Behaviour::default());
    let written = Source::new(&served).read("incremental", &[]);
    let mut since = BTreeMap::<&str, u64>::new();
    for message in &written.messages {
        if let Some(stream) = message["record"]["stream"].as_str() {
            *since.entry(stream).or_default() += 1;
        }
        let state = &message["state"];
        if let Some(stream) = state["stream"]["stream_descriptor"]["name"].as_str() {
            let counted = state["sourceStats"]["recordCount"].as_f64();
            let expected = since.insert(stream, 0).unwrap_or_default();
            assert_eq!(counted, Some(expected as f64), "{message}");
        }
    }
    assert!(since.values().all(|count| *count == 0), "{since:?}");
}

#[test]
fn a_stream_alone_is_read_alone() {
    let served = served(Behaviour::default());
    let source = Source::new(&served);
    let mut catalog = configured("incremental");
    catalog["streams"]
        .as_array_mut()
        .expect("streams")
        .remove(0);
    let written = source.read_catalog(&catalog, None);
    assert_eq!(written.code, 0, "{}", written.stderr);
    assert_eq!(written.records("customers").count(), 0);
    assert!(written.records("contacts").count() > 20);
    assert!(written.statuses("customers").is_empty());
    // The other one begins at its own beginning.
    let both = source.read("incremental", &written.states());
    assert_eq!(both.ids(), truth(&served));
    assert_eq!(both.records("contacts").count(), 0);
}

#[test]
fn a_day_that_fails_is_not_in_the_state() {
    let broken = Behaviour {
        faults: Faults::when([(
            When::Touches("2024-05-04".parse().expect("a date")),
            FaultKind::Failed("Account is being moved".into()),
        )]),
        ..Behaviour::default()
    };
    let served = served(broken);
    let source = Source::new(&served).with("retry_for", "2s");
    let written = source.read("incremental", &[]);
    assert_ne!(written.code, 0);
    assert_eq!(written.failures().len(), 1, "{}", written.stderr);
    let errors: Vec<_> = written.traces("ERROR").collect();
    assert!(errors[0].to_string().contains("Account is being moved"));
    for stream in ["customers", "contacts"] {
        let statuses = written.statuses(stream);
        assert_eq!(statuses, ["STARTED", "RUNNING", "INCOMPLETE"], "{stream}");
    }
    let served = served.with(Behaviour::default());
    let rest = source.read("incremental", &written.states());
    assert_eq!(rest.code, 0, "{}", rest.stderr);
    let together: BTreeSet<_> = written.ids().union(&rest.ids()).copied().collect();
    assert_eq!(together, truth(&served));
    // Days that were complete are not read again.
    assert!(rest.ids().len() < truth(&served).len());
}

#[test]
fn failures_are_the_protocol_s_own_and_reveal_nothing() {
    let served = served(Behaviour::default());
    let wrong = "bm9ib2R5Om5vYm9keQ==";
    let unknown = json!({"streams": [{"stream": {"name": "orders"}, "sync_mode": "incremental"}]});
    let both = configured("incremental");
    let foreign = json!([{"type": "STREAM", "stream": {
        "stream_descriptor": {"name": "customers"},
        "stream_state": {"updated_at": "2024-05-01"},
    }}]);
    let global = json!([{"type": "GLOBAL", "global": {"stream_states": []}}]);
    let (foreign, global) = (foreign.to_string(), global.to_string());
    let source = || Source::new(&served);
    let cases = [
        (
            source().with("token", wrong),
            &both,
            None,
            "config_error",
            3,
        ),
        (
            Source::at("http://127.0.0.1:9").with("retry_for", "1s"),
            &both,
            None,
            "transient_error",
            5,
        ),
        (source(), &unknown, None, "config_error", 2),
        (source(), &both, Some("{\"days\": ["), "config_error", 2),
        (source(), &both, Some(&foreign), "config_error", 2),
        (source(), &both, Some(&global), "config_error", 2),
        (
            source().with("drop", "colour"),
            &both,
            None,
            "config_error",
            2,
        ),
    ];
    for (source, catalog, state, failure, exit) in cases {
        let written = source.read_catalog(catalog, state);
        let case = format!("{failure} {state:?}: {}", written.stderr);
        assert_eq!(written.failures(), [failure], "{case}");
        assert_eq!(written.code, exit, "{case}");
        assert_eq!(written.of_type("STATE").count(), 0, "{case}");
        assert_eq!(written.of_type("RECORD").count(), 0, "{case}");
        written.assert_no_secret(wrong);
        written.assert_no_secret(DEFAULT_TOKEN);
    }
}

#[test]
fn a_wait_for_the_server_is_a_reason() {
    let limited = FaultKind::TooManyRequests429 {
        retry_after: Some("1".into()),
    };
    let served = served(Behaviour {
        faults: Faults::when([(When::Requests(4..=5), limited)]),
        ..Behaviour::default()
    });
    let written = Source::new(&served).read("incremental", &[]);
    assert_eq!(written.code, 0, "{}", written.stderr);
    assert_eq!(written.ids(), truth(&served));
    let reasons: Vec<_> = written
        .traces("STREAM_STATUS")
        .filter_map(|trace| trace["stream_status"]["reasons"].as_array())
        .flatten()
        .collect();
    assert!(!reasons.is_empty());
    for reason in reasons {
        assert_eq!(reason["type"], "RATE_LIMITED");
        assert!(reason["rate_limited"]["quota_reset"].as_i64() > Some(1_700_000_000_000));
    }
}

#[test]
fn odd_values_are_kept_and_named() {
    let served = served(Behaviour {
        oddities: Oddities {
            lone_surrogates: 0.3,
            nul_characters: 0.3,
            non_finite_numbers: 0.3,
            raw_control_characters: 0.3,
            ..Oddities::all(0.3)
        },
        ..Behaviour::default()
    });
    let written = Source::new(&served).read("incremental", &[]);
    assert_eq!(written.code, 0, "{}", written.stderr);
    assert_eq!(written.ids(), truth(&served));
    let changes = written.of_type("RECORD").filter_map(|message| {
        let record = &message["record"];
        let changes = record["meta"]["changes"].as_array()?;
        Some((record, changes))
    });
    let mut count = 0;
    for (record, changes) in changes {
        for change in changes {
            let field = change["field"].as_str().expect("text");
            assert!(record["data"][field].is_null(), "{field}");
            assert!(!record["data"]["extra"][field].is_null(), "{field}");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

/// The ids of the customers that a read reports as deleted.
fn deleted(written: &Written) -> Vec<u64> {
    let deleted = written
        .records("customers")
        .filter(|record| record["_ab_cdc_deleted_at"].is_string());
    deleted
        .map(|record| record["id"].as_u64().expect("a number"))
        .collect()
}

#[test]
fn customers_that_are_gone_come_once_as_deleted() {
    let served = served(Behaviour::default());
    let source = Source::new(&served).with("refresh", "7");
    let first = source.read("incremental", &[]);
    assert_eq!(deleted(&first), [0; 0]);
    let contacts: Vec<_> = first.records("contacts").collect();
    let gone = contacts[0]["customer_id"].as_u64().expect("a number");
    let of_gone = |record: &&&Value| record["customer_id"] == gone;
    let contacts = contacts.iter().filter(of_gone).count();
    let moved = *first.ids().iter().find(|id| **id != gone).expect("another");
    for edit in [format!("delete {gone}"), format!("move {moved} 2024-05-06")] {
        served.tenant.edit(&edit.parse().expect("an edit"));
    }
    let second = source.read("incremental", &first.states());
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert_eq!(deleted(&second), [gone]);
    assert_eq!(second.ids(), truth(&served));
    let gone_contacts = second
        .records("contacts")
        .filter(|record| record["_ab_cdc_deleted_at"].is_string());
    assert_eq!(gone_contacts.count(), contacts);
    let third = source.read("incremental", &second.states());
    assert_eq!(deleted(&third), [0; 0]);
}
