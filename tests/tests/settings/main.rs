//! Arguments, environment, profiles and secrets.

mod database_password;
#[cfg(unix)]
mod environment;
mod filters;
mod headers;
mod profiles;
mod secrets;
mod usage;
