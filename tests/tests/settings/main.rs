//! Arguments, environment, profiles and secrets.

#[cfg(unix)]
mod environment;
mod profiles;
mod secrets;
mod usage;
