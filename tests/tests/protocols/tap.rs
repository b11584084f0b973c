//! A tap with its configuration, and what it prints.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;

use kapture_sandbox::{Behaviour, DEFAULT_TOKEN, PerDay};
use kapture_tests::{Served, around_may, code, kapture, stderr};
use serde_json::{Value, json};

/// A folder with the files of a tap.
pub(crate) struct Tap {
    folder: tempfile::TempDir,
}

impl Tap {
    /// A tap of the tenant at an address, for the first week of May 2024.
    pub(crate) fn at(url: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let tap = Self { folder };
        tap.write(
            "config.json",
            &json!({
                "base_url": url, "cm_id": 424_242, "token": DEFAULT_TOKEN, "time_zone": "UTC",
                "start_date": "2024-05-01", "end_date": "2024-05-07", "retry_for": "1s",
            }),
        );
        tap
    }

    /// The same with other settings.
    pub(crate) fn with(self, settings: &Value) -> Self {
        let config = std::fs::read_to_string(self.path("config.json")).expect("a configuration");
        let mut config: Value = serde_json::from_str(&config).expect("JSON");
        for (key, value) in settings.as_object().expect("an object") {
            config[key] = value.clone();
        }
        self.write("config.json", &config);
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of its folder.
    pub(crate) fn write(&self, name: &str, value: &Value) {
        std::fs::write(self.path(name), value.to_string()).expect("a file");
    }

    /// Runs it in its folder.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        let singer = ["singer", "--config", "config.json"];
        let mut command = kapture(&[&singer[..], arguments].concat());
        command.current_dir(self.folder.path());
        command.output().expect("it runs")
    }

    /// Runs it to success.
    pub(crate) fn run(&self, arguments: &[&str]) -> Told {
        let output = self.output(arguments);
        assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
        Told::of(&output.stdout)
    }

    /// Runs it with a state.
    pub(crate) fn run_with_state(&self, state: &Value) -> Told {
        self.write("state.json", state);
        self.run(&["--state", "state.json"])
    }

    /// The catalog that it prints.
    pub(crate) fn catalog(&self) -> Value {
        let output = self.output(&["--discover"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).expect("a catalog")
    }

    /// Runs it with a catalog whose metadata is changed: of a stream, the property at a path gets it.
    pub(crate) fn run_with_metadata(
        &self,
        changes: &[(usize, Value, Value)],
        more: &[&str],
    ) -> Told {
        let mut catalog = self.catalog();
        for (stream, breadcrumb, metadata) in changes {
            let all = catalog["streams"][*stream]["metadata"].as_array_mut();
            let of = |of: &&mut Value| of["breadcrumb"] == *breadcrumb;
            let found = all
                .expect("metadata")
                .iter_mut()
                .find(of)
                .expect("a property");
            for (key, value) in metadata.as_object().expect("an object") {
                found["metadata"][key] = value.clone();
            }
        }
        self.write("catalog.json", &catalog);
        self.run(&[&["--catalog", "catalog.json"], more].concat())
    }
}

/// The messages of a run.
pub(crate) struct Told(pub(crate) Vec<Value>);

impl Told {
    /// Every line is a message.
    pub(crate) fn of(stdout: &[u8]) -> Self {
        let text = std::str::from_utf8(stdout).expect("UTF-8");
        let message = |line: &str| serde_json::from_str(line).expect("a line of JSON");
        Self(text.lines().map(message).collect())
    }

    pub(crate) fn of_type<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |message| message["type"] == name)
    }

    /// The records of a stream.
    pub(crate) fn records<'a>(&'a self, stream: &'a str) -> impl Iterator<Item = &'a Value> {
        let of = self.of_type("RECORD");
        of.filter(move |message| message["stream"] == stream)
            .map(|message| &message["record"])
    }

    /// The ids of the customers, each of which came once.
    pub(crate) fn ids(&self) -> BTreeSet<u64> {
        let ids: Vec<_> = self
            .records("customers")
            .map(|record| record["id"].as_u64().expect("an id"))
            .collect();
        let once: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!(ids.len(), once.len(), "a customer came twice");
        once
    }

    /// The last state.
    pub(crate) fn state(&self) -> Value {
        let last = self.of_type("STATE").last();
        last.expect("a state")["value"].clone()
    }

    /// Fails unless each record fits the schema that stands before it.
    pub(crate) fn assert_valid(&self) {
        for schema in self.of_type("SCHEMA") {
            let name = schema["stream"].as_str().expect("a name");
            let validator = jsonschema::validator_for(&schema["schema"]).expect("a schema");
            let properties = schema["schema"]["properties"]
                .as_object()
                .expect("properties");
            let mut count = 0;
            for record in self.records(name) {
                if let Some(error) = validator.iter_errors(record).next() {
                    panic!("{error}: {record}");
                }
                for key in record.as_object().expect("an object").keys() {
                    assert!(properties.contains_key(key), "{key} is not declared");
                }
                count += 1;
            }
            assert!(count > 0, "no record of {name}");
        }
    }
}

/// Five customers on each day.
pub(crate) fn served(behaviour: Behaviour) -> Served {
    Served::new(around_may(PerDay::Fixed(5)), behaviour)
}

/// The ids of the customers from one day of May 2024 to another.
pub(crate) fn truth(served: &Served, from: u32, to: u32) -> BTreeSet<u64> {
    let day = |day| format!("2024-05-{day:02}").parse().expect("a date");
    served.tenant.truth_ids(day(from), day(to))
}

/// The program beside `kapture` with this name.
pub(crate) fn beside(name: &str) -> PathBuf {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    Path::new(&kapture_tests::binary()).with_file_name(name)
}
