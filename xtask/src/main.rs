//! The tasks of CI and of development: `cargo xtask` lists them.

use std::ffi::OsString;
use std::process::ExitCode;

use lexopt::prelude::*;
use xshell::{Shell, cmd};

mod bench;
mod ci;
mod coverage;
mod dist;
mod examples;
mod features;
mod fuzz;
mod interop;
mod layers;
mod peers;
mod protocols;
mod public_api;
mod python;
mod readers;
mod soak;
mod stores;
mod system;
mod tidy;
mod tools;
mod workspace;

use workspace::Workspace;

/// Why a check could not run, as opposed to the faults that it finds.
type Error = Box<dyn std::error::Error>;

/// What a check found wrong, a sentence each; an empty list is a pass.
type Faults = Vec<String>;

#[derive(Debug, PartialEq)]
enum Task {
    Help,
    /// The named steps of CI, or all if none is named.
    Ci {
        only: Vec<String>,
    },
    Advisories,
    Coverage,
    /// Writes the lists of public items.
    PublicApi,
    /// Builds the files of a release.
    Dist,
    /// Builds each crate from its own package.
    Package,
    /// Compares the public items with those of the last release.
    Semver,
    /// Writes the pictures that the README shows.
    Pictures,
    /// With the arguments of `kapture-soak`.
    Soak(Vec<OsString>),
    /// With the arguments of `kapture-bench`.
    Bench(Vec<OsString>),
    /// With the arguments of `peers.py`.
    Peers(Vec<OsString>),
    /// The named claims, or all if none is named, for so many seconds each.
    Fuzz {
        claims: Vec<String>,
        seconds: u32,
    },
}

