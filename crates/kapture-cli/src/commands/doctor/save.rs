//! Saves findings that later runs can use in the profile.

use anyhow::{Context, Result};
use kapture_transport::Endpoint;
use toml_edit::Value;

use crate::args::DoctorArgs;
use crate::config::file::ConfigFile;
use crate::error::{CliError, hinted};

/// The findings to save. How windows, pages and empty answers work is not saved, since every run
/// proves it again.
#[derive(Debug)]
pub(super) struct ProfileUpdate {
    /// The endpoint that works.
    pub(super) endpoint: Option<Endpoint>,
    /// The tolerated concurrency, if it was exceeded.
    pub(super) concurrency: Option<usize>,
    /// The profile to write, with `--save`.
    target: Option<(ConfigFile, String)>,
}

impl ProfileUpdate {
    /// Without findings. Refuses `--save` without a profile before any request is made.
    pub(super) fn begin(arguments: &DoctorArgs, profile: Option<&str>) -> Result<Self, CliError> {
        let target = match (arguments.save, profile) {
            (false, _) => None,
            (true, Some(profile)) => {
                let config = arguments.connection.config.as_deref();
                let configuration = ConfigFile::find(config).map_err(CliError::usage)?;
                Some((configuration, profile.to_owned()))
            }
            (true, None) => {
                return Err(CliError::usage(hinted(
                    "--save: no profile sets the tenant",
                    "create a profile with kapture auth login, and use it without --subdomain, --base-url and their variables",
                )));
            }
        };
        Ok(Self {
            endpoint: None,
            concurrency: None,
            target,
        })
    }

    /// Whether findings are saved.
    pub(super) fn is_wanted(&self) -> bool {
        self.target.is_some()
    }

    /// Writes the profile with `--save`, and returns what was written.
    pub(super) fn save(&self) -> Result<Option<String>, CliError> {
        let Some((configuration, profile)) = &self.target else {
            return Ok(None);
        };
        self.write(configuration, profile)
            .map(Some)
            .map_err(CliError::write_failed)
    }

    fn write(&self, configuration: &ConfigFile, profile: &str) -> Result<String> {
        let current = configuration.profile(Some(&profile.to_owned()))?;
        let current = |key| current.map_or(Ok(None), |profile| profile.text(key));
        let mut entries = Vec::new();
        if let Some(endpoint) = self.endpoint {
            let name = endpoint.name();
            let value = current("endpoint")?
                .map_or(Endpoint::default().name().to_owned(), |sourced| {
                    sourced.value
                });
            if value != name {
                entries.push(("endpoint", Value::from(name)));
            }
        }
        if let Some(most) = self.concurrency {
            entries.push((
                "concurrency",
                Value::from(i64::try_from(most).context("concurrency")?),
            ));
        }
        let location = format!("profile `{profile}` of {}", configuration.path.display());
        if entries.is_empty() {
            return Ok(format!("{location} is up to date"));
        }
        let written: Vec<_> = entries
            .iter()
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(key, value)| (key, Some(value)))
            .collect();
        configuration.write(profile, &entries)?;
        Ok(format!("{} in {location}", written.join(", ")))
    }
}
