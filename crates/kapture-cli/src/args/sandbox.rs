//! `kapture sandbox`: the undocumented behaviour of the API, as options.

use clap::{Args, ValueEnum};

/// Serve a fake tenant on this machine, for trials and tests
///
/// Answers like the API, with invented customers. Behaviour that the API documentation leaves open
/// can be chosen by options.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  kapture sandbox --port 8080 --windows exclusive --limit-cap 37 --fault-rate 0.1
and in another terminal:
  export KAPTURE_BASE_URL=http://127.0.0.1:8080 KAPTURE_CM_ID=424242
  export KAPTURE_USER=sandbox KAPTURE_PASSWORD=sandbox
  kapture pull --from 2024-05-01 --to 2024-05-07
Edit customers between two runs, and ask for the truth:
  echo 'move 700000101 2024-05-03' | curl --data-binary @- http://127.0.0.1:8080/sandbox/edits
  curl 'http://127.0.0.1:8080/sandbox/truth?from=2024-05-01&to=2024-05-07'")]
pub(crate) struct SandboxArgs {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) port: u16,
    /// Seed of the invented data
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Customers for each day from 2020 to 2030: a number or a range such as 0..500
    #[arg(long, value_name = "N")]
    pub(crate) customers: Option<String>,
    /// What a window from one date to another covers
    #[arg(long, value_name = "KIND", default_value = "inclusive")]
    pub(crate) windows: WindowKind,
    /// Difference in minutes between the zone of windows and the zone of printed dates
    #[arg(
        long,
        value_name = "MINUTES",
        default_value_t = 0,
        allow_hyphen_values = true
    )]
    pub(crate) shift: i32,
    /// Silently return at most this many rows a page
    #[arg(long, value_name = "ROWS", conflicts_with = "limit_ignored")]
    pub(crate) limit_cap: Option<u64>,
    /// Ignore the limit and return all rows
    #[arg(long)]
    pub(crate) limit_ignored: bool,
    /// How the offset is applied
    #[arg(long, value_name = "KIND", default_value = "honoured")]
    pub(crate) offset: OffsetKind,
    /// Order of rows
    #[arg(long, value_name = "KIND", default_value = "id")]
    pub(crate) order: OrderKind,
    /// Add or remove a row after every REQUESTS requests
    #[arg(long, value_name = "REQUESTS")]
    pub(crate) moving: Option<u64>,
    /// Edit, delete, revive or move a customer after every REQUESTS requests
    #[arg(long, value_name = "REQUESTS")]
    pub(crate) edit_every: Option<u64>,
    /// Make the edits of this file: lines such as `120 move 700000101 2024-05-03`
    #[arg(long, value_name = "FILE")]
    pub(crate) edits: Option<std::path::PathBuf>,
    /// Answer for a window without customers
    #[arg(long, value_name = "KIND", default_value = "list")]
    pub(crate) empty: EmptyKind,
    /// Send JSON with the content type text/html
    #[arg(long)]
    pub(crate) html: bool,
    /// Compress answers
    #[arg(long)]
    pub(crate) gzip: bool,
    /// Include every oddity that a record can have
    #[arg(long)]
    pub(crate) odd: bool,
    /// Share of requests that fail temporarily, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub(crate) fault_rate: f64,
    /// Latency of each answer, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) think_time: u64,
    /// Answer 429 above this many requests per second
    #[arg(long, value_name = "N")]
    pub(crate) rate_limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WindowKind {
    /// The end day is included
    Inclusive,
    /// The end day is not included
    Exclusive,
    /// Only windows of one day are accepted
    Strict,
    /// The first instant of the end day is included, as with SQL's BETWEEN
    Moments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OffsetKind {
    /// OFFSET rows are skipped
    Honoured,
    /// Every page is the first page
    Ignored,
    /// One row fewer is skipped
    OneRowEarly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OrderKind {
    /// Oldest first
    Id,
    /// Newest first
    IdDescending,
    /// By name
    Name,
    /// Oldest first and newest first, alternating
    Turns,
    /// By a value that rows share; the order of equal rows differs by query
    Ties,
    /// Different for every request
    Unstable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EmptyKind {
    /// An empty list
    List,
    /// null instead of a list
    Null,
    /// No list at all
    Missing,
    /// A blank text instead of a list
    Blank,
    /// A failure with a message
    Failed,
    /// HTTP status 404
    NotFound,
}
