//! `kapture plan`.

use clap::Args;

use super::{ConnectionArgs, DayArgs, FilterArgs};

/// Print the days that a pull or sync would ask for, without making requests
///
/// One day a line, in the format that --days reads; what they cost is printed on standard error.
/// With WHERE these are the days that sync would pull: days that are missing in WHERE, and days
/// that are still open.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture plan --from 2024-05-01 --to 2024-05-07
  kapture plan --last 30 --shard 1/4
  kapture plan --last 1 --sandbox --attribute 3=gold --body
  kapture plan customers.db --from 2024-05-01 --to 2024-05-31 --json

kapture pull --dry-run and kapture sync --dry-run print the days of that run.")]
pub(crate) struct PlanArgs {
    /// Folder (out/), bucket (s3://…, gs://…, az://…) or database (customers.db, postgres://…) to bring up to date
    #[arg(value_name = "WHERE", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) destination: Option<String>,
    #[command(flatten)]
    pub(crate) days: DayArgs,
    /// With WHERE: also pull sealed days again: the last DAYS days, or each day at these AGES (1,3,7,30,90)
    #[arg(
        long,
        value_name = "DAYS|AGES",
        default_value = "0",
        help_heading = "Days",
        requires = "destination"
    )]
    pub(crate) refresh: String,
    /// Print one JSON object for each day, with the windows that it needs
    #[arg(long)]
    pub(crate) json: bool,
    /// Print address and body of the first request of each window, and one of each other kind; with --json beside its days
    #[arg(long)]
    pub(crate) body: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) filters: Box<FilterArgs>,
}
