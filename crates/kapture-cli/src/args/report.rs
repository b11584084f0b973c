//! `kapture report`.

use std::path::PathBuf;

use clap::Args;

/// Write one HTML page that shows a folder, bucket or database
///
/// The page has a calendar of the days, what is missing and how to get it, customers by day, week
/// and month, how days were proven, which fields differ from the documentation, and the last runs.
/// It is one file without links to others, and holds no customer's data but counts. Makes no
/// requests.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture report customers.db
  kapture report customers.db -o - > page.html

Exit codes: 0 done, 2 wrong usage, 6 WHERE cannot be read or FILE cannot be written.")]
pub(crate) struct ReportArgs {
    /// Folder (out/), bucket (s3://…, gs://…, az://…) or database (customers.db, postgres://…)
    #[arg(value_name = "WHERE", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) destination: String,
    /// Page to write; - is standard output
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    pub(crate) output: PathBuf,
}
