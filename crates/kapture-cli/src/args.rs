//! What can be said on the command line, as it is said: nothing is checked here but the shape.

mod auth;
mod connection;
mod doctor;
mod filters;
mod output_format;
mod plan;
mod pull;
mod reference;
mod sandbox;
mod sync;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use auth::{AuthAction, AuthArgs, AuthStatusArgs, LoginArgs, LogoutArgs};
pub(crate) use connection::ConnectionArgs;
pub(crate) use doctor::DoctorArgs;
pub(crate) use filters::{FilterArgs, Kind};
pub(crate) use output_format::OutputFormatArgs;
pub(crate) use plan::PlanArgs;
pub(crate) use pull::{DayArgs, PullArgs};
pub(crate) use reference::{CompletionsArgs, DialectName, ManArgs, SchemaArgs, SchemaFormat};
pub(crate) use sandbox::{EmptyKind, OffsetKind, OrderKind, SandboxArgs, WindowKind};
pub(crate) use sync::{StatusArgs, SyncArgs, VerifyArgs};

/// Pull customers out of Kapture CRM by creation date: each one, once, and no other.
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
    Verify(Box<VerifyArgs>),
    Plan(Box<PlanArgs>),
    Doctor(Box<DoctorArgs>),
    Auth(AuthArgs),
    Schema(SchemaArgs),
    Sandbox(Box<SandboxArgs>),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

impl Command {
    /// As it is said.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Pull(_) => "pull",
            Self::Sync(_) => "sync",
            Self::Status(_) => "status",
            Self::Verify(_) => "verify",
            Self::Plan(_) => "plan",
            Self::Doctor(_) => "doctor",
            Self::Auth(_) => "auth",
            Self::Schema(_) => "schema",
            Self::Sandbox(_) => "sandbox",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }
}

/// What is said on standard error while a command runs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Messages")]
pub(crate) struct OutputArgs {
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

impl OutputArgs {
    /// Whether somebody wants to read more than errors.
    pub(crate) fn is_for_reading(&self) -> bool {
        !self.quiet && self.log_format == LogFormat::Text
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For reading
    Text,
    /// One JSON object a line
    Json,
}
