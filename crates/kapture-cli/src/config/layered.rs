//! A value and where it was said: argument over environment over profile.

use std::env;
use std::fmt;

use anyhow::{Result, bail};

use crate::config::profile::Profile;

/// Who said it. The order is that of precedence: the first one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    Argument,
    Environment,
    Profile,
}

/// A value and where it was said.
#[derive(Debug, Clone)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) layer: Layer,
    /// `--cm-id`, `KAPTURE_CM_ID`, or “cm-id in profile `acme` of /path/config.toml”.
    pub(crate) origin: String,
}

impl<T> Sourced<T> {
    /// The value made into another one.
    pub(crate) fn map<U>(self, make: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced {
            value: make(self.value),
            layer: self.layer,
            origin: self.origin,
        }
    }

    /// The value made into another one. An error tells where the value was said.
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
            Err(error) => bail!("{origin}: {:#}", error.into()),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Sourced<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.value, self.origin)
    }
}

/// The layers beside arguments where something may be said.
#[derive(Debug)]
pub(crate) enum Layers<'a> {
    /// None of them: the sandbox is no account of anyone's.
    ArgumentsOnly,
    /// The environment and, where one is chosen, a profile.
    All(Option<&'a Profile>),
}

impl Layers<'_> {
    /// What is said under `name`: as `--name`, as `KAPTURE_NAME`, and as `name` in the profile.
    pub(crate) fn get<T: ToString>(
        &self,
        name: &str,
        argument: Option<&T>,
    ) -> Result<Option<Sourced<String>>> {
        if let Some(value) = argument {
            return Ok(Some(Sourced {
                value: value.to_string(),
                layer: Layer::Argument,
                origin: format!("--{name}"),
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

/// `KAPTURE_NAME` of the environment; an empty one counts as not set. An error never shows it.
pub(crate) fn variable(name: &str) -> Result<Option<Sourced<String>>> {
    let origin = format!("KAPTURE_{}", name.to_uppercase().replace('-', "_"));
    match env::var(&origin) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(Sourced {
            value,
            layer: Layer::Environment,
            origin,
        })),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => bail!("{origin} is not valid text"),
    }
}
