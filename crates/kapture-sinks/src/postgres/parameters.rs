//! The parameters of a connection, from wherever libpq takes them: the address, a service file,
//! environment variables.

pub(super) mod address;
mod environment;
mod keyword;
pub(super) mod machine;
pub(super) mod passfile;
mod service;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::destination::redact::is_other_database_notation;
use machine::Machine;

/// The parameters of a connection, by keyword.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Parameters(BTreeMap<&'static str, Parameter>);

#[derive(Clone, PartialEq, Eq)]
struct Parameter {
    value: String,
    origin: Origin,
}

/// Where a parameter comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Address,
    Service,
    Environment,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "the address",
            Self::Service => "the service file",
            Self::Environment => "the environment",
        })
    }
}

/// Prints no values: one may be a password.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why there are no parameters to connect with. It quotes no value, and no keyword that kapture
/// does not know: either may be a piece of a password that was not percent-encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ParameterError {
    #[error("it has a character that must be percent-encoded")]
    Ambiguous,
    #[error("a % in it does not begin a percent-encoded character")]
    PercentEncoding,
    #[error("its option number {0} has no value")]
    NoValue(usize),
    #[error("its option number {0} is not one that kapture knows")]
    UnknownOption(usize),
    #[error("{keyword} in {origin} has an invalid value")]
    Invalid {
        keyword: &'static str,
        origin: Origin,
    },
    #[error("kapture does not support {keyword}, which is in {origin}")]
    Unsupported {
        keyword: &'static str,
        origin: Origin,
    },
    #[error("host, hostaddr and port are lists of different lengths")]
    Lengths,
    #[error("sslrootcert=system needs sslmode=verify-full")]
    WeakWithSystemRoots,
    #[error("the environment variable {0} is not UTF-8")]
    NotUtf8(&'static str),
    #[error("the service is in none of these files: {}", listed(.0))]
    NoService(Vec<PathBuf>),
    #[error("the service file {} cannot be read: {reason}", path.display())]
    UnreadableServiceFile { path: PathBuf, reason: String },
    #[error("line {line} of the service file {}: {what}", path.display())]
    ServiceLine {
        path: PathBuf,
        line: usize,
        what: &'static str,
    },
}

fn listed(paths: &[PathBuf]) -> String {
    let shown: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    shown.join(", ")
}

impl Parameters {
    /// A value, unless it is missing or empty, which means the default.
    pub(super) fn get(&self, keyword: &str) -> Option<&str> {
        let parameter = self.0.get(keyword)?;
        Some(parameter.value.as_str()).filter(|value| !value.is_empty())
    }

    /// An error about the value of a keyword that is there.
    pub(super) fn invalid(&self, keyword: &'static str) -> ParameterError {
        let parameter = self.0.get(keyword);
        ParameterError::Invalid {
            keyword,
            origin: parameter.map_or(Origin::Address, |parameter| parameter.origin),
        }
    }

    /// Sets a value. `false` if the keyword is unknown.
    fn set(&mut self, keyword: &str, value: String, origin: Origin) -> bool {
        let Some(keyword) = keyword::known(keyword) else {
            return false;
        };
        self.0.insert(keyword, Parameter { value, origin });
        true
    }

    /// Adds those of `other` that are not set here.
    fn or(mut self, other: Self) -> Self {
        for (keyword, parameter) in other.0 {
            self.0.entry(keyword).or_insert(parameter);
        }
        self
    }

    /// Adds what the address leaves to the service and then to the environment.
    pub(super) fn completed(&self, machine: &impl Machine) -> Result<Self, ParameterError> {
        let environment = environment::parameters(machine)?;
        let name = self.get("service").or(environment.get("service"));
        let service = match name {
            Some(name) => {
                let file = self.get("servicefile").or(environment.get("servicefile"));
                service::parameters(machine, name, file)?
            }
            None => Self::default(),
        };
        Ok(self.clone().or(service).or(environment))
    }

    /// Fails if the user or the database is a whole address, which may have a password in it: libpq takes
    /// one as `dbname`, and a server quotes both.
    pub(super) fn check_plain(&self) -> Result<(), ParameterError> {
        for keyword in ["dbname", "user"] {
            if self.get(keyword).is_some_and(is_other_database_notation) {
                return Err(self.invalid(keyword));
            }
        }
        Ok(())
    }

    /// Fails if a parameter asks for what kapture does not do.
    pub(super) fn check_supported(&self) -> Result<(), ParameterError> {
        let unsupported = self.0.iter().find(|(keyword, parameter)| {
            !parameter.value.is_empty() && !keyword::is_supported(keyword, &parameter.value)
        });
        match unsupported {
            None => Ok(()),
            Some((keyword, parameter)) => Err(ParameterError::Unsupported {
                keyword,
                origin: parameter.origin,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::address::Address;
    use super::machine::FakeMachine;
    use super::*;

    fn completed(url: &str, machine: &FakeMachine) -> Parameters {
        let address = Address::parse(url).unwrap();
        address.parameters.completed(machine).unwrap()
    }

    #[test]
    fn address_comes_before_service_before_environment() {
        let machine = FakeMachine::default()
            .variable("PGHOST", "environment")
            .variable("PGUSER", "environment")
            .variable("PGDATABASE", "environment")
            .variable("PGSERVICE", "crm")
            .file(
                "/u/me/.pg_service.conf",
                "[crm]\nhost=service\nuser=service\n",
            );
        let parameters = completed("postgres://address", &machine);
        assert_eq!(parameters.get("host"), Some("address"));
        assert_eq!(parameters.get("user"), Some("service"));
        assert_eq!(parameters.get("dbname"), Some("environment"));
        assert_eq!(parameters.get("port"), None);
    }

    #[test]
    fn service_of_the_address_comes_before_that_of_the_environment() {
        let machine = FakeMachine::default()
            .variable("PGSERVICE", "other")
            .variable("PGSERVICEFILE", "/etc/services")
            .file("/etc/services", "[other]\nport=1\n[crm]\nport=2\n");
        let parameters = completed("postgres://?service=crm", &machine);
        assert_eq!(parameters.get("port"), Some("2"));
    }

    #[test]
    fn empty_value_hides_later_origins() {
        let machine = FakeMachine::default().variable("PGUSER", "environment");
        let parameters = completed("postgres://host?user=", &machine);
        assert_eq!(parameters.get("user"), None);
    }

    #[test]
    fn what_is_not_supported_is_named() {
        let machine = FakeMachine::default().variable("PGREQUIREPEER", "postgres");
        let error = completed("postgres://", &machine).check_supported();
        let expected = ParameterError::Unsupported {
            keyword: "requirepeer",
            origin: Origin::Environment,
        };
        assert_eq!(error, Err(expected));
        for (option, supported) in [
            ("gssencmode=disable", true),
            ("gssencmode=require", false),
            ("ssl_min_protocol_version=TLSv1.2", true),
            ("ssl_min_protocol_version=TLSv1.3", false),
            ("sslcrl=crl.pem", false),
        ] {
            let parameters = completed(&format!("postgres://?{option}"), &FakeMachine::default());
            assert_eq!(parameters.check_supported().is_ok(), supported, "{option}");
        }
    }
}
