//! The configuration file with its profiles.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use toml_edit::{Document, DocumentMut, Item, Table, Value};

use crate::config::layered;
use crate::config::profile::Profile;
use crate::config::secrets::private_file;
use crate::config::suggest::did_you_mean;
use crate::error::{hinted, prefixed};
use crate::text_file;

/// The keys at the top of the file.
const KEYS: [&str; 2] = ["default-profile", "profiles"];

/// Keys of a profile with their new values; `None` removes a key.
pub(crate) type Entries = Vec<(&'static str, Option<Value>)>;

/// The configuration file, read and validated as a whole.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    /// Empty for a user without a home folder.
    pub(crate) path: PathBuf,
    default: Option<String>,
    profiles: Vec<Profile>,
}

impl ConfigFile {
    /// The file that an argument or the environment names, otherwise the one in the default
    /// location, which need not exist.
    pub(crate) fn find(argument: Option<&Path>) -> Result<Self> {
        let (path, named) = match location(argument)? {
            FileLocation::Named(path) => (path, true),
            FileLocation::Default(path) => (path, false),
            FileLocation::NoHome => {
                return Ok(Self {
                    path: PathBuf::new(),
                    default: None,
                    profiles: Vec::new(),
                });
            }
        };
        let text = match text_file::read(&path) {
            Ok(text) => text,
            // A home folder that is none, or that of another user, has no configuration either.
            Err(error)
                if !named
                    && matches!(
                        error.kind(),
                        ErrorKind::NotFound
                            | ErrorKind::NotADirectory
                            | ErrorKind::PermissionDenied
                    ) =>
            {
                String::new()
            }
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot read the configuration {}", path.display()));
            }
        };
        private_file::refuse_if_others_write(&path)?;
        Self::read(&text, path)
    }

    /// Like [`find`](Self::find), but a named file need not exist either, and a home folder is
    /// needed.
    pub(crate) fn find_or_create(argument: Option<&Path>) -> Result<Self> {
        let path = match location(argument)? {
            FileLocation::Named(path) | FileLocation::Default(path) => path,
            FileLocation::NoHome => return Err(no_home()),
        };
        if path.exists() {
            return Self::find(argument);
        }
        Self::read("", path)
    }

    fn read(text: &str, path: PathBuf) -> Result<Self> {
        let context = || format!("the configuration {}", path.display());
        // The message of the parser quotes the line, which can hold a misplaced secret.
        let document = Document::parse(text)
            .map_err(|error| {
                let line = error.span().map_or(1, |span| line_of(text, span.start));
                anyhow!("line {line}: {}", error.message())
            })
            .with_context(context)?;
        let (default, profiles) = contents(document.as_table(), &path).with_context(context)?;
        Ok(Self {
            path,
            default,
            profiles,
        })
    }

    /// The profile of this name, otherwise the default one, if there is one.
    pub(crate) fn profile(&self, argument: Option<&String>) -> Result<Option<&Profile>> {
        let named = match argument {
            Some(name) => Some((name.clone(), "--profile".to_owned())),
            None => layered::variable("profile")?.map(|sourced| (sourced.value, sourced.origin)),
        };
        let Some((name, origin)) = named else {
            return Ok(match (&self.default, &self.profiles[..]) {
                (Some(name), _) => self.named(name),
                (None, [only]) => Some(only),
                (None, _) => None,
            });
        };
        self.get(&name)
            .map(Some)
            .map_err(|error| prefixed(&origin, error))
    }

    /// The profile of this name, if there is one.
    pub(crate) fn named(&self, name: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name == name)
    }

    fn get(&self, name: &str) -> Result<&Profile> {
        if self.path.as_os_str().is_empty() {
            return Err(prefixed(&format!("no profile `{name}`"), no_home()));
        }
        self.named(name).ok_or_else(|| {
            let path = self.path.display();
            match self.names().collect::<Vec<_>>()[..] {
                [] => hinted(
                    format!("no profile `{name}`: {path} has no profiles"),
                    format!("create it with kapture auth login --profile {name}"),
                ),
                ref names => hinted(
                    format!(
                        "no profile `{name}` in {path}{}",
                        did_you_mean(name, names.iter().copied())
                    ),
                    format!(
                        "it has {}; create another with kapture auth login --profile {name}",
                        names.join(", ")
                    ),
                ),
            }
        })
    }

    /// The command that prints the token of a profile, if there is one.
    pub(crate) fn token_command(&self, profile: &str) -> Option<Vec<String>> {
        self.named(profile)?
            .command("token-command")
            .map(|sourced| sourced.value)
    }

    /// The names of its profiles.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.profiles.iter().map(|profile| profile.name.as_str())
    }

    /// Writes entries into a profile. Everything else in the file is kept, comments included.
    pub(crate) fn write(&self, profile: &str, entries: &[(&str, Option<Value>)]) -> Result<()> {
        let text = match text_file::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot write {}", self.path.display()));
            }
        };
        let mut document: DocumentMut = text.parse().map_err(|_| {
            anyhow!(
                "cannot read {}: it has changed and is no valid TOML",
                self.path.display()
            )
        })?;
        // When the second profile is added, the first one becomes the default.
        if let [] | [_] = &self.profiles[..] {
            let first = self.names().next().unwrap_or(profile);
            document
                .entry("default-profile")
                .or_insert_with(|| Item::Value(first.into()));
        }
        let profiles = document
            .entry("profiles")
            .or_insert_with(|| {
                let mut table = Table::new();
                table.set_implicit(true);
                Item::Table(table)
            })
            .as_table_like_mut()
            .context("`profiles` is not a table")?;
        let table = profiles
            .entry(profile)
            .or_insert_with(|| Item::Table(Table::new()))
            .as_table_like_mut()
            .context("the profile is not a table")?;
        for (key, value) in entries {
            match value {
                Some(value) => {
                    let mut value = value.clone();
                    if let Some(before) = table.get(key).and_then(Item::as_value) {
                        *value.decor_mut() = before.decor().clone();
                    }
                    match table.get_mut(key) {
                        // Keeps the comments above the key.
                        Some(item) => *item = Item::Value(value),
                        None => drop(table.insert(key, Item::Value(value))),
                    }
                }
                None => drop(table.remove(key)),
            }
        }
        private_file::write(&self.path, &document.to_string())
    }
}

