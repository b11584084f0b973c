//! Builds the examples of all crates at once, and runs each: an example fails when it panics or returns an error.

use xshell::{Shell, cmd};

use crate::workspace::Workspace;
use crate::{Error, Faults};

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    let build = cmd!(shell, "cargo build --workspace --all-features --examples");
    println!("$ {build}");
    build.quiet().run()?;
    let mut faults = Faults::new();
    for member in workspace.published() {
        for name in &member.examples {
            let example = workspace.binary("debug", &format!("examples/{name}"));
            println!("$ {}", example.display());
            let example = cmd!(shell, "{example}").quiet().ignore_stdout();
            if let Err(error) = example.run() {
                faults.push(format!("example {name} of {}: {error}", member.name));
            }
        }
    }
    Ok(faults)
}
