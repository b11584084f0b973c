//! `kapture pull`, and the options that select days.

use std::path::PathBuf;

use clap::Args;

use super::{ConnectionArgs, FilterArgs, OutputFormatArgs, PrivacyArgs, ProofArgs};

/// Pull the customers created on some days
///
/// Prints every customer that was created on the given days exactly once. Records are written to
/// the destination of -o, everything else to standard error.
///
/// A folder, bucket or database keeps a ledger of its days: sealed days, which cannot gain customers any
/// more, are not asked for again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture pull --sandbox --from 2024-05-01 --to 2024-05-07
  kapture pull --subdomain acme --cm-id 424242 --last 7 -o customers.ndjson

The token is read from --token-file, from KAPTURE_TOKEN, from KAPTURE_USER and KAPTURE_PASSWORD, or
from the profile that kapture auth login makes; never from an argument, which every process on the
machine can read. Each connection option can also be set in the environment, as KAPTURE_SUBDOMAIN
and so on, and in a profile.

Exit codes: 0 done, 1 unexpected, 2 wrong usage, 3 token refused, 4 request refused or answer
unusable, 5 server unreachable or failing, 6 output failed, 129 hung up, 130 interrupted,
143 terminated.")]
pub(crate) struct PullArgs {
    #[command(flatten)]
    pub(crate) days: DayArgs,
    /// Destination: - for standard output; a file (.ndjson, .csv, .xlsx, .parquet or .arrows, also .ndjson.gz or .csv.zst); a folder or bucket with one file a day (out/, s3://bucket/prefix/, gs://…, az://…); a database (customers.db, postgres://…)
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
    /// Also pull the sealed days of the folder, bucket or database again
    #[arg(long, help_heading = "Output")]
    pub(crate) again: bool,
    /// Print the days that would be pulled, as kapture plan does, and make no requests
    #[arg(long, help_heading = "Output")]
    pub(crate) dry_run: bool,
    /// Write a summary of the run to this file, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) summary: Option<PathBuf>,
    /// Write metrics to this file, in the text format of Prometheus
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) metrics: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) privacy: PrivacyArgs,
    #[command(flatten)]
    pub(crate) proof: ProofArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) filters: Box<FilterArgs>,
}

/// Which days to pull: both ends are included, in the local time of the tenant.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Days")]
pub(crate) struct DayArgs {
    /// First day: YYYY-MM-DD, today, yesterday or -7d (seven days ago)
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// Last day, in the same formats
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
    /// The last DAYS days up to yesterday, for example 7
    #[arg(long, value_name = "DAYS", conflicts_with_all = ["from", "to"])]
    pub(crate) last: Option<String>,
    /// The days of a month, or of the last one, up to today
    #[arg(long, value_name = "YYYY-MM|last", conflicts_with_all = ["from", "to", "last"])]
    pub(crate) month: Option<String>,
    /// Read the days from a file, one a line; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to", "last", "month"])]
    pub(crate) days: Option<PathBuf>,
    /// Pull part I of N equal parts of the days, for example 2/8
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<String>,
}
