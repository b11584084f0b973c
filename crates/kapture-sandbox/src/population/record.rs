//! A customer's record, in the shape of the vendor's example.

use std::fmt::Write as _;

use chrono::{Datelike, NaiveDateTime, Timelike};

use crate::behaviour::oddities::DateForm;
use crate::draw::Subject;
use crate::population::customer::{Customer, DateOddity, Kind};
use crate::population::names;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

const NON_FINITE: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

impl Customer<'_> {
    /// Appends the record, about 1.8 KB: the 50 documented fields in the order of the vendor's example.
    pub(crate) fn write(&self, out: &mut String) {
        if self.oddities.bare {
            return self.write_bare(out);
        }
        let wrong = self
            .hits(self.oddities.wrong_types, Subject::Wrong)
            .then(|| self.draw(Subject::Wrong) % 6);
        let name = self.name();
        self.write_identity(out, &name, wrong);
        self.write_address(out, wrong);
        self.write_history(out, wrong);
        if wrong == Some(3) {
            out.push_str("null");
        } else {
            self.write_contacts(out, &name, wrong == Some(4));
        }
        self.write_settings(out, wrong);
        self.write_extra_fields(out);
        out.push('}');
    }

    /// The two fields that a client cannot do without.
    fn write_bare(&self, out: &mut String) {
        out.push_str(r#"{"id":"#);
        self.write_id(out);
        out.push_str(r#","generationDate":"#);
        self.write_date(out, self.printed());
        out.push('}');
    }

    /// `id` to `name`.
    fn write_identity(&self, out: &mut String, name: &str, wrong: Option<u64>) {
        out.push_str(r#"{"id":"#);
        self.write_id(out);
        let cm_id = self.cm_id;
        put(out, format_args!(r#","cmId":{cm_id},"isOrganization":"#));
        out.push_str(match (wrong, self.kind()) {
            (Some(0), _) => r#""yes""#,
            (_, Kind::Individual) => "false",
            _ => "true",
        });
        out.push_str(r#","name":"#);
        put_text(out, name);
        if self.hits(self.oddities.raw_control_characters, Subject::Control) {
            let control = ["\t", "\n"][(self.draw(Subject::Control) % 2) as usize];
            out.insert_str(out.len() - 1, control);
        }
    }

    /// `website` to `longitude`.
    fn write_address(&self, out: &mut String, wrong: Option<u64>) {
        let (id, look) = (self.id(), self.draw(Subject::Look));
        let (city, state, latitude, longitude) = if self.is_detailed() {
            put(
                out,
                format_args!(
                    r#","website":"https://www.example.com/{id}","address":"{} Example Street, Sample Nagar","#,
                    look % 300
                ),
            );
            names::CITY[(look / 6 % 6) as usize]
        } else {
            out.push_str(r#","website":"","address":" ","#);
            ("", "", "", "")
        };
        put(
            out,
            format_args!(r#""state":"{state}","city":"{city}","country":"","latitude":"#),
        );
        if wrong == Some(1) {
            out.push_str("12.9716");
        } else {
            put_text(out, latitude);
        }
        put(out, format_args!(r#","longitude":"{longitude}""#));
    }

    /// `currentStatus` to `feedbackOnCustomer`, and the key of `contacts`.
    fn write_history(&self, out: &mut String, wrong: Option<u64>) {
        out.push_str(r#","currentStatus":"N","generationDate":"#);
        self.write_date(out, self.printed());
        out.push_str(r#","creatorId":0,"channelPartnerId":0,"remarks":"#);
        let look = self.draw(Subject::Look);
        match self.edits() {
            0 if self.is_detailed() => put_text(out, names::REMARK[(look / 36 % 4) as usize]),
            0 => put_text(out, ""),
            edits => put(out, format_args!("\"Edited {edits} times\"")),
        }
        if self.hits(self.oddities.lone_surrogates, Subject::Surrogate) {
            out.insert_str(out.len() - 1, r"\ud83d");
        }
        if self.hits(self.oddities.nul_characters, Subject::Nul) {
            out.insert_str(out.len() - 1, r"\u0000");
        }
        out.push_str(r#","ratePlanId":0,"customerCode":"#);
        put_text(out, &self.code());
        let partner = self.kind() == Kind::ChannelPartner;
        put(
            out,
            format_args!(
                r#","isChannelPartner":{partner},"pinCode":"","campaignId":0,"campaignItemId":0,"campaignActivityId":0,"totalNoOfEnquiries":"#
            ),
        );
        if wrong == Some(2) {
            out.push_str(r#""many""#);
        } else {
            put(out, format_args!("{}", self.enquiries()));
        }
        out.push_str(r#","feedbackOnCustomer":"0","contacts":"#);
    }

    /// `lastModificationTime` to `isApi`.
    fn write_settings(&self, out: &mut String, wrong: Option<u64>) {
        out.push_str(r#","lastModificationTime":"#);
        self.write_calendar(out, self.changed());
        let created = self.origin.created.format("%Y-%m-%d %H:%M:%S%.3f");
        let credit = if wrong == Some(5) {
            r#"{"amount":0}"#
        } else if self.hits(self.oddities.non_finite_numbers, Subject::NonFinite) {
            NON_FINITE[(self.draw(Subject::NonFinite) % 3) as usize]
        } else {
            "0.0"
        };
        put(
            out,
            format_args!(
                r#","imageReferenceId":"CUS_{created}","classification":"","customerType":"","customerLevel":0,"zone":{},"companyParentId":0,"assignedToId":{},"maxCreditAmt":{credit},"maxCreditPeriod":0,"historyEmpId":0,"channelPartnerEmpId":0,"deleted":false,"companyStatus":"A","isExistingCustomer":false,"isExistingContact":false,"syncStatus":false,"syncdLocationId":"0","crossRemarks":"","syncedStepNumber":0,"outStandingAmount":{}.0,"salesAdminZone":0,"referralId":0,"isApi":false"#,
                self.zone(),
                self.owner(),
                self.draw(Subject::Look) % 7 * 250,
            ),
        );
    }

    /// Undocumented fields: `attr1`, `attr2`, `attr7` and a nested object.
    fn write_extra_fields(&self, out: &mut String) {
        for number in [1, 2, 7] {
            if let Some(value) = self.attribute(number) {
                put(out, format_args!(r#","attr{number}":"#));
                put_text(out, value);
            }
        }
        if self.hits(self.oddities.extra_fields, Subject::Extra) {
            put(
                out,
                format_args!(
                    r#","loyalty":{{"tier":"silver","points":{},"since":null,"tags":["a","b"]}}"#,
                    self.draw(Subject::Look) % 900
                ),
            );
        }
    }

    /// One customer in six has as few values as those of the vendor's example.
    fn is_detailed(&self) -> bool {
        !self.draw(Subject::Look).is_multiple_of(6)
    }

    fn write_id(&self, out: &mut String) {
        let id = self.id();
        if self.hits(self.oddities.ids_as_float, Subject::IdFloat) {
            let text = id.to_string();
            if self.draw(Subject::IdFloat).is_multiple_of(2) {
                put(out, format_args!("{id}.0"));
            } else {
                let digits = text[1..].trim_end_matches('0');
                let digits = if digits.is_empty() { "0" } else { digits };
                put(
                    out,
                    format_args!("{}.{digits}E{}", &text[..1], text.len() - 1),
                );
            }
        } else if self.hits(self.oddities.ids_as_text, Subject::IdText) {
            put(out, format_args!("\"{id}\""));
        } else {
            put(out, format_args!("{id}"));
        }
    }

    fn write_contacts(&self, out: &mut String, name: &str, wrong: bool) {
        let (id, cm_id, created) = (self.id(), self.cm_id, self.origin.created);
        out.push('[');
        for contact in 0..self.contact_count() {
            if contact > 0 {
                out.push(',');
            }
            // The distances keep the ids of all contacts of a tenant distinct.
            let contact_id = id + 100_000_000 + contact * 1_000_000_000;
            put(
                out,
                format_args!(
                    r#"{{"id":{contact_id},"cmId":{cm_id},"leadId":{id},"contactPerson":"#
                ),
            );
            put_text(out, name);
            put(
                out,
                format_args!(
                    r#","gender":" ","phone":"{}","additionalPhone":"","email":"{}","isPrimaryContact":{},"isActive":{},"generationDate":"#,
                    self.phone(contact),
                    self.email(contact),
                    contact == 0,
                    if wrong { "\"Y\"" } else { "true" },
                ),
            );
            self.write_calendar(out, created);
            out.push_str(r#","parentContactId":0,"subOfficeId":0,"creatorId":0,"age":0,"maritalStatus":" ","isGuest":false,"phoneCountryCode":"","enquiryId":0,"orderId":0,"isMergeEnable":false,"isMobileMasked":false,"isEmailMasked":false,"showBirthYear":false}"#);
        }
        out.push(']');
    }

    /// The customer's `generationDate`: Gson's text, or an oddity.
    fn write_date(&self, out: &mut String, created: NaiveDateTime) {
        match self.date_oddity() {
            DateOddity::Null => return out.push_str("null"),
            DateOddity::Undecodable => {
                let texts = [
                    r#""soon""#,
                    r#""May 32, 2024 9:05:07 AM""#,
                    r#""0000-00-00""#,
                    r#""""#,
                    "true",
                ];
                return out
                    .push_str(texts[(self.draw(Subject::Dates) % texts.len() as u64) as usize]);
            }
            DateOddity::Epoch => {
                return put(
                    out,
                    format_args!("{}", created.and_utc().timestamp_millis()),
                );
            }
            DateOddity::None => {}
        }
        let form = match self.oddities.date_form {
            DateForm::Mixed => [DateForm::Plain, DateForm::Comma, DateForm::NarrowSpace]
                [(self.draw(Subject::Dates) % 3) as usize],
            form => form,
        };
        let comma = if form == DateForm::Plain { "" } else { "," };
        let space = if form == DateForm::NarrowSpace {
            '\u{202F}'
        } else {
            ' '
        };
        let (afternoon, hour) = created.hour12();
        put(
            out,
            format_args!(
                r#""{} {}, {}{comma} {hour}:{:02}:{:02}{space}{}""#,
                MONTHS[created.month0() as usize],
                created.day(),
                created.year(),
                created.minute(),
                created.second(),
                if afternoon { "PM" } else { "AM" },
            ),
        );
    }

    /// A `java.util.Calendar` as Gson writes it: months count from 0.
    fn write_calendar(&self, out: &mut String, created: NaiveDateTime) {
        put(
            out,
            format_args!(
                r#"{{"year":{},"month":{},"dayOfMonth":{},"hourOfDay":{},"minute":{}"#,
                created.year(),
                created.month0(),
                created.day(),
                created.hour(),
                created.minute(),
            ),
        );
        if !self.hits(self.oddities.missing_seconds, Subject::Seconds) {
            put(out, format_args!(r#","second":{}"#, created.second()));
        }
        out.push('}');
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

/// A JSON string. Only quotes and backslashes are escaped: the texts hold no control characters.
fn put_text(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\\']) {
        out.push_str(&rest[..at]);
        out.push('\\');
        out.push_str(&rest[at..=at]);
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}
