//! `kapture doctor` on servers of every kind: what it finds, and that it asks no more than 35 times.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kapture_sandbox::{
    Behaviour, EmptyForm, Endpoints, FaultKind, Faults, Limit, Offset, Order, PerDay, Population,
    RateLimit, SameDay, Windows,
};
use kapture_tests::scripted::{Scripted, customers, send};
use kapture_tests::{Served, around_may, code, kapture, stderr};
use serde_json::Value;

const MOST: u64 = 35;

/// What was found at each step, as `step: verdict: found`, and the exit code.
fn examined(population: Population, behaviour: Behaviour) -> (Vec<String>, i32) {
    let served = Served::new(population, behaviour);
    let output = served
        .kapture(&["doctor", "--day", "2024-05-02", "--json"])
        .output()
        .expect("a run");
    let asked = served.tenant.request_count();
    assert!(asked <= MOST, "{asked} requests: {}", stderr(&output));
    let lines = String::from_utf8(output.stdout.clone()).expect("text");
    let findings = lines.lines().map(|line| {
        let finding: Value = serde_json::from_str(line).expect("a line of JSON");
        let word = |key: &str| finding[key].as_str().expect("a word").to_owned();
        assert_eq!(word("verdict") == "ok", finding["hint"].is_null(), "{line}");
        format!("{}: {}: {}", word("step"), word("verdict"), word("found"))
    });
    (findings.collect(), output.status.code().expect("a code"))
}

fn busy(per_day: u32) -> Population {
    around_may(PerDay::Fixed(per_day))
}

fn expect(behaviour: Behaviour, per_day: u32, code: i32, words: &[&str]) {
    let (findings, exit) = examined(busy(per_day), behaviour.clone());
    for word in words {
        assert!(
            findings.iter().any(|finding| finding.contains(word)),
            "{word}: {findings:#?} of {behaviour:?}"
        );
    }
    assert_eq!(exit, code, "{findings:#?}");
}

#[test]
fn a_default_server_passes_every_step() {
    let (findings, code) = examined(busy(60), Behaviour::default());
    assert_eq!(code, 0);
    let steps: Vec<_> = findings
        .iter()
        .map(|finding| finding.split(": ").take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        steps,
        [
            "connection ok",
            "dns ok",
            "connect ok",
            "endpoint ok",
            "token ok",
            "account ok",
            "windows ok",
            "pages ok",
            "day ok",
            "boundary ok",
            "speed ok"
        ]
    );
}

#[test]
fn undocumented_behaviour_is_detected() {
    let plain = Behaviour::default;
    let exclusive = |same_day| Windows::Exclusive { same_day };
    expect(
        plain(),
        60,
        0,
        &["windows: ok: proven: the end day of a window is included"],
    );
    for same_day in [SameDay::Empty, SameDay::Refused] {
        let behaviour = Behaviour {
            windows: exclusive(same_day),
            ..plain()
        };
        expect(
            behaviour,
            60,
            0,
            &["windows: ok: proven: the end day of a window is not included"],
        );
    }
    let behaviour = Behaviour {
        windows: Windows::Strict,
        ..plain()
    };
    expect(
        behaviour,
        60,
        0,
        &["windows: ok: proven: only windows of one day are accepted"],
    );
    let behaviour = Behaviour {
        limit: Limit::CappedAt(37),
        ..plain()
    };
    expect(behaviour, 60, 0, &["pages: ok: 37 of"]);
    let behaviour = Behaviour {
        endpoints: Endpoints::Search,
        ..plain()
    };
    expect(behaviour, 60, 0, &["search answers, legacy does not"]);
    let behaviour = Behaviour {
        order: Order::Unstable,
        ..plain()
    };
    expect(
        behaviour,
        60,
        0,
        &["boundary: warning: the order of rows changes"],
    );
    let behaviour = Behaviour {
        offset: Offset::Ignored,
        ..plain()
    };
    expect(behaviour, 60, 0, &["boundary: warning: offset is ignored"]);
    let behaviour = Behaviour {
        zone_shift_minutes: 330,
        ..plain()
    };
    expect(
        behaviour,
        60,
        0,
        &["day: ok: 2024-05-02: 60 customers, complete"],
    );
    // More than it may ask for.
    let behaviour = Behaviour {
        limit: Limit::CappedAt(37),
        ..plain()
    };
    expect(behaviour, 4_000, 0, &["needs more than"]);
}

#[test]
fn what_fails_is_named_with_a_hint() {
    let plain = Behaviour::default;
    let behaviour = Behaviour {
        endpoints: Endpoints::Legacy,
        ..plain()
    };
    expect(
        behaviour,
        60,
        4,
        &["endpoint: failed: search does not answer, legacy does"],
    );
    let behaviour = Behaviour {
        token: "another".into(),
        ..plain()
    };
    expect(
        behaviour,
        60,
        3,
        &["token: failed: the server refuses the token"],
    );
    let behaviour = Behaviour {
        cm_id: 7,
        ..plain()
    };
    expect(
        behaviour,
        60,
        4,
        &["account: failed: the server refuses the request"],
    );
    expect(plain(), 0, 0, &["windows: warning"]);
    let behaviour = Behaviour {
        empty_window: EmptyForm::Failed("No customers found".into()),
        ..plain()
    };
    expect(
        behaviour,
        0,
        0,
        &["account: warning: the server answers: “No customers found”"],
    );
}

