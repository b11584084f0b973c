//! What would be uploaded for each published crate.

use xshell::{Shell, cmd};

use crate::workspace::Workspace;
use crate::{Error, Faults};

/// A crate is read and licensed outside this repository too.
const COMPANIONS: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    let mut faults = Faults::new();
    for member in workspace.published() {
        let name = &member.name;
        // What is not committed yet counts too: the step is for before the commit.
        let list = cmd!(shell, "cargo package --list --allow-dirty --package {name}");
        println!("$ {list}");
        match list.quiet().read() {
            Ok(list) => faults
                .extend(missing(&list).map(|file| format!("the package of {name} lacks {file}"))),
            Err(error) => faults.push(error.to_string()),
        }
    }
    Ok(faults)
}

fn missing(list: &str) -> impl Iterator<Item = &'static str> {
    COMPANIONS
        .into_iter()
        .filter(|file| list.lines().all(|line| line != *file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_companion_must_stand_at_the_top_of_the_package() {
        let list = "Cargo.toml\nREADME.md\ndocs/LICENSE-MIT\nsrc/lib.rs\n";
        let missing: Vec<_> = missing(list).collect();
        assert_eq!(missing, ["LICENSE-MIT", "LICENSE-APACHE"]);
    }
}
