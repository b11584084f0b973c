//! `kapture auth login`: reads or prompts for a connection, checks it and stores it as a profile.

use std::io::{self, IsTerminal, Read};

use anyhow::{Result, anyhow, bail};
use kapture_transport::{TenantUrl, Token};
use toml_edit::Value;

use super::{check, prompt, token_file};
use crate::args::{ConnectionArgs, LoginArgs};
use crate::config::connection::{self, Connection, TenantName};
use crate::config::file::{ConfigFile, Entries};
use crate::config::layered::Layers;
use crate::config::secrets::keyring::Key;
use crate::config::secrets::stored_secret::StoredSecret;
use crate::config::secrets::{self, private_file};
use crate::error::{CliError, hinted};
use crate::output::message::Message;

/// Signs in.
pub(super) async fn run(arguments: &LoginArgs) -> Result<(), CliError> {
    let login = Login::read(arguments).map_err(CliError::usage)?;
    let configuration = ConfigFile::find_or_create(arguments.connection.config.as_deref())
        .map_err(CliError::usage)?;
    // A profile that is signed in to again may have headers, which the tenant requires.
    let token = login.token.clone();
    let token = match configuration.named(&login.profile) {
        Some(profile) => connection::with_headers_of(profile, &login.site, token),
        None => Ok(token),
    };
    let connection = Connection::with_token(
        &arguments.connection,
        &LAYERS,
        login.site.clone(),
        login.cm_id,
        token.map_err(CliError::usage)?,
    )
    .map_err(CliError::usage)?;
    let verdict = check::once(connection)
        .await
        .map_err(|failure| failure.hint_if_unauthorized(
            "nothing is stored: check the user name and password, or the token, and run kapture auth login again",
        ))?;
    let stored = login
        .store(&configuration, arguments)
        .map_err(CliError::write_failed)?;
    Message::info(verdict).print();
    Message::info(format!(
        "stored profile `{}` in {}, and its token in {stored}",
        login.profile,
        configuration.path.display(),
    ))
    .print();
    Ok(())
}

/// The layers of a new profile: arguments and environment.
const LAYERS: Layers<'static> = Layers::All(None);

/// A connection before it is stored.
struct Login {
    profile: String,
    tenant: TenantName,
    site: TenantUrl,
    cm_id: u64,
    token: Token,
}

impl Login {
    /// Reads the settings, and prompts for missing ones on a terminal.
    fn read(arguments: &LoginArgs) -> Result<Self> {
        let given = &arguments.connection;
        if given.sandbox {
            return Err(hinted(
                "the sandbox needs no profile",
                "run kapture pull --sandbox without signing in",
            ));
        }
        let account = connection::account(given, &LAYERS)?;
        let account =
            account.map(|sourced| sourced.try_map(|cm_id| profile_number(cm_id).map(|_| cm_id)));
        let account = account.transpose()?;
        let mut missing = Vec::new();
        let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        let tenant = match connection::tenant(given, &LAYERS)? {
            Some(sourced) => Some(sourced.value),
            None if terminal => Some(TenantName::Subdomain(prompt::line(
                "Subdomain (the NAME in https://NAME.kapturecrm.com): ",
            )?)),
            None => {
                missing.push("--subdomain NAME");
                None
            }
        };
        let cm_id = match account {
            Some(sourced) => Some(sourced.value),
            None if terminal => {
                let cm_id = connection::account_id(&prompt::line("Account id (cm_id): ")?)?;
                profile_number(cm_id)?;
                Some(cm_id)
            }
            None => {
                missing.push("--cm-id N");
                None
            }
        };
        let secret = arguments.with_token || arguments.with_password || given.token_file.is_some();
        if !secret && !terminal {
            missing.push(match &arguments.user {
                None => "--with-token, with the token on standard input",
                Some(_) => "--with-password, with the password on standard input",
            });
        }
        let (Some(tenant), Some(cm_id), true) = (tenant, cm_id, missing.is_empty()) else {
            return Err(hinted(
                "cannot prompt: there is no terminal",
                format!("add {}", missing.join(" and ")),
            ));
        };
        let site = tenant.site()?;
        let profile = profile_name(given, &tenant)?;
        let token = token(arguments)?;
        Ok(Self {
            profile,
            site,
            cm_id,
            token,
            tenant,
        })
    }

