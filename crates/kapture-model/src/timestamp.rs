//! Points in time in every encoding the API uses.

use crate::json::scanner::{self, Scanner};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;

/// Numbers below this (March 1973) are not taken for epoch milliseconds: 0 is the API's null, and
/// seconds or `20240502` would become a day in 1970.
const FIRST_MILLISECOND: i64 = 100_000_000_000;

/// A point in time as the API writes it.
///
/// The API's own dates are wall-clock times without a time zone, and stay so until the caller names
/// a zone: the API does not document which one is meant. Epoch milliseconds and ISO text with an
/// offset are instants; the documentation has no example of them, but a server may send them.
///
/// Two wall-clock times are ordered, and two instants are; one of each is not, without a zone. With
/// serde, a timestamp is ISO text, with `Z` if it is an instant, and every form that
/// [`Timestamp::decode`] takes is read.
///
/// ```
/// use chrono::{FixedOffset, NaiveDate, Utc};
/// use kapture_model::Timestamp;
///
/// let expected = NaiveDate::from_ymd_opt(2024, 5, 2).unwrap().and_hms_opt(16, 15, 42).unwrap();
/// for json in [
///     r#""May 2, 2024 4:15:42 PM""#,
///     r#"{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16,"minute":15,"second":42}"#,
///     r#""2024-05-02T16:15:42""#,
/// ] {
///     assert_eq!(Timestamp::decode(json), Some(Timestamp::Local(expected)));
/// }
///
/// let instant = Timestamp::decode("1714646742000").unwrap();
/// assert_eq!(instant.local(&Utc).to_string(), "2024-05-02 10:45:42");
/// let india = FixedOffset::east_opt(5 * 3600 + 1800).unwrap();
/// assert_eq!(instant.local(&india), expected);
///
/// assert_eq!(Timestamp::decode(r#""Feb 30, 2024 1:00:00 AM""#), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timestamp {
    /// A wall-clock time in the tenant's zone, which the API does not name.
    Local(NaiveDateTime),
    /// A point on the world's time line.
    Instant(DateTime<Utc>),
}

impl Timestamp {
    /// The timestamp in raw JSON text. Years run from 1 to 9999.
    ///
    /// | form | example |
    /// |---|---|
    /// | Gson's text, with or without the second comma; the space before `PM` may be U+202F or U+00A0 | `"May 2, 2024, 4:15:42 PM"` |
    /// | a Java Calendar: **months count from 0**; minute, second and millisecond(s) may be missing, other keys are ignored | `{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16}` |
    /// | epoch milliseconds, from March 1973 on | `1714646742249` |
    /// | ISO text, with `T` or a space, also without seconds or time, also with an offset | `"2024-05-02T16:15:42.249+05:30"` |
    ///
    /// `None` for every other value, impossible dates and times among them.
    pub fn decode(json: &str) -> Option<Timestamp> {
        Timestamp::decode_whole(json).map(|(timestamp, _)| timestamp)
    }

    /// The same; the second value is whether the JSON holds nothing but the timestamp.
    pub(crate) fn decode_whole(json: &str) -> Option<(Timestamp, bool)> {
        let json = scanner::trim(json);
        match Timestamp::decode_common(json) {
            Some(local) => Some((Timestamp::Local(local), true)),
            None => Timestamp::decode_any_form(json),
        }
    }

    /// The date-time of JSON that is a timestamp in one of the two common formats, and nothing else.
    #[inline]
    pub(crate) fn decode_common(json: &str) -> Option<NaiveDateTime> {
        let (local, length) = common_form(json.as_bytes())?;
        (length == json.len()).then_some(local)
    }

    fn decode_any_form(json: &str) -> Option<(Timestamp, bool)> {
        let timestamp = match *json.as_bytes().first()? {
            b'"' => from_text(scanner::decode_text(json)?.trim()),
            b'{' => {
                let (local, whole) = from_calendar(json)?;
                return Some((Timestamp::Local(local), whole));
            }
            _ => from_epoch(json),
        };
        Some((timestamp?, true))
    }

