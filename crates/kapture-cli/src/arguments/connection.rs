//! How the tenant is reached, on every command that asks it.

use std::path::PathBuf;

use clap::Args;

/// How the tenant is reached.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArguments {
    /// The tenant's NAME in NAME.kapturecrm.com [env: KAPTURE_SUBDOMAIN]
    #[arg(long, value_name = "NAME", conflicts_with = "base_url")]
    pub(crate) subdomain: Option<String>,
    /// The tenant's address, if it has one of its own [env: KAPTURE_BASE_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// The account id [env: KAPTURE_CM_ID]
    #[arg(long, value_name = "N")]
    pub(crate) cm_id: Option<String>,
    /// Which of the two documented paths: search or legacy [env: KAPTURE_ENDPOINT]
    #[arg(long, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// A file that holds the token and nothing else
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Use a fake tenant inside this process: no account is needed
    #[arg(long, conflicts_with_all = ["subdomain", "base_url", "token_file"])]
    pub(crate) sandbox: bool,
    /// The sentence with which this server says that there are no customers, where that cannot be proven
    #[arg(long, value_name = "TEXT")]
    pub(crate) empty_answer: Option<String>,
    /// The longest one request may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) timeout: u64,
    /// How long a failing request is tried again, for example 90s, 10m or 1h
    #[arg(long, value_name = "TIME", default_value = "10m")]
    pub(crate) retry_for: String,
    /// The most requests at once; how many below that, the run finds out
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub(crate) concurrency: usize,
    /// The most requests a second
    #[arg(long, value_name = "N")]
    pub(crate) max_rps: Option<f64>,
}
