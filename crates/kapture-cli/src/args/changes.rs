//! `kapture changes`.

use clap::{Args, ValueEnum};

/// Print what changed in a destination that keeps its history
///
/// One change a line, in the order in which they were seen: kapture sees a change when it pulls the
/// day again, at some time after it was made. Makes no requests.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture sync customers.db --history --refresh 7      # keeps the history from now on
  kapture changes customers.db --since 2024-05-01
  kapture changes customers.db --since -7d --format csv
  kapture changes customers.db --since 24h
  kapture changes customers.db --since 3               # what run 3 of status --runs saw, and later ones

NDJSON has the field names of Debezium: op is c (created), u (updated) or d (deleted), ts_ms is when
the change was seen, before and after are the customer. CSV names the fields that changed.")]
pub(crate) struct ChangesArgs {
    /// Destination that keeps its history (customers.db, postgres://…, out/, s3://…)
    #[arg(value_name = "WHERE", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) destination: String,
    /// Only changes seen on or after a date (YYYY-MM-DD or -7d, in UTC), after a time (2024-05-02T10:00:00Z, or 24h ago), or from a run on (its number in status --runs)
    #[arg(long, value_name = "DATE|TIME|RUN", allow_hyphen_values = true)]
    pub(crate) since: Option<String>,
    /// Only changes seen on or before a date, or a time
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub(crate) until: Option<String>,
    /// Format of the changes
    #[arg(long, value_name = "FORMAT", default_value = "ndjson")]
    pub(crate) format: ChangesFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChangesFormat {
    /// JSON objects with the customer before and after, one a line
    Ndjson,
    /// One line a change, with the names of the fields that changed
    Csv,
}
