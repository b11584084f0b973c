//! Looks for bytes for which a claim of `fuzz/` does not hold, with libFuzzer.

use std::fs;
use std::path::Path;

use xshell::{Shell, cmd};

use crate::Error;
use crate::workspace::Workspace;

/// Where libFuzzer keeps what it learnt, and puts what it finds.
const PLACE: &str = "target/fuzz";

/// Tries each of the claims named, or all where none is, for so many seconds.
pub(crate) fn run(shell: &Shell, claims: &[String], seconds: u32) -> Result<(), Error> {
    let workspace = Workspace::read(shell)?;
    shell.change_dir(&workspace.root);
    let known = known_claims(&workspace.root)?;
    if let Some(unknown) = claims.iter().find(|claim| !known.contains(claim)) {
        return Err(format!(
            "no claim is called {unknown}; there are {}",
            known.join(", ")
        )
        .into());
    }
    let fuzz = cmd!(shell, "cargo +nightly fuzz --version");
    if fuzz.quiet().ignore_stderr().read().is_err() {
        return Err("this needs a nightly compiler and cargo-fuzz: rustup toolchain install nightly; cargo install cargo-fuzz --locked".into());
    }
    let root = &workspace.root;
    for claim in if claims.is_empty() { &known } else { claims } {
        let corpus = root.join(PLACE).join("corpus").join(claim);
        shell.create_dir(&corpus)?;
        let seeds = root.join("fuzz/seeds").join(claim);
        let found = format!("-artifact_prefix={}/", root.join(PLACE).display());
        let time = format!("-max_total_time={seconds}");
        println!("=== {claim}: {seconds} s");
        cmd!(
            shell,
            "cargo +nightly fuzz run --fuzz-dir fuzz/libfuzzer {claim} {corpus} {seeds} -- {time} {found}"
        )
        .run()
        .map_err(|error| {
            format!("{error}\nthe bytes are in {PLACE}; put them into fuzz/seeds/{claim}, where every test run tries them")
        })?;
    }
    Ok(())
}

/// Each has a folder of seeds.
fn known_claims(root: &Path) -> Result<Vec<String>, Error> {
    let mut claims = Vec::new();
    for entry in fs::read_dir(root.join("fuzz/seeds"))? {
        claims.push(entry?.file_name().to_string_lossy().into_owned());
    }
    claims.sort();
    Ok(claims)
}
