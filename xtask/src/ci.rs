//! The steps that every change must pass, and their report.

use std::thread;
use std::time::{Duration, Instant};

use xshell::{Cmd, Shell, cmd};

use crate::dist::packaging;
use crate::readers::{guide, metrics, report};
use crate::workspace::Workspace;
use crate::{
    Error, Faults, bench, examples, features, interop, layers, protocols, public_api, python, soak,
    stores, system, tidy, tools,
};

/// One thing that can pass or fail.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) purpose: &'static str,
    faults: fn(&Shell, &Workspace) -> Result<Faults, Error>,
}

/// In the order in which they run: quick ones first.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "tidy",
        purpose: "rules of this project that no other tool checks",
        faults: |_, workspace| tidy::faults(workspace),
    },
    Step {
        name: "layers",
        purpose: "dependencies between crates, and between modules, point one way",
        faults: layers::faults,
    },
    Step {
        name: "fmt",
        purpose: "code is formatted by rustfmt",
        faults: |shell, _| succeeds(cmd!(shell, "cargo fmt --all --check")),
    },
    Step {
        name: "packaging",
        purpose: "each published crate contains its README and licences",
        faults: packaging::faults,
    },
    Step {
        name: "deny",
        purpose: "licences, sources and duplicates of dependencies, against deny.toml",
        faults: deny,
    },
    Step {
        name: "clippy",
        purpose: "lints, in all targets with all features",
        faults: |shell, _| {
            succeeds(cmd!(
                shell,
                "cargo clippy --workspace --all-targets --all-features -- -D warnings"
            ))
        },
    },
    Step {
        name: "features",
        purpose: "each crate builds alone, and with each feature alone",
        faults: features::faults,
    },
    Step {
        name: "tests",
        purpose: "unit, property and end-to-end tests",
        faults: tests,
    },
    Step {
        name: "bench",
        purpose: "a short benchmark writes the right output; its speed is not judged",
        faults: |shell, _| short_bench(shell),
    },
    Step {
        name: "soak",
        purpose: "a destination equals the server after each of thirty disturbed syncs",
        faults: |shell, _| {
            println!("$ cargo xtask soak --rounds 30");
            soak::run(shell, &["--rounds".into(), "30".into()]).map(|()| Faults::new())
        },
    },
    Step {
        name: "interop",
        purpose: "DuckDB, PyArrow and Python's csv and sqlite3 read what kapture writes",
        faults: interop::faults,
    },
    Step {
        name: "python",
        purpose: "the wheel works in fresh environments, and its package passes its tests",
        faults: python::faults,
    },
    Step {
        name: "stores",
        purpose: "datasets in SeaweedFS and Azurite are as in a folder, also after killed runs",
        faults: stores::faults,
    },
    Step {
        name: "protocols",
        purpose: "Meltano and PyAirbyte run the connectors, and receive what the tenant has",
        faults: protocols::faults,
    },
    Step {
        name: "report",
        purpose: "Chromium opens the report of ten years: keyboard, contrast, narrow, dark, paper",
        faults: report::faults,
    },
    Step {
        name: "metrics",
        purpose: "Prometheus reads the metrics, and each alert fires for its own fault",
        faults: metrics::faults,
    },
    Step {
        name: "examples",
        purpose: "each example of a crate runs to its end",
        faults: examples::faults,
    },
    Step {
        name: "doctests",
        purpose: "the examples in the documentation run",
        faults: |shell, _| succeeds(cmd!(shell, "cargo test --workspace --all-features --doc")),
    },
    Step {
        name: "docs",
        purpose: "the documentation builds without warnings",
        faults: |shell, _| {
            println!("with RUSTDOCFLAGS=\"-D warnings\"");
            let docs = cmd!(shell, "cargo doc --workspace --no-deps --all-features");
            succeeds(docs.env("RUSTDOCFLAGS", "-D warnings"))
        },
    },
    Step {
        name: "guide",
        purpose: "mdBook makes a book of the guide, and its table of contents has every page",
        faults: guide::faults,
    },
    Step {
        name: "public-api",
        purpose: "the public items of each library are those that docs/public-api lists",
        faults: public_api::faults,
    },
];

/// How many tests run at the same time.
const THREADS_PER_CORE: usize = 3;

