//! What can be said on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

use crate::scenarios::SCENARIOS;

#[derive(Debug, PartialEq)]
pub(crate) enum Task {
    Help,
    Bench(Settings),
    /// Asks the pages whose request bodies a file holds, one a line, and throws the answers away.
    BareClient {
        address: String,
        gzip: bool,
        bodies: PathBuf,
    },
    /// Runs a command and says what it used.
    Measure(Vec<OsString>),
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Settings {
    /// The scenarios named, or all where none is named.
    pub(crate) only: Vec<String>,
    /// Small numbers and one round: to see that it works, not how fast.
    pub(crate) short: bool,
    pub(crate) json: bool,
    pub(crate) rounds: Option<usize>,
}

pub(crate) fn parse(mut arguments: lexopt::Parser) -> Result<Task, lexopt::Error> {
    let mut settings = Settings::default();
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Task::Help),
            Long("only") => settings.only.push(arguments.value()?.string()?),
            Long("short") => settings.short = true,
            Long("json") => settings.json = true,
            Long("rounds") => settings.rounds = Some(arguments.value()?.parse()?),
            Value(task) if settings == Settings::default() => match task.string()?.as_str() {
                "bare-client" => return bare_client(arguments),
                "measure" => return Ok(Task::Measure(arguments.raw_args()?.collect())),
                other => return Err(Value(other.into()).unexpected()),
            },
            other => return Err(other.unexpected()),
        }
    }
    if settings.rounds == Some(0) {
        return Err("--rounds takes 1 or more".into());
    }
    for name in &settings.only {
        if SCENARIOS.iter().all(|scenario| scenario.name != name) {
            let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
            let names = names.join(", ");
            return Err(format!("no scenario is called {name}; there are {names}").into());
        }
    }
    Ok(Task::Bench(settings))
}

fn bare_client(mut arguments: lexopt::Parser) -> Result<Task, lexopt::Error> {
    let address = arguments.value()?.string()?;
    let bodies = arguments.value()?.into();
    let mut gzip = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("gzip") => gzip = true,
            other => return Err(other.unexpected()),
        }
    }
    Ok(Task::BareClient {
        address,
        gzip,
        bodies,
    })
}

pub(crate) fn help() -> String {
    let scenarios: String = SCENARIOS
        .iter()
        .map(|scenario| format!("  {:<16}{}\n", scenario.name, scenario.purpose))
        .collect();
    format!(
        "\
cargo xtask bench [--only SCENARIO]... [--rounds N] [--short] [--json]

  --only SCENARIO  this one, not all
  --rounds N       how often each is measured, in turn: 5 unless said otherwise
  --short          small numbers, one round, no optimisation: to see that it works
  --json           one JSON object instead of text

Scenarios:
{scenarios}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task, String> {
        parse(lexopt::Parser::from_args(line.split_whitespace())).map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_name_one_task() {
        let short = Settings {
            only: vec!["gzip".into()],
            short: true,
            ..Settings::default()
        };
        assert_eq!(parsed(""), Ok(Task::Bench(Settings::default())));
        assert_eq!(parsed("--short --only gzip"), Ok(Task::Bench(short)));
        assert_eq!(parsed("--json --help"), Ok(Task::Help));
        let bare_client = Task::BareClient {
            address: "127.0.0.1:80".into(),
            gzip: true,
            bodies: "bodies".into(),
        };
        assert_eq!(
            parsed("bare-client 127.0.0.1:80 bodies --gzip"),
            Ok(bare_client)
        );
        let command = ["kapture", "--help"].map(OsString::from).to_vec();
        assert_eq!(parsed("measure kapture --help"), Ok(Task::Measure(command)));
    }

    #[test]
    fn anything_else_is_refused() {
        for line in ["gzip", "--rounds 0", "--only", "--json measure x"] {
            assert!(parsed(line).is_err(), "{line}");
        }
        let refusal = parsed("--only speed").unwrap_err();
        assert!(refusal.contains("many-days"), "{refusal}");
    }

    #[test]
    fn help_lists_every_scenario() {
        for scenario in SCENARIOS {
            assert!(help().contains(scenario.purpose), "{}", scenario.name);
        }
    }
}
