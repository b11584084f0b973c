//! Arguments, environment, profiles and secrets.

#[cfg(unix)]
mod environment;
mod filters;
mod headers;
mod profiles;
mod secrets;
mod usage;
