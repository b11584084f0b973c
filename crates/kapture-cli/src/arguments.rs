//! What can be said on the command line, as it is said: nothing is checked here but the shape.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Pull customers out of Kapture CRM by creation date: each one, once, and no other.
#[derive(Debug, Parser)]
#[command(
    name = "kapture",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "Try it without an account:\n  kapture pull --sandbox --from 2024-05-01 --to 2024-05-07"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Pull(Box<PullArguments>),
    Sandbox(Box<SandboxArguments>),
}

/// What is said on standard error while a command runs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Messages")]
pub(crate) struct OutputArguments {
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: -v what is learnt of the server, -vv each request, -vvv everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// The form of log lines
    #[arg(long, global = true, value_name = "FORM", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For reading
    Text,
    /// One JSON object a line
    Json,
}

/// Pull the customers created on some days
///
/// Every customer created on the asked days comes out once, and no other, whatever the server
/// leaves open. Records go to standard output or a file, everything else to standard error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture pull --sandbox --from 2024-05-01 --to 2024-05-07
  kapture pull --subdomain acme --cm-id 424242 --last 7d -o customers.ndjson

The token comes from KAPTURE_TOKEN, from KAPTURE_USER and KAPTURE_PASSWORD, or from --token-file;
never from an argument, which every process on the machine could read.

Exit codes: 0 all done, 1 unexpected, 2 wrong usage, 3 token refused, 4 request refused,
5 server unreachable or failing, 6 output failed, 130 interrupted.")]
pub(crate) struct PullArguments {
    #[command(flatten)]
    pub(crate) days: DayArguments,
    #[command(flatten)]
    pub(crate) output: PullOutputArguments,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
    #[command(flatten)]
    pub(crate) filters: Box<FilterArguments>,
}

/// Which days: both ends are included, in the tenant's local time.
#[derive(Debug, Args)]
#[command(next_help_heading = "Days")]
pub(crate) struct DayArguments {
    /// The first day: YYYY-MM-DD, today, yesterday or -7d (seven days ago)
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// The last day, in the same forms
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
    /// So many days ending yesterday, for example 7d
    #[arg(long, value_name = "DAYS", conflicts_with_all = ["from", "to"])]
    pub(crate) last: Option<String>,
    /// Read the days from a file, one a line; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to", "last"])]
    pub(crate) days: Option<PathBuf>,
    /// Pull one part of the days in N, for example 2/8
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<String>,
    /// The tenant's time zone, for example Asia/Kolkata: where days end, and in which instants are shown
    #[arg(long, value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,
}

/// Where records go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct PullOutputArguments {
    /// Where records go: - for standard output, or a file that is put in its place when complete
    #[arg(short, long, value_name = "WHERE", default_value = "-")]
    pub(crate) output: String,
    /// The form of the output
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Write each record's bytes as the API sent them
    #[arg(long)]
    pub(crate) raw: bool,
    /// Write what was done as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) summary: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line
    Ndjson,
}

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

/// Which customers: all of them, unless something is said here.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct FilterArguments {
    /// Customers of this name
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
    /// Customers with this phone number
    #[arg(long, value_name = "TEXT")]
    pub(crate) phone: Option<String>,
    /// Customers with this e-mail address
    #[arg(long, value_name = "TEXT")]
    pub(crate) email: Option<String>,
    /// Customers of this designation type
    #[arg(long, value_name = "TEXT")]
    pub(crate) designation_type: Option<String>,
    /// The customer with this id
    #[arg(long, value_name = "TEXT")]
    pub(crate) customer_id: Option<String>,
    /// The customer with this code
    #[arg(long, value_name = "TEXT")]
    pub(crate) customer_code: Option<String>,
    /// Customers of these zones (zoneIdStr)
    #[arg(long, value_name = "TEXT", conflicts_with = "zone_id")]
    pub(crate) zone: Option<String>,
    /// Customers of the zone with this number
    #[arg(long, value_name = "N")]
    pub(crate) zone_id: Option<u64>,
    /// Customers assigned to the employee with this number
    #[arg(long, value_name = "N", conflicts_with = "assigned_to")]
    pub(crate) assigned_to_id: Option<u64>,
    /// Customers assigned to these employees (assignedToIdStr)
    #[arg(long, value_name = "TEXT")]
    pub(crate) assigned_to: Option<String>,
    /// Customers from this primary source
    #[arg(long, value_name = "N")]
    pub(crate) primary_source_id: Option<u64>,
    /// Customers from this secondary source
    #[arg(long, value_name = "N")]
    pub(crate) secondary_source_id: Option<u64>,
    /// Customers from this tertiary source
    #[arg(long, value_name = "N")]
    pub(crate) tertiary_source_id: Option<u64>,
    /// Customers whose attribute N (1 to 15) has this value; may be given several times
    #[arg(long = "attribute", value_name = "N=VALUE")]
    pub(crate) attributes: Vec<String>,
    /// Customers of this kind
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<Kind>,
    /// Search with the tenant's "all customers" page configuration
    #[arg(long)]
    pub(crate) all_customer_page: bool,
    /// Send another key with each request; VALUE is JSON, or else text; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Send every documented key with each request, for servers that insist
    #[arg(long)]
    pub(crate) full_body: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Organisations
    Organisation,
    /// Individuals
    Individual,
    /// Channel partners
    ChannelPartner,
}

/// Serve a fake tenant on this machine, for trying and testing
///
/// It answers as the API does, with invented customers. Everything that the API leaves open is an
/// option here.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  kapture sandbox --port 8080 --windows exclusive --limit-cap 37 --fault-rate 0.1
and in another terminal:
  export KAPTURE_BASE_URL=http://127.0.0.1:8080 KAPTURE_CM_ID=424242
  export KAPTURE_USER=sandbox KAPTURE_PASSWORD=sandbox
  kapture pull --from 2024-05-01 --to 2024-05-07")]
pub(crate) struct SandboxArguments {
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
