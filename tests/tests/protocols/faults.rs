//! What a tap does in trouble: an exit code, a message on standard error, and no state that is not true.

use std::process::Output;

use kapture_sandbox::{Behaviour, DEFAULT_TOKEN};
use kapture_tests::scripted::{Scripted, one_a_day};
use kapture_tests::{code, stderr};
use serde_json::{Value, json};

use super::tap::{Tap, Told, served};

/// Fails unless a run ended with a code and these words, printed no secret, and told no state.
fn assert_refused(output: &Output, expected: i32, words: &str) {
    let said = stderr(output);
    assert_eq!(code(output), expected, "{said}");
    assert!(said.contains(words), "{said}");
    let told = Told::of(&output.stdout);
    assert_eq!(told.of_type("STATE").count(), 0);
    for secret in [DEFAULT_TOKEN, "d3Jvbmc6dG9rZW4="] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn a_wrong_token_is_named() {
    let served = served(Behaviour::default());
    let tap = Tap::at(&served.url()).with(&json!({"token": "d3Jvbmc6dG9rZW4="}));
    assert_refused(&tap.output(&[]), 3, "token");
}

#[test]
fn a_dead_server_is_named() {
    let url = served(Behaviour::default()).url();
    assert_refused(&Tap::at(&url).output(&[]), 5, "no connection to the server");
}

#[test]
fn a_day_that_fails_is_not_in_the_state() {
    let server = Scripted::bodies(|asked| {
        let start = asked.body["createStartDate"].as_str().unwrap_or_default();
        match ("2024-05-06"..="2024-05-12").contains(&start) {
            true => br#"{"message":"Account is being moved","status":"failed"}"#.to_vec(),
            false => one_a_day(asked),
        }
    });
    let tap = Tap::at(server.url());
    let output = tap.output(&[]);
    assert_eq!(code(&output), 4, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("Account is being moved"),
        "{}",
        stderr(&output)
    );
    let state = Told::of(&output.stdout).state();
    // The fifth waits for its neighbour.
    let complete = &state["bookmarks"]["customers"]["complete"];
    assert_eq!(*complete, json!(["2024-05-01/2024-05-04"]));
    assert_eq!(state["bookmarks"]["customers"]["open"], json!([]));
}

#[test]
fn broken_unknown_and_foreign_states_are_refused() {
    let (ours, theirs) = (served(Behaviour::default()), served(Behaviour::default()));
    let tap = Tap::at(&ours.url());
    let foreign = Tap::at(&theirs.url()).run(&[]).state();
    let unknown = json!({"bookmarks": {"customers": {"replication_key_value": "2024-05-03"}}});
    for (state, words) in [
        (
            foreign,
            "the state of customers holds the customers of the tenant at",
        ),
        (
            unknown,
            "the state of customers is not one that kapture wrote",
        ),
        (json!({"bookmarks": {"orders": {}}}), "a stream `orders`"),
    ] {
        tap.write("state.json", &state);
        assert_refused(&tap.output(&["--state", "state.json"]), 2, words);
    }
    std::fs::write(tap.path("state.json"), r#"{"bookmarks": "#).unwrap();
    assert_refused(
        &tap.output(&["--state", "state.json"]),
        2,
        "state.json is not valid JSON",
    );
    assert_refused(
        &tap.output(&["--state", "none.json"]),
        2,
        "cannot read the state none.json",
    );
}

#[test]
fn a_state_of_other_filters_or_fields_is_refused_without_their_values() {
    let served = served(Behaviour::default());
    let state = Tap::at(&served.url()).run(&[]).state();
    let refused = |settings: Value, words: &str| {
        let tap = Tap::at(&served.url()).with(&settings);
        tap.write("state.json", &state);
        let output = tap.output(&["--state", "state.json"]);
        assert_refused(&output, 2, words);
        assert!(!stderr(&output).contains("asha"), "{}", stderr(&output));
    };
    refused(
        json!({"filters": {"email": "asha@example.com"}}),
        "filtered by email",
    );
    refused(json!({"drop": "remarks"}), "without remarks");
    refused(
        json!({"time_zone": "Asia/Kolkata"}),
        "time zone UTC, not of Asia/Kolkata",
    );
}

#[test]
fn catalogs_with_unknown_streams_or_without_any_are_refused() {
    let served = served(Behaviour::default());
    let tap = Tap::at(&served.url());
    let refused = |catalog: &Value, words: &str| {
        tap.write("catalog.json", catalog);
        assert_refused(&tap.output(&["--catalog", "catalog.json"]), 2, words);
    };
    let mut catalog = tap.catalog();
    for stream in catalog["streams"].as_array_mut().unwrap() {
        stream["metadata"][0]["metadata"]["selected"] = false.into();
    }
    refused(&catalog, "the catalog selects no stream");
    catalog["streams"][1]["tap_stream_id"] = "orders".into();
    refused(&catalog, "unknown stream `orders`");
    refused(&json!([]), "expected a catalog");
}

#[test]
fn a_misspelt_setting_is_refused_before_any_request() {
    let served = served(Behaviour::default());
    let tap = Tap::at(&served.url()).with(&json!({"dropped": "contacts.phone"}));
    assert_refused(&tap.output(&[]), 2, "unknown key `dropped`");
    assert!(served.tenant.requests().is_empty());
}
