//! `kapture man`.

use std::fs;

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::arguments::{Arguments, ManArguments};
use crate::failure::Failure;

/// Writes one page for each command.
pub(crate) fn run(arguments: &ManArguments) -> Result<(), Failure> {
    let folder = &arguments.folder;
    let mut command = Arguments::command();
    command.build();
    fs::create_dir_all(folder)
        .and_then(|()| write(&command, folder))
        .with_context(|| format!("cannot write man pages to {}", folder.display()))
        .map_err(Failure::unexpected)
}

fn write(command: &Command, folder: &std::path::Path) -> std::io::Result<()> {
    Man::new(command.clone()).generate_to(folder)?;
    command
        .get_subcommands()
        .try_for_each(|command| write(command, folder))
}
