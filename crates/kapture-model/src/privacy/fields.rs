//! The fields that a choice names.

use std::collections::BTreeMap;

use super::error::PrivacyError;
use crate::schema::documented::{self, Kind};
use crate::schema::drift::Owner;

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Keep,
    Drop,
    Hash,
}

/// The customer's fields that have to stay: they tell customers apart, their days, and which of
/// two copies is the newer one.
const NEEDED: [&str; 3] = ["id", "generationDate", "lastModificationTime"];

/// The field of the customer that holds its contacts.
pub(super) const CONTACTS: &str = "contacts";

/// All fields that are not documented; with a name behind it, one of them.
const EXTRA: &str = "extra";

/// The fields that a choice names, by the object that they belong to.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    customer: ObjectFields,
    contact: ObjectFields,
}

/// The fields of one kind of object that a choice names.
#[derive(Debug, Clone, Default)]
pub(super) struct ObjectFields {
    /// The documented names of the object.
    documented: &'static [documented::Documented],
    named: BTreeMap<String, Action>,
    /// What becomes of all undocumented fields that are not named.
    extra: Option<Action>,
}

impl Fields {
    pub(super) fn of(&self, owner: Owner) -> &ObjectFields {
        match owner {
            Owner::Customer => &self.customer,
            Owner::Contact => &self.contact,
        }
    }

    fn of_mut(&mut self, owner: Owner) -> &mut ObjectFields {
        let fields = match owner {
            Owner::Customer => &mut self.customer,
            Owner::Contact => &mut self.contact,
        };
        fields.documented = documented::fields(owner);
        fields
    }

    pub(super) fn is_empty(&self) -> bool {
        self.customer.is_empty() && self.contact.is_empty()
    }

    /// Adds a field by its name.
    pub(super) fn add(&mut self, name: &str, action: Action) -> Result<(), PrivacyError> {
        let name = name.trim();
        if name.is_empty() {
            return Err(PrivacyError::Empty);
        }
        let (owner, field) = split(name);
        let kind = kind_of(owner, field).ok_or_else(|| PrivacyError::UnknownField(name.into()))?;
        if let (Owner::Customer, FieldKind::Documented(field, _)) = (owner, &kind)
            && let Some(needed) = NEEDED.iter().find(|needed| *needed == field)
        {
            return Err(PrivacyError::Needed(needed));
        }
        if let (Action::Hash, FieldKind::Documented(_, kind)) = (action, &kind)
            && *kind != Kind::Text
        {
            return Err(PrivacyError::NotText(name.into()));
        }
        let fields = self.of_mut(owner);
        let before = match kind {
            FieldKind::AllUndocumented => fields.extra.replace(action),
            FieldKind::Documented(field, _) => fields.named.insert(field.into(), action),
            FieldKind::Undocumented(field) => fields.named.insert(field.into(), action),
        };
        match before {
            Some(before) if before != action => Err(PrivacyError::DroppedAndHashed(name.into())),
            _ => Ok(()),
        }
    }

    /// Fails if a field of contacts is named although all contacts are dropped.
    pub(super) fn check(&self) -> Result<(), PrivacyError> {
        let hashed = self.contact.names(Action::Hash).next();
        match (self.customer.action(CONTACTS), hashed) {
            (Action::Drop, Some(name)) => {
                Err(PrivacyError::DroppedAndHashed(format!("{CONTACTS}.{name}")))
            }
            _ => Ok(()),
        }
    }

    /// What becomes of the field with this name.
    pub(super) fn action(&self, name: &str) -> Action {
        let (owner, field) = split(name);
        let field = field.strip_prefix("extra.").unwrap_or(field);
        match self.customer.action(CONTACTS) {
            Action::Drop if owner == Owner::Contact => Action::Drop,
            _ => self.of(owner).action(field),
        }
    }

    /// The names of the fields with this action, in order.
    pub(super) fn names(&self, action: Action) -> impl Iterator<Item = String> {
        let contact = self.contact.names(action);
        let contact = contact.map(|name| format!("{CONTACTS}.{name}"));
        let mut names: Vec<_> = self.customer.names(action).chain(contact).collect();
        names.sort();
        names.into_iter()
    }
}

impl ObjectFields {
    pub(super) fn is_empty(&self) -> bool {
        self.named.is_empty() && self.extra.is_none()
    }

    /// What becomes of the field with this key. Case does not matter: a server that writes `Email` for
    /// `email` must not reveal it.
    pub(super) fn action(&self, key: &str) -> Action {
        let mut named = self.named.iter();
        if let Some((_, action)) = named.find(|(name, _)| name.eq_ignore_ascii_case(key)) {
            return *action;
        }
        match self.extra {
            Some(action) if !self.documented.iter().any(|(name, _)| *name == key) => action,
            _ => Action::Keep,
        }
    }

