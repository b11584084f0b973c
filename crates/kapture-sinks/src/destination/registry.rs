//! The kinds of destinations, by the schemes and extensions of their addresses.

use std::path::Path;
use std::sync::Arc;

use super::error::DestinationError;
use super::opener::Opener;
use crate::encoding::format::Format;

/// Parses an address of one kind. The format is the one asked for, if it was given separately.
pub(crate) type Parse = fn(&str, Option<Format>) -> Result<Arc<dyn Opener>, DestinationError>;

/// A kind of destination.
pub(super) struct Kind {
    /// What it is, for messages.
    what: &'static str,
    /// The feature of this crate that it needs.
    feature: &'static str,
    /// What its addresses begin with.
    schemes: &'static [&'static str],
    /// The extensions of its files, without a scheme.
    extensions: &'static [&'static str],
    /// `None` in a build without the feature.
    parse: Option<Parse>,
}

/// A function that a build without `feature` does not have.
macro_rules! with_feature {
    ($feature:literal, $parse:path) => {{
        #[cfg(feature = $feature)]
        let parse: Option<Parse> = Some($parse);
        #[cfg(not(feature = $feature))]
        let parse: Option<Parse> = None;
        parse
    }};
}

/// What text that ends in a slash names.
pub(super) static DATASET: Kind = Kind {
    what: "a dataset folder",
    feature: "dataset",
    schemes: &[],
    extensions: &[],
    parse: with_feature!("dataset", crate::dataset::folder::parse),
};

/// All other kinds but single files.
static KINDS: [Kind; 3] = [
    Kind {
        what: "SQLite",
        feature: "sqlite",
        schemes: &["sqlite:"],
        extensions: &["db", "sqlite", "sqlite3"],
        parse: with_feature!("sqlite", crate::sqlite::parse),
    },
    Kind {
        what: "PostgreSQL",
        feature: "postgres",
        schemes: &["postgres://", "postgresql://"],
        extensions: &[],
        parse: with_feature!("postgres", crate::postgres::parse),
    },
    Kind {
        what: "an object store",
        feature: "object-store",
        schemes: &["s3://", "gs://", "az://"],
        extensions: &[],
        parse: with_feature!("object-store", crate::dataset::bucket::parse),
    },
];

/// The kind whose scheme an address has.
pub(super) fn by_scheme(text: &str) -> Option<&'static Kind> {
    let has_scheme = |kind: &&Kind| kind.schemes.iter().any(|scheme| text.starts_with(scheme));
    KINDS.iter().find(has_scheme)
}

/// The kind whose extension a file name has.
pub(super) fn by_extension(path: &Path) -> Option<&'static Kind> {
    let extension = path.extension()?.to_ascii_lowercase();
    let has_extension = |kind: &&Kind| kind.extensions.iter().any(|known| extension == *known);
    KINDS.iter().find(has_extension)
}

impl Kind {
    /// Parses an address of this kind.
    pub(super) fn parse(
        &self,
        text: &str,
        format: Option<Format>,
    ) -> Result<Arc<dyn Opener>, DestinationError> {
        let parse = self.parse.ok_or(DestinationError::FeatureDisabled {
            what: self.what,
            feature: self.feature,
        })?;
        let opener = parse(text, format)?;
        let formats = opener.capabilities().formats;
        match format {
            Some(_) if formats.is_empty() => {
                Err(DestinationError::DatabaseWithFormat(opener.to_string()))
            }
            Some(format) if !formats.contains(&format) => Err(DestinationError::StreamFormat {
                destination: opener.to_string(),
                format,
            }),
            _ => Ok(opener),
        }
    }
}
