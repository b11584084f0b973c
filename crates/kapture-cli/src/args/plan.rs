//! `kapture plan`.

use clap::Args;

use super::{ConnectionArgs, DayArgs};

/// Say which days a pull or sync would ask for, and ask nothing
///
/// One day a line, as --days reads them again. With WHERE it is what sync would pull: the days
/// that WHERE does not hold yet, and those that are still open.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture plan --from 2024-05-01 --to 2024-05-07
  kapture plan --last 30d --shard 1/4
  kapture plan customers.db --from 2024-05-01 --to 2024-05-31 --json")]
pub(crate) struct PlanArgs {
    /// A folder (out/) or a database (customers.db, postgres://…) that is to be brought up to date
    #[arg(value_name = "WHERE", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) destination: Option<String>,
    #[command(flatten)]
    pub(crate) days: DayArgs,
    /// With WHERE: so many days up to the last one again, sealed or not
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = 0,
        help_heading = "Days",
        requires = "destination"
    )]
    pub(crate) refresh: u64,
    /// Write one JSON object for each day, with the windows it needs
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}
