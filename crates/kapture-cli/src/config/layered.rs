//! Values with their origin: argument over environment over profile.

use std::env;
use std::fmt;

use anyhow::{Result, bail};

use crate::config::profile::Profile;
use crate::error::prefixed;

/// Where a value was set, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    Argument,
    Environment,
    Profile,
}

/// A value and its origin.
#[derive(Debug, Clone)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) layer: Layer,
    /// `--cm-id`, `KAPTURE_CM_ID`, or “cm-id in profile `acme` of /path/config.toml”.
    pub(crate) origin: String,
}

impl<T> Sourced<T> {
    /// Maps the value.
    pub(crate) fn map<U>(self, make: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced {
            value: make(self.value),
            layer: self.layer,
            origin: self.origin,
        }
    }

    /// Maps the value. The origin is put before the text of an error.
    pub(crate) fn try_map<U, E: Into<anyhow::Error>>(
        self,
        make: impl FnOnce(T) -> Result<U, E>,
    ) -> Result<Sourced<U>> {
        let Sourced {
            value,
            layer,
            origin,
        } = self.map(make);
        match value {
            Ok(value) => Ok(Sourced {
                value,
                layer,
                origin,
            }),
            Err(error) => Err(prefixed(&origin, error.into())),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Sourced<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.value, self.origin)
    }
}

/// The layers that are read.
#[derive(Debug)]
pub(crate) enum Layers<'a> {
    /// Arguments only, for the sandbox.
    ArgumentsOnly,
    /// The configuration of a connector only, which is given as arguments: `time_zone` is
    /// `--time-zone`.
    ConnectorOnly,
    /// Arguments, the environment and, if there is one, the profile.
    All(Option<&'a Profile>),
}

impl Layers<'_> {
    /// The value of `--name`, of `KAPTURE_NAME`, or of `name` in the profile.
    pub(crate) fn get<T: ToString>(
        &self,
        name: &str,
        argument: Option<&T>,
    ) -> Result<Option<Sourced<String>>> {
        if let Some(value) = argument {
            return Ok(Some(Sourced {
                value: value.to_string(),
                layer: Layer::Argument,
                origin: match self {
                    Self::ConnectorOnly => name.replace('-', "_"),
                    _ => format!("--{name}"),
                },
            }));
        }
        let Self::All(profile) = self else {
            return Ok(None);
        };
        match variable(name)? {
            Some(sourced) => Ok(Some(sourced)),
            None => profile.map_or(Ok(None), |profile| profile.text(name)),
        }
    }
}

/// `KAPTURE_NAME` of the environment without surrounding blanks; an empty one counts as not set.
/// Errors do not quote the value.
pub(crate) fn variable(name: &str) -> Result<Option<Sourced<String>>> {
    let origin = format!("KAPTURE_{}", name.to_uppercase().replace('-', "_"));
    match env::var(&origin) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(Sourced {
            // Shells and container files often add a line break.
            value: trimmed(name, &value).to_owned(),
            layer: Layer::Environment,
            origin,
        })),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => bail!("{origin} is not valid text"),
    }
}

/// A password can begin and end with blanks, but not with a line break.
fn trimmed<'a>(name: &str, value: &'a str) -> &'a str {
    match name {
        "password" => value.trim_matches(['\r', '\n']),
        _ => value.trim(),
    }
}
