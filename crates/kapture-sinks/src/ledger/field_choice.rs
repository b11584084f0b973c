//! Which fields of its customers a destination holds: what was dropped and hashed.

use kapture_model::{Privacy, sanitize};
use serde::{Deserialize, Serialize};

use crate::error::SinkError;

/// Which fields are dropped and hashed, and the fingerprint of the key: names separated by commas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FieldChoice {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dropped: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hashed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash_key: Option<String>,
}

impl FieldChoice {
    pub(crate) fn new(privacy: &Privacy) -> Self {
        let list = |names: Vec<String>| (!names.is_empty()).then(|| names.join(","));
        Self {
            dropped: list(privacy.dropped().collect()),
            hashed: list(privacy.hashed().collect()),
            hash_key: privacy.fingerprint(),
        }
    }

    /// Fails unless this is the choice `asked`: the customers of some days would have fields that
    /// others lack, or hashes that do not match.
    pub(crate) fn check(&self, destination: &str, asked: &Self) -> Result<(), SinkError> {
        if (&self.dropped, &self.hashed) != (&asked.dropped, &asked.hashed) {
            return Err(SinkError::OtherFields {
                destination: destination.to_owned(),
                held: self.described(),
                asked: asked.described(),
            });
        }
        match self.hash_key == asked.hash_key {
            true => Ok(()),
            false => Err(SinkError::OtherHashKey {
                destination: destination.to_owned(),
                held: self.hash_key.as_deref().map(sanitize).unwrap_or_default(),
                asked: asked.hash_key.clone().unwrap_or_default(),
            }),
        }
    }

    /// The fields whose values say nothing beside those of the choice `asked`: none if it is the same.
    pub(crate) fn incomparable(&self, asked: &Self) -> Vec<String> {
        if self == asked {
            return Vec::new();
        }
        let lists = [&self.dropped, &self.hashed, &asked.dropped, &asked.hashed];
        let names = lists.into_iter().flatten().flat_map(|list| list.split(','));
        names.map(str::to_owned).collect()
    }

    fn described(&self) -> String {
        let part = |what: &str, names: &Option<String>| {
            let names = names.as_ref()?.replace(',', ", ");
            Some(format!("{what} {}", sanitize(&names)))
        };
        let parts = [
            part("without", &self.dropped),
            part("with hashes of", &self.hashed),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        match parts.is_empty() {
            true => "with every field as it is".into(),
            false => parts.join(" and "),
        }
    }
}

#[cfg(test)]
mod tests {
    use kapture_model::HashKey;

    use super::*;

    fn choice(dropped: &[&str], hashed: &[&str], key: &str) -> FieldChoice {
        let key = HashKey::new(key).ok();
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        FieldChoice::new(&Privacy::new(names(dropped), names(hashed), key).unwrap())
    }

    fn refusal(held: &FieldChoice, asked: &FieldChoice) -> String {
        held.check("a.db", asked).unwrap_err().to_string()
    }

    #[test]
    fn another_choice_is_named() {
        let held = choice(&["remarks", "contacts.phone"], &["contacts.email"], "one");
        let same = choice(
            &["contacts.phone", " remarks"],
            &["contacts.email"],
            "one\n",
        );
        assert!(held.check("a.db", &same).is_ok());
        assert_eq!(
            refusal(&held, &FieldChoice::default()),
            "a.db holds customers without contacts.phone, remarks and with hashes of contacts.email, not with every field as it is"
        );
        assert_eq!(
            refusal(&FieldChoice::default(), &choice(&["name"], &[], "one")),
            "a.db holds customers with every field as it is, not without name"
        );
    }

    #[test]
    fn fields_of_two_choices_are_incomparable() {
        let held = choice(
            &["extra.tier", "contacts.extra.nickname", "contacts.extra"],
            &["contacts.email"],
            "one",
        );
        assert_eq!(held.incomparable(&held), [""; 0]);
        let mut names = held.incomparable(&choice(&["remarks"], &[], "two"));
        names.sort();
        let expected = [
            "contacts.email",
            "contacts.extra",
            "contacts.extra.nickname",
            "extra.tier",
            "remarks",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn another_key_is_named_by_its_fingerprint() {
        let [held, asked] = ["one", "two"].map(|key| choice(&[], &["name"], key));
        let text = refusal(&held, &asked);
        let fingerprint = |key| HashKey::new(key).unwrap().fingerprint();
        let (one, two) = (fingerprint("one"), fingerprint("two"));
        assert_eq!(
            text,
            format!("a.db holds hashes of the key {one}, not of the key {two}")
        );
        // Without hashes the key does not matter.
        let [held, asked] = ["one", "two"].map(|key| choice(&["name"], &[], key));
        assert!(held.check("a.db", &asked).is_ok());
    }
}
