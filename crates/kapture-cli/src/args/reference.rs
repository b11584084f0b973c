//! `kapture schema`, `completions` and `man`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Print the schema of the output: a JSON Schema, or the tables of the databases
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture schema
  kapture schema --format sql
  kapture schema --format sql --dialect postgres")]
pub(crate) struct SchemaArgs {
    /// Format of the schema
    #[arg(long, value_name = "FORMAT", default_value = "json-schema")]
    pub(crate) format: SchemaFormat,
    /// SQL dialect
    #[arg(long, value_name = "DATABASE", default_value = "sqlite")]
    pub(crate) dialect: DialectName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    /// JSON Schema of one line of NDJSON
    JsonSchema,
    /// Statements that create the tables
    Sql,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DialectName {
    /// SQLite
    Sqlite,
    /// PostgreSQL
    Postgres,
}

/// Print the script with which a shell completes commands, options and profile names
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture completions bash >> ~/.bashrc
  kapture completions zsh >> ~/.zshrc
  kapture completions fish > ~/.config/fish/completions/kapture.fish
  kapture completions powershell >> $PROFILE")]
pub(crate) struct CompletionsArgs {
    /// Shell to print the script for
    #[arg(value_name = "SHELL", value_parser = ["bash", "elvish", "fish", "powershell", "zsh"])]
    pub(crate) shell: String,
}

/// Write a man page for each command
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  kapture man ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Folder for the pages, created if it does not exist
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}
