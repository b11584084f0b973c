//! The commands of README and guide run as they are printed.
#![cfg(unix)]

use std::path::{Path, PathBuf};

use kapture_tests::pasted::Shell;
use kapture_tests::stderr;

/// The README and the pages of the guide.
fn pages() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let entries = std::fs::read_dir(root.join("docs")).expect("a guide");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a page").path()).collect();
    paths.retain(|path| path.is_file());
    paths.push(root.join("README.md"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a page");
            (path, text)
        })
        .collect()
}

/// The commands of each `sh` block. Of those that need cargo, `cargo run` becomes the binary, and CI runs the others.
fn blocks(text: &str) -> impl Iterator<Item = String> {
    text.split("```sh\n").skip(1).map(|block| {
        let commands = block.split("```").next().unwrap_or_default();
        let lines = commands
            .lines()
            .filter(|line| !line.starts_with("cargo xtask "));
        lines
            .map(|line| line.replace("cargo run -- ", "kapture ") + "\n")
            .collect()
    })
}

#[test]
fn commands_of_readme_and_guide_succeed() {
    let mut count = 0;
    for (path, text) in pages() {
        let shell = Shell::new();
        for commands in blocks(&text) {
            let output = shell.paste(&commands);
            let page = path.display();
            assert!(
                output.status.success(),
                "{page}: {commands}{}",
                stderr(&output)
            );
            count += 1;
        }
    }
    assert!(count >= 10, "{count} blocks");
}
