//! One invented customer and its properties.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use crate::behaviour::oddities::Oddities;
use crate::draw::{Subject, draw, hits};
use crate::population::names;
use crate::population::{Origin, Population, Row, SandboxCustomer};

/// A customer; its properties are derived on demand from its origin.
#[derive(Clone, Copy)]
pub(crate) struct Customer<'a> {
    pub(crate) oddities: &'a Oddities,
    seed: u64,
    pub(crate) cm_id: u64,
    pub(crate) origin: Origin,
    /// The number of the request that the record is written for; 0 for the truth.
    request: u64,
    /// How often it was edited.
    edits: u32,
    /// When it was planned to be created, before it was moved.
    planned: NaiveDateTime,
}

/// The kind of a customer, for the kind flags of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Organisation,
    Individual,
    ChannelPartner,
}

/// The capacity to reserve for one record, in bytes.
pub(crate) const TYPICAL_BYTES: usize = 2_000;

/// The most days between the creation of a customer and its last change.
pub(crate) const LATEST_CHANGE_DAYS: i64 = 39;

impl<'a> Customer<'a> {
    pub(crate) fn new(
        population: &Population,
        oddities: &'a Oddities,
        cm_id: u64,
        row: Row,
    ) -> Self {
        let origin = population.origin(row);
        Self {
            oddities,
            seed: population.seed,
            cm_id,
            origin,
            request: 0,
            edits: 0,
            planned: origin.created,
        }
    }

    /// The same customer, edited so often and moved to another time of creation.
    pub(crate) fn edited(mut self, edits: u32, created: Option<NaiveDateTime>) -> Self {
        self.edits = edits;
        self.origin.created = created.unwrap_or(self.origin.created);
        self
    }

    pub(crate) fn edits(&self) -> u32 {
        self.edits
    }

    /// The same customer as the reply to this request shows it.
    pub(crate) fn at_request(self, number: u64) -> Self {
        Self {
            request: number,
            ..self
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.origin.id
    }

    pub(crate) fn draw(&self, subject: Subject) -> u64 {
        draw(self.seed, subject, self.origin.id)
    }

    pub(crate) fn hits(&self, share: f64, subject: Subject) -> bool {
        share > 0.0 && hits(share, self.draw(subject))
    }

    /// Given and family name. A customer that is inserted while paging has the names of its planned
    /// neighbour, so that it precedes it in the order of names as well.
    pub(crate) fn names(&self) -> (&'static str, &'static str) {
        let subject = self.origin.planned_id;
        let drawn = draw(self.seed, Subject::Name, subject);
        if hits(
            self.oddities.unicode_names,
            draw(self.seed, Subject::Unicode, subject),
        ) {
            (names::UNICODE[drawn as usize % names::UNICODE.len()], "")
        } else {
            let family = (drawn >> 32) as usize % names::FAMILY.len();
            (
                names::GIVEN[drawn as usize % names::GIVEN.len()],
                names::FAMILY[family],
            )
        }
    }

    pub(crate) fn name(&self) -> String {
        let (given, family) = self.names();
        if family.is_empty() {
            given.to_owned()
        } else {
            format!("{given} {family}")
        }
    }

    pub(crate) fn contact_count(&self) -> u64 {
        let drawn = self.draw(Subject::Contacts);
        if self.hits(self.oddities.no_contacts, Subject::Contacts) {
            0
        } else if hits(
            self.oddities.no_contacts + self.oddities.several_contacts,
            drawn,
        ) {
            2 + drawn % 2
        } else {
            1
        }
    }

    pub(crate) fn phone(&self, contact: u64) -> String {
        // 555 numbers are reserved for fiction.
        let number = self.id() + u64::from(self.edits);
        format!("555{contact}{:06}", number % 1_000_000)
    }

    pub(crate) fn email(&self, contact: u64) -> String {
        format!("customer.{}.{contact}@example.com", self.id())
    }

    /// Eight in ten are organisations, as all of the vendor's example customers are.
    pub(crate) fn kind(&self) -> Kind {
        match self.draw(Subject::Kind) % 20 {
            0 => Kind::ChannelPartner,
            1..=3 => Kind::Individual,
            _ => Kind::Organisation,
        }
    }

    /// `""` for most customers.
    pub(crate) fn code(&self) -> String {
        if self.draw(Subject::Look).is_multiple_of(4) {
            format!("C-{}", self.id())
        } else {
            String::new()
        }
    }

    /// 0 (none) to 4.
    pub(crate) fn zone(&self) -> u64 {
        self.draw(Subject::Look) / 4 % 5
    }

    /// 0 (no owner), or 5001 to 5004.
    pub(crate) fn owner(&self) -> u64 {
        match self.draw(Subject::Look) / 20 % 5 {
            0 => 0,
            number => 5_000 + number,
        }
    }

    /// The primary, secondary or tertiary source, 1 to 3. Records do not contain it.
    pub(crate) fn source(&self, level: u64) -> u64 {
        1 + (self.draw(Subject::Source) >> (8 * level)) % 3
    }

    /// The value of `attr1`, `attr2` …; `None` where the record lacks the field.
    pub(crate) fn attribute(&self, number: usize) -> Option<&'static str> {
        if !self.hits(self.oddities.extra_fields, Subject::Extra) {
            return None;
        }
        match number {
            1 => Some(
                ["Website", "Referral", "Walk-in"][self.draw(Subject::Look) as usize / 100 % 3],
            ),
            2 => Some(""),
            7 => Some("सोमवार"),
            _ => None,
        }
    }

