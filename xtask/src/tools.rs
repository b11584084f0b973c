//! The cargo tools that CI needs, at pinned versions, in a folder of their own: `target/tools`.

use std::fs;
use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use crate::Error;
use crate::workspace::Workspace;

/// A tool that is installed where it is missing.
pub(crate) struct Tool {
    /// Its subcommand of cargo: its crate and its program are called `cargo-NAME`.
    subcommand: &'static str,
    version: &'static str,
    /// Whether a version that is on the machine already serves as well.
    any_version: bool,
}

pub(crate) const DENY: Tool = Tool {
    subcommand: "deny",
    version: "0.20.2",
    // Another version may judge differently.
    any_version: false,
};

pub(crate) const NEXTEST: Tool = Tool {
    subcommand: "nextest",
    version: "0.9.151",
    // Every version runs the same tests.
    any_version: true,
};

/// Puts the list of dependencies into the programs of a release.
pub(crate) const AUDITABLE: Tool = Tool {
    subcommand: "auditable",
    version: "0.7.7",
    any_version: false,
};

/// Compares the public items with those of the last release.
pub(crate) const SEMVER_CHECKS: Tool = Tool {
    subcommand: "semver-checks",
    version: "0.51.0",
    any_version: false,
};

impl Tool {
    /// The program: the one on `PATH` if its version fits, else the one in `target/tools`, which is installed first if
    /// need be.
    pub(crate) fn program(&self, shell: &Shell, workspace: &Workspace) -> Result<PathBuf, Error> {
        let name = format!("cargo-{}", self.subcommand);
        let folder = workspace.target.join("tools");
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        let installed = folder.join("bin").join(file);
        // Not every tool says its version itself.
        let record = fs::read_to_string(folder.join(".crates.toml")).unwrap_or_default();
        if installed.is_file() && record.contains(&format!("\"{name} {} ", self.version)) {
            return Ok(installed);
        }
        for program in [Path::new(&name), &installed] {
            if self.fits(&version(shell, program, self.subcommand)) {
                return Ok(program.to_owned());
            }
        }
        let version = self.version;
        // Without optimisation and debug information, the installation costs least and the tool is fast enough.
        let install = cmd!(
            shell,
            "cargo install {name} --version {version} --locked --force --debug --root {folder}"
        );
        println!("$ {install}");
        install
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .quiet()
            .run()
            .map_err(|error| format!("{name} {version} could not be installed: {error}"))?;
        Ok(installed)
    }

    fn fits(&self, found: &str) -> bool {
        let name = format!("cargo-{}", self.subcommand);
        let mut words = found.split_whitespace();
        words.next() == Some(&name) && (self.any_version || words.next() == Some(self.version))
    }
}

/// What a program says of its version; nothing where it is not there.
fn version(shell: &Shell, program: &Path, subcommand: &str) -> String {
    let asked = cmd!(shell, "{program} {subcommand} --version");
    asked.quiet().ignore_stderr().read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_tool_fits_at_its_version_alone() {
        assert!(DENY.fits("cargo-deny 0.20.2"));
        assert!(!DENY.fits("cargo-deny 0.20.20"));
        assert!(!DENY.fits(""));
    }

    #[test]
    fn nextest_fits_at_any_version() {
        assert!(NEXTEST.fits("cargo-nextest 0.9.143 (60fa45f63 2026-08-04)\nrelease: 0.9.143"));
        assert!(!NEXTEST.fits("error: no such command"));
    }
}