    /// Stores the secret and then the profile that refers to it, and returns the location of the
    /// secret. If the profile cannot be written, the secret is removed again.
    fn store(&self, configuration: &ConfigFile, arguments: &LoginArgs) -> Result<String> {
        let mut entries = self.entries(arguments)?;
        let path = token_file(&configuration.path, &self.profile);
        let earlier = configuration.token_command(&self.profile);
        let key = Key {
            profile: &self.profile,
            host: self.site.host(),
            cm_id: self.cm_id,
        };
        let stored = StoredSecret::store(&key, &self.token, path, arguments.keep_in_file)?;
        entries.extend(stored.entries(&self.profile));
        if let Err(error) = configuration.write(&self.profile, &entries) {
            stored.roll_back(earlier.as_ref());
            return Err(error);
        }
        stored.delete_earlier(earlier)?;
        Ok(stored.to_string())
    }

    /// The entries of the profile other than the secret.
    fn entries(&self, arguments: &LoginArgs) -> Result<Entries> {
        let (subdomain, base_url) = match &self.tenant {
            TenantName::Subdomain(name) => (Some(Value::from(name)), None),
            TenantName::BaseUrl(address) => (None, Some(Value::from(address))),
        };
        let mut entries = vec![
            ("subdomain", subdomain),
            ("base-url", base_url),
            ("cm-id", Some(Value::from(profile_number(self.cm_id)?))),
            // The stored secret is the token, not the password of the user.
            ("user", None),
        ];
        let given = &arguments.connection;
        for (key, value) in [
            ("endpoint", &given.endpoint),
            ("time-zone", &given.time_zone),
            ("empty-answer", &given.empty_answer),
            ("timeout", &given.timeout),
            ("retry-for", &given.retry_for),
            ("concurrency", &given.concurrency),
            ("max-rps", &given.max_rps),
        ] {
            // The stored value is the checked one.
            if let Some(sourced) = LAYERS.get(key, value.as_ref())? {
                entries.push((key, Some(Value::from(sourced.value))));
            }
        }
        Ok(entries)
    }
}

/// An account id as TOML, whose integers are signed.
fn profile_number(cm_id: u64) -> Result<i64> {
    i64::try_from(cm_id).map_err(|_| {
        anyhow!(
            "cannot store the account id {cm_id}: a profile has numbers up to {}",
            i64::MAX
        )
    })
}

fn profile_name(given: &ConnectionArgs, tenant: &TenantName) -> Result<String> {
    let name = match (LAYERS.get("profile", given.profile.as_ref())?, tenant) {
        (Some(sourced), _) => sourced.value,
        (None, TenantName::Subdomain(name)) => name.clone(),
        (None, TenantName::BaseUrl(_)) => "default".into(),
    };
    let usable = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if name.is_empty() || !name.chars().all(usable) {
        bail!("expected a profile name of letters, digits, - and _, not `{name}`");
    }
    Ok(name)
}

fn token(arguments: &LoginArgs) -> Result<Token> {
    if let Some(path) = &arguments.connection.token_file {
        return Ok(Token::from_base64(&private_file::read(path)?)?);
    }
    if arguments.with_token || arguments.with_password {
        let mut text = String::new();
        io::stdin()
            .read_to_string(&mut text)
            .map_err(|_| anyhow!("cannot read the secret from standard input"))?;
        let user = arguments.user.as_deref();
        return secrets::made_of(user.filter(|_| arguments.with_password), &text);
    }
    let user = match &arguments.user {
        Some(user) => user.clone(),
        None => prompt::line("User name (empty to enter a token): ")?,
    };
    let user = Some(user.as_str()).filter(|user| !user.is_empty());
    let what = user.map_or("Token", |_| "Password");
    let text = prompt::secret(&format!("{what} (not shown): "))?;
    secrets::made_of(user, &text)
}
