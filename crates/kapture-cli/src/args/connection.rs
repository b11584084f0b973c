//! Connection options of every command that makes requests.

use std::path::PathBuf;

use clap::Args;

/// How to reach the tenant. Each of these can also be set in the environment and in a profile.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Profile NAME of the configuration file [env: KAPTURE_PROFILE]
    #[arg(long, value_name = "NAME", add = crate::commands::completions::profiles())]
    pub(crate) profile: Option<String>,
    /// Configuration file, instead of the one in the default location [env: KAPTURE_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Subdomain of the tenant: NAME in NAME.kapturecrm.com
    #[arg(long, value_name = "NAME", conflicts_with = "base_url")]
    pub(crate) subdomain: Option<String>,
    /// Base URL of the tenant, if it has a host of its own
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Account id (cm_id)
    #[arg(long, value_name = "N")]
    pub(crate) cm_id: Option<String>,
    /// Documented path to use: search (the default) or legacy
    #[arg(long, value_name = "NAME", add = crate::commands::completions::of(["search", "legacy"]))]
    pub(crate) endpoint: Option<String>,
    /// File that contains the token and nothing else, readable only by its owner
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Use a fake tenant inside this process: needs no account, ignores environment and profiles
    #[arg(long, conflicts_with_all = ["subdomain", "base_url", "token_file", "profile", "config"])]
    pub(crate) sandbox: bool,
    /// Time zone of the tenant, for example Asia/Kolkata: where days end, and the zone of printed times
    #[arg(long, value_name = "ZONE", add = crate::commands::completions::of(crate::config::time_zone::names()))]
    pub(crate) time_zone: Option<String>,
    /// Message with which this server reports that there are no customers, if that cannot be proven
    #[arg(long, value_name = "TEXT")]
    pub(crate) empty_answer: Option<String>,
    /// Timeout of one request, in seconds [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<String>,
    /// How long to retry a failing request, for example 90s, 10m or 1h [default: 10m]
    #[arg(long, value_name = "TIME")]
    pub(crate) retry_for: Option<String>,
    /// Maximum number of concurrent requests; a run adapts below it [default: 16]
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<String>,
    /// Maximum number of requests per second
    #[arg(long, value_name = "N")]
    pub(crate) max_rps: Option<String>,
}
