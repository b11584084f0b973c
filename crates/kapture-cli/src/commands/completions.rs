//! `kapture completions`: shells ask this binary itself, so that they also know profiles.

use clap::CommandFactory;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};

use crate::args::{Cli, CompletionsArgs};
use crate::config::file::ConfigFile;
use crate::error::CliError;
use crate::output::stdout;

/// With which a shell says that it wants completions.
const VARIABLE: &str = "KAPTURE_COMPLETE";

/// Answers a shell that asks for completions, and ends.
pub(crate) fn answer() {
    CompleteEnv::with_factory(Cli::command)
        .var(VARIABLE)
        .complete();
}

/// Prints what a shell needs in order to ask.
pub(crate) fn run(arguments: &CompletionsArgs) -> Result<(), CliError> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    if let Some(shell) = shells.completer(&arguments.shell) {
        shell
            .write_registration(VARIABLE, "kapture", "kapture", "kapture", &mut script)
            .map_err(CliError::unexpected)?;
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
        let configuration = ConfigFile::find(None).ok();
        let names = |configuration: ConfigFile| {
            let names = configuration.names().map(CompletionCandidate::new);
            names.collect::<Vec<_>>()
        };
        configuration.map(names).unwrap_or_default()
    })
}
