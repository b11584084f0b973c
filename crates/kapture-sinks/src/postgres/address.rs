//! The address of a PostgreSQL database, with the defaults for TLS and timeouts.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::error::PostgresError;
use super::tls::Roots;

/// The default of tokio-postgres for the first keepalive of an idle connection.
const DEFAULT_KEEPALIVE: Duration = Duration::from_secs(2 * 60 * 60);

/// A parsed address.
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) roots: Roots,
}

impl Address {
    /// Parses an address as libpq does, with three differences. Certificates are always checked, so
    /// `sslmode=verify-ca` and `verify-full` are the same as `require`. `require` is the default for
    /// other machines. And `password` is used if the address has none.
    pub(super) fn parse(url: &str, password: Option<String>) -> Result<Self, PostgresError> {
        let (_, options) = url.split_once('?').unwrap_or((url, ""));
        let has_sslmode = options
            .split('&')
            .any(|option| option.starts_with("sslmode="));
        let (url, roots) = split_tls(url);
        let mut config: Config = url
            .parse()
            .map_err(|error| PostgresError::address(&error, &url))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host("localhost");
        }
        if !has_sslmode && !is_local(&config) {
            config.ssl_mode(SslMode::Require);
        }
        if let (None, Some(password)) = (config.get_password(), password) {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name("kapture");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        // Notices within a minute that the server is unreachable.
        if config.get_keepalives_idle() == DEFAULT_KEEPALIVE {
            config.keepalives_idle(Duration::from_secs(30));
            config.keepalives_interval(Duration::from_secs(10));
            config.keepalives_retries(3);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(60));
        }
        Ok(Self { config, roots })
    }

    /// How long connecting may take in all. The connect timeout bounds each attempt to reach the
    /// server, but not the handshake.
    pub(super) fn connect_deadline(&self) -> Duration {
        let attempt = self.config.get_connect_timeout().copied();
        attempt.unwrap_or_default() * 3
    }
}

/// Whether all hosts are this machine.
fn is_local(config: &Config) -> bool {
    let addresses = config.get_hostaddrs();
    if !addresses.is_empty() {
        return addresses.iter().all(IpAddr::is_loopback);
    }
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            let address = name.parse::<IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    })
}

/// The address without the TLS options that the client library does not know, and the roots.
fn split_tls(url: &str) -> (String, Roots) {
    let Some((address, options)) = url.split_once('?') else {
        return (url.to_owned(), Roots::System);
    };
    let mut roots = Roots::System;
    let mut kept = Vec::new();
    for option in options.split('&') {
        match option.split_once('=') {
            Some(("sslmode", "verify-ca" | "verify-full")) => kept.push("sslmode=require"),
            Some(("sslrootcert", "system")) => roots = Roots::System,
            Some(("sslrootcert", path)) => {
                let path = percent_decode_str(path).decode_utf8_lossy();
                roots = Roots::File(PathBuf::from(path.into_owned()));
            }
            _ => kept.push(option),
        }
    }
    let separator = if kept.is_empty() { "" } else { "?" };
    (format!("{address}{separator}{}", kept.join("&")), roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libpq_options_are_parsed() {
        let parse = |url| Address::parse(url, Some("from environment".into())).unwrap();
        let plain = parse("postgres://me@db.example.com/crm");
        assert_eq!(plain.config.get_password(), Some(&b"from environment"[..]));
        assert_eq!(plain.connect_deadline(), Duration::from_secs(30));
        let full = parse(
            "postgresql://me:own@db/crm?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem&connect_timeout=3",
        );
        assert_eq!(full.config.get_password(), Some(&b"own"[..]));
        assert_eq!(full.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(full.roots, Roots::File("/etc/ca.pem".into()));
        assert_eq!(full.connect_deadline(), Duration::from_secs(9));
        let options = parse("postgres://db/crm?options=-csearch_path%3Dcrm&sslrootcert=system");
        assert_eq!(options.config.get_options(), Some("-csearch_path=crm"));
        assert_eq!(options.roots, Roots::System);
        let near = parse("postgres:///crm");
        assert_eq!(near.config.get_hosts(), [Host::Tcp("localhost".into())]);
    }

    #[test]
    fn tls_is_required_for_other_machines_by_default() {
        for (url, mode) in [
            ("postgres://db.example.com/crm", SslMode::Require),
            ("postgres://localhost,db/crm", SslMode::Require),
            (
                "postgres://localhost/crm?hostaddr=192.0.2.1",
                SslMode::Require,
            ),
            (
                "postgres://me:sslmode=a@db/crm?user=sslmode=",
                SslMode::Require,
            ),
            ("postgres://db/crm?sslmode=prefer", SslMode::Prefer),
            ("postgres://db/crm?sslmode=disable", SslMode::Disable),
            ("postgres://localhost/crm", SslMode::Prefer),
            ("postgres://[::1]/crm", SslMode::Prefer),
            ("postgres://db/crm?hostaddr=127.0.0.1", SslMode::Prefer),
            ("postgres://%2Frun%2Fpostgresql/crm", SslMode::Prefer),
        ] {
            let address = Address::parse(url, None).unwrap();
            assert_eq!(address.config.get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn parse_error_names_the_option_and_no_password() {
        for (url, named) in [
            ("postgres://me:secret@db/crm?sslmode=secure", "sslmode"),
            ("postgres://me:secret@db:port/crm", "port"),
            ("postgres://me:secret@db/crm?compression=on", "compression"),
            ("postgres://me@db/crm?password=a&secret", ""),
            ("postgres://me@db/crm?password=a&secret=b", ""),
        ] {
            let Err(error) = Address::parse(url, None) else {
                panic!("{url} was parsed");
            };
            let said = format!("{error} {error:?}");
            assert!(said.contains(named), "{said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
