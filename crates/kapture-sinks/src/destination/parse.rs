//! Parses the address of a destination.

use std::path::{Path, PathBuf};

use super::Destination;
use super::error::DestinationError;
use super::redact::{is_other_database_notation, may_hold_secret};
use crate::encoding::compression::Compression;
use crate::encoding::format::Format;

impl Destination {
    /// Parses an address. `format` is the format asked for, if it was given separately.
    ///
    /// # Errors
    /// When the text is not a destination.
    pub fn parse(text: &str, format: Option<Format>) -> Result<Self, DestinationError> {
        if text.is_empty() {
            return Err(DestinationError::Empty);
        }
        // Its other names may lead to a regular file, which is written to and not replaced.
        if text == "-" || descriptor(Path::new(text)) == Some(Descriptor::StandardOutput) {
            return Ok(Self::StandardOutput);
        }
        if is_open_descriptor(Path::new(text)) {
            return Err(DestinationError::OpenFile(text.to_owned()));
        }
        if let Some(database) = database_url(text)? {
            return without_format(database, format);
        }
        let path = PathBuf::from(text);
        if text.ends_with('/') || path.is_dir() {
            return Ok(Self::Dataset(path));
        }
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        if extension == "db" || extension == "sqlite" || extension == "sqlite3" {
            return without_format(Self::Sqlite(path), format);
        }
        file(text, path, format)
    }
}

fn without_format(
    database: Destination,
    format: Option<Format>,
) -> Result<Destination, DestinationError> {
    match format {
        Some(_) => Err(DestinationError::DatabaseWithFormat(database.to_string())),
        None => Ok(database),
    }
}

/// A database by its scheme; an error for other schemes.
fn database_url(text: &str) -> Result<Option<Destination>, DestinationError> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        #[cfg(feature = "postgres")]
        crate::postgres::check_address(text).map_err(|reason| DestinationError::Address {
            destination: super::without_password(text),
            reason,
        })?;
        return Ok(Some(Destination::Postgres(text.to_owned())));
    }
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        // SQLite would take these for databases in memory or without a name.
        let is_unnamed = path.trim().is_empty() || path == ":memory:" || path.ends_with('/');
        if is_unnamed || path.starts_with("file:") {
            return Err(DestinationError::NoFile(text.to_owned()));
        }
        return Ok(Some(Destination::Sqlite(path.into())));
    }
    if is_other_database_notation(text) {
        return Err(DestinationError::PerhapsDatabase);
    }
    match text.split_once("://") {
        Some((scheme, _)) if !may_hold_secret(scheme) => {
            Err(DestinationError::UnknownScheme(format!("{scheme}://…")))
        }
        _ => Ok(None),
    }
}

fn file(text: &str, path: PathBuf, asked: Option<Format>) -> Result<Destination, DestinationError> {
    let (named, compression) = Format::of_file(&path);
    let format = match (named, asked) {
        (Some(named), Some(asked)) if named != asked => {
            return Err(DestinationError::OtherFormat {
                destination: text.to_owned(),
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
    Ok(Destination::File {
        path,
        format,
        compression,
    })
}

/// An open file of this process.
#[derive(Debug, PartialEq, Eq)]
enum Descriptor {
    StandardOutput,
    Other,
}

/// The descriptor behind a system path: `/dev/stdout`, `/dev/fd/1`, `/proc/self/fd/1`.
fn descriptor(path: &Path) -> Option<Descriptor> {
    let parts: Option<Vec<_>> = path.iter().map(|part| part.to_str()).collect();
    match parts?[..] {
        ["/", "dev", "stdout"] | ["/", "dev", "fd", "1"] | ["/", "proc", "self", "fd", "1"] => {
            Some(Descriptor::StandardOutput)
        }
        ["/", "dev", "stdin" | "stderr"] | ["/", "dev", "fd", _] | ["/", "proc", .., "fd", _] => {
            Some(Descriptor::Other)
        }
        _ => None,
    }
}

/// Whether `path` is the descriptor of an open regular file, such as `/dev/fd/3`. The process that
/// opened it would not notice that the file is replaced.
pub fn is_open_descriptor(path: &Path) -> bool {
    descriptor(path).is_some() && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed() {
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
    fn other_texts_are_refused_with_a_reason() {
        let cases = [
            ("", None, "empty destination"),
            ("", Some(Format::Csv), "empty destination"),
            ("customers", None, "cannot tell"),
            ("a.txt", None, "cannot tell"),
            ("s3://bucket/a", None, "unsupported destination"),
            ("a.parquet.gz", None, "compressed already"),
            ("a.csv", Some(Format::Ndjson), "the extension of csv"),
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
    fn unparsable_database_address_is_refused() {
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
    fn text_that_may_hold_a_password_is_not_repeated() {
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
                    // With --format a file may have any name.
                    assert!(format.is_some(), "{text}");
                    continue;
                };
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains("secret"), "{shown}");
                assert!(shown.contains("postgres://"), "{shown}");
            }
        }
        // A path may have equals signs.
        assert!(Destination::parse("host=a/user.csv", None).is_ok());
        assert!(Destination::parse("user=a/created=b/", None).is_ok());
    }
}
