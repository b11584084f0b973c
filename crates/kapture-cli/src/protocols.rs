//! Connectors of other programs: the customers of a tenant as streams of messages, with a state.
//!
//! What the protocols have in common:
//! - [`settings`]: the configuration of a connector.
//! - [`streams`]: the streams and their properties; [`record`]: their records as JSON.
//! - [`state`]: which days a stream has received.
//! - [`replication`]: a pull of the days that are lacking, as messages.

pub(crate) mod airbyte;
pub(crate) mod record;
pub(crate) mod replication;
pub(crate) mod settings;
pub(crate) mod singer;
pub(crate) mod state;
pub(crate) mod streams;
