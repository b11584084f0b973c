//! The public items of each library, in `docs/public-api/`, so that a change of them is seen in review.
//!
//! They are read from rustdoc's JSON, which the stable rustdoc writes as well when it is told that it may.

use std::fs;
use std::path::PathBuf;

use xshell::{Shell, cmd};

use crate::workspace::{Crate, Workspace};
use crate::{Error, Faults};

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
    let doc = doc
        .env("RUSTDOC", rustdoc(shell, workspace)?)
        .env("RUSTDOCFLAGS", "-Z unstable-options --output-format json");
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

/// A script that runs rustdoc as a nightly one, which alone writes JSON. Cargo itself must not see `RUSTC_BOOTSTRAP`: it
/// would build everything anew.
fn rustdoc(shell: &Shell, workspace: &Workspace) -> Result<PathBuf, Error> {
    let script = workspace.target.join("rustdoc-json");
    shell.write_file(
        &script,
        "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n",
    )?;
    cmd!(shell, "chmod +x {script}").quiet().run()?;
    Ok(script)
}
