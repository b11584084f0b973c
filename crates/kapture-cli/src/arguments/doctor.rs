//! `kapture doctor`.

use clap::Args;

use super::ConnectionArguments;

/// Look closer at a connection: what works, what does not, and what to do about it
///
/// Goes step by step from the name of the host to the speed that the server tolerates, with 25
/// requests at the most. Nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture doctor --sandbox
  kapture doctor --subdomain acme --cm-id 424242 --day -3d

Exit codes: 0 nothing failed (there may be warnings), else that of what failed, as of pull.")]
pub(crate) struct DoctorArguments {
    /// A day that is known to have customers: how windows and pages work is seen there
    #[arg(
        long,
        value_name = "DATE",
        default_value = "yesterday",
        allow_hyphen_values = true
    )]
    pub(crate) day: String,
    /// Write what was found as JSON, one object for each step
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}
