//! A sink by its address: what `-o WHERE` and `sync WHERE` name.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::encoding::Encoding;
use crate::encoding::compression::Compression;
use crate::encoding::format::Format;
use crate::error::SinkError;
use crate::file::FileSink;
use crate::ledger::identity::Identity;
use crate::sink::Sink;
use crate::stream::StreamSink;

/// Where records go, by its address.
///
/// ```
/// use kapture_sinks::Destination;
///
/// let of = |text: &str| Destination::parse(text, None);
/// assert_eq!(of("-")?, Destination::StandardOutput);
/// assert!(matches!(of("customers.csv.gz")?, Destination::File { .. }));
/// assert!(of("customers.db")?.is_incremental());
/// assert!(of("out/")?.is_incremental());
/// assert!(of("customers").is_err());
/// # Ok::<(), kapture_sinks::DestinationError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// `-`, or a name that the system has for it, such as `/dev/stdout`.
    StandardOutput,
    /// `customers.ndjson`, `.csv` or `.parquet`, compressed with a further `.gz` or `.zst`.
    File {
        /// The file.
        path: PathBuf,
        /// Its form.
        format: Format,
        /// Its compression.
        compression: Compression,
    },
    /// `out/`, or a folder that is there.
    Dataset(PathBuf),
    /// `customers.db`, `.sqlite` or `.sqlite3`, or anything behind `sqlite:`.
    Sqlite(PathBuf),
    /// `postgres://…`
    Postgres(String),
}

/// Why a text names no place for records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// An empty text, as of a variable that is not set.
    #[error(
        "an empty name is no destination: name a file (customers.csv), a folder (out/) or a database (customers.db, postgres://…)"
    )]
    Empty,
    /// Nothing tells what kind of place it is.
    #[error(
        "what `{0}` is to become cannot be told from its name: end it in .ndjson, .csv or .parquet for a file, in .db for a SQLite database, or in / for a folder with one file a day; or give its form with --format"
    )]
    Unclear(String),
    /// What seems to be the address of a database in another form. It is not repeated.
    #[error(
        "what is given as a destination seems to be the address of a database, and is not repeated here since it may hold a password: write it as postgres://user@host/database, with the password in PGPASSWORD; or, if it is a file, end its name in .ndjson, .csv or .parquet"
    )]
    PerhapsDatabase,
    /// A kind of address that is not known.
    #[error(
        "`{0}` is no destination that this version writes to: it knows files, folders, SQLite (customers.db) and PostgreSQL (postgres://…)"
    )]
    UnknownScheme(String),
    /// Parquet is compressed inside, not as a whole.
    #[error("`{0}`: Parquet files are compressed inside already; leave the last ending out")]
    CompressedParquet(String),
    /// The form that was asked for is not the one that the name tells of.
    #[error("`{destination}` is named like {named}, but {asked} is asked for")]
    OtherFormat {
        /// The text.
        destination: String,
        /// The form its name tells of.
        named: Format,
        /// The form asked for.
        asked: Format,
    },
    /// A SQLite database is a file with a name.
    #[error("`{0}` names no file: give one behind sqlite:, for example sqlite:customers")]
    NoFile(String),
    /// A file that is open under a number, which would be replaced and not written to.
    #[error(
        "`{0}` leads to a file that somebody has opened: kapture would put another one in its destination, and whoever opened it would not see that. Name the file itself, or write to standard output (-)"
    )]
    OpenFile(String),
    /// Something in the address of a database is not as it should be.
    #[error("the address {destination} is not understood: {reason}")]
    Address {
        /// The address, without its password and options.
        destination: String,
        /// What is not understood.
        reason: String,
    },
    /// A database has no form to be chosen.
    #[error("`{0}` is a database: there is no form to choose")]
    DatabaseWithFormat(String),
}

