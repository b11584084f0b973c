//! `kapture schema`, `completions` and `man`: commands without requests.

use std::process::{Command, Output};

use kapture_sandbox::{Behaviour, Oddities, PerDay, Population};
use kapture_tests::{Served, kapture, names, stderr};
use serde_json::Value;

fn printed(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    std::str::from_utf8(&output.stdout).expect("text")
}

fn told(arguments: &[&str]) -> String {
    printed(&kapture(arguments).output().expect("a run")).to_owned()
}

#[test]
fn the_json_schema_describes_what_comes_out() {
    let schema: Value = serde_json::from_str(&told(&["schema"])).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let week = [
        "pull",
        "--sandbox",
        "--from",
        "2024-05-01",
        "--to",
        "2024-05-07",
    ];
    let lines = told(&week);
    let customers: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(customers.len() > 100);
    for customer in &customers {
        let error = schema.validate(customer).err();
        assert!(error.is_none(), "{error:?}");
    }
    let contacts = |customer: &&Value| {
        customer["contacts"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    };
    let customer = customers.iter().find(contacts).unwrap();
    for (pointer, value) in [
        ("/id", Value::Null),
        ("/cmId", "424242".into()),
        ("/generationDate", "May 2, 2024 4:15:42 PM".into()),
        ("/isOrganization", "yes".into()),
        ("/contacts/0/phone", 5.into()),
    ] {
        let mut odd = customer.clone();
        *odd.pointer_mut(pointer).unwrap() = value;
        assert!(!schema.is_valid(&odd), "{pointer}");
    }
}

#[test]
fn what_is_not_as_documented_is_what_does_not_validate() {
    let schema: Value = serde_json::from_str(&told(&["schema"])).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let day = |text: &str| text.parse().expect("a date");
    let behaviour = Behaviour {
        oddities: Oddities::all(0.3),
        ..Behaviour::default()
    };
    let population =
        Population::new(3).days(day("2024-05-01"), day("2024-05-03"), PerDay::Fixed(60));
    let served = Served::new(population, behaviour);
    let pull = ["pull", "--from", "2024-05-01", "--to", "2024-05-03"];
    let output = served.kapture(&pull).output().unwrap();
    let valid = |line: &&str| schema.is_valid(&serde_json::from_str(line).unwrap());
    let lines = printed(&output).lines().count();
    let valid = printed(&output).lines().filter(valid).count();
    assert!(0 < valid && valid < lines, "{valid} of {lines}");
}

#[test]
fn the_sql_schema_makes_the_tables() {
    let database = rusqlite::Connection::open_in_memory().unwrap();
    database
        .execute_batch(&told(&["schema", "--format", "sql"]))
        .unwrap();
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('customers', 'contacts')";
    let tables: i64 = database.query_row(tables, [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 2);
    assert!(
        told(&["schema", "--format", "sql", "--dialect", "postgres"]).contains("double precision")
    );
}

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = told(&["completions", shell]);
        assert!(script.contains("KAPTURE_COMPLETE"), "{shell}: {script}");
    }
    let output = kapture(&["completions", "bsh"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("'bash'"), "{}", stderr(&output));
}

/// What bash would be offered for the last of these words.
fn completed(words: &[&str], home: &std::path::Path) -> Vec<String> {
    let mut command: Command = kapture(&[]);
    command
        .env("XDG_CONFIG_HOME", home)
        .env("KAPTURE_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string())
        .env("_CLAP_COMPLETE_COMP_TYPE", "9")
        .env("_CLAP_IFS", "\n")
        .arg("--")
        .args(words);
    let output = command.output().expect("a run");
    printed(&output).lines().map(str::to_owned).collect()
}

#[test]
fn commands_options_and_profiles_are_completed() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("kapture").join("config.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "[profiles.acme]\n[profiles.globex]\n").unwrap();
    let completed = |words: &[&str]| completed(words, home.path());
    assert_eq!(completed(&["kapture", "sy"]), ["sync"]);
    assert_eq!(completed(&["kapture", "pull", "--subd"]), ["--subdomain"]);
    assert_eq!(
        completed(&["kapture", "pull", "--profile", ""]),
        ["acme", "globex"]
    );
    for (option, start, words) in [
        (
            "--format",
            "",
            &["ndjson", "csv", "parquet", "arrow", "xlsx"][..],
        ),
        ("--endpoint", "", &["search", "legacy"]),
        ("--time-zone", "Asia/Kolk", &["Asia/Kolkata"]),
    ] {
        assert_eq!(completed(&["kapture", "pull", option, start]), words);
    }
    // Where customers go is a path as a rule.
    let destination = file.to_str().unwrap();
    let (start, _) = destination.split_at(destination.len() - 3);
    for words in [
        &["kapture", "sync", start][..],
        &["kapture", "pull", "-o", start],
    ] {
        assert_eq!(completed(words), [destination], "{words:?}");
    }
    std::fs::write(&file, "no configuration").unwrap();
    assert!(completed(&["kapture", "pull", "--profile", ""]).is_empty());
}

#[test]
fn there_is_a_man_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("man1");
    told(&["man", destination.to_str().unwrap()]);
    let pages = names(&destination);
    for page in ["kapture.1", "kapture-pull.1", "kapture-auth-login.1"] {
        assert!(pages.iter().any(|name| name == page), "{pages:?}");
    }
    for page in &pages {
        let path = destination.join(page);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(".SH NAME"), "{page}");
        let source = format!("\"kapture {}\"", env!("CARGO_PKG_VERSION"));
        let title = text.lines().find(|line| line.starts_with(".TH "));
        assert!(title.unwrap().contains(&source), "{page}: {title:?}");
        // Where there is somebody to ask, nothing is complained about.
        let lint = Command::new("man")
            .args(["--warnings", "-l"])
            .arg(&path)
            .env("MANPAGER", "cat")
            .output();
        if let Ok(lint) = lint
            && lint.status.success()
        {
            assert_eq!(stderr(&lint), "", "{page}");
        }
        let lint = Command::new("mandoc")
            .args(["-T", "lint", "-W", "warning"])
            .arg(&path)
            .output();
        if let Ok(lint) = lint {
            assert_eq!(String::from_utf8_lossy(&lint.stdout), "", "{page}");
        }
    }
}
