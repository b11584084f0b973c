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
pub(crate) struct Said<T> {
    pub(crate) value: T,
    pub(crate) layer: Layer,
    /// `--cm-id`, `KAPTURE_CM_ID`, or “cm-id in profile `acme` of /path/config.toml”.
    pub(crate) place: String,
}

impl<T> Said<T> {
    /// The value made into another one.
    pub(crate) fn map<U>(self, make: impl FnOnce(T) -> U) -> Said<U> {
        Said {
            value: make(self.value),
            layer: self.layer,
            place: self.place,
        }
    }

    /// The value made into another one. An error tells where the value was said.
    pub(crate) fn try_map<U, E: Into<anyhow::Error>>(
        self,
        make: impl FnOnce(T) -> Result<U, E>,
    ) -> Result<Said<U>> {
        let Said {
            value,
            layer,
            place,
        } = self.map(make);
        match value {
            Ok(value) => Ok(Said {
                value,
                layer,
                place,
            }),
            Err(error) => bail!("{place}: {:#}", error.into()),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Said<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.value, self.place)
    }
}

/// The places beside arguments where something may be said.
#[derive(Debug)]
pub(crate) enum Places<'a> {
    /// None of them: the sandbox is no account of anyone's.
    Nowhere,
    /// The environment and, where one is chosen, a profile.
    Around(Option<&'a Profile>),
}

impl Places<'_> {
    /// What is said under `name`: as `--name`, as `KAPTURE_NAME`, and as `name` in the profile.
    pub(crate) fn said<T: ToString>(
        &self,
        name: &str,
        argument: Option<&T>,
    ) -> Result<Option<Said<String>>> {
        if let Some(value) = argument {
            return Ok(Some(Said {
                value: value.to_string(),
                layer: Layer::Argument,
                place: format!("--{name}"),
            }));
        }
        let Self::Around(profile) = self else {
            return Ok(None);
        };
        match variable(name)? {
            Some(said) => Ok(Some(said)),
            None => profile.map_or(Ok(None), |profile| profile.text(name)),
        }
    }
}

/// `KAPTURE_NAME` of the environment; an empty one counts as not set. An error never shows it.
pub(crate) fn variable(name: &str) -> Result<Option<Said<String>>> {
    let place = format!("KAPTURE_{}", name.to_uppercase().replace('-', "_"));
    match env::var(&place) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(Said {
            value,
            layer: Layer::Environment,
            place,
        })),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => bail!("{place} is not valid text"),
    }
}
