//! The commands of README and guide run as they are printed.
#![cfg(unix)]

use std::path::{Path, PathBuf};

use kapture_tests::pasted::Shell;
use kapture_tests::stderr;

/// The README and the pages of the guide.
fn pages() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pages = |folder: &str| {
        let entries = std::fs::read_dir(root.join(folder)).expect("a guide");
        entries.map(|entry| entry.expect("a page").path())
    };
    let folders = ["docs", "docs/destinations", "docs/neighbours"];
    let mut paths: Vec<_> = folders.into_iter().flat_map(pages).collect();
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

/// The recipe in the world of cron: nothing is in the environment but HOME and a short PATH.
#[test]
fn the_line_for_cron_finds_program_profile_and_token() {
    let shell = Shell::new();
    let home = shell.folder();
    let recipes =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes.md"));
    let recipes = recipes.expect("a page");
    let (_, cron) = recipes.split_once("## cron").expect("a recipe");
    let first_sync = blocks(cron).next().expect("the first sync");
    let output = shell.paste(&first_sync);
    assert!(output.status.success(), "{}", stderr(&output));
    let bin = home.join(".cargo/bin");
    std::fs::create_dir_all(&bin).expect("a folder");
    std::os::unix::fs::symlink(kapture_tests::binary(), bin.join("kapture")).expect("a link");
    let (_, line) = cron.split_once("```crontab\n").expect("a line");
    let line = line.lines().next().expect("a line");
    let command = line.splitn(6, ' ').nth(5).expect("five fields of time");
    let output = std::process::Command::new("sh")
        .args(["-c", command.trim()])
        .current_dir("/")
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
}

/// The recipe in the world of systemd: what the unit sets, and its specifiers.
#[test]
fn the_unit_of_systemd_syncs_with_its_credential() {
    let recipes =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes.md"));
    let recipes = recipes.expect("a page");
    let value = |key: &str| {
        let mut lines = recipes.lines();
        let line = lines.find_map(|line| line.strip_prefix(key));
        line.expect("a setting").to_owned()
    };
    let shell = Shell::new();
    let folder = shell.folder().to_str().expect("text");
    let start = value("ExecStart=")
        .replace("/usr/local/bin/", "")
        .replace("/var/lib/kapture", folder)
        .replace("%d", folder);
    let environment = value("Environment=").replace(
        "KAPTURE_SUBDOMAIN=acme",
        "KAPTURE_BASE_URL=$KAPTURE_BASE_URL",
    );
    // The tests take the token of the environment away, as a service has none.
    let pasted = format!("unset KAPTURE_TOKEN\n{environment} {start} --to 2024-05-03\n");
    let output = shell.paste(&pasted);
    assert!(output.status.success(), "{pasted}{}", stderr(&output));
    let status = shell.paste("kapture status customers.db");
    let shown = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(shown.contains("2024-05-01 to 2024-05-03"), "{shown}");
}
