//! The form of records: the share of customers with each oddity.

use std::collections::BTreeMap;

use chrono::NaiveDate;

/// The share of customers (0 = none, 1 = all) with each oddity. The customers are drawn by the
/// population's seed and the customer's id.
///
/// The default is what a healthy tenant sends: some names beyond ASCII, some `attr…` fields, a few
/// customers with several contacts or none, and well-formed dates only.
#[derive(Clone, Debug, PartialEq)]
pub struct Oddities {
    /// Undocumented fields: `attr1`…, and a nested object. Default 0.2.
    pub extra_fields: f64,
    /// Names in Devanagari, Arabic, Hebrew, Han, with emoji, quotes or backslashes. Default 0.15.
    pub unicode_names: f64,
    /// Two or three contacts instead of one. Default 0.08.
    pub several_contacts: f64,
    /// An empty list of contacts. Default 0.02.
    pub no_contacts: f64,
    /// How the customer's `generationDate` is written. Default [`DateForm::Plain`].
    pub date_form: DateForm,
    /// The customer's `generationDate` is `null`. Default 0.
    pub null_dates: f64,
    /// The customer's `generationDate` is present but no date. Default 0.
    pub undecodable_dates: f64,
    /// The customer's `generationDate` is a number: milliseconds since 1970, with the wall clock taken
    /// as UTC. Default 0.
    pub epoch_dates: f64,
    /// The Calendar objects lack `second`. Default 0.
    pub missing_seconds: f64,
    /// The customer's `id` is text. Default 0.
    pub ids_as_text: f64,
    /// One documented field has an undocumented type. Default 0.
    pub wrong_types: f64,
    /// The last change of the customer is 3 to 39 days after its creation; `lastModificationTime`
    /// shows it. Default 0.
    pub changed_later: f64,
    /// The record differs from answer to answer: `totalNoOfEnquiries` grows with the number of the
    /// request. The truth holds the record as before the first request. Default 0.
    pub rewritten: f64,
    /// The customer's `id` is a number with a fraction or an exponent, as Gson writes numbers that went
    /// through a `Map`: `700000101.0`, `7.00000101E8`. Default 0.
    pub ids_as_float: f64,
    /// A control character (tab or line feed) stands unescaped in the name, against RFC 8259.
    /// Default 0.
    pub raw_control_characters: f64,
    /// `maxCreditAmt` is `NaN`, `Infinity` or `-Infinity`, which is no JSON. Default 0.
    pub non_finite_numbers: f64,
    /// The remarks end in half a surrogate pair, `\ud83d`. Default 0.
    pub lone_surrogates: f64,
    /// The remarks end in the escape `\u0000`. Default 0.
    pub nul_characters: f64,
    /// The customers of these days were imported: their `generationDate` is the given number of days
    /// earlier, and they belong to the day of the window that holds them. Default none.
    pub imported: BTreeMap<NaiveDate, u32>,
    /// Records have no other fields than `id` and `generationDate`, for tests that read very many of them.
    /// Default no.
    pub bare: bool,
}

impl Default for Oddities {
    fn default() -> Self {
        Self {
            extra_fields: 0.2,
            unicode_names: 0.15,
            several_contacts: 0.08,
            no_contacts: 0.02,
            ..Self::none()
        }
    }
}

impl Oddities {
    /// No oddities: every record is exactly as documented.
    pub fn none() -> Self {
        Self {
            extra_fields: 0.0,
            unicode_names: 0.0,
            several_contacts: 0.0,
            no_contacts: 0.0,
            date_form: DateForm::Plain,
            null_dates: 0.0,
            undecodable_dates: 0.0,
            epoch_dates: 0.0,
            missing_seconds: 0.0,
            ids_as_text: 0.0,
            wrong_types: 0.0,
            changed_later: 0.0,
            rewritten: 0.0,
            ids_as_float: 0.0,
            raw_control_characters: 0.0,
            non_finite_numbers: 0.0,
            lone_surrogates: 0.0,
            nul_characters: 0.0,
            imported: BTreeMap::new(),
            bare: false,
        }
    }

    /// `share` of the customers with each oddity from `extra_fields` to `changed_later`, and all three
    /// date forms. The later oddities stay off: they break JSON, or change from answer to answer.
    pub fn all(share: f64) -> Self {
        Self {
            extra_fields: share,
            unicode_names: share,
            several_contacts: share,
            no_contacts: share,
            date_form: DateForm::Mixed,
            null_dates: share,
            undecodable_dates: share,
            epoch_dates: share,
            missing_seconds: share,
            ids_as_text: share,
            wrong_types: share,
            changed_later: share,
            ..Self::none()
        }
    }
}

/// The form of Gson's date text, which depends on the server's Java version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateForm {
    /// `May 2, 2024 4:15:42 PM`, as on older Java and in the documentation.
    Plain,
    /// `May 2, 2024, 4:15:42 PM`, as on newer Java.
    Comma,
    /// As `Comma`, with U+202F (narrow no-break space) before `PM`, as since Java 20.
    NarrowSpace,
    /// All three, drawn for each customer.
    Mixed,
}
