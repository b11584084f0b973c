//! Settings, resolved from arguments, environment and configuration file before any request is made.

pub(crate) mod connection;
pub(crate) mod dates;
pub(crate) mod destination;
pub(crate) mod duration;
pub(crate) mod file;
pub(crate) mod layered;
pub(crate) mod privacy;
pub(crate) mod profile;
pub(crate) mod query;
pub(crate) mod refresh;
pub(crate) mod secrets;
pub(crate) mod suggest;
pub(crate) mod table;
pub(crate) mod time_zone;