fn main() -> ExitCode {
    let done = parse(lexopt::Parser::from_env()).map_err(Error::from);
    match done.and_then(run) {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn parse(mut arguments: lexopt::Parser) -> Result<Task, lexopt::Error> {
    let mut task = Task::Help;
    while let Some(argument) = arguments.next()? {
        task = match (argument, task) {
            (Short('h') | Long("help"), _) => return Ok(Task::Help),
            (Value(name), Task::Help) => match name.string()?.as_str() {
                "ci" => Task::Ci { only: Vec::new() },
                name @ ("tidy" | "layers" | "interop" | "python" | "guide") => {
                    let only = vec![name.to_owned()];
                    Task::Ci { only }
                }
                "advisories" => Task::Advisories,
                "coverage" => Task::Coverage,
                "public-api" => Task::PublicApi,
                "pictures" => Task::Pictures,
                "dist" => Task::Dist,
                "package" => Task::Package,
                "semver" => Task::Semver,
                "bench" => return Ok(Task::Bench(arguments.raw_args()?.collect())),
                "peers" => return Ok(Task::Peers(arguments.raw_args()?.collect())),
                "soak" => return Ok(Task::Soak(arguments.raw_args()?.collect())),
                "fuzz" => Task::Fuzz {
                    claims: Vec::new(),
                    seconds: 60,
                },
                other => return Err(format!("unknown task {other}: cargo xtask lists them").into()),
            },
            (Long("only"), Task::Ci { mut only }) => {
                only.push(arguments.value()?.string()?);
                Task::Ci { only }
            }
            (
                Value(claim),
                Task::Fuzz {
                    mut claims,
                    seconds,
                },
            ) => {
                claims.push(claim.string()?);
                Task::Fuzz { claims, seconds }
            }
            (Long("seconds"), Task::Fuzz { claims, .. }) => {
                let seconds = arguments.value()?.parse()?;
                Task::Fuzz { claims, seconds }
            }
            (other, _) => return Err(other.unexpected()),
        };
    }
    Ok(task)
}

fn run(task: Task) -> Result<ExitCode, Error> {
    let shell = Shell::new()?;
    match task {
        Task::Help => print!("{}", help()),
        Task::Ci { only } => return ci::run(&shell, &only).map(exit_code),
        Task::Bench(arguments) => return bench::run(&shell, &arguments).map(exit_code),
        Task::Peers(arguments) => return peers::run(&shell, &arguments).map(exit_code),
        Task::Coverage => return coverage::run(&shell).map(exit_code),
        Task::Dist => dist::run(&shell, &Workspace::read(&shell)?)?,
        Task::Package => dist::release::package(&shell, &Workspace::read(&shell)?)?,
        Task::Semver => dist::release::semver(&shell, &Workspace::read(&shell)?)?,
        Task::Pictures => readers::report::pictures(&shell, &Workspace::read(&shell)?)?,
        Task::PublicApi => public_api::write(&shell, &Workspace::read(&shell)?)?,
        Task::Soak(arguments) => soak::run(&shell, &arguments)?,
        Task::Fuzz { claims, seconds } => fuzz::run(&shell, &claims, seconds)?,
        Task::Advisories => {
            let deny = tools::DENY.program(&shell, &Workspace::read(&shell)?)?;
            cmd!(shell, "{deny} check advisories").run()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn exit_code(success: bool) -> ExitCode {
    match success {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn help() -> String {
    let steps: String = ci::STEPS
        .iter()
        .map(|step| format!("  {:<12}{}\n", step.name, step.purpose))
        .collect();
    format!(
        "\
cargo xtask ci [--only STEP]...   everything that must pass before a change is merged
cargo xtask tidy                  short for ci --only tidy
cargo xtask layers                short for ci --only layers
cargo xtask interop               short for ci --only interop
cargo xtask python                short for ci --only python
cargo xtask guide                 short for ci --only guide: the guide as a book
cargo xtask bench [--help]        the cost of a pull, against a bare client and a bare parser
cargo xtask peers [--only WHAT]   the same against DuckDB, sqlite3, psql and connectors on an SDK
cargo xtask soak [--help]         repeated syncs from a faulty server
cargo xtask fuzz [--seconds N] [CLAIM]...
                                  search for bytes that break a claim of fuzz/; needs nightly
cargo xtask coverage              line coverage of the libraries; needs cargo-llvm-cov
cargo xtask public-api            writes the public items of each library to docs/public-api
cargo xtask dist                  the files of a release: archive, packages, bill of materials, checksums
cargo xtask package               builds each crate from its own package, in dependency order
cargo xtask semver                compares the public items with those of the last tag
cargo xtask pictures              writes the pictures of the README to docs/pictures; needs chromium
cargo xtask advisories            known vulnerabilities of dependencies; needs a network

Steps of ci:
{steps}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task, String> {
        parse(lexopt::Parser::from_args(line.split_whitespace())).map_err(|error| error.to_string())
    }

    fn ci(only: &[&str]) -> Task {
        let only = only.iter().copied().map(String::from).collect();
        Task::Ci { only }
    }

    #[test]
    fn arguments_name_one_task() {
        let cases = [
            ("", Task::Help),
            ("--help", Task::Help),
            ("ci -h", Task::Help),
            ("ci", ci(&[])),
            ("ci --only fmt --only=tests", ci(&["fmt", "tests"])),
            ("tidy", ci(&["tidy"])),
            ("layers", ci(&["layers"])),
            ("interop", ci(&["interop"])),
            ("python", ci(&["python"])),
            ("advisories", Task::Advisories),
            ("coverage", Task::Coverage),
            ("dist", Task::Dist),
            ("package", Task::Package),
            ("semver", Task::Semver),
            ("pictures", Task::Pictures),
            ("bench --short", Task::Bench(vec!["--short".into()])),
            (
                "peers --rounds 3",
                Task::Peers(vec!["--rounds".into(), "3".into()]),
            ),
            (
                "soak --minutes 9",
                Task::Soak(vec!["--minutes".into(), "9".into()]),
            ),
            (
                "fuzz answer --seconds 5",
                Task::Fuzz {
                    claims: vec!["answer".into()],
                    seconds: 5,
                },
            ),
        ];
        for (line, task) in cases {
            assert_eq!(parsed(line), Ok(task), "{line}");
        }
    }

    #[test]
    fn unknown_arguments_are_refused() {
        for line in ["lint", "--only fmt", "ci tidy", "ci --all", "ci --only"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn help_lists_every_step() {
        for step in ci::STEPS {
            assert!(help().contains(step.purpose), "{}", step.name);
        }
    }
}