/// Where the configuration file is.
enum FileLocation {
    Named(PathBuf),
    Default(PathBuf),
    /// This user has no home folder.
    NoHome,
}

/// The path from argument, environment or platform.
fn location(argument: Option<&Path>) -> Result<FileLocation> {
    if let Some(path) = argument {
        return Ok(FileLocation::Named(path.to_owned()));
    }
    if let Some(sourced) = layered::variable("config")? {
        return Ok(FileLocation::Named(sourced.value.into()));
    }
    Ok(match config_dir() {
        Some(folder) => FileLocation::Default(folder.join("kapture").join("config.toml")),
        None => FileLocation::NoHome,
    })
}

/// The folder for the configuration of programs.
fn config_dir() -> Option<PathBuf> {
    let (variable, below_home) = match cfg!(windows) {
        true => ("APPDATA", "AppData/Roaming"),
        false => ("XDG_CONFIG_HOME", ".config"),
    };
    // A relative path means nothing, by the rules of XDG.
    let named = std::env::var_os(variable).map(PathBuf::from);
    let named = named.filter(|path| path.is_absolute());
    named.or_else(|| Some(kapture_sinks::home_dir()?.join(below_home)))
}

fn no_home() -> anyhow::Error {
    hinted(
        "this user has no home folder, and so no configuration file",
        "set one with --config FILE or KAPTURE_CONFIG",
    )
}

