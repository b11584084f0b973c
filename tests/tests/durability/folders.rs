//! Folders that are not empty at first, and days without customers in them.

use std::fs;

use kapture_sandbox::{Behaviour, PerDay};
use kapture_tests::{Served, around_may, code, run, stderr};

fn served() -> Served {
    Served::new(around_may(PerDay::Fixed(3)), Behaviour::default())
}

#[test]
fn what_file_systems_and_tools_put_into_a_folder_is_no_foreign_file() {
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    let days = ["--from", "2024-05-01", "--to", "2024-05-02"];
    let destination = folder.path().join("volume/");
    fs::create_dir_all(destination.join("lost+found")).unwrap();
    for name in [".DS_Store", ".gitkeep"] {
        fs::write(destination.join(name), "").unwrap();
    }
    let text = destination.to_str().unwrap();
    run(&served, &[&["sync", text], &days[..]].concat());
    run(&served, &["verify", text]);

    let destination = folder.path().join("papers/");
    fs::create_dir(&destination).unwrap();
    for name in ["1.txt", "2.txt", "3.txt", "4.txt", ".hidden"] {
        fs::write(destination.join(name), "").unwrap();
    }
    let text = destination.to_str().unwrap();
    let sync = [&["sync", text], &days[..]].concat();
    let output = served.kapture(&sync).output().unwrap();
    assert_eq!(code(&output), 6, "{}", stderr(&output));
    let names = "it has `1.txt`, `2.txt`, `3.txt` and more, but no _kapture/manifest.json";
    assert!(stderr(&output).contains(names), "{}", stderr(&output));
}

/// Opening a named pipe would wait for a writer.
#[cfg(unix)]
#[test]
fn pipe_in_place_of_a_file_is_named() {
    let served = served();
    for name in [
        "_kapture/manifest.json",
        "_kapture/runs.json",
        "created_date=2024-05-01/customers.parquet",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("out/");
        let text = destination.to_str().unwrap();
        let days = ["--from", "2024-05-01", "--to", "2024-05-02"];
        run(&served, &[&["sync", text], &days[..]].concat());
        let file = destination.join(name);
        fs::remove_file(&file).unwrap();
        let mut mkfifo = std::process::Command::new("mkfifo");
        assert!(mkfifo.arg(&file).status().unwrap().success());
        let output = served.kapture(&["status", text]).output().unwrap();
        // That the size of a day is another one is found without reading it.
        if !name.starts_with("created_date") {
            assert_eq!(code(&output), 6, "{}", stderr(&output));
            assert!(stderr(&output).contains("it is not a file"));
        }
        served.kapture(&["verify", text]).output().unwrap();
    }
}

#[test]
fn readers_find_the_columns_of_days_without_customers() {
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    let days = ["--from", "2024-06-10", "--to", "2024-06-12"];
    for (format, has_columns) in [("csv", true), ("parquet", true), ("ndjson", false)] {
        let destination = folder.path().join(format).join("");
        let text = destination.to_str().unwrap();
        let pull = ["pull", "-o", text, "--format", format];
        run(&served, &[&pull[..], &days].concat());
        for day in 10..=12 {
            let day = format!("created_date=2024-06-{day}/customers.{format}");
            let file = fs::read(destination.join(&day));
            assert_eq!(file.is_ok(), has_columns, "{day}");
            if format == "csv" {
                let lines = String::from_utf8(file.unwrap()).unwrap();
                assert_eq!(lines.lines().count(), 1, "{lines}");
                assert!(lines.starts_with("id,cm_id,"), "{lines}");
            }
        }
        let readme = fs::read_to_string(destination.join("_kapture/README.md")).unwrap();
        assert!(readme.contains(&format!("'*/*.{format}'")), "{readme}");
        run(
            &served,
            &[&["sync", text, "--format", format], &days[..]].concat(),
        );
        run(
            &served,
            &["verify", text, days[0], days[1], days[2], days[3]],
        );
    }
}
