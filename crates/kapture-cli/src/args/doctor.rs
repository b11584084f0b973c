//! `kapture doctor`.

use clap::Args;

use super::ConnectionArgs;

/// Diagnose a connection step by step, with a hint for each problem
///
/// Checks everything from DNS to the request rate that the server tolerates, with at most 35
/// requests. Writes nothing unless --save is given, which stores in the profile which endpoint
/// works and, if it was exceeded, the tolerated concurrency. How windows and pages work is not
/// stored: every run proves it again, since servers change.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture doctor --sandbox
  kapture doctor --subdomain acme --cm-id 424242 --day -3d

Exit codes: 0 no step failed (warnings are possible), otherwise the code of the failure as for pull.")]
pub(crate) struct DoctorArgs {
    /// Day that is known to have customers, used to examine windows and pages
    #[arg(
        long,
        value_name = "DATE",
        default_value = "yesterday",
        allow_hyphen_values = true
    )]
    pub(crate) day: String,
    /// Print the findings as JSON, one object for each step
    #[arg(long)]
    pub(crate) json: bool,
    /// Store the findings that later runs can use in the profile
    #[arg(long, conflicts_with = "sandbox")]
    pub(crate) save: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}
