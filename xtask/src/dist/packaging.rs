//! Checks the files that would be uploaded for each published crate.

use xshell::{Shell, cmd};

use crate::workspace::Workspace;
use crate::{Error, Faults};

/// Each crate is read and licensed outside of this repository too.
const REQUIRED: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    let mut faults = Faults::new();
    for member in workspace.published() {
        let name = &member.name;
        // Files that are not committed yet count too: this step is run before a commit.
        let list = cmd!(shell, "cargo package --list --allow-dirty --package {name}");
        println!("$ {list}");
        match list.quiet().read() {
            Ok(list) => faults
                .extend(missing(&list).map(|file| format!("the package of {name} has no {file}"))),
            Err(error) => faults.push(error.to_string()),
        }
    }
    Ok(faults)
}

fn missing(list: &str) -> impl Iterator<Item = &'static str> {
    REQUIRED
        .into_iter()
        .filter(|file| list.lines().all(|line| line != *file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_file_must_be_at_the_top_of_the_package() {
        let list = "Cargo.toml\nREADME.md\ndocs/LICENSE-MIT\nsrc/lib.rs\n";
        let missing: Vec<_> = missing(list).collect();
        assert_eq!(missing, ["LICENSE-MIT", "LICENSE-APACHE"]);
    }
}
