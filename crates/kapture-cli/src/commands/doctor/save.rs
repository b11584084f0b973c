//! What an examination has proven that is of use to later runs, and its way into the profile.

use anyhow::{Context, Result, anyhow};
use kapture_transport::Endpoint;
use toml_edit::Value;

use crate::args::DoctorArgs;
use crate::config::file::ConfigFile;
use crate::error::CliError;

/// What was proven. How windows, pages and empty answers work is not among it: a run takes nothing
/// of that on trust.
#[derive(Debug)]
pub(super) struct ProfileUpdate {
    /// The endpoint that answers.
    pub(super) endpoint: Option<Endpoint>,
    /// How many requests at once are tolerated, where more were seen to be too many.
    pub(super) most_at_once: Option<usize>,
    /// The profile to keep it in, if it is to be kept.
    target: Option<(ConfigFile, String)>,
}

impl ProfileUpdate {
    /// Nothing yet. Whether it could be saved is known before anything is asked.
    pub(super) fn begin(arguments: &DoctorArgs, profile: Option<&str>) -> Result<Self, CliError> {
        let target = match (arguments.save, profile) {
            (false, _) => None,
            (true, Some(profile)) => {
                let config = arguments.connection.config.as_deref();
                let configuration = ConfigFile::find(config).map_err(CliError::usage)?;
                Some((configuration, profile.to_owned()))
            }
            (true, None) => {
                return Err(CliError::usage(anyhow!(
                    "--save writes into the profile that names the tenant, and none does here"
                ))
                .hint("kapture auth login makes one; leave --subdomain, --base-url and their variables away to use it"));
            }
        };
        Ok(Self {
            endpoint: None,
            most_at_once: None,
            target,
        })
    }

    /// Whether it is for later runs as well.
    pub(super) fn is_kept(&self) -> bool {
        self.target.is_some()
    }

    /// Writes it, and says what was written; nothing where that was not asked for.
    pub(super) fn save(&self) -> Result<Option<String>, CliError> {
        let Some((configuration, profile)) = &self.target else {
            return Ok(None);
        };
        self.write(configuration, profile)
            .map(Some)
            .map_err(CliError::write_failed)
    }

    fn write(&self, configuration: &ConfigFile, profile: &str) -> Result<String> {
        let held = configuration.profile(Some(&profile.to_owned()))?;
        let held = |key| held.map_or(Ok(None), |profile| profile.text(key));
        let mut entries = Vec::new();
        if let Some(endpoint) = self.endpoint {
            let name = endpoint.name();
            let said =
                held("endpoint")?.map_or(Endpoint::default().name().to_owned(), |said| said.value);
            if said != name {
                entries.push(("endpoint", Value::from(name)));
            }
        }
        if let Some(most) = self.most_at_once {
            entries.push((
                "concurrency",
                Value::from(i64::try_from(most).context("concurrency")?),
            ));
        }
        let place = format!("profile `{profile}` of {}", configuration.path.display());
        if entries.is_empty() {
            return Ok(format!("{place} says all that is of use already"));
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
        Ok(format!("{} in {place}", written.join(", ")))
    }
}
