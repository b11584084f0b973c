//! Output format options.

use std::path::PathBuf;

use clap::Args;

/// The format in which records are written.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputFormatArgs {
    /// Output format: ndjson, csv, parquet or arrow; by default the one that the file name ends in
    #[arg(long, value_name = "FORMAT", add = crate::commands::completions::of(["ndjson", "csv", "parquet", "arrow"]))]
    pub(crate) format: Option<String>,
    /// Write the bytes of each record as the API sent them (ndjson)
    #[arg(long)]
    pub(crate) raw: bool,
    /// Also write the contacts of all asked days to this CSV file, sealed days included
    #[arg(long, value_name = "FILE")]
    pub(crate) contacts: Option<PathBuf>,
    /// Prefix text that a spreadsheet would run as a formula with an apostrophe (csv)
    #[arg(long)]
    pub(crate) spreadsheet_safe: bool,
    /// Add a column created_date with the day of each customer (arrow)
    #[arg(long)]
    pub(crate) with_created_date: bool,
    /// Write to an object store without a lock, if it does not honour conditional writes
    #[arg(long)]
    pub(crate) unlocked: bool,
}
