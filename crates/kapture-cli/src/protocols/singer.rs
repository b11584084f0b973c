//! `kapture singer`: the customers of a tenant as a Singer tap.

mod about;
mod bookmarks;
mod catalog;
mod messages;

use crate::args::{OutputArgs, SingerArgs};
use crate::error::{CliError, hinted};
use crate::output::stdout;
use crate::protocols::replication::{self, Replicated};
use crate::protocols::settings::Settings;
use crate::protocols::state::StreamState;
use bookmarks::Bookmarks;
use catalog::Catalog;
use messages::Messages;

/// Runs the tap.
pub(crate) async fn run(arguments: &SingerArgs, output: &OutputArgs) -> Result<(), CliError> {
    if let Some(format) = arguments.about {
        return stdout::print(&about::text(arguments.format.unwrap_or(format)));
    }
    let usage = CliError::usage;
    let Some(config) = &arguments.config else {
        return Err(CliError::bug("no configuration is given".into()));
    };
    let settings = Settings::read(config).map_err(usage)?;
    let source = settings.source().map_err(usage)?;
    let privacy = &source.connection.privacy;
    if arguments.discover {
        return stdout::print(&format!("{:#}\n", catalog::discovered(privacy)));
    }
    let catalog = match &arguments.catalog {
        Some(path) => Catalog::read(path).map_err(usage)?,
        None => Catalog::default(),
    };
    let bookmarks = match &arguments.state {
        Some(path) => Bookmarks::read(path).map_err(usage)?,
        None => Bookmarks::default(),
    };
    let identity = source.connection.source(&source.query);
    let mut streams = Vec::new();
    for selected in catalog.selected(privacy) {
        let bookmark = bookmarks.get(selected.stream);
        let state = match bookmark.filter(|_| !selected.is_full_table) {
            Some(state) => StreamState::parse(selected.stream, state, &identity).map_err(usage)?,
            None => StreamState::default(),
        };
        streams.push(Replicated {
            stream: selected.stream,
            selection: selected.selection,
            is_full_refresh: selected.is_full_table,
            state,
        });
    }
    if streams.is_empty() {
        return Err(usage(hinted(
            "the catalog selects no stream",
            "set `selected` to true in the metadata of a stream; without --catalog all are selected",
        )));
    }
    let messages = Messages::new(identity, bookmarks);
    replication::run(source, streams, messages, output).await
}