impl Destination {
    /// The place that `text` names. `format` is the form asked for, where that was said apart.
    ///
    /// # Errors
    /// When the text names none.
    pub fn parse(text: &str, format: Option<Format>) -> Result<Self, DestinationError> {
        let database = |destination: Self| match format {
            Some(_) => Err(DestinationError::DatabaseWithFormat(
                destination.to_string(),
            )),
            None => Ok(destination),
        };
        if text.is_empty() {
            return Err(DestinationError::Empty);
        }
        // Under its other names it may lead to a file, which is to be written to, not replaced.
        if text == "-" || descriptor(Path::new(text)) == Some(Descriptor::StandardOutput) {
            return Ok(Self::StandardOutput);
        }
        if is_open_descriptor(Path::new(text)) {
            return Err(DestinationError::OpenFile(text.to_owned()));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            #[cfg(feature = "postgres")]
            crate::postgres::check_address(text).map_err(|reason| DestinationError::Address {
                destination: without_password(text),
                reason,
            })?;
            return database(Self::Postgres(text.to_owned()));
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            // SQLite would take these for a database that nobody can find again.
            let nowhere = path.trim().is_empty() || path == ":memory:" || path.ends_with('/');
            if nowhere || path.starts_with("file:") {
                return Err(DestinationError::NoFile(text.to_owned()));
            }
            return database(Self::Sqlite(path.into()));
        }
        if is_of_libpq(text) {
            return Err(DestinationError::PerhapsDatabase);
        }
        if let Some((scheme, _)) = text.split_once("://")
            && !may_hold_secret(scheme)
        {
            return Err(DestinationError::UnknownScheme(format!("{scheme}://…")));
        }
        let path = PathBuf::from(text);
        if text.ends_with('/') || path.is_dir() {
            return Ok(Self::Dataset(path));
        }
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        if ending == "db" || ending == "sqlite" || ending == "sqlite3" {
            return database(Self::Sqlite(path));
        }
        let (named, compression) = Format::of_file(&path);
        let format = match (named, format) {
            (Some(named), Some(asked)) if named != asked => {
                let destination = text.to_owned();
                return Err(DestinationError::OtherFormat {
                    destination,
                    named,
                    asked,
                });
            }
            (named, asked) => named.or(asked).ok_or_else(|| match may_hold_secret(text) {
                true => DestinationError::PerhapsDatabase,
                false => DestinationError::Unclear(text.to_owned()),
            })?,
        };
        if format == Format::Parquet && compression != Compression::None {
            return Err(DestinationError::CompressedParquet(text.to_owned()));
        }
        Ok(Self::File {
            path,
            format,
            compression,
        })
    }

    /// Whether it remembers which days it holds, so that it can be brought up to date.
    pub fn is_incremental(&self) -> bool {
        match self {
            Self::StandardOutput | Self::File { .. } => false,
            Self::Dataset(_) | Self::Sqlite(_) | Self::Postgres(_) => true,
        }
    }

    /// Opens it to write to it. `identity` says whose customers it is to hold, which places that
    /// remember compare with what they hold. Of `encoding` the form and compression are taken
    /// from the place where its name tells, and the zone from `identity` by those that remember.
    ///
    /// # Errors
    /// When it cannot be written, holds something else, or another run is writing to it.
    pub async fn create(
        &self,
        identity: &Identity,
        encoding: &Encoding,
    ) -> Result<Box<dyn Sink>, SinkError> {
        match self {
            Self::StandardOutput => Ok(Box::new(StreamSink::new(io::stdout(), encoding)?)),
            Self::File {
                path,
                format,
                compression,
            } => {
                let encoding = Encoding {
                    format: *format,
                    compression: *compression,
                    ..encoding.clone()
                };
                file(path, &encoding)
            }
            #[cfg(feature = "dataset")]
            Self::Dataset(path) => Ok(Box::new(crate::Dataset::create(
                path,
                identity,
                encoding.clone(),
            )?)),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => Ok(Box::new(crate::Sqlite::create(path, identity)?)),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => Ok(Box::new(crate::Postgres::create(url, identity).await?)),
            #[allow(unreachable_patterns)]
            other => {
                let _ = identity;
                Err(other.feature_disabled())
            }
        }
    }

    /// Opens a place that remembers, to look at it. `identity` says whose customers are looked for,
    /// if that matters.
    ///
    /// # Errors
    /// When nothing of kapture is there, or the customers of another identity.
    pub async fn open(&self, identity: Option<&Identity>) -> Result<Box<dyn Sink>, SinkError> {
        match self {
            #[cfg(feature = "dataset")]
            Self::Dataset(path) => Ok(Box::new(crate::Dataset::open(path, identity)?)),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => Ok(Box::new(crate::Sqlite::open(path, identity)?)),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => Ok(Box::new(crate::Postgres::open(url, identity).await?)),
            #[allow(unreachable_patterns)]
            other => {
                let _ = identity;
                Err(other.feature_disabled())
            }
        }
    }