/// Runs the named steps, or all if none is named, and goes on after a failed one. Returns whether all passed.
pub(crate) fn run(shell: &Shell, only: &[String]) -> Result<bool, Error> {
    let steps = chosen(only)?;
    let workspace = Workspace::read(shell)?;
    shell.change_dir(&workspace.root);
    let is_chosen = |name: &str| steps.iter().any(|step| step.name == name);
    let missing: Vec<_> = system::missing(shell, is_chosen).collect();
    for line in &missing {
        println!("{line}");
    }

    let mut results = Vec::new();
    for step in &steps {
        println!("\n=== {}: {}", step.name, step.purpose);
        println!("    cargo xtask ci --only {}", step.name);
        let start = Instant::now();
        let faults =
            (step.faults)(shell, &workspace).unwrap_or_else(|error| vec![error.to_string()]);
        for fault in &faults {
            println!("{}: {fault}", step.name);
        }
        results.push(StepResult {
            name: step.name,
            passed: faults.is_empty(),
            took: start.elapsed(),
        });
    }
    println!();
    for line in &missing {
        println!("{line}");
    }
    print!("{}", table(&results));
    Ok(results.iter().all(|result| result.passed))
}

fn chosen(only: &[String]) -> Result<Vec<&'static Step>, Error> {
    let unknown = only
        .iter()
        .find(|name| STEPS.iter().all(|step| step.name != **name));
    if let Some(name) = unknown {
        let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        return Err(format!("unknown step {name}: there are {}", names.join(", ")).into());
    }
    let wanted = |step: &&Step| only.is_empty() || only.iter().any(|name| name == step.name);
    Ok(STEPS.iter().filter(wanted).collect())
}

fn succeeds(command: Cmd<'_>) -> Result<Faults, Error> {
    println!("$ {command}");
    command.quiet().run()?;
    Ok(Faults::new())
}

fn tests(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    let nextest = tools::NEXTEST.program(shell, workspace)?;
    // The end-to-end tests run the binary.
    Workspace::build(shell)?;
    // Many end-to-end tests wait for time-outs: with more threads than cores, others run meanwhile.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = (cores * THREADS_PER_CORE).to_string();
    succeeds(cmd!(
        shell,
        "{nextest} nextest run --workspace --all-features --test-threads {threads}"
    ))
}

fn short_bench(shell: &Shell) -> Result<Faults, Error> {
    println!("$ cargo xtask bench --short");
    Ok(match bench::run(shell, &["--short".into()])? {
        true => Faults::new(),
        false => vec!["a pull wrote the wrong output".into()],
    })
}

fn deny(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    let deny = tools::DENY.program(shell, workspace)?;
    // The licences of dependencies for other platforms count as well, and no build here fetches those.
    succeeds(cmd!(shell, "cargo fetch --locked"))?;
    succeeds(cmd!(shell, "{deny} --offline check bans licenses sources"))
}

struct StepResult {
    name: &'static str,
    passed: bool,
    took: Duration,
}

/// A table; the last line has the counts, for machines to read.
fn table(results: &[StepResult]) -> String {
    let mut report = format!("{:<12}{:<8}{:>8}\n", "step", "result", "seconds");
    for StepResult { name, passed, took } in results {
        let result = if *passed { "ok" } else { "FAILED" };
        report += &format!("{name:<12}{result:<8}{:>8.1}\n", took.as_secs_f64());
    }
    let passed = results.iter().filter(|result| result.passed).count();
    let failed = results.len() - passed;
    report + &format!("\n{passed} passed, {failed} failed\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(only: &[&str]) -> Result<Vec<&'static str>, String> {
        let only: Vec<_> = only.iter().copied().map(String::from).collect();
        match chosen(&only) {
            Ok(steps) => Ok(steps.iter().map(|step| step.name).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn steps_are_chosen_by_name() {
        assert_eq!(names(&[]).unwrap().len(), STEPS.len());
        assert_eq!(names(&["docs", "fmt"]).unwrap(), ["fmt", "docs"]);
        let refusal = names(&["fmt", "lint"]).unwrap_err();
        assert!(refusal.contains("unknown step lint"), "{refusal}");
        assert!(refusal.contains("doctests"), "{refusal}");
    }

    #[test]
    fn report_ends_with_the_count_of_steps() {
        let result = |name, passed, millis| StepResult {
            name,
            passed,
            took: Duration::from_millis(millis),
        };
        let results = [result("fmt", true, 1_250), result("clippy", false, 98_760)];
        assert_eq!(
            table(&results),
            "step        result   seconds\n\
             fmt         ok           1.2\n\
             clippy      FAILED      98.8\n\
             \n\
             1 passed, 1 failed\n"
        );
    }
}
