//! `kapture completions`: shells call this binary for completions, so that they include profiles.

use clap::CommandFactory;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};

use crate::args::{Cli, CompletionsArgs};
use crate::config::file::ConfigFile;
use crate::error::CliError;
use crate::output::stdout;

/// The variable with which a shell asks for completions.
const VARIABLE: &str = "KAPTURE_COMPLETE";

/// Prints completions and exits, if a shell asks for them.
pub(crate) fn respond() {
    CompleteEnv::with_factory(Cli::command)
        .var(VARIABLE)
        .complete();
}

/// Prints the completion script of a shell.
pub(crate) fn run(arguments: &CompletionsArgs) -> Result<(), CliError> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    if let Some(shell) = shells.completer(&arguments.shell) {
        shell
            .write_registration(VARIABLE, "kapture", "kapture", "kapture", &mut script)
            .map_err(CliError::unexpected)?;
    }
    let script = String::from_utf8_lossy(&script);
    stdout::print(&adapted(&arguments.shell, &script))
}

/// The script with what the generated one lacks.
fn adapted(shell: &str, script: &str) -> String {
    match shell {
        // A file name is one word: spaces and what bash interprets are escaped, unless the word is
        // quoted already. And `--option=value`, three words to bash, is an option and its value.
        "bash" => script
            .replacen(
                "    if [[ \"${BASH_VERSINFO[0]}\" -ge 4 ]]; then\n",
                "    local i
    for i in \"${!words[@]}\"; do
        if [[ ${words[i]} == = && ${words[i-1]} == --* ]]; then
            if ((i < COMP_CWORD)); then ((_CLAP_COMPLETE_INDEX--)); unset \"words[i]\"; else words[i]=; fi
        fi
    done
    if [[ \"${BASH_VERSINFO[0]}\" -ge 4 && ${COMP_WORDS[COMP_CWORD]} != = ]]; then\n",
                1,
            )
            .replacen(
            "    if [[ $? != 0 ]]; then\n",
            "    local status=$?
    if [[ ${COMP_WORDS[COMP_CWORD]} != [\\\"\\']* ]]; then
        for i in \"${!COMPREPLY[@]}\"; do
            [[ ${COMPREPLY[i]} == *[!a-zA-Z0-9_=/:.,@%+~-]* ]] && printf -v \"COMPREPLY[$i]\" %q \"${COMPREPLY[i]}\"
        done
    fi
    if [[ $status != 0 ]]; then\n",
            1,
        ),
        // As `_kapture` in a folder of fpath it is loaded at the first TAB, and has to answer it.
        // The word that is completed is without the quote that it begins with.
        "zsh" => script
            .replacen("\"${words[@]}\"", "\"${(@Q)words[1,CURRENT-1]}\" \"${(Q)PREFIX}\"", 1)
            .replacen(
            "\ncompdef _clap_dynamic_completer_kapture kapture",
            "\nif [[ $funcstack[1] == _kapture ]]; then
    _clap_dynamic_completer_kapture \"$@\"
else
    compdef _clap_dynamic_completer_kapture kapture
fi",
            1,
        ),
        _ => script.to_owned(),
    }
}

/// Completions of a value that clap does not check.
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

/// The names of profiles, if the configuration can be read.
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
