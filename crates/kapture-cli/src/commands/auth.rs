//! `kapture auth`: signing in once, and where the secret is kept.

mod check;

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use kapture_transport::{TenantUrl, Token};
use toml_edit::Value;

use crate::args::{AuthAction, AuthArgs, AuthStatusArgs, ConnectionArgs, LoginArgs, LogoutArgs};
use crate::config::connection;
use crate::config::connection::{Connection, TenantName};
use crate::config::file::{ConfigFile, Entries};
use crate::config::layered::{Layers, Sourced};
use crate::config::secrets::keyring::{self, Key};
use crate::config::secrets::stored_secret::StoredSecret;
use crate::config::secrets::{self, private_file};
use crate::error::CliError;
use crate::output::message::Message;
use crate::output::stdout;

/// Signs in, out, or says who is signed in.
pub(crate) async fn run(arguments: &AuthArgs) -> Result<(), CliError> {
    match &arguments.action {
        AuthAction::Login(arguments) => login(arguments).await,
        AuthAction::Status(arguments) => status(arguments).await,
        AuthAction::Logout(arguments) => logout(arguments),
    }
}

async fn login(arguments: &LoginArgs) -> Result<(), CliError> {
    let login = Login::ask(arguments).map_err(CliError::usage)?;
    let configuration = ConfigFile::find_or_create(arguments.connection.config.as_deref())
        .map_err(CliError::usage)?;
    let connection = Connection::with_token(
        &arguments.connection,
        &LAYERS,
        login.site.clone(),
        login.cm_id,
        login.token.clone(),
    )
    .map_err(CliError::usage)?;
    let verdict = check::once(connection)
        .await
        .map_err(|failure| failure.hint_if_unauthorized(
            "nothing is kept: check the user name and password, or the token, and sign in again with kapture auth login",
        ))?;
    let kept = login
        .keep(&configuration, arguments)
        .map_err(CliError::write_failed)?;
    Message::info(verdict).print();
    Message::info(format!(
        "Profile `{}` is in {}, and the token in {kept}.",
        login.profile,
        configuration.path.display(),
    ))
    .print();
    Ok(())
}

async fn status(arguments: &AuthStatusArgs) -> Result<(), CliError> {
    let connection = Connection::resolve(&arguments.connection)?;
    stdout::print(&format!("{}\n", connection.description))?;
    let verdict = check::once(connection).await.map_err(|failure| {
        failure.hint_if_unauthorized(
            "it may have expired, or its user been disabled: kapture auth login takes a new one",
        )
    })?;
    stdout::print(&format!("{verdict}\n"))
}

fn logout(arguments: &LogoutArgs) -> Result<(), CliError> {
    let usage = CliError::usage;
    let configuration = ConfigFile::find(arguments.config.as_deref()).map_err(usage)?;
    let profile = configuration.profile(arguments.profile.as_ref());
    let profile = profile.map_err(usage)?;
    let profile =
        profile.ok_or_else(|| usage(anyhow!("which profile? Name it with --profile NAME")))?;
    let name = &profile.name;
    let ours = token_file(&configuration.path, name);
    let key = match (profile.token_file(), profile.token_command()) {
        (Some(file), _) if file.value == ours => {
            private_file::remove(&ours).map_err(CliError::write_failed)?;
            "token-file"
        }
        (_, Some(command)) if keyring::is_ours(&command.value) => {
            if !keyring::delete(&command.value) {
                return Err(usage(anyhow!(
                    "the keyring does not remove the token of profile `{name}`: unlock it and try again; where it holds none any more, remove {}",
                    command.origin
                )));
            }
            "token-command"
        }
        (Some(Sourced { origin, .. }), _) | (_, Some(Sourced { origin, .. })) => {
            return Err(usage(anyhow!(
                "auth login did not make what {origin} names: remove it yourself"
            )));
        }
        (None, None) => {
            Message::info(format!("No token is kept for profile `{name}`.")).print();
            return Ok(());
        }
    };
    configuration
        .write(name, &[(key, None)])
        .map_err(CliError::write_failed)?;
    Message::info(format!("The token of profile `{name}` is gone.")).print();
    Ok(())
}

/// Where the rest of a connection is said that is to be made a profile.
const LAYERS: Layers<'static> = Layers::All(None);

/// What is known of a connection before it is kept.
struct Login {
    profile: String,
    tenant: TenantName,
    site: TenantUrl,
    cm_id: u64,
    token: Token,
}

