//! `kapture schema`, `completions` and `man`: what describes the rest.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Describe what comes out: a JSON Schema of the lines, or the tables of the databases
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture schema
  kapture schema --format sql
  kapture schema --format sql --dialect postgres")]
pub(crate) struct SchemaArgs {
    /// The form of the description
    #[arg(long, value_name = "FORMAT", default_value = "json-schema")]
    pub(crate) format: SchemaFormat,
    /// Whose SQL
    #[arg(long, value_name = "DATABASE", default_value = "sqlite")]
    pub(crate) dialect: DialectName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    /// A JSON Schema of one line of NDJSON
    JsonSchema,
    /// The statements that make the tables
    Sql,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DialectName {
    /// SQLite
    Sqlite,
    /// PostgreSQL
    Postgres,
}

/// Print what a shell needs to complete commands, options and the names of profiles
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture completions bash >> ~/.bashrc
  kapture completions zsh >> ~/.zshrc
  kapture completions fish > ~/.config/fish/completions/kapture.fish
  kapture completions powershell >> $PROFILE")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_parser = ["bash", "elvish", "fish", "powershell", "zsh"])]
    pub(crate) shell: String,
}

/// Write man pages, one for each command
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  kapture man ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The folder they are written to; made if it is not there
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}
