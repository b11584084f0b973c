//! Time zones by name.

use anyhow::Result;
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::config::suggest::did_you_mean;
use crate::error::hinted;

/// Common texts that are no names of zones, with the zone that users of the CRM mean.
const COMMON: [(&str, &str); 3] = [
    ("IST", "Asia/Kolkata"),
    ("INDIA", "Asia/Kolkata"),
    // Its name on Windows.
    ("INDIA STANDARD TIME", "Asia/Kolkata"),
];

/// The names of all zones.
pub(crate) fn names() -> impl Iterator<Item = &'static str> + Clone {
    TZ_VARIANTS.iter().map(|zone| zone.name())
}

/// The zone of this name, in any case.
pub(crate) fn named(name: &str) -> Result<Tz> {
    let name = name.trim();
    Tz::from_str_insensitive(name).map_err(|_| {
        let suggestion = match common(name) {
            Some(zone) => format!(", did you mean `{zone}`?"),
            // An abbreviation is near to others that are another time, as `PST` to `EST`.
            None if name.len() <= 3 => String::new(),
            None => did_you_mean(name, names()),
        };
        hinted(
            format!("unknown time zone `{name}`{suggestion}"),
            "give the name of a zone such as Asia/Kolkata or UTC; offsets are not accepted, since they change in many zones",
        )
    })
}

/// The zone that is probably meant by an abbreviation or by the offset of India.
fn common(name: &str) -> Option<&'static str> {
    let upper = name.to_uppercase();
    let offset = upper.trim_start_matches("UTC").trim_start_matches("GMT");
    if ["+05:30", "+5:30", "+0530", "+530"].contains(&offset.trim()) {
        return Some("Asia/Kolkata");
    }
    let found = COMMON.iter().find(|(common, _)| *common == upper);
    found.map(|(_, zone)| *zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(named("asia/kolkata").unwrap(), Tz::Asia__Kolkata);
        assert_eq!(named(" UTC ").unwrap(), Tz::UTC);
    }

    #[test]
    fn abbreviations_and_offsets_of_india_suggest_its_zone() {
        for text in [
            "IST",
            "ist",
            "+05:30",
            "UTC+5:30",
            "GMT +05:30",
            "India Standard Time",
        ] {
            let error = named(text).unwrap_err().to_string();
            assert!(error.ends_with("did you mean `Asia/Kolkata`?"), "{error}");
        }
    }

    #[test]
    fn abbreviation_suggests_no_other_one() {
        let error = named("PST").unwrap_err().to_string();
        assert_eq!(error, "unknown time zone `PST`");
    }
}
