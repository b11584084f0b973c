//! Parses the address of a destination.

use std::path::Path;

use super::Destination;
use super::error::DestinationError;
use super::redact::{has_login, is_other_database_notation, may_hold_secret};
use super::registry::{self, DATASET};
use crate::encoding::format::Format;

impl Destination {
    /// Parses an address. `format` is the format asked for, if it was given separately. The file
    /// system is not consulted: a folder ends in a slash.
    ///
    /// # Errors
    /// When the text is not a destination.
    pub fn parse(text: &str, format: Option<Format>) -> Result<Self, DestinationError> {
        parse(text, format, |_| false)
    }

    /// Parses an address, and looks at what it names: a folder that exists needs no slash, and a
    /// file that is open already is refused.
    ///
    /// # Errors
    /// When the text is not a destination.
    pub fn locate(text: &str, format: Option<Format>) -> Result<Self, DestinationError> {
        let path = Path::new(text);
        // The other names of standard output may lead to a file, which is written to and not
        // replaced.
        if is_open_descriptor(path) && descriptor(path) != Some(Descriptor::StandardOutput) {
            return Err(DestinationError::OpenFile(text.to_owned()));
        }
        parse(text, format, Path::is_dir)
    }
}

fn parse(
    text: &str,
    format: Option<Format>,
    is_folder: fn(&Path) -> bool,
) -> Result<Destination, DestinationError> {
    let path = Path::new(text);
    if text.is_empty() {
        return Err(DestinationError::Empty);
    }
    if text == "-" || descriptor(path) == Some(Descriptor::StandardOutput) {
        return Ok(Destination::standard_output());
    }
    if let Some(kind) = registry::by_scheme(text) {
        return kind.parse(text, format).map(Destination);
    }
    if is_other_database_notation(text) {
        return Err(DestinationError::PerhapsDatabase);
    }
    if let (None, true) = (text.split_once("://"), has_login(text)) {
        return Err(DestinationError::PerhapsDatabase);
    }
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.contains(':') && rest.contains('@') => {
            return Err(DestinationError::PerhapsDatabase);
        }
        Some((scheme, _)) if !may_hold_secret(scheme) => {
            return Err(DestinationError::UnknownScheme(format!("{scheme}://…")));
        }
        _ => {}
    }
    // `.` and `..` have no file name.
    if text.ends_with('/') || path.file_name().is_none() || is_folder(path) {
        return DATASET.parse(text, format).map(Destination);
    }
    match registry::by_extension(path) {
        Some(kind) => kind.parse(text, format).map(Destination),
        None => crate::file::parse(text, format),
    }
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

    /// What a text is parsed to, as `Debug` shows it.
    fn parsed(text: &str) -> String {
        format!("{:?}", Destination::parse(text, None).unwrap().0)
    }

    #[test]
    fn addresses_are_parsed() {
        let file = |path: &str, format: &str, compression: &str| {
            format!(
                "FileDestination {{ path: {path:?}, format: {format}, compression: {compression} }}"
            )
        };
        let cases = [
            ("-", "StandardOutput".to_owned()),
            ("/dev/stdout", "StandardOutput".to_owned()),
            ("/dev//fd/1", "StandardOutput".to_owned()),
            ("/proc/self/fd/1", "StandardOutput".to_owned()),
            ("a.ndjson", file("a.ndjson", "Ndjson", "None")),
            ("b/a.jsonl.zst", file("b/a.jsonl.zst", "Ndjson", "Zstd")),
            ("a.CSV.gz", file("a.CSV.gz", "Csv", "Gzip")),
            ("a.parquet", file("a.parquet", "Parquet", "None")),
            ("a.arrows", file("a.arrows", "Arrow", "None")),
        ];
        for (text, expected) in cases {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    #[cfg(all(feature = "dataset", feature = "sqlite"))]
    fn folders_and_databases_are_parsed() {
        let tracking = "Tracking { history_from: None, ignored: None }";
        let folder = |path: &str| {
            format!("DatasetFolder {{ root: {path:?}, format: None, tracking: {tracking} }}")
        };
        let sqlite = |path: &str| format!("SqliteFile({path:?})");
        let cases = [
            ("out/", folder("out/")),
            (".", folder(".")),
            ("a/..", folder("a/..")),
            ("a.db/", folder("a.db/")),
            ("a.DB", sqlite("a.DB")),
            ("sqlite:a", sqlite("a")),
            ("sqlite:///a", sqlite("/a")),
            ("sqlite:////a", sqlite("//a")),
        ];
        for (text, expected) in cases {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    #[cfg(feature = "dataset")]
    fn dataset_has_no_stream_as_the_file_of_a_day() {
        let error = Destination::parse("out/", Some(Format::Arrow)).unwrap_err();
        assert!(
            matches!(error, DestinationError::StreamFormat { .. }),
            "{error:?}"
        );
    }

    #[test]
    #[cfg(feature = "dataset")]
    fn folder_that_exists_needs_no_slash() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().to_str().unwrap();
        assert!(Destination::parse(text, None).is_err());
        let located = Destination::locate(text, None).unwrap();
        assert!(located.capabilities().incremental);
    }

    #[test]
    fn other_texts_are_refused_with_a_reason() {
        let cases = [
            ("", None, "empty destination"),
            ("", Some(Format::Csv), "empty destination"),
            ("customers", None, "cannot tell"),
            ("a.txt", None, "cannot tell"),
            ("ftp://bucket/a", None, "unsupported destination"),
            (
                "a.parquet.gz",
                None,
                "only ndjson and csv files are compressed",
            ),
            (
                "a.arrows.zst",
                None,
                "only ndjson and csv files are compressed",
            ),
            // The extension of Arrow's format for files, which is not a stream.
            ("a.arrow", None, "cannot tell"),
            ("a.csv", Some(Format::Ndjson), "the extension of csv"),
        ];
        for (text, format, reason) in cases {
            let error = Destination::parse(text, format).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(Destination::parse("a.txt", Some(Format::Csv)).is_ok());
    }

    #[test]
    #[cfg(feature = "sqlite")]
    fn sqlite_database_is_a_file_without_a_format() {
        let cases = [
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
    }

    #[test]
    fn kind_that_this_build_lacks_names_its_feature() {
        for (text, feature, is_built) in [
            ("a.db", "sqlite", cfg!(feature = "sqlite")),
            ("postgres://h/crm", "postgres", cfg!(feature = "postgres")),
            ("out/", "dataset", cfg!(feature = "dataset")),
            ("s3://crm/", "object-store", cfg!(feature = "object-store")),
        ] {
            match Destination::parse(text, None) {
                Ok(_) => assert!(is_built, "{text}"),
                Err(error) => {
                    let named = error.to_string().contains(&format!("`{feature}`"));
                    assert!(named && !is_built, "{text}: {error}");
                }
            }
        }
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
            " postgres://me:secret@h/crm",
            "postgres%3A%2F%2Fme%3Asecret%40h%2Fcrm",
            "postgres//me:secret@h/crm/",
            "me:secret@h/crm/",
            "me:secret@h/crm.db",
            "sqlite://me:secret@h/crm",
            "sqlite:postgres://me:secret@h/crm",
            "user:me password:secret",
            "crm?user=me&password=secret",
            "Server=h;Password=secret",
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
        for text in ["host=a/user.csv", "user=a/created=b.csv"] {
            assert!(Destination::parse(text, None).is_ok(), "{text}");
        }
    }
}