    fn feature_disabled(&self) -> SinkError {
        let (what, feature) = match self {
            Self::StandardOutput | Self::File { .. } => {
                return SinkError::NotIncremental {
                    destination: self.to_string(),
                };
            }
            Self::Dataset(_) => ("a dataset folder", "dataset"),
            Self::Sqlite(_) => ("SQLite", "sqlite"),
            Self::Postgres(_) => ("PostgreSQL", "postgres"),
        };
        SinkError::FeatureDisabled { what, feature }
    }
}

/// What a name stands for that the system has for what a process has open.
#[derive(Debug, PartialEq, Eq)]
enum Descriptor {
    StandardOutput,
    Another,
}

/// What is open under `path`, if it is such a name: `/dev/stdout`, `/dev/fd/1`, `/proc/self/fd/1`.
fn descriptor(path: &Path) -> Option<Descriptor> {
    let parts: Option<Vec<_>> = path.iter().map(|part| part.to_str()).collect();
    match parts?[..] {
        ["/", "dev", "stdout"] | ["/", "dev", "fd", "1"] | ["/", "proc", "self", "fd", "1"] => {
            Some(Descriptor::StandardOutput)
        }
        ["/", "dev", "stdin" | "stderr"] | ["/", "dev", "fd", _] | ["/", "proc", .., "fd", _] => {
            Some(Descriptor::Another)
        }
        _ => None,
    }
}

/// Whether `path` is a name such as `/dev/fd/3` of a file that is open. Whoever opened it goes on
/// with the file, also when another one has taken its name, and what stands in it need not be ours.
pub fn is_open_descriptor(path: &Path) -> bool {
    descriptor(path).is_some() && path.is_file()
}

/// A file; or, where a device or a pipe stands under its name, a stream to that.
fn file(path: &Path, encoding: &Encoding) -> Result<Box<dyn Sink>, SinkError> {
    let special = std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir());
    let sink = match special {
        true => FileSink::onto(path, encoding)?,
        false => FileSink::create(path, encoding)?,
    };
    Ok(Box::new(sink))
}

