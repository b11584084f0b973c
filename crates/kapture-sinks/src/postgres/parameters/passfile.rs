//! Passwords in a file: lines of `host:port:database:user:password`.

use std::path::PathBuf;

use super::Parameters;
use super::machine::Machine;

/// What a line has to match.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Login<'l> {
    /// The name of the server, or `localhost` for the usual socket.
    pub(in super::super) host: &'l str,
    pub(in super::super) port: &'l str,
    pub(in super::super) database: &'l str,
    pub(in super::super) user: &'l str,
}

/// The password file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Passfile {
    /// There is none.
    Missing(Option<PathBuf>),
    /// It is not read, since others may read or write it.
    NotPrivate(PathBuf),
    /// Its lines.
    Lines(Lines),
}

/// The lines of a password file. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub(in super::super) struct Lines(String);

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lines")
    }
}

impl Passfile {
    /// Reads the file that the parameters name, or the usual one.
    pub(in super::super) fn read(parameters: &Parameters, machine: &impl Machine) -> Self {
        let named = parameters.get("passfile").map(PathBuf::from);
        let Some(path) = named.or_else(|| machine.user_file(".pgpass")) else {
            return Self::Missing(None);
        };
        if !machine.exists(&path) {
            return Self::Missing(Some(path));
        }
        if !machine.is_private(&path) {
            return Self::NotPrivate(path);
        }
        match machine.read(&path) {
            Ok(text) => Self::Lines(Lines(text)),
            Err(_) => Self::Missing(Some(path)),
        }
    }

    /// The password of a login.
    pub(in super::super) fn password(&self, login: &Login<'_>) -> Option<String> {
        match self {
            Self::Lines(lines) => lines.password(login),
            _ => None,
        }
    }
}

impl Lines {
    /// The password of the first line that matches.
    fn password(&self, login: &Login<'_>) -> Option<String> {
        let fields = [login.host, login.port, login.database, login.user];
        let matching = |line: &str| {
            let mut fields = fields.iter();
            let password = fields.try_fold(line, |line, field| after(line, field))?;
            Some(unescaped(password))
        };
        let lines = self.0.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(matching)
            .find(|password| !password.is_empty())
    }
}

/// What follows the first field of a line, if the field is `*` or `value`.
fn after<'l>(line: &'l str, value: &str) -> Option<&'l str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let mut letters = line.chars();
    let mut expected = value.chars();
    loop {
        let letter = match letters.next()? {
            ':' => return expected.next().is_none().then_some(letters.as_str()),
            '\\' => letters.next()?,
            letter => letter,
        };
        if expected.next() != Some(letter) {
            return None;
        }
    }
}

fn unescaped(text: &str) -> String {
    let mut letters = text.chars();
    let mut unescaped = String::new();
    while let Some(letter) = letters.next() {
        unescaped.push(match letter {
            '\\' => letters.next().unwrap_or('\\'),
            letter => letter,
        });
    }
    unescaped
}

#[cfg(test)]
mod tests {
    use super::super::machine::FakeMachine;
    use super::*;

    const LOGIN: Login<'_> = Login {
        host: "db.example.com",
        port: "5432",
        database: "crm",
        user: "me",
    };

    fn password(lines: &str) -> Option<String> {
        Lines(lines.into()).password(&LOGIN)
    }

    #[test]
    fn first_line_that_matches_counts() {
        let cases = [
            ("db.example.com:5432:crm:me:secret", Some("secret")),
            ("*:*:*:*:secret", Some("secret")),
            ("db.example.com:*:crm:me:a:b", Some("a:b")),
            (r"*:*:*:me:a\:b\\c", Some(r"a:b\c")),
            ("#*:*:*:*:no\r\n*:*:*:me:secret\r\n", Some("secret")),
            (
                "*:5433:*:*:no\n*:*:*:*:first\n*:*:*:*:second",
                Some("first"),
            ),
            ("db.example:5432:crm:me:no", None),
            ("db.example.com.:5432:crm:me:no", None),
            (r"\*:*:*:*:no", None),
            ("*:*:*:me:", None),
            ("*:*:*:me", None),
            ("", None),
        ];
        for (lines, expected) in cases {
            assert_eq!(password(lines).as_deref(), expected, "{lines}");
        }
        let escaped = Lines(r"\:\:1:5432:c\\m:m\e:secret".into());
        let login = Login {
            host: "::1",
            database: r"c\m",
            ..LOGIN
        };
        assert_eq!(escaped.password(&login).as_deref(), Some("secret"));
    }

    #[test]
    fn file_that_others_may_read_is_not_read() {
        let line = "*:*:*:*:secret";
        let parameters = Parameters::default();
        let private = FakeMachine::default().file("/u/me/.pgpass", line);
        let found = Passfile::read(&parameters, &private);
        assert_eq!(found.password(&LOGIN).as_deref(), Some("secret"));
        assert!(!format!("{found:?}").contains("secret"));
        let public = FakeMachine::default().public_file("/u/me/.pgpass", line);
        let found = Passfile::read(&parameters, &public);
        assert_eq!(found, Passfile::NotPrivate("/u/me/.pgpass".into()));
        let none = Passfile::read(&parameters, &FakeMachine::default());
        assert_eq!(none, Passfile::Missing(Some("/u/me/.pgpass".into())));
    }

    #[test]
    fn named_file_is_read_instead_of_the_usual_one() {
        let machine = FakeMachine::default()
            .variable("PGPASSFILE", "/etc/pass")
            .file("/etc/pass", "*:*:*:*:named")
            .file("/u/me/.pgpass", "*:*:*:*:usual");
        let parameters = Parameters::default().completed(&machine).unwrap();
        let found = Passfile::read(&parameters, &machine);
        assert_eq!(found.password(&LOGIN).as_deref(), Some("named"));
    }
}
