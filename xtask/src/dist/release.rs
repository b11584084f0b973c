//! What is checked before a release: packages that build by themselves, and public items that are
//! compatible with those of the last one.

use xshell::{Shell, cmd};

use crate::workspace::Workspace;
use crate::{Error, tools};

/// Builds each crate from its own package, as crates.io would have it. Of those that it is built from,
/// the packages are taken, too.
pub(crate) fn package(shell: &Shell, workspace: &Workspace) -> Result<(), Error> {
    let members = workspace.in_dependency_order();
    let names = members.iter().map(|member| &member.name);
    let selected = names.flat_map(|name| ["--package", name]);
    let package = cmd!(shell, "cargo package --locked {selected...}");
    println!("$ {package}");
    package.quiet().run()?;
    println!("publish in this order:");
    for member in members {
        println!("  cargo publish --package {}", member.name);
    }
    Ok(())
}

/// Compares the libraries with those of the last tag.
pub(crate) fn semver(shell: &Shell, workspace: &Workspace) -> Result<(), Error> {
    shell.change_dir(&workspace.root);
    let tags = cmd!(shell, "git tag --list v* --sort=-version:refname")
        .quiet()
        .read()?;
    let Some(tag) = tags.lines().next() else {
        println!("there is no tag v… yet: nothing to compare with");
        return Ok(());
    };
    let baseline = workspace.target.join("semver");
    shell.remove_path(&baseline)?;
    let tool = tools::SEMVER_CHECKS.program(shell, workspace)?;
    cmd!(shell, "git worktree prune").quiet().run()?;
    cmd!(shell, "git worktree add --force --detach {baseline} {tag}")
        .quiet()
        .run()?;
    let libraries = workspace.published().filter(|member| member.is_library);
    let names = libraries.flat_map(|member| ["--package", &member.name]);
    let check = cmd!(
        shell,
        "{tool} semver-checks --baseline-root {baseline} --all-features {names...}"
    );
    println!("$ {check}");
    let checked = check.quiet().run();
    cmd!(shell, "git worktree remove --force {baseline}")
        .quiet()
        .run()?;
    Ok(checked?)
}