impl fmt::Display for Destination {
    /// Without the password that a database's address may hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandardOutput => f.write_str("standard output"),
            Self::File { path, .. } | Self::Dataset(path) | Self::Sqlite(path) => {
                path.display().fmt(f)
            }
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

/// What the settings of a connection are called where libpq takes them as `host=db user=me`.
const KEYS: [&str; 8] = [
    "host", "hostaddr", "port", "dbname", "user", "password", "passfile", "service",
];

/// Whether a text is the address of a PostgreSQL database in a form that others take: settings as
/// libpq has them, or a URL that lacks its slashes.
fn is_of_libpq(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    // Each key is the last word before an equals sign.
    let before = lower.rsplit('=').skip(1);
    let keys: Vec<_> = before
        .filter_map(|text| text.split_whitespace().next_back())
        .filter(|word| KEYS.contains(word))
        .collect();
    // One alone may be part of a path, as in `host=a/`.
    keys.len() > 1
        || keys.contains(&"password")
        || lower.starts_with("postgres:")
        || lower.starts_with("postgresql:")
}

/// Whether a text that is no address may be meant as one, with a password.
fn may_hold_secret(text: &str) -> bool {
    text.contains(['@', '='])
}

/// The address of a database without the password in it.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "a database".into();
    };
    let (destination, more) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    match destination.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{host}"),
        // The name and password may reach to there: whoever writes them should have escaped it.
        None if more.contains('@') => format!("{scheme}://…"),
        None => format!("{scheme}://{destination}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_tell_what_they_are() {
        let file = |path: &str, format, compression| Destination::File {
            path: path.into(),
            format,
            compression,
        };
        let cases = [
            ("-", Destination::StandardOutput),
            ("/dev/stdout", Destination::StandardOutput),
            ("/dev//fd/1", Destination::StandardOutput),
            ("/proc/self/fd/1", Destination::StandardOutput),
            (
                "a.ndjson",
                file("a.ndjson", Format::Ndjson, Compression::None),
            ),
            (
                "b/a.jsonl.zst",
                file("b/a.jsonl.zst", Format::Ndjson, Compression::Zstd),
            ),
            ("a.CSV.gz", file("a.CSV.gz", Format::Csv, Compression::Gzip)),
            (
                "a.parquet",
                file("a.parquet", Format::Parquet, Compression::None),
            ),
            ("out/", Destination::Dataset("out/".into())),
            (".", Destination::Dataset(".".into())),
            ("a.DB", Destination::Sqlite("a.DB".into())),
            ("sqlite:a", Destination::Sqlite("a".into())),
            ("sqlite:///a", Destination::Sqlite("/a".into())),
            ("sqlite:////a", Destination::Sqlite("//a".into())),
            (
                "postgres://me@host/db",
                Destination::Postgres("postgres://me@host/db".into()),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(Destination::parse(text, None), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_addresses_are_refused_with_a_reason() {
        let cases = [
            ("", None, "an empty name"),
            ("", Some(Format::Csv), "an empty name"),
            ("customers", None, "cannot be told"),
            ("a.txt", None, "cannot be told"),
            ("s3://bucket/a", None, "is no destination"),
            ("a.parquet.gz", None, "compressed inside"),
            ("a.csv", Some(Format::Ndjson), "named like csv"),
            ("sqlite:", None, "names no file"),
            ("sqlite::memory:", None, "names no file"),
            ("sqlite:file:a?mode=memory", None, "names no file"),
            ("sqlite:out/", None, "names no file"),
            ("a.db", Some(Format::Csv), "is a database"),
        ];
        for (text, format, reason) in cases {
            let error = Destination::parse(text, format).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(Destination::parse("a.txt", Some(Format::Csv)).is_ok());
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn an_address_that_is_none_is_refused_before_anything_is_asked() {
        for url in [
            "postgres://me:secret@db:port/crm",
            "postgres://me:secret@db/crm?sslmode=secure",
        ] {
            let error = Destination::parse(url, None).unwrap_err();
            assert!(
                matches!(error, DestinationError::Address { .. }),
                "{error:?}"
            );
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let with_format = Destination::parse("postgres://me:secret@db/crm", Some(Format::Csv));
        let error = with_format.unwrap_err().to_string();
        assert!(
            error.starts_with("`postgres://db/crm` is a database"),
            "{error}"
        );
    }

    #[test]
    fn what_may_hold_a_password_is_not_repeated() {
        for text in [
            "host=db user=me password=secret",
            "host = db user = me password = secret dbname=crm.db",
            "PASSWORD=secret",
            "dbname=crm user=secret.csv",
            "postgres:/me:secret@h/crm",
            "postgresql:me:secret@h/crm.csv",
            "POSTGRES:me:secret@h/crm",
            "POSTGRES://me:secret@h/crm",
            "jdbc:postgresql://h/crm?user=me&password=secret",
            "me:secret@h/crm",
            "me:secret@h://crm",
            "mysql://me:secret@h/crm",
        ] {
            for format in [None, Some(Format::Parquet)] {
                let Err(error) = Destination::parse(text, format) else {
                    // With a form of its own a file may have any name.
                    assert!(format.is_some(), "{text}");
                    continue;
                };
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains("secret"), "{shown}");
                assert!(shown.contains("postgres://"), "{shown}");
            }
        }
        // A path may have equals signs, too.
        assert!(Destination::parse("host=a/user.csv", None).is_ok());
        assert!(Destination::parse("user=a/created=b/", None).is_ok());
    }

    #[test]
    fn no_password_is_shown() {
        for url in [
            "postgres://me:secret@host:5432/db",
            "postgres://me:se@cret@host:5432/db?password=secret",
        ] {
            let shown = Destination::Postgres(url.into()).to_string();
            assert_eq!(shown, "postgres://host:5432/db");
        }
        let unescaped = Destination::Postgres("postgres://me:se?cret@host/db".into());
        assert_eq!(unescaped.to_string(), "postgres://…");
    }
}
