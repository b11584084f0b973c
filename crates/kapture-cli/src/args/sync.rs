//! `kapture sync`, `status` and `verify`: places that remember which days they hold.

use std::path::PathBuf;

use clap::Args;

use super::{ConnectionArgs, FilterArgs};

/// Bring a folder or database up to date
///
/// Pulls the days that WHERE does not hold yet, and those that could still gain customers when
/// they were pulled. Each day is there as a whole or not at all, whatever happens, so this can be
/// stopped at any time and run again, also by cron: days that can gain no more customers are
/// sealed, and not asked for again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture sync trial.db --sandbox --from 2024-05-01 --to 2024-05-31
  kapture sync customers.db --subdomain acme --cm-id 424242 --from -30d
  kapture sync customers.db --subdomain acme --cm-id 424242 --refresh 3

The first run needs --from; later ones go on from there, also if its first days never came.

Exit codes: 0 all done, 1 unexpected, 2 wrong usage, 3 token refused, 4 request refused,
5 server unreachable or failing, 6 WHERE cannot be written, 130 interrupted.")]
pub(crate) struct SyncArgs {
    /// What is brought up to date: a folder with one file a day (out/) or a database (customers.db, postgres://…)
    #[arg(value_name = "WHERE", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) destination: String,
    /// The first day: YYYY-MM-DD or -7d (seven days ago); without it the first day that WHERE holds or is to hold
    #[arg(
        long,
        value_name = "DATE",
        allow_hyphen_values = true,
        help_heading = "Days"
    )]
    pub(crate) from: Option<String>,
    /// The last day
    #[arg(
        long,
        value_name = "DATE",
        allow_hyphen_values = true,
        default_value = "today",
        help_heading = "Days"
    )]
    pub(crate) to: String,
    /// Pull so many days up to the last one again, sealed or not: their customers may have changed
    #[arg(long, value_name = "DAYS", default_value_t = 0, help_heading = "Days")]
    pub(crate) refresh: u64,
    /// How long after its midnight a day may still gain customers, for example 90m, 6h or 2d
    #[arg(long, value_name = "TIME", default_value = "6h", help_heading = "Days")]
    pub(crate) grace_period: String,
    /// The form of the files in a new folder: ndjson, csv or parquet (the default)
    #[arg(
        long,
        value_name = "FORMAT",
        help_heading = "Output",
        add = crate::commands::completions::of(["ndjson", "csv", "parquet"])
    )]
    pub(crate) format: Option<String>,
    /// Write what was done as JSON to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) summary: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) filters: Box<FilterArgs>,
}

/// Show what a folder or database holds, day by day
///
/// A calendar with one mark for each day: how many customers it has, whether it is still open,
/// and which days are missing in between. Nothing is asked.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  kapture status customers.db")]
pub(crate) struct StatusArgs {
    /// A folder (out/) or a database (customers.db, postgres://…)
    #[arg(value_name = "WHERE", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) destination: String,
    /// Write it as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Fetch days again and compare them with what a folder or database holds
///
/// Every customer that is here and not there, or there and not here, is named. Nothing is written.
/// Days that were still open when they were pulled are left out.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  kapture verify customers.db --subdomain acme --cm-id 424242 --from -7d

Exit codes: as of sync, and 7 where a difference was found and every day could be fetched.")]
pub(crate) struct VerifyArgs {
    /// A folder (out/) or a database (customers.db, postgres://…)
    #[arg(value_name = "WHERE", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) destination: String,
    /// The first day; without it the first that WHERE holds
    #[arg(
        long,
        value_name = "DATE",
        allow_hyphen_values = true,
        help_heading = "Days"
    )]
    pub(crate) from: Option<String>,
    /// The last day; without it the last that WHERE holds
    #[arg(
        long,
        value_name = "DATE",
        allow_hyphen_values = true,
        help_heading = "Days"
    )]
    pub(crate) to: Option<String>,
    /// Write the differences as JSON, one object for each day that differs
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) filters: Box<FilterArgs>,
}
