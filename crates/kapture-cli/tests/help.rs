//! What `--help` says about every flag.

use std::process::Command;

fn help(command: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kapture"))
        .args(command)
        .arg("--help")
        .output()
        .expect("help");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("help")
}

#[test]
fn every_flag_says_what_it_does_in_one_manner() {
    for command in [&[][..], &["pull"], &["sandbox"]] {
        let text = help(command);
        let lines: Vec<_> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let flag = line.trim_start();
            let short = flag.starts_with('-') && flag.contains(", --");
            if !short && !flag.starts_with("--") {
                continue;
            }
            // The words stand beside the flag or below it.
            let beside = flag.split_once("  ").map(|(_, words)| words.trim());
            let words = beside.unwrap_or_else(|| lines[number + 1].trim());
            assert!(
                words.starts_with(char::is_uppercase),
                "{command:?}: {flag}: {words}"
            );
            assert!(!words.ends_with('.'), "{command:?}: {flag}: {words}");
        }
        assert!(
            text.contains("Example") || text.contains("Try it"),
            "{command:?} has no example"
        );
    }
}

#[test]
fn the_version_is_the_crates() {
    let output = Command::new(env!("CARGO_BIN_EXE_kapture"))
        .arg("--version")
        .output()
        .unwrap();
    let version = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        version.trim(),
        concat!("kapture ", env!("CARGO_PKG_VERSION"))
    );
}
