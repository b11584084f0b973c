//! `kapture man`.

use std::fs;
use std::path::Path;

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::args::{Cli, ManArgs};
use crate::error::CliError;

/// The date of the last review: a man page without a date counts as unfinished.
const REVISED: &str = "2026-11-24";

/// Writes one page for each command.
pub(crate) fn run(arguments: &ManArgs) -> Result<(), CliError> {
    let folder = &arguments.folder;
    let mut command = Cli::command();
    command.build();
    fs::create_dir_all(folder)
        .and_then(|()| write(&command, folder))
        .with_context(|| format!("cannot write man pages to {}", folder.display()))
        .map_err(CliError::write_failed)
}

fn write(command: &Command, folder: &Path) -> std::io::Result<()> {
    let page = Man::new(command.clone())
        .date(REVISED)
        .source(concat!("kapture ", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    page.render(&mut text)?;
    // An empty line already ends a paragraph.
    let text = String::from_utf8_lossy(&text).replace("\n.br\n\n.br\n", "\n\n");
    fs::write(folder.join(page.get_filename()), text)?;
    command
        .get_subcommands()
        .try_for_each(|command| write(command, folder))
}
