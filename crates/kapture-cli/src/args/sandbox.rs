//! `kapture sandbox`: what the API leaves open, as options.

use clap::{Args, ValueEnum};

/// Serve a fake tenant on this machine, for trying and testing
///
/// It answers as the API does, with invented customers. Most of what the API leaves open is an
/// option here.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  kapture sandbox --port 8080 --windows exclusive --limit-cap 37 --fault-rate 0.1
and in another terminal:
  export KAPTURE_BASE_URL=http://127.0.0.1:8080 KAPTURE_CM_ID=424242
  export KAPTURE_USER=sandbox KAPTURE_PASSWORD=sandbox
  kapture pull --from 2024-05-01 --to 2024-05-07")]
pub(crate) struct SandboxArgs {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) port: u16,
    /// Where the invented data begins
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Customers on each day from 2020 to 2030: a number or a range such as 0..500
    #[arg(long, value_name = "N")]
    pub(crate) customers: Option<String>,
    /// What the window from one date to another covers
    #[arg(long, value_name = "KIND", default_value = "inclusive")]
    pub(crate) windows: WindowKind,
    /// Cut windows in a zone this many minutes away from the one dates are printed in
    #[arg(
        long,
        value_name = "MINUTES",
        default_value_t = 0,
        allow_hyphen_values = true
    )]
    pub(crate) shift: i32,
    /// Never give more rows than this, without saying so
    #[arg(long, value_name = "ROWS", conflicts_with = "limit_ignored")]
    pub(crate) limit_cap: Option<u64>,
    /// Give all rows, whatever limit is asked for
    #[arg(long)]
    pub(crate) limit_ignored: bool,
    /// What becomes of the asked offset
    #[arg(long, value_name = "KIND", default_value = "honoured")]
    pub(crate) offset: OffsetKind,
    /// The order of rows
    #[arg(long, value_name = "KIND", default_value = "id")]
    pub(crate) order: OrderKind,
    /// Let a row come or go at every so many requests, while pages are read
    #[arg(long, value_name = "REQUESTS")]
    pub(crate) moving: Option<u64>,
    /// What a window without customers is answered with
    #[arg(long, value_name = "KIND", default_value = "list")]
    pub(crate) empty: EmptyKind,
    /// Say text/html above JSON
    #[arg(long)]
    pub(crate) html: bool,
    /// Compress answers
    #[arg(long)]
    pub(crate) gzip: bool,
    /// Show every oddity a record can have
    #[arg(long)]
    pub(crate) odd: bool,
    /// The share of requests that fail in a way that passes, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub(crate) fault_rate: f64,
    /// How long each answer takes, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) think_time: u64,
    /// Answer 429 above this many requests a second
    #[arg(long, value_name = "N")]
    pub(crate) rate_limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WindowKind {
    /// The end day is included
    Inclusive,
    /// The end day is not included
    Exclusive,
    /// Only one day at a time is accepted
    Strict,
    /// The very moment at which the end day begins is included, as SQL's BETWEEN does
    Moments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OffsetKind {
    /// So many rows are skipped
    Honoured,
    /// Every page is the first one
    Ignored,
    /// One row less is skipped
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
    /// Oldest and newest first in turn
    Turns,
    /// By something that rows have in common, so that each query lists those as it likes
    Ties,
    /// Another one at every request
    Unstable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EmptyKind {
    /// An empty list
    List,
    /// A message of null
    Null,
    /// No message
    Missing,
    /// A message of one blank
    Blank,
    /// A failure with a sentence
    Failed,
    /// HTTP status 404
    NotFound,
}
