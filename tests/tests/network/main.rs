//! Connections that fail below the API: TLS, dead connections, content codings.

mod certificates;
mod codings;
mod dead_connections;
mod proxies;
