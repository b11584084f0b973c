//! Each crate by itself, with nothing switched on and with each feature alone.
//!
//! Built as part of the workspace, a crate may live on what another one switches on in a shared
//! dependency; whoever takes that crate alone would be the first to find out.

use xshell::{Shell, cmd};

use crate::workspace::{Crate, Workspace};
use crate::{Error, Faults};

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    let mut faults = Faults::new();
    for member in workspace.published() {
        let name = &member.name;
        for features in selections(member) {
            // Clippy rather than check: what the workspace-wide step built serves here as well.
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
    fn none_then_each_alone() {
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