fn contents(table: &Table, path: &Path) -> Result<(Option<String>, Vec<Profile>)> {
    for (key, _) in table.iter() {
        if !KEYS.contains(&key) {
            let within = crate::config::profile::KEYS.contains(&key);
            let near = if within {
                ": it belongs in a profile, below [profiles.NAME]".to_owned()
            } else {
                did_you_mean(key, KEYS)
            };
            bail!("unknown key `{key}` at the top{near}");
        }
    }
    let default = match table.get("default-profile") {
        None => None,
        Some(item) => Some(
            item.as_str()
                .context("default-profile: expected the name of a profile")?
                .to_owned(),
        ),
    };
    let mut profiles = Vec::new();
    if let Some(item) = table.get("profiles") {
        let tables = item
            .as_table_like()
            .context("`profiles` is not a table: write [profiles.NAME]")?;
        for (name, item) in tables.iter() {
            let entries = item
                .as_table_like()
                .with_context(|| format!("`{name}` is not a profile: write [profiles.{name}]"))?;
            profiles.push(Profile::read(name, path, entries.iter())?);
        }
    }
    if let Some(name) = &default
        && !profiles.iter().any(|profile| profile.name == *name)
    {
        let names = profiles.iter().map(|profile| profile.name.as_str());
        bail!(
            "default-profile: no profile `{name}`{}",
            did_you_mean(name, names)
        );
    }
    Ok((default, profiles))
}