impl Login {
    /// Takes what is given, and asks for the rest where there is somebody to ask.
    fn ask(arguments: &LoginArgs) -> Result<Self> {
        let given = &arguments.connection;
        if given.sandbox {
            bail!("the sandbox needs no account: kapture pull --sandbox works without");
        }
        let account = connection::account(given, &LAYERS)?;
        let account =
            account.map(|sourced| sourced.try_map(|cm_id| profile_number(cm_id).map(|_| cm_id)));
        let account = account.transpose()?;
        let mut lacking = Vec::new();
        let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        let tenant = match connection::tenant(given, &LAYERS)? {
            Some(sourced) => Some(sourced.value),
            None if terminal => Some(TenantName::Subdomain(answer(
                "Subdomain (the NAME in https://NAME.kapturecrm.com): ",
            )?)),
            None => {
                lacking.push("--subdomain NAME");
                None
            }
        };
        let cm_id = match account {
            Some(sourced) => Some(sourced.value),
            None if terminal => {
                let cm_id = connection::account_id(&answer("Account id (cm_id): ")?)?;
                profile_number(cm_id)?;
                Some(cm_id)
            }
            None => {
                lacking.push("--cm-id N");
                None
            }
        };
        let secret = arguments.with_token || arguments.with_password || given.token_file.is_some();
        if !secret && !terminal {
            lacking.push(match &arguments.user {
                None => "--with-token, with the token on standard input",
                Some(_) => "--with-password, with the password on standard input",
            });
        }
        let (Some(tenant), Some(cm_id), true) = (tenant, cm_id, lacking.is_empty()) else {
            bail!(
                "there is no terminal to ask on: give {}",
                lacking.join(" and ")
            );
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

    /// Keeps the secret, then the profile that refers to it. Says where the secret is. Without the
    /// profile, the secret is not kept either.
    fn keep(&self, configuration: &ConfigFile, arguments: &LoginArgs) -> Result<String> {
        let mut entries = self.entries(arguments)?;
        let path = token_file(&configuration.path, &self.profile);
        let earlier = configuration.token_command(&self.profile);
        let key = Key {
            profile: &self.profile,
            host: self.site.host(),
            cm_id: self.cm_id,
        };
        let kept = StoredSecret::keep(&key, &self.token, path, arguments.keep_in_file)?;
        entries.extend(kept.entries(&self.profile));
        if let Err(error) = configuration.write(&self.profile, &entries) {
            kept.roll_back(earlier.as_ref());
            return Err(error);
        }
        kept.replace(earlier)?;
        Ok(kept.to_string())
    }

    /// What the profile says, but for where the secret is.
    fn entries(&self, arguments: &LoginArgs) -> Result<Entries> {
        let (subdomain, base_url) = match &self.tenant {
            TenantName::Subdomain(name) => (Some(Value::from(name)), None),
            TenantName::BaseUrl(address) => (None, Some(Value::from(address))),
        };
        let mut entries = vec![
            ("subdomain", subdomain),
            ("base-url", base_url),
            ("cm-id", Some(Value::from(profile_number(self.cm_id)?))),
            // What is kept is the token, not this user's password.
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
            // What is kept is what was checked.
            if let Some(sourced) = LAYERS.get(key, value.as_ref())? {
                entries.push((key, Some(Value::from(sourced.value))));
            }
        }
        Ok(entries)
    }
}

/// An account's number as a profile holds it.
fn profile_number(cm_id: u64) -> Result<i64> {
    i64::try_from(cm_id).map_err(|_| {
        anyhow!(
            "the account id {cm_id} is too large for a profile, which holds numbers up to {}",
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
        bail!("a profile's name has letters, digits, - and _, so `{name}` is none");
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
        None => answer("User name (empty if you have a ready token): ")?,
    };
    let user = Some(user.as_str()).filter(|user| !user.is_empty());
    let what = user.map_or("Token", |_| "Password");
    let text = rpassword::prompt_password(format!("{what} (it is not shown): "))
        .context("cannot ask for the secret")?;
    secrets::made_of(user, &text)
}

/// Where the token of a profile is kept.
fn token_file(configuration: &Path, profile: &str) -> PathBuf {
    let folder = configuration.parent().unwrap_or(Path::new(""));
    folder.join("tokens").join(profile)
}

fn answer(question: &str) -> Result<String> {
    eprint!("{question}");
    io::stderr().flush()?;
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line)? == 0 {
        eprintln!();
        bail!("not everything was answered, so nothing is kept");
    }
    Ok(line.trim().to_owned())
}
