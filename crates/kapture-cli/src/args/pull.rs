//! `kapture pull`, and the days it takes.

use std::path::PathBuf;

use clap::Args;

use super::{ConnectionArgs, FilterArgs, OutputFormatArgs};

/// Pull the customers created on some days
///
/// Every customer created on the asked days comes out once, and no other, whatever the server
/// leaves open. Records go where -o says, everything else to standard error.
///
/// A folder or database remembers which days it holds: those that can gain no more customers are
/// not asked for again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture pull --sandbox --from 2024-05-01 --to 2024-05-07
  kapture pull --subdomain acme --cm-id 424242 --last 7d -o customers.ndjson

The token comes from --token-file, from KAPTURE_TOKEN, from KAPTURE_USER and KAPTURE_PASSWORD, or
from the profile that kapture auth login makes; never from an argument, which every process on the
machine could read. Each option of the connection may also stand in the environment, as
KAPTURE_SUBDOMAIN and so on, and in a profile.

Exit codes: 0 all done, 1 unexpected, 2 wrong usage, 3 token refused, 4 request refused,
5 server unreachable or failing, 6 output failed, 130 interrupted.")]
pub(crate) struct PullArgs {
    #[command(flatten)]
    pub(crate) days: DayArgs,
    /// Where records go: - for standard output; a file (.ndjson, .csv or .parquet, also .gz or .zst); a folder with one file a day (out/); a database (customers.db, postgres://…)
    #[arg(
        short,
        long,
        value_name = "WHERE",
        value_hint = clap::ValueHint::AnyPath,
        default_value = "-",
        help_heading = "Output"
    )]
    pub(crate) output: String,
    #[command(flatten)]
    pub(crate) form: OutputFormatArgs,
    /// Pull days anew that the folder or database already holds for good
    #[arg(long, help_heading = "Output")]
    pub(crate) again: bool,
    /// Write what was done as JSON to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) summary: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) filters: Box<FilterArgs>,
}

/// Which days: both ends are included, in the tenant's local time.
#[derive(Debug, Args)]
#[command(next_help_heading = "Days")]
pub(crate) struct DayArgs {
    /// The first day: YYYY-MM-DD, today, yesterday or -7d (seven days ago)
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// The last day, in the same forms
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
    /// So many days ending yesterday, for example 7d
    #[arg(long, value_name = "DAYS", conflicts_with_all = ["from", "to"])]
    pub(crate) last: Option<String>,
    /// Read the days from a file, one a line; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to", "last"])]
    pub(crate) days: Option<PathBuf>,
    /// Pull one part of the days in N, for example 2/8
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<String>,
}
