//! How pulls prove that they are complete.

use clap::Args;

/// The proof that pull, sync and verify ask the server for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Proof")]
pub(crate) struct ProofArgs {
    /// Infer the end of a window from page lengths instead of asking for it: fewer requests, weaker proof
    #[arg(long)]
    pub(crate) fewer_requests: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::args::{Cli, Command};

    fn fewer_requests(arguments: &[&str]) -> bool {
        let cli = Cli::try_parse_from([&["kapture"], arguments].concat()).expect("valid arguments");
        match cli.command {
            Command::Pull(arguments) => arguments.proof.fewer_requests,
            Command::Sync(arguments) => arguments.proof.fewer_requests,
            Command::Verify(arguments) => arguments.proof.fewer_requests,
            other => panic!("{} takes no --fewer-requests", other.name()),
        }
    }

    #[test]
    fn window_ends_are_inferred_only_if_asked_for() {
        for command in [&["pull"][..], &["sync", "out/"], &["verify", "out/"]] {
            assert!(!fewer_requests(command), "{command:?}");
            let asked = [command, &["--fewer-requests"]].concat();
            assert!(fewer_requests(&asked), "{command:?}");
        }
    }
}
