//! Personal data: fields that are left out of records, and fields that a keyed hash replaces.

mod error;
mod fields;
mod hash_key;
mod rewrite;

use crate::{Drift, Record};

pub use error::PrivacyError;
pub use hash_key::{EmptyKey, HashKey};

use fields::{Action, Fields};

/// Which fields of customers and contacts are left out, and which are replaced by a keyed hash.
///
/// A field is named as the API names it: `remarks`; `contacts.phone` for a field of each contact;
/// `attr3` for an attribute; `extra.loyalty` or `contacts.extra.nickname` for another field that
/// the API does not document; and `extra` or `contacts.extra` for all of those, which includes any
/// that the server will send one day. Case does not matter in the names of a record.
///
/// Fields that kapture needs stay: `id`, `generationDate` and `lastModificationTime` of the
/// customer. Only text can be hashed, since a hash does not fit in a column of numbers or dates.
///
/// ```
/// use kapture_model::{HashKey, Privacy, Record};
///
/// let key = HashKey::new("0c6f9a64d1e94d0e8d1b7a52f30c5b7e")?;
/// let privacy = Privacy::new(["remarks", "contacts.phone"], ["contacts.email"], Some(key))?;
/// let json = br#"{"id":17,"remarks":"x","contacts":[{"phone":"5550100","email":"asha@Example.com"}]}"#;
/// let record = privacy.protect(Record::decode(json.as_slice().into())?);
/// let hash = "d432c4f36fbbc2ef5af98a80db70fbcf665e33e69c0e328cb8c60ee0baf57161";
/// assert_eq!(record.raw(), format!(r#"{{"id":17,"contacts":[{{"email":"{hash}"}}]}}"#).as_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Privacy {
    fields: Fields,
    key: Option<HashKey>,
}

impl Privacy {
    /// The choice of these fields. `key` is needed if any is hashed.
    ///
    /// # Errors
    /// When a field is unknown, is needed, cannot be hashed, or is both dropped and hashed; and
    /// when there is no key for the hashed ones.
    pub fn new<T: AsRef<str>>(
        dropped: impl IntoIterator<Item = T>,
        hashed: impl IntoIterator<Item = T>,
        key: Option<HashKey>,
    ) -> Result<Self, PrivacyError> {
        let mut fields = Fields::default();
        for name in dropped {
            fields.add(name.as_ref(), Action::Drop)?;
        }
        for name in hashed {
            fields.add(name.as_ref(), Action::Hash)?;
        }
        fields.check()?;
        if key.is_none() && fields.names(Action::Hash).next().is_some() {
            return Err(PrivacyError::NoKey);
        }
        Ok(Self { fields, key })
    }

    /// Whether every field is kept as it is.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The names of the fields that are left out, in alphabetical order and one spelling.
    pub fn dropped(&self) -> impl Iterator<Item = String> {
        self.fields.names(Action::Drop)
    }

    /// The names of the fields that are hashed, likewise.
    pub fn hashed(&self) -> impl Iterator<Item = String> {
        self.fields.names(Action::Hash)
    }

    /// The [fingerprint](HashKey::fingerprint) of the key, if any field is hashed.
    pub fn fingerprint(&self) -> Option<String> {
        self.hashed().next()?;
        self.key.as_ref().map(HashKey::fingerprint)
    }

    /// Whether a field, named as for [`new`](Self::new), is kept as it is.
    pub fn keeps(&self, name: &str) -> bool {
        self.fields.action(name) == Action::Keep
    }

    /// Whether a field, named as for [`new`](Self::new), is left out.
    pub fn drops(&self, name: &str) -> bool {
        self.fields.action(name) == Action::Drop
    }

    /// The names of all documented fields that [`new`](Self::new) knows.
    pub fn documented() -> impl Iterator<Item = String> {
        fields::documented()
    }

    /// The record without the fields that are left out, and with hashes in place of those that are
    /// hashed. Every occurrence of a field counts, where a record repeats a key; everything else keeps
    /// its bytes, but for whitespace between the fields.
    ///
    /// Where fields of contacts are left out or hashed, whatever is no contact in the place of one
    /// becomes null: what it holds is not known.
    #[must_use]
    pub fn protect(&self, record: Record) -> Record {
        match self.is_empty() {
            true => record,
            false => rewrite::protect(&self.fields, self.key.as_ref(), &record),
        }
    }

    /// What was met in records of this choice, without what it causes itself: a date that is left
    /// out is not missing.
    #[must_use]
    pub fn without_dropped(&self, mut drift: Drift) -> Drift {
        drift.retain(|owner, name| self.fields.of(owner).action(name) != Action::Drop);
        drift
    }
}