    /// Moves the scanner over a timestamp in one of the two common formats. `None`, and no move,
    /// for anything else, which may be a timestamp in another format.
    #[inline]
    pub(crate) fn take_common(scanner: &mut Scanner<'_>) -> Option<Timestamp> {
        let (local, length) = common_form(scanner.rest())?;
        scanner.advance(length);
        Some(Timestamp::Local(local))
    }

    /// The wall-clock time: unchanged, or of an instant in `zone`.
    pub fn local<Z: TimeZone>(&self, zone: &Z) -> NaiveDateTime {
        match self {
            Timestamp::Local(local) => *local,
            Timestamp::Instant(instant) => instant.with_timezone(zone).naive_local(),
        }
    }
}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Timestamp::Local(one), Timestamp::Local(other)) => Some(one.cmp(other)),
            (Timestamp::Instant(one), Timestamp::Instant(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Timestamp::Local(local) => serializer.collect_str(&format_args!("{local:?}")),
            Timestamp::Instant(instant) => serializer.collect_str(&format_args!("{instant:?}")),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = serde_json::Value::deserialize(deserializer)?.to_string();
        Timestamp::decode(&json)
            .ok_or_else(|| D::Error::custom("not a timestamp in a form that the API has"))
    }
}

/// The fast path: the timestamp that some JSON begins with, and its length, if it has exactly the
/// common format: `"May 2, 2024 4:15:42 PM"`, or a complete Calendar. A record has three of them;
/// all other formats take the slow path.
fn common_form(json: &[u8]) -> Option<(NaiveDateTime, usize)> {
    let mut letters = Letters(json);
    let local = match json.first()? {
        b'"' => letters.gson(),
        b'{' => letters.calendar(),
        _ => None,
    }?;
    Some((local, json.len() - letters.0.len()))
}

/// The rest of some JSON in the common format.
struct Letters<'a>(&'a [u8]);

impl Letters<'_> {
    fn gson(&mut self) -> Option<NaiveDateTime> {
        self.take(b"\"")?;
        let month = match self.0.first_chunk()? {
            b"Jan" => 1,
            b"Feb" => 2,
            b"Mar" => 3,
            b"Apr" => 4,
            b"May" => 5,
            b"Jun" => 6,
            b"Jul" => 7,
            b"Aug" => 8,
            b"Sep" => 9,
            b"Oct" => 10,
            b"Nov" => 11,
            b"Dec" => 12,
            _ => return None,
        };
        self.0 = &self.0[3..];
        self.take(b" ")?;
        let day = self.number()?;
        self.take(b", ")?;
        let year = self.two()? * 100 + self.two()?;
        // Newer Java writes a comma here.
        self.take(b" ").or_else(|| self.take(b", "))?;
        let hour = self.number().filter(|hour| (1..=12).contains(hour))?;
        self.take(b":")?;
        let minute = self.two()?;
        self.take(b":")?;
        let second = self.two()?;
        // Java 20 and later put U+202F here.
        self.take(b" ").or_else(|| self.take(b"\xe2\x80\xaf"))?;
        let afternoon = match self.0.first()? {
            b'A' => 0,
            b'P' => 12,
            _ => return None,
        };
        self.0 = &self.0[1..];
        self.take(b"M\"")?;
        date(year, month, day)?.and_hms_opt(hour % 12 + afternoon, minute, second)
    }

    fn calendar(&mut self) -> Option<NaiveDateTime> {
        self.take(b"{\"year\":")?;
        let year = self.two().filter(|century| *century >= 10)? * 100 + self.two()?;
        self.take(b",\"month\":")?;
        let month = self.json_number()? + 1;
        self.take(b",\"dayOfMonth\":")?;
        let day = self.json_number()?;
        self.take(b",\"hourOfDay\":")?;
        let hour = self.json_number()?;
        self.take(b",\"minute\":")?;
        let minute = self.json_number()?;
        self.take(b",\"second\":")?;
        let second = self.json_number()?;
        self.take(b"}")?;
        date(year, month, day)?.and_hms_opt(hour, minute, second)
    }

    #[inline]
    fn take<const N: usize>(&mut self, expected: &[u8; N]) -> Option<()> {
        let (found, rest) = self.0.split_first_chunk()?;
        (found == expected).then_some(())?;
        self.0 = rest;
        Some(())
    }

    /// Two digits.
    #[inline]
    fn two(&mut self) -> Option<u32> {
        let [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] = self.0 else {
            return None;
        };
        self.0 = rest;
        Some(u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
    }

    /// One digit or two.
    #[inline]
    fn number(&mut self) -> Option<u32> {
        if let Some(number) = self.two() {
            return Some(number);
        }
        let [digit @ b'0'..=b'9', rest @ ..] = self.0 else {
            return None;
        };
        self.0 = rest;
        Some(u32::from(digit - b'0'))
    }

    /// The same without a leading zero, which no number has in JSON.
    #[inline]
    fn json_number(&mut self) -> Option<u32> {
        let leading_zero = matches!(self.0, [b'0', b'0'..=b'9', ..]);
        self.number().filter(|_| !leading_zero)
    }
}

