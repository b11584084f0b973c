//! The configuration file: profiles by name, in the platform's place.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use etcetera::BaseStrategy;
use toml_edit::{Document, DocumentMut, Item, Table, Value};

use crate::config::layered;
use crate::config::profile::Profile;
use crate::config::secrets::private_file;
use crate::config::suggest::did_you_mean;

/// Everything at the top of the file.
const KEYS: [&str; 2] = ["default-profile", "profiles"];

/// Keys of a profile and what they are to say; `None` takes a key out.
pub(crate) type Entries = Vec<(&'static str, Option<Value>)>;

/// The configuration file, read and checked as a whole.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    pub(crate) path: PathBuf,
    default: Option<String>,
    profiles: Vec<Profile>,
}

impl ConfigFile {
    /// The file that is named by argument or environment, else the one in the platform's place;
    /// that one need not be there.
    pub(crate) fn find(argument: Option<&Path>) -> Result<Self> {
        let (path, named) = match location(argument)? {
            FileLocation::Named(path) => (path, true),
            FileLocation::Default(path) => (path, false),
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && !named => String::new(),
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot read the configuration {}", path.display()));
            }
        };
        private_file::refuse_if_others_write(&path)?;
        Self::read(&text, path)
    }

    /// Like [`find`](Self::find), but a file that is named may also be made.
    pub(crate) fn find_or_create(argument: Option<&Path>) -> Result<Self> {
        let path = match location(argument)? {
            FileLocation::Named(path) | FileLocation::Default(path) => path,
        };
        if path.exists() {
            return Self::find(argument);
        }
        Self::read("", path)
    }

    fn read(text: &str, path: PathBuf) -> Result<Self> {
        let context = || format!("the configuration {}", path.display());
        // The parser's own message shows the line, which may hold what somebody took for its place.
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

    /// The profile of this name, else the default one, if there is any.
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
        self.get(&name).map(Some).with_context(|| origin)
    }

    fn named(&self, name: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name == name)
    }

    fn get(&self, name: &str) -> Result<&Profile> {
        self.named(name).ok_or_else(|| {
            let path = self.path.display();
            match self.names().collect::<Vec<_>>()[..] {
                [] => anyhow!("there is no profile `{name}`: {path} has none. kapture auth login --profile {name} makes it"),
                ref names => anyhow!(
                    "there is no profile `{name}` in {path}{} It has {}; kapture auth login --profile {name} makes another",
                    match did_you_mean(name, names.iter().copied()) {
                        near if near.is_empty() => ".".to_owned(),
                        near => near,
                    },
                    names.join(", ")
                ),
            }
        })
    }

    /// The command that prints the token of a profile, if there is one.
    pub(crate) fn token_command(&self, profile: &str) -> Option<Vec<String>> {
        self.named(profile)?.token_command().map(|said| said.value)
    }

    /// The names of its profiles.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.profiles.iter().map(|profile| profile.name.as_str())
    }

    /// Writes entries into a profile: a value of `None` takes the key out. Everything else in the
    /// file stays as it is, comments too.
    pub(crate) fn write(&self, profile: &str, entries: &[(&str, Option<Value>)]) -> Result<()> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot write {}", self.path.display()));
            }
        };
        let mut document: DocumentMut = text.parse().map_err(|_| {
            anyhow!(
                "{} was changed and is not readable any more",
                self.path.display()
            )
        })?;
        // With a second profile, the first one stays the one that is meant. Where there are more,
        // none is meant, or one that is named.
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
            .context("`profiles` is no table")?;
        let table = profiles
            .entry(profile)
            .or_insert_with(|| Item::Table(Table::new()))
            .as_table_like_mut()
            .context("the profile is no table")?;
        for (key, value) in entries {
            match value {
                Some(value) => {
                    let mut value = value.clone();
                    if let Some(before) = table.get(key).and_then(Item::as_value) {
                        *value.decor_mut() = before.decor().clone();
                    }
                    match table.get_mut(key) {
                        // What stands above it is the key's, which stays.
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

enum FileLocation {
    Named(PathBuf),
    Default(PathBuf),
}

fn location(argument: Option<&Path>) -> Result<FileLocation> {
    if let Some(path) = argument {
        return Ok(FileLocation::Named(path.to_owned()));
    }
    if let Some(sourced) = layered::variable("config")? {
        return Ok(FileLocation::Named(sourced.value.into()));
    }
    let folders = etcetera::choose_base_strategy()
        .map_err(|_| anyhow!("this user has no home folder: name a file with --config FILE"))?;
    Ok(FileLocation::Default(
        folders.config_dir().join("kapture").join("config.toml"),
    ))
}

fn contents(table: &Table, path: &Path) -> Result<(Option<String>, Vec<Profile>)> {
    for (key, _) in table.iter() {
        if !KEYS.contains(&key) {
            let within = crate::config::profile::KEYS.contains(&key);
            let near = if within {
                ": it belongs into a profile, below [profiles.NAME]".to_owned()
            } else {
                did_you_mean(key, KEYS)
            };
            bail!("there is no key `{key}` at the top{near}");
        }
    }
    let default = match table.get("default-profile") {
        None => None,
        Some(item) => Some(
            item.as_str()
                .context("default-profile is the name of a profile")?
                .to_owned(),
        ),
    };
    let mut profiles = Vec::new();
    if let Some(item) = table.get("profiles") {
        let tables = item
            .as_table_like()
            .context("`profiles` is no table: write [profiles.NAME]")?;
        for (name, item) in tables.iter() {
            let entries = item
                .as_table_like()
                .with_context(|| format!("`{name}` is no profile: write [profiles.{name}]"))?;
            profiles.push(Profile::read(name, path, entries.iter())?);
        }
    }
    if let Some(name) = &default
        && !profiles.iter().any(|profile| profile.name == *name)
    {
        let names = profiles.iter().map(|profile| profile.name.as_str());
        bail!(
            "default-profile names `{name}`, and there is none{}",
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
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::*;

    const WHOLE: &str = "default-profile = 'acme' # mine\n\n[profiles.acme]\nsubdomain = \"acme\"\ncm-id = 424242\ntoken-command = ['pass', 'show']\nmax-rps = 2.5\n\n[profiles.beta]\npassword = 'hunter2'\n";

    /// Texts near a whole configuration, and any others.
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
        fn any_text_is_read_or_refused_with_its_place_and_without_its_secret(text in texts()) {
            if let Err(error) = read(&text) {
                let told = format!("{error:#} {error:?}");
                prop_assert!(told.starts_with("the configuration /etc/kapture/config.toml: "), "{}", told);
                // Where it has not become the name of something.
                if text.contains("\npassword = 'hunter2") {
                    prop_assert!(!told.contains("hunter2"), "{}", told);
                }
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, b"[profiles.a]\nuser = '\xff'\n").unwrap();
        let error = ConfigFile::find(Some(&path)).unwrap_err();
        let told = format!("{error:#}");
        assert!(told.contains(&path.display().to_string()), "{told}");
        assert!(told.contains("UTF-8"), "{told}");
    }

    fn read(text: &str) -> Result<ConfigFile> {
        ConfigFile::read(text, "/etc/kapture/config.toml".into())
    }

    fn refusal(text: &str) -> String {
        format!("{:#}", read(text).unwrap_err())
    }

    #[test]
    fn a_value_knows_where_it_was_said() {
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
    fn unknown_keys_are_errors_that_name_the_nearest() {
        for (text, words) in [
            ("[profiles.a]\nsubdomian = 'a'", "did you mean `subdomain`?"),
            ("[profiles.a]\nmax_rps = 1", "did you mean `max-rps`?"),
            ("cm-id = 4", "below [profiles.NAME]"),
            ("[profile.a]", "did you mean `profiles`?"),
            ("default-profile = 'b'\n[profiles.a]", "names `b`"),
            ("[profiles]\nacme = 4", "write [profiles.acme]"),
            ("[profiles.a]\ncm-id = true", "a text or a number"),
            (
                "[profiles.a]\ntoken-command = 'pass show'",
                "a list of words",
            ),
            ("[profiles.a]\ntoken-command = []", "a list of words"),
        ] {
            assert!(refusal(text).contains(words), "{text}: {}", refusal(text));
        }
    }

    #[test]
    fn a_secret_is_refused_and_never_repeated() {
        for text in [
            "[profiles.a]\npassword = 'hunter2'",
            "[profiles.a]\ntoken = 'hunter2'",
            "[profiles.a]\ntoken = 'hunter2",
            "[profiles.a]\nuser = hunter2",
        ] {
            assert!(!refusal(text).contains("hunter2"), "{}", refusal(text));
        }
        assert!(refusal("[profiles.a]\ntoken = 'x'").contains("auth login"));
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
    fn an_unknown_profile_names_those_that_are_there() {
        let configuration = read("[profiles.acme]\n[profiles.beta]").unwrap();
        let error = configuration.get("acem").unwrap_err().to_string();
        assert!(error.contains("did you mean `acme`?"), "{error}");
        assert!(error.contains("acme, beta"), "{error}");
    }

    #[test]
    fn writing_leaves_everything_else_as_it_is() {
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
        // Nobody said which of two is meant.
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
