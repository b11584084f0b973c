//! Output format options.

use std::path::PathBuf;

use clap::Args;

/// The format in which records are written.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputFormatArgs {
    /// Output format: ndjson, csv, parquet, arrow or xlsx; by default the one that the file name ends in
    #[arg(long, value_name = "FORMAT", add = crate::commands::completions::of(["ndjson", "csv", "parquet", "arrow", "xlsx"]))]
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
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// Add a column created_date with the day of each customer (arrow)
    #[arg(long)]
    pub(crate) with_created_date: bool,
    /// Write to an object store without a lock, if it does not honour conditional writes
    #[arg(long)]
    pub(crate) unlocked: bool,
}

/// The form of tables.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct TableArgs {
    /// Character between cells: comma (the default), semicolon, tab, pipe or another one (csv)
    #[arg(long, value_name = "CHAR", add = crate::commands::completions::of(["comma", "semicolon", "tab", "pipe"]))]
    pub(crate) csv_separator: Option<String>,
    /// Begin each file with a byte order mark, so that Excel reads it as UTF-8 (csv)
    #[arg(long)]
    pub(crate) csv_bom: bool,
    /// Add a text column for a field that has none, for example attr3=loyalty_tier; can be repeated (tables)
    #[arg(long = "column", value_name = "KEY=NAME")]
    pub(crate) columns: Vec<String>,
}
