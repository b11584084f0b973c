//! The address of a database: `postgres://user:password@host:port/database?option=value`.

use std::fmt;
use std::net::Ipv6Addr;

use percent_encoding::percent_decode_str;

use super::{Origin, ParameterError, Parameters};

/// What an address begins with.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// A parsed address. `Display` shows its servers and database, or its service, and nothing else.
#[derive(Debug, Clone)]
pub(in super::super) struct Address {
    shown: String,
    pub(in super::super) parameters: Parameters,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Address {
    /// Parses an address as libpq does, but refuses one that can be read in two ways: with a raw
    /// `@`, `/`, `?` or `#` in it, a piece of the password could be taken for the name of a host.
    pub(in super::super) fn parse(text: &str) -> Result<Self, ParameterError> {
        let scheme = SCHEMES.into_iter().find(|scheme| text.starts_with(scheme));
        let scheme = scheme.ok_or(ParameterError::Ambiguous)?;
        let rest = &text[scheme.len()..];
        let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = location.split_once('/').unwrap_or((location, ""));
        let (login, hosts) = match authority.split_once('@') {
            Some((login, hosts)) => (Some(login), hosts),
            None => (None, authority),
        };
        let may_be_more =
            |part: &str| part.contains(['=', '&', ';', '?']) || part.contains(char::is_whitespace);
        if rest.contains('#')
            || [hosts, database, query]
                .iter()
                .any(|part| part.contains('@'))
            || may_be_more(hosts)
            || may_be_more(database)
            || database.contains(['/', ':'])
        {
            return Err(ParameterError::Ambiguous);
        }
        let mut parameters = Parameters::default();
        let mut set = |keyword: &str, value: &str| -> Result<bool, ParameterError> {
            Ok(parameters.set(keyword, decoded(value)?, Origin::Address))
        };
        if let Some(login) = login {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            for (keyword, value) in [("user", user), ("password", password)] {
                if !value.is_empty() {
                    set(keyword, value)?;
                }
            }
        }
        let (names, ports) = split_hosts(hosts)?;
        for (keyword, value) in [("host", &names), ("port", &ports)] {
            if value.chars().any(|letter| letter != ',') {
                set(keyword, value)?;
            }
        }
        if !database.is_empty() {
            set("dbname", database)?;
        }
        let options = query.split('&').filter(|option| !option.is_empty());
        for (number, option) in (1..).zip(options) {
            let option = option.split_once('=');
            let (keyword, value) = option.ok_or(ParameterError::NoValue(number))?;
            // As of JDBC, which libpq understands, too.
            let (keyword, value) = match (decoded(keyword)?.as_str(), value) {
                ("ssl", "true") => ("sslmode".to_owned(), "require"),
                (keyword, value) => (keyword.to_owned(), value),
            };
            if !set(&keyword, value)? {
                return Err(ParameterError::UnknownOption(number));
            }
        }
        let shown = shown(scheme, hosts, database, &parameters);
        Ok(Self { shown, parameters })
    }
}

/// The address without user, password and options.
fn shown(scheme: &str, hosts: &str, database: &str, parameters: &Parameters) -> String {
    let slash = if database.is_empty() { "" } else { "/" };
    let service = match parameters.get("service") {
        Some(service) if hosts.is_empty() && database.is_empty() => format!("?service={service}"),
        _ => String::new(),
    };
    format!("{scheme}{hosts}{slash}{database}{service}")
}

/// The names and the ports of `host:port,host:port`, each as a list with commas.
fn split_hosts(hosts: &str) -> Result<(String, String), ParameterError> {
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for host in hosts.split(',') {
        let (name, port) = match host.strip_prefix('[') {
            Some(rest) => {
                let bracketed = rest.split_once(']').filter(|(name, _)| {
                    let address = name.split('%').next().unwrap_or_default();
                    address.parse::<Ipv6Addr>().is_ok()
                });
                bracketed.ok_or(ParameterError::Invalid {
                    keyword: "host",
                    origin: Origin::Address,
                })?
            }
            None => host.split_at(host.find(':').unwrap_or(host.len())),
        };
        let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        match port.strip_prefix(':') {
            Some(number) if is_port(number) => ports.push(number),
            None if port.is_empty() => ports.push(""),
            _ => {
                return Err(ParameterError::Invalid {
                    keyword: "port",
                    origin: Origin::Address,
                });
            }
        }
        names.push(name);
    }
    Ok((names.join(","), ports.join(",")))
}

/// Decodes percent-encoded characters.
fn decoded(text: &str) -> Result<String, ParameterError> {
    let is_escape = |escape: &str| {
        let digits = escape.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit) && digits != b"00")
    };
    if !text.split('%').skip(1).all(is_escape) {
        return Err(ParameterError::PercentEncoding);
    }
    let decoded = percent_decode_str(text).decode_utf8();
    Ok(decoded
        .map_err(|_| ParameterError::PercentEncoding)?
        .into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[test]
    fn parts_become_parameters() {
        let address = Address::parse(
            "postgresql://me:p%40%23%3F%2F%25:w@db1:5433,[::1],%2Frun%2Fpg/crm?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem",
        )
        .unwrap();
        let get = |keyword| address.parameters.get(keyword);
        assert_eq!(get("user"), Some("me"));
        assert_eq!(get("password"), Some("p@#?/%:w"));
        assert_eq!(get("host"), Some("db1,::1,/run/pg"));
        assert_eq!(get("port"), Some("5433,,"));
        assert_eq!(get("dbname"), Some("crm"));
        assert_eq!(get("sslmode"), Some("verify-full"));
        assert_eq!(get("sslrootcert"), Some("/etc/ca.pem"));
        let shown = "postgresql://db1:5433,[::1],%2Frun%2Fpg/crm";
        assert_eq!(address.to_string(), shown);
    }

    #[test]
    fn parts_may_be_missing() {
        let cases = [
            ("postgres://", "", "postgres://"),
            ("postgres:///crm", "dbname=crm", "postgres:///crm"),
            ("postgres://@/?", "", "postgres://"),
            ("postgres://me@", "user=me", "postgres://"),
            ("postgres://:5433", "port=5433", "postgres://:5433"),
            ("postgres://db:", "host=db", "postgres://db:"),
            ("postgres://db?dbname=", "host=db", "postgres://db"),
            (
                "postgres://?service=crm",
                "service=crm",
                "postgres://?service=crm",
            ),
            (
                "postgres:///crm?host=/run/postgresql",
                "dbname=crm host=/run/postgresql",
                "postgres:///crm",
            ),
            (
                "postgres://db/?options=-csearch_path=crm&",
                "host=db options=-csearch_path=crm",
                "postgres://db",
            ),
            (
                "postgres://db?ssl=true",
                "host=db sslmode=require",
                "postgres://db",
            ),
        ];
        for (url, parameters, shown) in cases {
            let address = Address::parse(url).unwrap();
            let found = address.parameters.0.keys();
            let found = found.filter_map(|keyword| {
                let value = address.parameters.get(keyword)?;
                Some(format!("{keyword}={value}"))
            });
            assert_eq!(found.collect::<Vec<_>>().join(" "), parameters, "{url}");
            assert_eq!(address.to_string(), shown, "{url}");
        }
    }

    #[test]
    fn address_that_can_be_read_in_two_ways_is_refused() {
        for url in [
            "postgres://me:pa@ssword#1@db.invalid/crm",
            "postgres://me:pa@ssword@db.invalid/crm",
            "postgres://me@corp:password@db.invalid/crm",
            "postgres://me:pa/ssword@db.invalid/crm",
            "postgres://me:pa?ssword@db.invalid/crm",
            "postgres://me:pa?user=x@db.invalid/crm",
            "postgres://me:12/34@db.invalid/crm",
            "postgres://me:12?34@db.invalid/crm",
            "postgres://me:password#1@db.invalid/crm",
            "postgres://db.invalid/crm?user=me&password=pa@ssword",
            "postgres://db.invalid/crm?password=pa#ssword",
            "postgres://db.invalid/crm&password=password",
            "postgres://db.invalid/crm;password=password",
            "postgres://db.invalid/crm password=password",
            "postgres://db.invalid;user=me;password=password",
            "postgres://db.invalid password=password/crm",
            "postgres://me:/password/crm",
            "postgres:///me:password",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert_eq!(error, ParameterError::Ambiguous, "{url}");
        }
        for url in [
            "postgres://me:50%off@db.invalid/crm",
            "postgres://me:half%@db.invalid/crm",
            "postgres://me:half%4@db.invalid/crm",
            "postgres://me:nul%00@db.invalid/crm",
            "postgres://me:latin%E9@db.invalid/crm",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert_eq!(error, ParameterError::PercentEncoding, "{url}");
        }
    }

    #[test]
    fn errors_name_known_keywords_and_count_the_others() {
        let invalid = |keyword| ParameterError::Invalid {
            keyword,
            origin: Origin::Address,
        };
        for (url, expected) in [
            ("postgres://me:password/crm", invalid("port")),
            ("postgres://db:5432x/crm", invalid("port")),
            ("postgres://[::1/crm", invalid("host")),
            ("postgres://[password]/crm", invalid("host")),
            ("postgres://[::1]x/crm", invalid("port")),
            (
                "postgres://db?user=me&secret=1",
                ParameterError::UnknownOption(2),
            ),
            ("postgres://db?secret", ParameterError::NoValue(1)),
        ] {
            assert_eq!(Address::parse(url).unwrap_err(), expected, "{url}");
        }
    }

    /// A character of a password, as it is or percent-encoded.
    fn letter() -> impl Strategy<Value = (char, bool)> {
        let letters: Vec<_> = "QXZJV#?@%/:&=,[] ".chars().collect();
        (select(letters), any::<bool>())
    }

    fn spelled(letters: &[(char, bool)]) -> String {
        letters
            .iter()
            .map(|(letter, is_encoded)| match is_encoded {
                true => format!("%{:02X}", u32::from(*letter)),
                false => letter.to_string(),
            })
            .collect()
    }

    proptest! {
        /// Where a password is in an address and however it is spelled, no four characters of it are
        /// in what is shown of the address, in an error, or in the names that are looked up.
        #[test]
        fn no_piece_of_a_password_leaves_the_address(
            password in prop::collection::vec(letter(), 4..12),
            user in prop::collection::vec(letter(), 0..4),
            form in 0..4,
        ) {
            let (user, spelling) = (spelled(&user), spelled(&password));
            let url = match form {
                0 => format!("postgres://{user}:{spelling}@db.invalid:5432/crm"),
                1 => format!("postgresql://{user}:{spelling}@/crm?sslmode=prefer"),
                2 => format!("postgres://db.invalid/crm?user={user}&password={spelling}"),
                _ => format!("postgres://{user}@db.invalid?password={spelling}&connect_timeout=3"),
            };
            let shown = match Address::parse(&url) {
                Ok(address) => {
                    let host = address.parameters.get("host").unwrap_or_default();
                    let database = address.parameters.get("dbname").unwrap_or_default();
                    format!("{address} {address:?} {host} {database}")
                }
                Err(error) => format!("{error} {error:?}"),
            };
            let password: Vec<_> = password.iter().map(|(letter, _)| *letter).collect();
            let plain = password.windows(4).map(|piece| piece.iter().collect::<String>());
            let typed: Vec<_> = spelling.chars().collect();
            let typed = typed.windows(4).map(|piece| piece.iter().collect::<String>());
            for piece in plain.chain(typed) {
                prop_assert!(!shown.contains(&piece), "{url}: {shown}");
            }
        }
    }
}
