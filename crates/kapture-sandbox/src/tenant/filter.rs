//! The filters of a request.

use serde_json::{Map, Value};

use crate::population::customer::{Customer, Kind};
use crate::tenant::query::{ATTRIBUTES, text};

/// The customers that a request selects; without conditions, all of them.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    conditions: Vec<Condition>,
}

#[derive(Debug)]
enum Condition {
    Name(String),
    Phone(String),
    Email(String),
    Id(String),
    Code(String),
    Zone(String),
    Owner(String),
    Source(u64, String),
    Attribute(usize, String),
    Kind(Kind),
}

impl Filter {
    /// `designationType` and `isAllCustomerPage` restrict nothing: their meaning is not documented.
    pub(crate) fn read(keys: &Map<String, Value>, kind_restricts: bool) -> Self {
        let blank_is_none = |key: &str| text(keys, key);
        // For numbers, 0 means any.
        let zero_is_none = |key: &str| text(keys, key).filter(|text| text != "0");
        let mut conditions = Vec::new();
        conditions.extend(blank_is_none("name").map(|text| Condition::Name(text.to_lowercase())));
        conditions.extend(blank_is_none("phone").map(Condition::Phone));
        conditions.extend(blank_is_none("email").map(Condition::Email));
        conditions.extend(blank_is_none("customer_id").map(Condition::Id));
        conditions.extend(blank_is_none("customerCode").map(Condition::Code));
        // The precedence within each of these pairs is that of the vendor's table.
        conditions.extend(
            blank_is_none("zoneIdStr")
                .or_else(|| zero_is_none("zone_id"))
                .map(Condition::Zone),
        );
        conditions.extend(
            zero_is_none("assignedToId")
                .or_else(|| blank_is_none("assignedToIdStr"))
                .map(Condition::Owner),
        );
        for (level, key) in ["primarySourceId", "secondarySourceId", "tertiarySourceId"]
            .into_iter()
            .enumerate()
        {
            conditions.extend(zero_is_none(key).map(|text| Condition::Source(level as u64, text)));
        }
        for (at, key) in ATTRIBUTES.into_iter().enumerate() {
            conditions.extend(blank_is_none(key).map(|text| Condition::Attribute(at + 1, text)));
        }
        if kind_restricts {
            let flagged =
                |key: &str| text(keys, key).is_some_and(|text| text.eq_ignore_ascii_case("true"));
            let kinds = [
                ("isOrganisation", Kind::Organisation),
                ("isIndividual", Kind::Individual),
                ("isChannelPartner", Kind::ChannelPartner),
            ];
            conditions.extend(
                kinds
                    .into_iter()
                    .find(|(key, _)| flagged(key))
                    .map(|(_, kind)| Condition::Kind(kind)),
            );
        }
        Self { conditions }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    pub(crate) fn holds(&self, customer: &Customer<'_>) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.holds(customer))
    }
}

impl Condition {
    fn holds(&self, customer: &Customer<'_>) -> bool {
        let one_of =
            |list: &str, value: u64| list.split(',').any(|part| part.trim() == value.to_string());
        match self {
            Self::Name(part) => customer.name().to_lowercase().contains(part),
            Self::Phone(phone) => {
                (0..customer.contact_count()).any(|contact| customer.phone(contact) == *phone)
            }
            Self::Email(email) => (0..customer.contact_count())
                .any(|contact| customer.email(contact).eq_ignore_ascii_case(email)),
            Self::Id(id) => customer.id().to_string() == *id,
            Self::Code(code) => customer.code() == *code,
            Self::Zone(zones) => one_of(zones, customer.zone()),
            Self::Owner(owners) => one_of(owners, customer.owner()),
            Self::Source(level, sources) => one_of(sources, customer.source(*level)),
            Self::Attribute(number, value) => customer.attribute(*number) == Some(value),
            Self::Kind(kind) => customer.kind() == *kind,
        }
    }
}