    /// The time of the last change: that of creation, or 3 to 39 days later, and a minute more for each
    /// edit.
    pub(crate) fn changed(&self) -> NaiveDateTime {
        let days = if self.hits(self.oddities.changed_later, Subject::Changed) {
            3 + (self.draw(Subject::Changed) % (LATEST_CHANGE_DAYS as u64 - 2)) as i64
        } else {
            0
        };
        self.planned + TimeDelta::days(days) + TimeDelta::minutes(self.edits.into())
    }

    /// `totalNoOfEnquiries`, which grows with each request where records are rewritten.
    pub(crate) fn enquiries(&self) -> u64 {
        if self.hits(self.oddities.rewritten, Subject::Rewritten) {
            1 + self.request
        } else {
            1
        }
    }

    /// The form of the record's `generationDate`.
    pub(crate) fn date_oddity(&self) -> DateOddity {
        let odd = self.oddities;
        let drawn = self.draw(Subject::Dates);
        if hits(odd.null_dates, drawn) {
            DateOddity::Null
        } else if hits(odd.null_dates + odd.undecodable_dates, drawn) {
            DateOddity::Undecodable
        } else if hits(
            odd.null_dates + odd.undecodable_dates + odd.epoch_dates,
            drawn,
        ) {
            DateOddity::Epoch
        } else {
            DateOddity::None
        }
    }

    /// The day that the record belongs to: the printed one or, where the date cannot be read or is that
    /// of an import, the day of the window that holds it.
    pub(crate) fn day(&self, zone_shift: TimeDelta) -> NaiveDate {
        match self.date_oddity() {
            DateOddity::Epoch | DateOddity::None if !self.is_imported() => {
                self.origin.created.date()
            }
            _ => (self.origin.created + zone_shift).date(),
        }
    }

    fn is_imported(&self) -> bool {
        let created = self.origin.created.date();
        self.oddities.imported.contains_key(&created)
    }

    /// The time in `generationDate`: that of creation, or an earlier one after an import.
    pub(crate) fn printed(&self) -> NaiveDateTime {
        let created = self.origin.created;
        let days = self.oddities.imported.get(&created.date());
        created - TimeDelta::days(days.copied().unwrap_or(0).into())
    }

    pub(crate) fn truth(&self) -> SandboxCustomer {
        let mut json = String::with_capacity(TYPICAL_BYTES);
        self.write(&mut json);
        SandboxCustomer {
            id: self.id(),
            created: self.origin.created,
            json,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateOddity {
    None,
    Null,
    Undecodable,
    Epoch,
}
