//! `kapture sync`, `status` and `verify`: destinations with a ledger.

use std::path::PathBuf;

use clap::Args;

use super::{ConnectionArgs, FilterArgs, PrivacyArgs, ProofArgs, TableArgs};

/// Bring a folder, bucket or database up to date
///
/// Pulls the days that are missing in WHERE, and the days that were still open when they were
/// pulled. Each day is committed as a whole or not at all, so a run can be stopped at any time and
/// started again, for example by cron. Days that cannot gain customers any more are sealed and not
/// asked for again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture sync trial.db --sandbox --from 2024-05-01 --to 2024-05-31
  kapture sync customers.db --subdomain acme --cm-id 424242 --from -30d
  kapture sync customers.db --subdomain acme --cm-id 424242 --refresh 3

The first run needs --from. Later runs start at the same day, even if the first days failed.

Exit codes: 0 done, 1 unexpected, 2 wrong usage, 3 token refused, 4 request refused or answer
unusable, 5 server unreachable or failing, 6 WHERE cannot be written, 129 hung up,
130 interrupted, 143 terminated.")]
pub(crate) struct SyncArgs {
    /// Destination: a folder or bucket with one file a day (out/, s3://bucket/prefix/, gs://…, az://…) or a database (customers.db, postgres://…)
    #[arg(value_name = "WHERE", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) destination: String,
    /// First day: YYYY-MM-DD or -7d (seven days ago); by default the first day of earlier runs
    #[arg(
        long,
        value_name = "DATE",
        allow_hyphen_values = true,
        help_heading = "Days"
    )]
    pub(crate) from: Option<String>,
    /// Last day
    #[arg(
        long,
        value_name = "DATE",
        allow_hyphen_values = true,
        default_value = "today",
        help_heading = "Days"
    )]
    pub(crate) to: String,
    /// Refused with an explanation
    #[arg(long, value_name = "I/N", hide = true)]
    pub(crate) shard: Option<String>,
    /// Also pull sealed days again, since customers may have changed: the last DAYS days, or each day at these AGES (1,3,7,30,90)
    #[arg(
        long,
        value_name = "DAYS|AGES",
        default_value = "0",
        help_heading = "Days"
    )]
    pub(crate) refresh: String,
    /// Keep what changes from now on: in a database every version of a customer (customers_history), in a folder or bucket files of changes (changes/)
    #[arg(long, help_heading = "Output")]
    pub(crate) history: bool,
    /// Fields that differ at every reading: customers that differ in these alone did not change; can be repeated; none ends it
    #[arg(
        long,
        value_name = "FIELD,…",
        value_delimiter = ',',
        help_heading = "Output"
    )]
    pub(crate) ignore_change: Vec<String>,
    /// How long after midnight a day can still gain customers (allowed lateness), for example 90m, 6h or 2d
    #[arg(long, value_name = "TIME", default_value = "6h", help_heading = "Days")]
    pub(crate) grace_period: String,
    /// Format of the files in a new folder: ndjson, csv or parquet (the default)
    #[arg(
        long,
        value_name = "FORMAT",
        help_heading = "Output",
        add = crate::commands::completions::of(["ndjson", "csv", "parquet"])
    )]
    pub(crate) format: Option<String>,
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// Write to an object store without a lock, if it does not honour conditional writes
    #[arg(long, help_heading = "Output")]
    pub(crate) unlocked: bool,
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

/// Show the days of a folder, bucket or database
///
/// Prints a calendar with one mark for each day: how many customers it has, whether it is still
/// open, and which days are missing. Makes no requests.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture status customers.db
  kapture status customers.db --runs
  kapture status customers.db --max-age 26h --metrics customers.prom

Exit codes: 0 done, 2 wrong usage, 6 WHERE cannot be read, 7 not up to date (--max-age).")]
pub(crate) struct StatusArgs {
    /// Folder (out/), bucket (s3://…, gs://…, az://…) or database (customers.db, postgres://…)
    #[arg(value_name = "WHERE", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) destination: String,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// List the last hundred runs that wrote to WHERE, instead of its days
    #[arg(long)]
    pub(crate) runs: bool,
    /// Exit with code 7 unless every day is complete that ended longer ago than this, for example 26h
    #[arg(long, value_name = "TIME")]
    pub(crate) max_age: Option<String>,
    /// Write metrics to this file, in the text format of Prometheus
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
}

/// Pull days again and compare them with a folder, bucket or database
///
/// Names every customer that exists only in WHERE or only on the server. Writes nothing. Days that
/// were still open when they were pulled are not compared.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  kapture verify customers.db --subdomain acme --cm-id 424242 --from -7d

Exit codes: as for sync, and 7 if every day could be pulled and some differ.")]
pub(crate) struct VerifyArgs {
    /// Folder (out/), bucket (s3://…, gs://…, az://…) or database (customers.db, postgres://…)
    #[arg(value_name = "WHERE", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) destination: String,
    /// First day; by default the first day in WHERE
    #[arg(
        long,
        value_name = "DATE",
        allow_hyphen_values = true,
        help_heading = "Days"
    )]
    pub(crate) from: Option<String>,
    /// Last day; by default the last day in WHERE
    #[arg(
        long,
        value_name = "DATE",
        allow_hyphen_values = true,
        help_heading = "Days"
    )]
    pub(crate) to: Option<String>,
    /// The last DAYS days up to yesterday, for example 7
    #[arg(long, value_name = "DAYS", conflicts_with_all = ["from", "to"], help_heading = "Days")]
    pub(crate) last: Option<String>,
    /// The days of a month, or of the last one, up to today
    #[arg(
        long,
        value_name = "YYYY-MM|last",
        conflicts_with_all = ["from", "to", "last"],
        help_heading = "Days"
    )]
    pub(crate) month: Option<String>,
    /// Print the differences as JSON, one object for each day that differs
    #[arg(long)]
    pub(crate) json: bool,
    /// Write metrics to this file, in the text format of Prometheus
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) proof: ProofArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) filters: Box<FilterArgs>,
}
