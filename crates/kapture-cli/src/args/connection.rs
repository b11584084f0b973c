//! How the tenant is reached, on every command that asks it.

use std::path::PathBuf;

use clap::Args;

/// How the tenant is reached. Each of these may also stand in the environment and in a profile.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// The profile NAME of the configuration file [env: KAPTURE_PROFILE]
    #[arg(long, value_name = "NAME", add = crate::commands::completions::profiles())]
    pub(crate) profile: Option<String>,
    /// The configuration file, instead of the one in its usual place [env: KAPTURE_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The tenant's NAME in NAME.kapturecrm.com
    #[arg(long, value_name = "NAME", conflicts_with = "base_url")]
    pub(crate) subdomain: Option<String>,
    /// The tenant's address, if it has one of its own
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// The account id
    #[arg(long, value_name = "N")]
    pub(crate) cm_id: Option<String>,
    /// Which of the two documented paths: search (the default) or legacy
    #[arg(long, value_name = "NAME", add = crate::commands::completions::of(["search", "legacy"]))]
    pub(crate) endpoint: Option<String>,
    /// A file that holds the token and nothing else, and that only you can read
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Use a fake tenant inside this process: no account is needed, and neither environment nor profile counts
    #[arg(long, conflicts_with_all = ["subdomain", "base_url", "token_file", "profile", "config"])]
    pub(crate) sandbox: bool,
    /// The tenant's time zone, for example Asia/Kolkata: where days end, and in which instants are shown
    #[arg(long, value_name = "ZONE", add = crate::commands::completions::of(crate::config::time_zone::names()))]
    pub(crate) time_zone: Option<String>,
    /// The sentence with which this server says that there are no customers, where that cannot be proven
    #[arg(long, value_name = "TEXT")]
    pub(crate) empty_answer: Option<String>,
    /// The longest one request may take, in seconds [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<String>,
    /// How long a failing request is tried again, for example 90s, 10m or 1h [default: 10m]
    #[arg(long, value_name = "TIME")]
    pub(crate) retry_for: Option<String>,
    /// The most requests at once; how many below that, the run finds out [default: 16]
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<String>,
    /// The most requests a second
    #[arg(long, value_name = "N")]
    pub(crate) max_rps: Option<String>,
}