    fn names(&self, action: Action) -> impl Iterator<Item = String> {
        let is_documented = |name: &String| self.documented.iter().any(|(known, _)| known == name);
        let spelled = move |name: &String| match is_documented(name) || is_attribute(name) {
            true => name.clone(),
            false => format!("{EXTRA}.{name}"),
        };
        let extra = (self.extra == Some(action)).then(|| EXTRA.to_owned());
        let named = self
            .named
            .iter()
            .filter(move |(_, found)| **found == action);
        extra
            .into_iter()
            .chain(named.map(move |(name, _)| spelled(name)))
    }
}

/// The names of all documented fields.
pub(super) fn documented() -> impl Iterator<Item = String> {
    let customer = documented::fields(Owner::Customer).iter();
    let contact = documented::fields(Owner::Contact).iter();
    let contact = contact.map(|(name, _)| format!("{CONTACTS}.{name}"));
    customer.map(|(name, _)| (*name).to_owned()).chain(contact)
}

/// The object that a name belongs to, and the field in it.
fn split(name: &str) -> (Owner, &str) {
    match name.split_once('.') {
        Some((CONTACTS, field)) => (Owner::Contact, field),
        _ => (Owner::Customer, name),
    }
}

enum FieldKind<'a> {
    Documented(&'static str, Kind),
    Undocumented(&'a str),
    AllUndocumented,
}

fn kind_of(owner: Owner, field: &str) -> Option<FieldKind<'_>> {
    if field == EXTRA {
        return Some(FieldKind::AllUndocumented);
    }
    let (field, is_extra) = match field.split_once('.') {
        Some((EXTRA, field)) => (field, true),
        _ => (field, false),
    };
    let mut known = documented::fields(owner).iter();
    match known.find(|(name, _)| *name == field) {
        Some((name, kind)) => Some(FieldKind::Documented(name, *kind)),
        None if field.is_empty() => None,
        None => (is_extra || is_attribute(field)).then_some(FieldKind::Undocumented(field)),
    }
}

/// Whether a field is one of the attributes `attr1`, `attr2`…, of which tenants have their own.
fn is_attribute(name: &str) -> bool {
    let number = name.strip_prefix("attr").unwrap_or_default();
    number.starts_with(|digit: char| ('1'..='9').contains(&digit))
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Privacy;

    fn drop(names: &[&str]) -> Result<Privacy, PrivacyError> {
        Privacy::new(names.iter().copied(), [], None)
    }

    #[test]
    fn fields_have_one_spelling_and_one_order() {
        let names = [
            "contacts.phone",
            " attr3",
            "extra.attr3",
            "extra.loyalty",
            "extra.name",
            "contacts.extra",
            "contacts.extra.nick",
            "contacts.attr1",
        ];
        let dropped: Vec<_> = drop(&names).unwrap().dropped().collect();
        assert_eq!(
            dropped,
            [
                "attr3",
                "contacts.attr1",
                "contacts.extra",
                "contacts.extra.nick",
                "contacts.phone",
                "extra.loyalty",
                "name",
            ]
        );
    }

    #[test]
    fn unknown_and_needed_fields_are_refused() {
        for name in [
            "fon",
            "phone",
            "attr",
            "attr0",
            "attr1x",
            "contacts.fon",
            "extra.",
            "contacts.",
            "contacts.id.x",
            "Name",
        ] {
            assert_eq!(
                drop(&[name]).err(),
                Some(PrivacyError::UnknownField(name.into())),
                "{name}"
            );
        }
        assert_eq!(drop(&[" "]).err(), Some(PrivacyError::Empty));
        for name in NEEDED {
            assert_eq!(drop(&[name]).err(), Some(PrivacyError::Needed(name)));
            let extra = format!("extra.{name}");
            assert_eq!(drop(&[&extra]).err(), Some(PrivacyError::Needed(name)));
        }
        assert!(
            drop(&[
                "contacts.id",
                "contacts.generationDate",
                "contacts",
                "extra"
            ])
            .is_ok()
        );
    }

    #[test]
    fn hashed_fields_are_text_and_not_dropped_too() {
        let key = || crate::HashKey::new("key").ok();
        for name in [
            "creatorId",
            "contacts",
            "deleted",
            "outStandingAmount",
            "contacts.generationDate",
        ] {
            let refused = Privacy::new([], [name], key()).err();
            assert_eq!(refused, Some(PrivacyError::NotText(name.into())), "{name}");
        }
        for (dropped, hashed) in [
            ("name", "name"),
            ("contacts", "contacts.phone"),
            ("attr3", "extra.attr3"),
        ] {
            let refused = Privacy::new([dropped], [hashed], key()).err();
            assert_eq!(refused, Some(PrivacyError::DroppedAndHashed(hashed.into())));
        }
        assert!(Privacy::new(["extra"], ["attr3", "contacts.attr1"], key()).is_ok());
        assert_eq!(
            Privacy::new([], ["name"], None).err(),
            Some(PrivacyError::NoKey)
        );
        assert!(Privacy::new(["name", "name"], [], None).is_ok());
    }
}
