//! The completion scripts, as shells run them.
#![cfg(unix)]

use std::process::Command;

use kapture_tests::{binary, kapture};

fn script(shell: &str) -> String {
    let output = kapture(&["completions", shell]).output().expect("it runs");
    String::from_utf8(output.stdout).expect("a script is text")
}

/// What bash completes the last of these words to.
fn completed(words: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a fresh folder");
    std::fs::write(folder.path().join("with space.csv"), "").expect("a fresh folder");
    let last = words.len() - 1;
    let quoted: Vec<_> = words
        .iter()
        .map(|word| format!("'{}'", word.replace('\'', "'\\''")))
        .collect();
    // bash hands the word over without the quote that it begins with.
    let word = words[last].trim_start_matches(['"', '\'']);
    let test = format!(
        "{}\nCOMP_WORDS=({}); COMP_CWORD={last}; _clap_complete_kapture kapture '{word}' x; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script("bash"),
        quoted.join(" "),
    );
    let program = binary();
    let path = program.parent().expect("a folder").display().to_string();
    let path = format!("{path}:{}", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command
        .args(["-c", &test])
        .current_dir(folder.path())
        .env("PATH", path);
    let output = command.output().expect("bash runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn bash_escapes_what_it_completes() {
    let days = ["kapture", "pull", "--days"];
    assert_eq!(
        completed(&[&days[..], &["wi"]].concat()),
        "with\\ space.csv\n"
    );
    for quoted in ["\"wi", "'wi"] {
        let completed = completed(&[&days[..], &[quoted]].concat());
        assert_eq!(completed, "with space.csv\n");
    }
    assert_eq!(completed(&["kapture", "sy"]), "sync\n");
}

/// bash splits words at `=`.
#[test]
fn bash_completes_a_value_behind_an_equals_sign() {
    let pull = ["kapture", "pull", "--format", "=", "csv", "--days", "="];
    assert_eq!(
        completed(&[&pull[..], &["wi"]].concat()),
        "with\\ space.csv\n"
    );
    assert!(completed(&pull).contains("with\\ space.csv\n"));
    let format = ["kapture", "pull", "--format", "=", "par"];
    assert_eq!(completed(&format), "parquet\n");
}

/// zsh itself need not be installed: the function has to run when it is loaded by its name.
#[test]
fn zsh_completes_when_it_loads_the_script() {
    let script = script("zsh");
    assert!(script.starts_with("#compdef kapture"), "{script}");
    let loaded =
        "if [[ $funcstack[1] == _kapture ]]; then\n    _clap_dynamic_completer_kapture \"$@\"";
    assert!(script.contains(loaded), "{script}");
    let words = "kapture -- \"${(@Q)words[1,CURRENT-1]}\" \"${(Q)PREFIX}\"";
    assert!(script.contains(words), "{script}");
}
