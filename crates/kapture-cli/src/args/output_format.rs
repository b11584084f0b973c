//! The form in which records are written.

use std::path::PathBuf;

use clap::Args;

/// The form in which records are written.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputFormatArgs {
    /// The form of the output: ndjson, csv or parquet; a file's name tells it as well
    #[arg(long, value_name = "FORMAT", add = crate::commands::completions::of(["ndjson", "csv", "parquet"]))]
    pub(crate) format: Option<String>,
    /// Write each record's bytes as the API sent them (ndjson)
    #[arg(long)]
    pub(crate) raw: bool,
    /// Write all contacts to this CSV file as well, of every day, also of those that are there already
    #[arg(long, value_name = "FILE")]
    pub(crate) contacts: Option<PathBuf>,
    /// Put an apostrophe before text that a spreadsheet would run as a formula (csv)
    #[arg(long)]
    pub(crate) spreadsheet_safe: bool,
}
