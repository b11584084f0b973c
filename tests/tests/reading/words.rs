//! Snapshots of help and errors, and examples that run when pasted.
#![cfg(unix)]

use kapture_tests::pasted::Shell;
use kapture_tests::{binary, kapture, stderr};

/// `words/*.md` contain commands and their output. `TRYCMD=overwrite` updates them.
#[test]
fn help_and_errors_match_the_snapshots() {
    let cases = trycmd::TestCases::new();
    cases
        .register_bin("kapture", binary().as_path())
        .env("XDG_CONFIG_HOME", "/nowhere")
        .case("words/*.md");
}

/// Every command with its help, in the order of the list of commands.
fn helps(command: &[String], found: &mut Vec<(String, String)>) {
    let words: Vec<_> = command.iter().map(String::as_str).collect();
    let output = kapture(&[&words[..], &["--help"]].concat()).output();
    let help = String::from_utf8(output.expect("help").stdout).expect("text");
    let commands = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned));
    let commands: Vec<_> = commands.collect();
    found.push((words.join(" "), help));
    for name in commands {
        helps(&[command, &[name]].concat(), found);
    }
}

#[test]
fn every_example_works_when_pasted() {
    let shell = Shell::new();
    let mut found = Vec::new();
    helps(&[], &mut found);
    assert!(found.len() > 12, "{} commands", found.len());
    let mut not_run = Vec::new();
    for (command, help) in found {
        let examples: Vec<_> = help
            .lines()
            .skip_while(|line| !line.starts_with("Example") && !line.starts_with("Try it"))
            .filter_map(|line| line.strip_prefix("  "))
            .filter(|line| line.starts_with("kapture "))
            .collect();
        let leaf = !help.contains("\nCommands:\n");
        assert!(!examples.is_empty() || !leaf, "{command} has no example");
        for example in examples {
            // One serves until it is stopped, the other asks questions.
            if example.starts_with("kapture sandbox") || example == "kapture auth login" {
                not_run.push(example.to_owned());
                continue;
            }
            let output = shell.paste(example);
            assert!(output.status.success(), "{example}: {}", stderr(&output));
        }
    }
    assert_eq!(not_run.len(), 2, "{not_run:?}");
}
