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
    let test = format!(
        "{}\nCOMP_WORDS=({}); COMP_CWORD={last}; _clap_complete_kapture kapture {} x; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script("bash"),
        quoted.join(" "),
        quoted[last],
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
    assert_eq!(completed(&["kapture", "sy"]), "sync\n");
}

/// zsh itself need not be installed: the function has to run when it is loaded by its name.
#[test]
fn zsh_completes_when_it_loads_the_script() {
    let script = script("zsh");
    assert!(script.starts_with("#compdef kapture"), "{script}");
    let loaded =
        "if [[ $funcstack[1] == _kapture ]]; then\n    _clap_dynamic_completer_kapture \"$@\"";
    assert!(script.contains(loaded), "{script}");
}