fn line_of(text: &str, byte: usize) -> usize {
    text.bytes()
        .take(byte)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::*;
    use crate::error::CliError;

    const WHOLE: &str = "default-profile = 'acme' # mine\n\n[profiles.acme]\nsubdomain = \"acme\"\ncm-id = 424242\ntoken-command = ['pass', 'show']\nmax-rps = 2.5\n\n[profiles.beta]\npassword = 'hunter2'\n";

    /// Texts that are similar to a valid configuration, and arbitrary texts.
    fn texts() -> impl Strategy<Value = String> {
        let pieces = [
            "", "", "\n", "=", "'", "\"", "[", "]", ".", "#", ",", "{", "}", "\\u", "\0", "-1e9",
            "ग",
        ];
        let change = (any::<Index>(), any::<bool>(), select(pieces.to_vec()));
        let near = prop::collection::vec(change, 0..4).prop_map(|changes| {
            let mut letters: Vec<_> = WHOLE.chars().map(String::from).collect();
            for (at, instead, piece) in changes {
                let letter = at.get_mut(&mut letters);
                match instead {
                    true => *letter = piece.into(),
                    false => letter.push_str(piece),
                }
            }
            letters.concat()
        });
        prop_oneof![9 => near, 1 => any::<String>()]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_read_or_refused_with_its_file_and_without_its_secret(text in texts()) {
            if let Err(error) = read(&text) {
                let message = format!("{error:#} {error:?}");
                prop_assert!(message.starts_with("the configuration /etc/kapture/config.toml: "), "{}", message);
                // Unless the password has become a name.
                if text.contains("\npassword = 'hunter2") {
                    prop_assert!(!message.contains("hunter2"), "{}", message);
                }
            }
        }
    }

    #[test]
    fn invalid_utf8_is_refused_with_the_file_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, b"[profiles.a]\nuser = '\xff'\n").unwrap();
        let error = ConfigFile::find(Some(&path)).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains(&path.display().to_string()), "{text}");
        assert!(text.contains("UTF-8"), "{text}");
    }

    fn read(text: &str) -> Result<ConfigFile> {
        ConfigFile::read(text, "/etc/kapture/config.toml".into())
    }

    fn refusal(text: &str) -> String {
        format!("{:#}", read(text).unwrap_err())
    }

    #[test]
    fn a_value_has_its_origin() {
        let configuration = read("[profiles.acme]\ncm-id = 424242\n").unwrap();
        let profile = configuration.get("acme").unwrap();
        let said = profile.text("cm-id").unwrap().unwrap();
        assert_eq!(
            said.to_string(),
            "424242 (cm-id in profile `acme` of /etc/kapture/config.toml)"
        );
        assert!(profile.text("endpoint").unwrap().is_none());
    }

    #[test]
    fn unknown_keys_are_errors_with_a_suggestion() {
        for (text, words) in [
            ("[profiles.a]\nsubdomian = 'a'", "did you mean `subdomain`?"),
            ("[profiles.a]\nmax_rps = 1", "did you mean `max-rps`?"),
            ("cm-id = 4", "below [profiles.NAME]"),
            ("[profile.a]", "did you mean `profiles`?"),
            ("default-profile = 'b'\n[profiles.a]", "no profile `b`"),
            ("[profiles]\nacme = 4", "write [profiles.acme]"),
            ("[profiles.a]\ncm-id = true", "expected a text or a number"),
            (
                "[profiles.a]\ntoken-command = 'pass show'",
                "expected a list of words",
            ),
            (
                "[profiles.a]\ntoken-command = []",
                "expected a list of words",
            ),
        ] {
            assert!(refusal(text).contains(words), "{text}: {}", refusal(text));
        }
    }

    #[test]
    fn a_secret_is_refused_and_not_quoted() {
        for text in [
            "[profiles.a]\npassword = 'hunter2'",
            "[profiles.a]\ntoken = 'hunter2'",
            "[profiles.a]\ntoken = 'hunter2",
            "[profiles.a]\nuser = hunter2",
        ] {
            assert!(!refusal(text).contains("hunter2"), "{}", refusal(text));
        }
        let error = CliError::usage(read("[profiles.a]\ntoken = 'x'").unwrap_err());
        assert!(
            error
                .hint_text()
                .is_some_and(|hint| hint.contains("auth login"))
        );
        assert!(refusal("\n\n[profiles.a]\ntoken = 'x").contains("line 4"));
    }

    #[test]
    fn the_default_profile_is_named_or_the_only_one() {
        let name = |text: &str| {
            let configuration = read(text).unwrap();
            let profile = configuration.profile(None).unwrap();
            profile.map(|profile| profile.name.clone())
        };
        assert_eq!(name(""), None);
        assert_eq!(name("[profiles.a]").as_deref(), Some("a"));
        assert_eq!(name("[profiles.a]\n[profiles.b]"), None);
        let named = "default-profile = 'b'\n[profiles.a]\n[profiles.b]";
        assert_eq!(name(named).as_deref(), Some("b"));
    }

    #[test]
    fn an_unknown_profile_lists_the_known_ones() {
        let configuration = read("[profiles.acme]\n[profiles.beta]").unwrap();
        let error = configuration.get("acem").unwrap_err();
        assert!(
            error.to_string().contains("did you mean `acme`?"),
            "{error}"
        );
        let hint = CliError::usage(error).hint_text().map(str::to_owned);
        assert!(hint.is_some_and(|hint| hint.contains("acme, beta")));
    }

    #[test]
    fn writing_keeps_everything_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("config.toml");
        let configuration = ConfigFile::find_or_create(Some(&path)).unwrap();
        let cm_id = |number: i64| [("cm-id", Some(Value::from(number))), ("user", None)];
        configuration.write("acme", &cm_id(7)).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "default-profile = \"acme\"\n\n[profiles.acme]\ncm-id = 7\n"
        );
        let text = "default-profile = 'b' # mine\n[profiles.acme] # first\nuser = 'me'\n# the account\ncm-id = 7\n\n[profiles.b]\n";
        private_file::write(&path, text).unwrap();
        configuration.write("acme", &cm_id(8)).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "default-profile = 'b' # mine\n[profiles.acme] # first\n# the account\ncm-id = 8\n\n[profiles.b]\n"
        );
        // With two profiles none becomes the default.
        let text = "[profiles.a]\n[profiles.b]\n";
        private_file::write(&path, text).unwrap();
        let configuration = ConfigFile::find(Some(&path)).unwrap();
        configuration.write("b", &cm_id(7)).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "[profiles.a]\n[profiles.b]\ncm-id = 7\n"
        );
    }
}
