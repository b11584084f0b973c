//! Searches for bytes that break a claim of `fuzz/`, with libFuzzer.

use std::fs;
use std::path::Path;

use xshell::{Shell, cmd};

use crate::Error;
use crate::workspace::Workspace;

/// The corpora of libFuzzer and the inputs that it finds.
const OUTPUT: &str = "target/fuzz";

/// Fuzzes each of the named claims, or all if none is named, for so many seconds.
pub(crate) fn run(shell: &Shell, claims: &[String], seconds: u32) -> Result<(), Error> {
    let workspace = Workspace::read(shell)?;
    shell.change_dir(&workspace.root);
    let known = known_claims(&workspace.root)?;
    if let Some(unknown) = claims.iter().find(|claim| !known.contains(claim)) {
        return Err(format!("unknown claim {unknown}: there are {}", known.join(", ")).into());
    }
    let fuzz = cmd!(shell, "cargo +nightly fuzz --version");
    if fuzz.quiet().ignore_stderr().read().is_err() {
        return Err("a nightly compiler or cargo-fuzz is missing: rustup toolchain install nightly; cargo install cargo-fuzz --locked".into());
    }
    let root = &workspace.root;
    for claim in if claims.is_empty() { &known } else { claims } {
        let corpus = root.join(OUTPUT).join("corpus").join(claim);
        shell.create_dir(&corpus)?;
        let seeds = root.join("fuzz/seeds").join(claim);
        let found = format!("-artifact_prefix={}/", root.join(OUTPUT).display());
        let time = format!("-max_total_time={seconds}");
        println!("=== {claim}: {seconds} s");
        cmd!(
            shell,
            "cargo +nightly fuzz run --fuzz-dir fuzz/libfuzzer {claim} {corpus} {seeds} -- {time} {found}"
        )
        .run()
        .map_err(|error| {
            format!("{error}\nhint: the bytes are in {OUTPUT}; copy them to fuzz/seeds/{claim}, which every test run tries")
        })?;
    }
    Ok(())
}

/// The claims of `fuzz/`: each has a folder of seeds.
fn known_claims(root: &Path) -> Result<Vec<String>, Error> {
    let mut claims = Vec::new();
    for entry in fs::read_dir(root.join("fuzz/seeds"))? {
        claims.push(entry?.file_name().to_string_lossy().into_owned());
    }
    claims.sort();
    Ok(claims)
}
