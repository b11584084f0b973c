//! The command line as clap parses it; values are checked in `config`.

mod auth;
mod changes;
mod connection;
mod doctor;
mod filters;
mod output_format;
mod plan;
mod privacy;
mod proof;
mod protocols;
mod pull;
mod reference;
mod report;
mod sandbox;
mod sync;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use auth::{AuthAction, AuthArgs, AuthStatusArgs, LoginArgs, LogoutArgs};
pub(crate) use changes::{ChangesArgs, ChangesFormat};
pub(crate) use connection::ConnectionArgs;
pub(crate) use doctor::DoctorArgs;
pub(crate) use filters::{FilterArgs, Kind};
pub(crate) use output_format::{OutputFormatArgs, TableArgs};
pub(crate) use plan::PlanArgs;
pub(crate) use privacy::{ForgetArgs, PrivacyArgs};
pub(crate) use proof::ProofArgs;
pub(crate) use protocols::{AboutFormat, AirbyteArgs, AirbyteCommand, AirbyteReadArgs, SingerArgs};
pub(crate) use pull::{DayArgs, PullArgs};
pub(crate) use reference::{CompletionsArgs, DialectName, ManArgs, SchemaArgs, SchemaFormat};
pub(crate) use report::ReportArgs;
pub(crate) use sandbox::{EmptyKind, OffsetKind, OrderKind, SandboxArgs, WindowKind};
pub(crate) use sync::{StatusArgs, SyncArgs, VerifyArgs};

/// Pull customers out of Kapture CRM by creation date, exactly.
#[derive(Debug, Parser)]
#[command(
    name = "kapture",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    args_override_self = true,
    after_help = "Try it without an account:\n  kapture pull --sandbox --from 2024-05-01 --to 2024-05-07"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Pull(Box<PullArgs>),
    Sync(Box<SyncArgs>),
    Status(StatusArgs),
    Report(ReportArgs),
    Changes(ChangesArgs),
    Verify(Box<VerifyArgs>),
    Forget(ForgetArgs),
    Plan(Box<PlanArgs>),
    Doctor(Box<DoctorArgs>),
    Auth(AuthArgs),
    Schema(SchemaArgs),
    Singer(SingerArgs),
    Airbyte(AirbyteArgs),
    Sandbox(Box<SandboxArgs>),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

impl Command {
    /// Its name on the command line.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Pull(_) => "pull",
            Self::Sync(_) => "sync",
            Self::Status(_) => "status",
            Self::Report(_) => "report",
            Self::Changes(_) => "changes",
            Self::Verify(_) => "verify",
            Self::Forget(_) => "forget",
            Self::Plan(_) => "plan",
            Self::Doctor(_) => "doctor",
            Self::Auth(_) => "auth",
            Self::Schema(_) => "schema",
            Self::Singer(_) => "singer",
            Self::Airbyte(_) => "airbyte",
            Self::Sandbox(_) => "sandbox",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }
}

/// What a command prints on standard error.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Messages")]
pub(crate) struct OutputArgs {
    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Log more: -v findings about the server, -vv each request, -vvv everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Format of log lines
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

impl OutputArgs {
    /// Whether progress and results are printed as text.
    pub(crate) fn is_for_reading(&self) -> bool {
        !self.quiet && self.log_format == LogFormat::Text
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Plain text
    Text,
    /// One JSON object a line
    Json,
}
