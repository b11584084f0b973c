//! `kapture singer` and `kapture airbyte`: the options of a Singer tap and of an Airbyte source.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Write customers as a Singer tap, for Meltano and other runners; also as tap-kapture
///
/// Prints SCHEMA, RECORD and STATE messages, and nothing else, on standard output. The streams are
/// customers, with their contacts inside, and contacts. A state has the days that were received, so
/// that the next run reads what is new.
///
/// The configuration is a JSON file with the keys that --about lists. Environment and profiles are not
/// read.
#[derive(Debug, Args)]
#[command(
    version,
    after_help = "\
Examples:
  kapture singer --about
  kapture singer --config config.json --discover > catalog.json
  kapture singer --config config.json --catalog catalog.json --state state.json

Exit codes: 0 done, 1 unexpected, 2 wrong usage, configuration, catalog or state, 3 token refused,
4 request refused or answer unusable, 5 server unreachable or failing, 6 output failed, 129 hung up,
130 interrupted, 143 terminated."
)]
pub(crate) struct SingerArgs {
    /// Configuration: a JSON file, which may hold the token
    #[arg(long, value_name = "FILE", required_unless_present = "about")]
    pub(crate) config: Option<PathBuf>,
    /// Print the catalog: the streams and their properties; makes no requests
    #[arg(long)]
    pub(crate) discover: bool,
    /// Catalog that selects streams and properties; without it all of them
    #[arg(long, value_name = "FILE", conflicts_with = "discover")]
    pub(crate) catalog: Option<PathBuf>,
    /// State that an earlier run has written
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Print the name, the version and the configuration keys; makes no requests
    #[arg(
        long,
        value_name = "FORMAT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "text"
    )]
    pub(crate) about: Option<AboutFormat>,
    /// The same as --about=FORMAT
    #[arg(long, value_name = "FORMAT", requires = "about", hide = true)]
    pub(crate) format: Option<AboutFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AboutFormat {
    /// Plain text
    Text,
    /// One JSON object
    Json,
    /// A table in Markdown
    Markdown,
}

/// Write customers as a source connector of Airbyte; also as source-kapture
///
/// Prints messages of the Airbyte protocol, and nothing else, on standard output. The streams are
/// customers, with their contacts inside, and contacts. A state has the days that were received, so
/// that the next read has what is new.
///
/// The configuration is a JSON file with the keys that spec lists. Environment and profiles are not
/// read.
#[derive(Debug, Args)]
#[command(version)]
pub(crate) struct AirbyteArgs {
    #[command(subcommand)]
    pub(crate) command: AirbyteCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AirbyteCommand {
    Spec(AirbyteSpecArgs),
    Check(AirbyteCheckArgs),
    Discover(AirbyteDiscoverArgs),
    Read(AirbyteReadArgs),
}

/// Print the specification: the keys of the configuration; makes no requests
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  kapture airbyte spec")]
pub(crate) struct AirbyteSpecArgs {}

/// Try the connection with one request; that it does not work is a message, and the exit code is 0
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  kapture airbyte check --config config.json")]
pub(crate) struct AirbyteCheckArgs {
    /// Configuration: a JSON file, which may hold the token
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// Print the streams and their properties; makes no requests
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  kapture airbyte discover --config config.json")]
pub(crate) struct AirbyteDiscoverArgs {
    /// Configuration: a JSON file, which may hold the token
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// Read the streams of a catalog, on from a state
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture airbyte read --config config.json --catalog configured.json
  kapture airbyte read --config config.json --catalog configured.json --state state.json

Exit codes: 0 done, 1 unexpected, 2 wrong usage, configuration, catalog or state, 3 token refused,
4 request refused or answer unusable, 5 server unreachable or failing, 6 output failed, 129 hung up,
130 interrupted, 143 terminated.")]
pub(crate) struct AirbyteReadArgs {
    /// Configuration: a JSON file, which may hold the token
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Configured catalog: the streams to read
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: PathBuf,
    /// List of the states that an earlier read has written
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
}
