//! `kapture doctor`.

use clap::Args;

use super::ConnectionArgs;

/// Look closer at a connection: what works, what does not, and what to do about it
///
/// Goes step by step from the name of the host to the speed that the server tolerates, with 25
/// requests at the most. Nothing is written, unless --save is given: then the profile says from now
/// on which endpoint answers, and how many requests at once are too many where that was seen. How
/// windows and pages work is proven in every run, since servers change.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture doctor --sandbox
  kapture doctor --subdomain acme --cm-id 424242 --day -3d

Exit codes: 0 nothing failed (there may be warnings), else that of what failed, as of pull.")]
pub(crate) struct DoctorArgs {
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
    /// Write what was found into the profile, where it is of use to later runs
    #[arg(long, conflicts_with = "sandbox")]
    pub(crate) save: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}
