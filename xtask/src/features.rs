//! Checks each crate by itself, without features and with each feature alone.
//!
//! The workspace build unifies the features of shared dependencies, which hides that a crate relies on a feature that
//! only another crate enables. A user of that crate alone could not build it.

use xshell::{Shell, cmd};

use crate::workspace::{Crate, Workspace};
use crate::{Error, Faults};

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    let mut faults = Faults::new();
    for member in workspace.published() {
        let name = &member.name;
        for features in selections(member) {
            // Clippy rather than check: it reuses what the workspace-wide step has checked.
            let alone = cmd!(
                shell,
                "cargo clippy --package {name} --no-default-features {features...} -- -D warnings"
            );
            println!("$ {alone}");
            if let Err(error) = alone.quiet().run() {
                faults.push(error.to_string());
            }
        }
    }
    Ok(faults)
}

fn selections(member: &Crate) -> Vec<Vec<&str>> {
    let mut selections = vec![vec![]];
    selections.extend(member.features.iter().map(|name| vec!["--features", name]));
    selections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_are_no_feature_then_each_alone() {
        let member = Crate {
            features: vec!["http".into(), "mock".into()],
            ..Crate::default()
        };
        let expected = [
            vec![],
            vec!["--features", "http"],
            vec!["--features", "mock"],
        ];
        assert_eq!(selections(&member), expected);
    }
}
