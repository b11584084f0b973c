//! Time zones by name.

use anyhow::{Result, anyhow};
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::config::suggest::did_you_mean;

/// The names of all zones.
pub(crate) fn names() -> impl Iterator<Item = &'static str> + Clone {
    TZ_VARIANTS.iter().map(|zone| zone.name())
}

/// The zone of this name, in capitals or not.
pub(crate) fn named(name: &str) -> Result<Tz> {
    Tz::from_str_insensitive(name.trim()).map_err(|_| match did_you_mean(name, names()) {
        near if near.is_empty() => {
            anyhow!("`{name}` is not a time zone: give a name like Asia/Kolkata or UTC")
        }
        near => anyhow!("`{name}` is not a time zone{near}"),
    })
}