#[test]
fn a_failing_server_receives_few_requests() {
    for kind in FaultKind::passing() {
        let behaviour = Behaviour {
            faults: Faults::random(0.5, [kind.clone()], 1),
            ..Behaviour::default()
        };
        examined(busy(60), behaviour);
    }
    let limited = Behaviour {
        rate_limit: Some(RateLimit {
            per_second: 3,
            retry_after: Some("1".into()),
        }),
        think_time: Duration::from_millis(1),
        ..Behaviour::default()
    };
    examined(busy(60), limited);
}

/// A profile for a tenant, written by hand.
fn profile(url: &str, more: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    let text = format!(
        "# Mine.\n[profiles.acme] # the tenant\nbase-url = \"{url}\"\ncm-id = 424242 # the account\n{more}"
    );
    std::fs::write(&path, text).expect("a file");
    (folder, path)
}

fn examine(profile: &std::path::Path, more: &[&str]) -> std::process::Output {
    let day = ["doctor", "--day", "2024-05-02"];
    let mut command = kapture(&[&day[..], more].concat());
    command
        .env("KAPTURE_CONFIG", profile)
        .env("KAPTURE_TOKEN", kapture_sandbox::DEFAULT_TOKEN);
    command.output().expect("a run")
}

#[test]
fn save_writes_the_tolerated_concurrency() {
    let served = Served::new(busy(60), Behaviour::default());
    let (_folder, path) = profile(&served.url(), "concurrency = 8 # at most\n");
    examine(&path, &[]);
    // The last requests of an examination are four at once: one of them fails.
    let last = served.tenant.request_count() - 1;
    let served = served.with(Behaviour {
        faults: Faults::scheduled([(last, FaultKind::Status500)]),
        ..Behaviour::default()
    });
    let output = examine(&path, &["--save"]);
    let found = String::from_utf8(output.stdout).expect("text");
    assert!(
        found.contains("4 concurrent requests are too many"),
        "{found}"
    );
    assert!(
        found.contains("concurrency = 2 in profile `acme`"),
        "{found}"
    );
    let text = std::fs::read_to_string(&path).expect("a file");
    assert!(text.ends_with("concurrency = 2 # at most\n"), "{text}");
    // The next run does not exceed it.
    let again = examine(&path, &["--save"]);
    let found = String::from_utf8(again.stdout).expect("text");
    assert!(
        found.contains("2 concurrent requests are tolerated"),
        "{found}"
    );
    assert!(served.tenant.request_count() > last);
}

#[test]
fn save_writes_the_working_endpoint_and_nothing_else() {
    for (behaviour, before, after, saved) in [
        (Behaviour::default(), "", "", "is up to date"),
        (
            Behaviour {
                endpoints: Endpoints::Legacy,
                ..Behaviour::default()
            },
            "",
            "endpoint = \"legacy\"\n",
            "endpoint = \"legacy\" in profile `acme`",
        ),
        (
            Behaviour {
                endpoints: Endpoints::Search,
                ..Behaviour::default()
            },
            "endpoint = \"legacy\" # why?\ntimeout = 30\n",
            "endpoint = \"search\" # why?\ntimeout = 30\n",
            "endpoint = \"search\" in profile `acme`",
        ),
    ] {
        let served = Served::new(busy(60), behaviour);
        let (_folder, path) = profile(&served.url(), before);
        let text = || std::fs::read_to_string(&path).expect("a file");
        let written = text();
        let doctor = |more: &[&str]| examine(&path, more);
        doctor(&[]);
        assert_eq!(text(), written, "nothing is written without --save");
        let asked = served.tenant.request_count();
        let output = doctor(&["--save"]);
        let found = String::from_utf8(output.stdout.clone()).expect("text");
        assert_eq!(code(&output), 0, "{found}{}", stderr(&output));
        assert!(served.tenant.request_count() - asked <= MOST);
        assert!(found.contains(saved), "{found}");
        let rest = written.strip_suffix(before).expect("its end");
        let default = "default-profile = \"acme\"\n";
        assert_eq!(text().replace(default, ""), format!("{rest}{after}"));
        // The next run has nothing to add.
        let again = doctor(&["--save"]);
        let found = String::from_utf8(again.stdout).expect("text");
        assert!(found.contains("is up to date"), "{found}");
    }
}

#[test]
fn a_profile_of_another_tenant_is_not_changed() {
    let served = Served::new(busy(60), Behaviour::default());
    let (_folder, path) = profile("https://acme.kapturecrm.com", "");
    let output = served
        .kapture(&["doctor", "--save"])
        .env("KAPTURE_CONFIG", &path)
        .output()
        .expect("a run");
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("--save: no profile sets the tenant"),
        "{}",
        stderr(&output)
    );
    assert_eq!(served.tenant.request_count(), 0);
}

#[test]
fn hints_follow_the_switch_to_the_other_endpoint() {
    let refused = br#"{"message":"No such path","status":"failed"}"#;
    let answered = AtomicBool::new(false);
    let server = Scripted::new(move |asked, stream| {
        let legacy = asked.head.contains("/select-customer-between");
        match legacy && !answered.swap(true, Ordering::SeqCst) {
            true => send(stream, "200 OK", &customers(&[])),
            false => send(stream, "404 Not Found", refused),
        }
    });
    let (_folder, path) = profile(server.url(), "");
    let output = examine(&path, &["--save"]);
    let found = String::from_utf8(output.stdout).expect("text");
    assert!(found.contains("legacy is used from here on"), "{found}");
    assert!(found.contains("--endpoint search"), "{found}");
    assert!(!found.contains("--endpoint legacy"), "{found}");
}
