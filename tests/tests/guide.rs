//! The guide in `docs`: its commands run as they stand there, and its links lead somewhere.
#![cfg(unix)]

use std::path::{Path, PathBuf};

use kapture_tests::pasted::Shell;
use kapture_tests::said;

fn pages() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let entries = std::fs::read_dir(folder).expect("a guide");
    let mut pages: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("a page").path();
            let text = std::fs::read_to_string(&path).expect("a page");
            (path, text)
        })
        .collect();
    pages.sort();
    pages
}

#[test]
fn commands_of_the_guide_work() {
    let mut run = 0;
    for (path, text) in pages() {
        let shell = Shell::new();
        for block in text.split("```sh\n").skip(1) {
            let commands = block.split("```").next().unwrap_or_default();
            let output = shell.paste(commands);
            let page = path.display();
            assert!(
                output.status.success(),
                "{page}: {commands}{}",
                said(&output)
            );
            run += 1;
        }
    }
    assert!(run >= 10, "{run} blocks");
}

#[test]
fn links_of_the_guide_lead_somewhere() {
    for (path, text) in pages() {
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            let file = path.parent().expect("a folder").join(target);
            assert!(file.exists(), "{}: {target}", path.display());
        }
    }
}
