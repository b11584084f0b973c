//! The metrics of `--metrics` against Prometheus: `promtool` reads them, and the alerts and the
//! dashboard of the guide use none that do not exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use xshell::{Shell, cmd};

use crate::workspace::Workspace;
use crate::{Error, Faults, system};

/// What every name of a metric begins with.
const PREFIX: &str = "kapture_";

/// Metrics that exist only where something failed or was verified.
const AT_TIMES: [&str; 2] = ["kapture_run_day_failures", "kapture_verified_day_results"];

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    if !system::has_promtool(shell) {
        return system::skip("promtool is missing: the metrics were not read by Prometheus");
    }
    let guide = workspace.root.join("docs/prometheus");
    let rules = guide.join("kapture.rules.yml");
    let mut faults = Faults::new();
    let checked = cmd!(shell, "promtool check rules {rules}");
    println!("$ {checked}");
    if checked.quiet().run().is_err() {
        faults.push("the alerts are refused by promtool: see above".into());
    }
    let tests = workspace.root.join("xtask/metrics");
    let _tests = shell.push_dir(tests);
    let tested = cmd!(shell, "promtool test rules rules.test.yml");
    println!("$ {tested}");
    if tested.quiet().run().is_err() {
        faults.push("an alert fires for another fault, or not at all: see above".into());
    }
    let written = write(shell, workspace)?;
    let mut known: BTreeSet<_> = AT_TIMES.map(str::to_owned).into();
    for file in &written {
        let text = fs::read_to_string(file)?;
        let lint = cmd!(shell, "promtool check metrics").stdin(&text);
        println!("$ promtool check metrics < {}", file.display());
        if let Err(error) = lint.quiet().run() {
            faults.push(format!("{}: {error}", file.display()));
        }
        known.extend(names(&text));
    }
    for file in [rules, guide.join("kapture.dashboard.json")] {
        let text = fs::read_to_string(&file)?;
        let unknown = names(&text).filter(|name| !known.contains(name));
        faults.extend(unknown.map(|name| format!("{}: no metric {name}", file.display())));
    }
    Ok(faults)
}

/// Writes the metrics of each command.
fn write(shell: &Shell, workspace: &Workspace) -> Result<Vec<std::path::PathBuf>, Error> {
    Workspace::build(shell)?;
    let kapture = workspace.binary("debug", "kapture");
    let folder = workspace.target.join("metrics");
    shell.remove_path(&folder)?;
    shell.create_dir(&folder)?;
    let _folder = shell.push_dir(&folder);
    let days = ["--sandbox", "--quiet", "--from", "-4d", "--to", "-2d"];
    let commands: [(&str, &[&str]); 4] = [
        ("sync.prom", &["sync", "customers.db"]),
        ("verify.prom", &["verify", "customers.db"]),
        ("pull.prom", &["pull", "-o", "customers.ndjson"]),
        (
            "status.prom",
            &["status", "customers.db", "--max-age", "60h"],
        ),
    ];
    let mut written = Vec::new();
    for (file, arguments) in commands {
        let days = match file {
            "status.prom" => &[][..],
            _ => &days[..],
        };
        let command = cmd!(shell, "{kapture} {arguments...} {days...} --metrics {file}");
        println!("$ {command}");
        command.quiet().ignore_stdout().run()?;
        written.push(Path::new(&folder).join(file));
    }
    Ok(written)
}

/// The names of metrics in a text. The name of an alert, a rule or a file is none.
fn names(text: &str) -> impl Iterator<Item = String> {
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let words = text.split(move |letter| !is_part(letter));
    words
        .filter(|word| word.starts_with(PREFIX))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_metrics_are_found_in_expressions() {
        let text = r#"{"expr": "time() - kapture_day_states{state!=\"x\"} > kapture_runs", "uid": "kapture"}"#;
        assert_eq!(
            names(text).collect::<Vec<_>>(),
            ["kapture_day_states", "kapture_runs"]
        );
    }
}
