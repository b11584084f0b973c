//! `kapture completions`: shells ask this binary itself, so that they also know profiles.

use clap::CommandFactory;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};

use crate::args::{Arguments, CompletionsArguments};
use crate::config::file::Configuration;
use crate::error::Failure;
use crate::output::stdout;

/// With which a shell says that it wants completions.
const VARIABLE: &str = "KAPTURE_COMPLETE";

/// Answers a shell that asks for completions, and ends.
pub(crate) fn answer() {
    CompleteEnv::with_factory(Arguments::command)
        .var(VARIABLE)
        .complete();
}

/// Prints what a shell needs in order to ask.
pub(crate) fn run(arguments: &CompletionsArguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    if let Some(shell) = shells.completer(&arguments.shell) {
        shell
            .write_registration(VARIABLE, "kapture", "kapture", "kapture", &mut script)
            .map_err(Failure::unexpected)?;
    }
    stdout::print(&String::from_utf8_lossy(&script))
}

/// What a value may be, where it is checked later than the shape of the command.
pub(crate) fn of(
    words: impl IntoIterator<Item = &'static str> + Clone + Send + Sync + 'static,
) -> ArgValueCandidates {
    ArgValueCandidates::new(move || {
        words
            .clone()
            .into_iter()
            .map(CompletionCandidate::new)
            .collect()
    })
}

/// The names of profiles, as far as the configuration can be read.
pub(crate) fn profiles() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let configuration = Configuration::find(None).ok();
        let names = |configuration: Configuration| {
            let names = configuration.names().map(CompletionCandidate::new);
            names.collect::<Vec<_>>()
        };
        configuration.map(names).unwrap_or_default()
    })
}