fn from_epoch(json: &str) -> Option<Timestamp> {
    let milliseconds = whole_number(json).filter(|number| *number >= FIRST_MILLISECOND)?;
    instant(DateTime::from_timestamp_millis(milliseconds)?)
}

/// An instant within the years 1 to 9999 in every time zone.
fn instant(instant: DateTime<Utc>) -> Option<Timestamp> {
    let first = NaiveDate::from_ymd_opt(1, 1, 2)?;
    let last = NaiveDate::from_ymd_opt(9999, 12, 30)?;
    (first..=last)
        .contains(&instant.date_naive())
        .then_some(Timestamp::Instant(instant))
}

/// A whole number, also one that went through a double on the way (`2024.0`, `1.7E12`), which is
/// what Gson makes of numbers in untyped maps.
fn whole_number(json: &str) -> Option<i64> {
    json.parse().ok().or_else(|| {
        let number: f64 = serde_json::from_str(json).ok()?;
        (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
    })
}

/// A Calendar; says also whether it has no parts but those of a date-time.
fn from_calendar(json: &str) -> Option<(NaiveDateTime, bool)> {
    let (mut year, mut month, mut day) = (None, None, None);
    let (mut hour, mut minute, mut second) = (None, None, None);
    let mut millisecond = None;
    let mut whole = true;
    Scanner::new(json).object(|key, scanner| {
        let value = scanner.value()?;
        let part = match key {
            "year" => &mut year,
            "month" => &mut month,
            "dayOfMonth" => &mut day,
            "hourOfDay" => &mut hour,
            "minute" => &mut minute,
            "second" => &mut second,
            "millisecond" | "milliseconds" => {
                let part = whole_number(value).and_then(|part| u32::try_from(part).ok());
                let part = part.filter(|part| *part < 1000);
                // No example shows this one, so it costs no date, whatever it holds.
                whole &= part.is_some() && millisecond.is_none_or(|other| Some(other) == part);
                millisecond = part;
                return Some(());
            }
            _ => {
                whole = false;
                return Some(());
            }
        };
        *part = match value {
            "null" => None,
            _ => Some(u32::try_from(whole_number(value)?).ok()?),
        };
        Some(())
    })?;
    let local = date(year?, month?.checked_add(1)?, day?)?.and_hms_milli_opt(
        hour?,
        minute.unwrap_or(0),
        second.unwrap_or(0),
        millisecond.unwrap_or(0),
    )?;
    Some((local, whole))
}

fn from_text(text: &str) -> Option<Timestamp> {
    let reader = Reader(text);
    if text.as_bytes().first()?.is_ascii_digit() {
        reader.iso()
    } else {
        reader.gson().map(Timestamp::Local)
    }
}

fn date(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    let year = i32::try_from(year)
        .ok()
        .filter(|year| (1..=9999).contains(year))?;
    NaiveDate::from_ymd_opt(year, month, day)
}

/// The rest of a text that is being read from the front.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    /// `May 2, 2024 4:15:42 PM`. Every record is read this way at least once, so it is written
    /// by hand: chrono's format strings cost more than the rest of a record.
    fn gson(mut self) -> Option<NaiveDateTime> {
        let month = self.month()?;
        self.spaces().then_some(())?;
        let day = self.number(1..=2)?;
        self.take(',').then_some(())?;
        self.spaces();
        let year = self.number(4..=4)?;
        let comma = self.take(',');
        (self.spaces() || comma).then_some(())?;
        let hour = self.number(1..=2).filter(|hour| (1..=12).contains(hour))?;
        let minute = self.after(':')?;
        let second = self.after(':')?;
        self.spaces();
        let afternoon = match self.0.as_bytes() {
            [b'A' | b'a', b'M' | b'm'] => 0,
            [b'P' | b'p', b'M' | b'm'] => 12,
            _ => return None,
        };
        // 12 AM is 0 h and 12 PM is 12 h.
        date(year, month, day)?.and_hms_opt(hour % 12 + afternoon, minute, second)
    }

    /// `2024-05-02`, `2024-05-02 16:15`, `2024-05-02T16:15:42.249+05:30`.
    fn iso(mut self) -> Option<Timestamp> {
        let year = self.number(4..=4)?;
        let month = self.after('-')?;
        let day = self.after('-')?;
        let date = date(year, month, day)?;
        if self.0.is_empty() {
            return Some(Timestamp::Local(date.and_time(NaiveTime::MIN)));
        }
        (self.take('T') || self.take('t') || self.take(' ')).then_some(())?;
        let hour = self.number(2..=2)?;
        let minute = self.after(':')?;
        let mut second = 0;
        let mut nanosecond = 0;
        if self.0.starts_with(':') {
            second = self.after(':')?;
            if self.take('.') {
                let digits = self.0.len();
                nanosecond = self.number(1..=9)?;
                let digits = digits - self.0.len();
                nanosecond *= 10_u32.pow(9 - u32::try_from(digits).ok()?);
            }
        }
        let local = date.and_hms_nano_opt(hour, minute, second, nanosecond)?;
        if self.0.is_empty() {
            return Some(Timestamp::Local(local));
        }
        let time = local.and_local_timezone(self.offset()?).single()?;
        instant(time.to_utc())
    }

    /// `Z`, `+05:30`, `+0530` or `+05`, up to the end.
    fn offset(&mut self) -> Option<FixedOffset> {
        if matches!(self.0, "Z" | "z") {
            return FixedOffset::east_opt(0);
        }
        let sign = match (self.take('+'), self.take('-')) {
            (true, false) => 1,
            (false, true) => -1,
            _ => return None,
        };
        let hours = self.number(2..=2)?;
        self.take(':');
        let minutes = match self.0 {
            "" => 0,
            _ => self.number(2..=2).filter(|minutes| *minutes < 60)?,
        };
        let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
        FixedOffset::east_opt(sign * seconds).filter(|_| self.0.is_empty())
    }

    /// A month's English name, or its first three letters or more, in any case: 1 to 12.
    fn month(&mut self) -> Option<u32> {
        const NAMES: [&str; 12] = [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ];
        let letters = self.0.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (name, rest) = self.0.split_at_checked(letters)?;
        self.0 = rest;
        let begins = |full: &&str| {
            full.get(..letters)
                .is_some_and(|f| f.eq_ignore_ascii_case(name))
        };
        let month = (1..)
            .zip(&NAMES)
            .find(|(_, full)| letters >= 3 && begins(full))?;
        Some(month.0)
    }

    /// A number of `width` digits; further digits are left where they are.
    fn number(&mut self, width: std::ops::RangeInclusive<usize>) -> Option<u32> {
        let digits = self.0.bytes().take(*width.end());
        let digits = digits.take_while(u8::is_ascii_digit).count();
        if digits < *width.start() {
            return None;
        }
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.parse().ok()
    }

    /// Two digits behind `separator`.
    fn after(&mut self, separator: char) -> Option<u32> {
        self.take(separator).then(|| self.number(2..=2))?
    }

    fn take(&mut self, expected: char) -> bool {
        match self.0.strip_prefix(expected) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// Moves over spaces; says whether there were any. Java 20 and later put U+202F before `PM`,
    /// some locales U+00A0.
    fn spaces(&mut self) -> bool {
        let rest = self.0.trim_start();
        let found = rest.len() < self.0.len();
        self.0 = rest;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nearly_usual() -> impl Strategy<Value = String> {
        let gson = r#""(May|Feb|Sept|MAY|Dec) [0-3]?[0-9],? (20)?[0-9]{2},? (0?[0-9]|1[0-3]):[0-6][0-9]:[0-6][0-9]( |\u{202f}|\u{a0}|)[APap]M""#;
        let calendar = r#"\{"year":(20)?[0-9]{2},"month":(0|1)?[0-9],"dayOfMonth":[0-3]?[0-9],"hourOfDay":[0-2]?[0-9],"minute":[0-6]?[0-9]( ?,"second":[0-6]?[0-9])?(,"millisecond":[0-9])?\}"#;
        prop_oneof![gson, calendar]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn fast_path_equals_slow_path(json in nearly_usual()) {
            if let Some((local, length)) = common_form(json.as_bytes()) {
                prop_assert_eq!(length, json.len());
                prop_assert_eq!(Timestamp::decode_any_form(&json), Some((Timestamp::Local(local), true)));
            }
        }
    }

    #[test]
    fn timestamp_is_iso_text_in_json() {
        for (json, expected) in [
            (r#""May 2, 2024 4:15:42 PM""#, r#""2024-05-02T16:15:42""#),
            (
                r#"{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16}"#,
                r#""2024-05-02T16:00:00""#,
            ),
            ("1714646742249", r#""2024-05-02T10:45:42.249Z""#),
        ] {
            let timestamp: Timestamp = serde_json::from_str(json).unwrap();
            let text = serde_json::to_string(&timestamp).unwrap();
            assert_eq!(text, expected);
            assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), timestamp);
        }
        for json in ["0", "null", r#""soon""#] {
            assert!(serde_json::from_str::<Timestamp>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn wall_clock_time_and_instant_have_no_order() {
        let [early, late] =
            ["\"2024-05-02\"", "\"2024-05-03\""].map(|json| Timestamp::decode(json).unwrap());
        let instant = Timestamp::decode("1714646742249").unwrap();
        assert!(early < late);
        assert_eq!(early.partial_cmp(&instant), None);
        assert_eq!(instant.partial_cmp(&instant), Some(Ordering::Equal));
    }

    #[test]
    fn common_formats_take_the_fast_path() {
        for json in [
            r#""May 2, 2024 4:15:42 PM""#,
            r#""May 2, 2024, 4:15:42 PM""#,
            "\"May 2, 2024, 4:15:42\u{202f}PM\"",
            r#"{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16,"minute":15,"second":42}"#,
        ] {
            let more = format!("{json},");
            let mut scanner = Scanner::new(&more);
            let local = Timestamp::take_common(&mut scanner).unwrap().local(&Utc);
            assert_eq!(local.to_string(), "2024-05-02 16:15:42");
            assert_eq!(scanner.rest(), b",");
        }
    }
}
