//! The public items of each library, in `docs/public-api/`, so that a change of them is seen in review.
//!
//! They are read from rustdoc's JSON, which the stable rustdoc writes as well when it is told that it may.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use xshell::{Shell, cmd};

use crate::workspace::{Crate, Workspace};
use crate::{Error, Faults};

/// Set where this program stands for rustdoc.
const AS_RUSTDOC: &str = "KAPTURE_XTASK_AS_RUSTDOC";

/// A fault for each list that is not what the crate has.
pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    let mut faults = Faults::new();
    for (path, items) in lists(shell, workspace)? {
        if fs::read_to_string(&path).unwrap_or_default() != items {
            faults.push(format!(
                "{} lists other items than are public: cargo xtask public-api writes it anew",
                path.display()
            ));
        }
    }
    Ok(faults)
}

/// Writes all lists.
pub(crate) fn write(shell: &Shell, workspace: &Workspace) -> Result<(), Error> {
    shell.change_dir(&workspace.root);
    for (path, items) in lists(shell, workspace)? {
        shell.write_file(path, items)?;
    }
    Ok(())
}

/// The list of each library with all of its features, and its path. An item a line, without implementations that are
/// derived or that every type has.
fn lists(shell: &Shell, workspace: &Workspace) -> Result<Vec<(PathBuf, String)>, Error> {
    // As the step `docs`, so that both share what they are built from.
    let doc = cmd!(shell, "cargo doc --workspace --no-deps --all-features");
    println!("$ {doc}");
    // Cargo would build everything anew with RUSTC_BOOTSTRAP: rustdoc alone gets it, from this program in its place.
    let doc = doc
        .env("RUSTDOC", env::current_exe()?)
        .env("RUSTDOCFLAGS", "-Z unstable-options --output-format json")
        .env(AS_RUSTDOC, "1");
    doc.quiet().run()?;
    let mut lists = Vec::new();
    for Crate { name, .. } in workspace.published().filter(|member| member.is_library) {
        let json = format!("doc/{}.json", name.replace('-', "_"));
        let items = public_api::Builder::from_rustdoc_json(workspace.target.join(json))
            .omit_auto_derived_impls(true)
            .omit_auto_trait_impls(true)
            .omit_blanket_impls(true)
            .build()?;
        let path = format!("docs/public-api/{name}.txt");
        lists.push((workspace.root.join(path), items.to_string()));
    }
    Ok(lists)
}

/// Runs rustdoc with the arguments of this program, and with what only a nightly one may do otherwise; `None` if this
/// program was not run in its place.
pub(crate) fn as_rustdoc() -> Option<Result<ExitCode, Error>> {
    env::var_os(AS_RUSTDOC)?;
    let status = std::process::Command::new("rustdoc")
        .args(env::args_os().skip(1))
        .env("RUSTC_BOOTSTRAP", "1")
        .status();
    Some(match status {
        Ok(status) => Ok(crate::exit_code(status.success())),
        Err(error) => Err(error.into()),
    })
}
