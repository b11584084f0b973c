//! Arguments, environment, profiles and secrets.

#[cfg(unix)]
mod environment;
mod headers;
mod profiles;
mod secrets;
mod usage;
