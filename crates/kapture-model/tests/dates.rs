//! Every form of a date, the impossible ones too.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap: the panic is the failure report"
)]

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, Timelike, Utc};
use kapture_model::Timestamp;
use proptest::prelude::*;

fn local(text: &str) -> Option<Timestamp> {
    let local = text.parse().unwrap_or_else(|_| panic!("{text}"));
    Some(Timestamp::Local(local))
}

fn instant(text: &str) -> Option<Timestamp> {
    Some(Timestamp::Instant(text.parse::<DateTime<Utc>>().unwrap()))
}

#[test]
fn gson_dates_are_decoded() {
    for (text, expected) in [
        ("May 2, 2024 4:15:42 PM", "2024-05-02T16:15:42"),
        ("May 2, 2024, 4:15:42 PM", "2024-05-02T16:15:42"),
        ("May 2, 2024, 4:15:42\u{202f}PM", "2024-05-02T16:15:42"),
        ("May 2, 2024 4:15:42\u{a0}PM", "2024-05-02T16:15:42"),
        (r"May 2, 2024, 4:15:42\u202fPM", "2024-05-02T16:15:42"),
        ("May 2, 2024 4:15:42 pm", "2024-05-02T16:15:42"),
        ("may 02, 2024 04:15:42 Pm", "2024-05-02T16:15:42"),
        (" May  2, 2024  4:15:42 PM ", "2024-05-02T16:15:42"),
        ("May 2, 2024 12:00:00 AM", "2024-05-02T00:00:00"),
        ("May 2, 2024 12:59:59 AM", "2024-05-02T00:59:59"),
        ("May 2, 2024 12:00:00 PM", "2024-05-02T12:00:00"),
        ("May 2, 2024 1:00:00 PM", "2024-05-02T13:00:00"),
        ("Feb 29, 2024 11:59:59 PM", "2024-02-29T23:59:59"),
        ("Sep 30, 2024 1:00:00 AM", "2024-09-30T01:00:00"),
        ("Sept 30, 2024 1:00:00 AM", "2024-09-30T01:00:00"),
        ("December 31, 2024 1:00:00 AM", "2024-12-31T01:00:00"),
        ("Jan 1, 0001 1:00:00 AM", "0001-01-01T01:00:00"),
    ] {
        assert_eq!(
            Timestamp::decode(&format!("\"{text}\"")),
            local(expected),
            "{text}"
        );
    }
}

#[test]
fn month_names_are_decoded() {
    let names = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
    for (month, name) in (1..).zip(names.split(' ')) {
        let date = NaiveDate::from_ymd_opt(2024, month, 9).unwrap();
        let expected = Timestamp::Local(date.and_hms_opt(7, 8, 9).unwrap());
        let decoded = Timestamp::decode(&format!("\"{name} 9, 2024 7:08:09 AM\""));
        assert_eq!(decoded, Some(expected), "{name}");
    }
}

#[test]
fn calendar_months_count_from_zero_and_parts_are_optional() {
    for (json, expected) in [
        (
            r#"{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16,"minute":15,"second":42}"#,
            "2024-05-02T16:15:42",
        ),
        (
            r#"{"year":2024,"month":0,"dayOfMonth":31,"hourOfDay":0,"minute":15}"#,
            "2024-01-31T00:15:00",
        ),
        (
            r#"{"year":2024,"month":11,"dayOfMonth":31,"hourOfDay":23}"#,
            "2024-12-31T23:00:00",
        ),
        (
            r#"{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16,"millisecond":249}"#,
            "2024-05-02T16:00:00.249",
        ),
        (
            r#"{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16,"milliseconds":1000}"#,
            "2024-05-02T16:00:00",
        ),
        (
            r#" { "second" : null , "hourOfDay":16, "dayOf\u004donth":2, "month":4,
                  "year":2024, "zone":{"id":"x}"} } "#,
            "2024-05-02T16:00:00",
        ),
        (
            r#"{"year":2024.0,"month":4.0,"dayOfMonth":2.0,"hourOfDay":1.6E1}"#,
            "2024-05-02T16:00:00",
        ),
    ] {
        assert_eq!(Timestamp::decode(json), local(expected), "{json}");
    }
}

#[test]
fn iso_dates_and_epoch_milliseconds_are_decoded() {
    for (json, expected) in [
        (r#""2024-05-02T16:15:42""#, local("2024-05-02T16:15:42")),
        (r#""2024-05-02 16:15:42""#, local("2024-05-02T16:15:42")),
        (r#""2024-05-02T16:15""#, local("2024-05-02T16:15:00")),
        (r#""2024-05-02""#, local("2024-05-02T00:00:00")),
        (
            r#""2024-05-02T16:15:42.2""#,
            local("2024-05-02T16:15:42.200"),
        ),
        (
            r#""2024-05-02T16:15:42.249""#,
            local("2024-05-02T16:15:42.249"),
        ),
        (
            r#""2024-05-02T16:15:42.000000001""#,
            local("2024-05-02T16:15:42.000000001"),
        ),
        (r#""2024-05-02T16:15:42Z""#, instant("2024-05-02T16:15:42Z")),
        (
            r#""2024-05-02T16:15:42.249+05:30""#,
            instant("2024-05-02T10:45:42.249Z"),
        ),
        (
            r#""2024-05-02T01:15:42+0530""#,
            instant("2024-05-01T19:45:42Z"),
        ),
        (
            r#""2024-05-02 16:15:42-08""#,
            instant("2024-05-03T00:15:42Z"),
        ),
        ("1714666542249", instant("2024-05-02T16:15:42.249Z")),
        (" 1.714666542249E12", instant("2024-05-02T16:15:42.249Z")),
    ] {
        assert_eq!(Timestamp::decode(json), expected, "{json}");
    }
}

#[test]
fn invalid_dates_are_none() {
    for json in [
        "",
        "null",
        "true",
        "[]",
        "{}",
        "\"",
        r#""""#,
        r#"" ""#,
        r#""0000-00-00 00:00:00""#,
        r#""\ud800""#,
        r#""yesterday""#,
        r#""02/05/2024""#,
        r#""1714666542249""#,
        // Numbers that would be a day in 1970, and one beyond the year 9999.
        "0",
        "-1",
        "20240502",
        "1714666542",
        "1714666542249.5",
        "999999999999999",
        "99999999999999999999",
        r#""Feb 30, 2024 1:00:00 AM""#,
        r#""Feb 29, 2023 1:00:00 AM""#,
        r#""May 0, 2024 1:00:00 AM""#,
        r#""May 2, 2024 13:00:00 PM""#,
        r#""May 2, 2024 0:00:00 PM""#,
        r#""May 2, 2024 4:60:00 PM""#,
        r#""May 2, 2024 4:15:60 PM""#,
        r#""May 2, 2024 4:15:42""#,
        r#""May 2, 2024 4:15 PM""#,
        r#""May 2, 2024 4:15:42 PM IST""#,
        r#""May 2, 24 4:15:42 PM""#,
        r#""May 2, 20244:15:42 PM""#,
        r#""Mai 2, 2024 4:15:42 PM""#,
        r#""Ma 2, 2024 4:15:42 PM""#,
        r#""Mayor 2, 2024 4:15:42 PM""#,
        r#""2024-13-01T00:00:00""#,
        r#""2024-02-30""#,
        r#""2024-05-02T24:00:00""#,
        r#""2024-05-02T16:15:42.""#,
        r#""2024-05-02T16:15:42+25:00""#,
        r#""2024-05-02T16:15:42+05:60""#,
        r#""2024-05-02T16:15:42 IST""#,
        r#""2024-5-2""#,
        r#""0000-01-01""#,
        // Instants that are of another year somewhere.
        r#""9999-12-31T23:59:59Z""#,
        r#""0001-01-01T00:00:00+05:30""#,
        r#"{"year":2024,"month":12,"dayOfMonth":2,"hourOfDay":16}"#,
        r#"{"year":2024,"month":-1,"dayOfMonth":2,"hourOfDay":16}"#,
        r#"{"year":2024,"month":1,"dayOfMonth":30,"hourOfDay":16}"#,
        r#"{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":24}"#,
        r#"{"year":2024,"month":4,"dayOfMonth":2}"#,
        r#"{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16.5}"#,
        r#"{"year":99999999999,"month":4,"dayOfMonth":2,"hourOfDay":16}"#,
        r#"{"year":2024,"month":4294967295,"dayOfMonth":2,"hourOfDay":16}"#,
        r#"{"year":"x","month":4,"dayOfMonth":2,"hourOfDay":16}"#,
        r#"{"year":2024"#,
    ] {
        assert_eq!(Timestamp::decode(json), None, "{json}");
    }
}

#[test]
fn instant_is_converted_to_the_given_zone() {
    let moment = Timestamp::decode("1714666542249").unwrap();
    let india = FixedOffset::east_opt(5 * 3600 + 1800).unwrap();
    assert_eq!(moment.local(&india).to_string(), "2024-05-02 21:45:42.249");
    assert_eq!(moment.local(&Utc).to_string(), "2024-05-02 16:15:42.249");
    let wall_clock = Timestamp::decode(r#""May 2, 2024 4:15:42 PM""#).unwrap();
    assert_eq!(wall_clock.local(&india), wall_clock.local(&Utc));
}

/// Any second of the years 1 to 9999, but for the last day, which is no instant of these years in
/// every zone.
fn date_times() -> impl Strategy<Value = NaiveDateTime> {
    let first = NaiveDate::from_ymd_opt(1, 1, 1)
        .unwrap()
        .and_hms_opt(0, 0, 0)
        .unwrap();
    let last = NaiveDate::from_ymd_opt(9999, 12, 30)
        .unwrap()
        .and_hms_opt(23, 59, 59)
        .unwrap();
    (first.and_utc().timestamp()..=last.and_utc().timestamp())
        .prop_map(|second| DateTime::from_timestamp(second, 0).unwrap().naive_utc())
}

proptest! {
    #[test]
    fn any_time_survives_each_encoding(time in date_times(), milliseconds in 0_u32..1000) {
        let gson = time.format("%b %-d, %Y %-I:%M:%S %p").to_string();
        let newer = time.format("%b %-d, %Y, %-I:%M:%S\u{202f}%p").to_string();
        let calendar = serde_json::json!({
            "year": time.year(), "month": time.month0(), "dayOfMonth": time.day(),
            "hourOfDay": time.hour(), "minute": time.minute(), "second": time.second(),
        });
        for json in [format!("\"{gson}\""), format!("\"{newer}\""), calendar.to_string()] {
            prop_assert_eq!(Timestamp::decode(&json), Some(Timestamp::Local(time)), "{}", json);
        }
        let exact = time.with_nanosecond(milliseconds * 1_000_000).unwrap();
        let iso = format!("\"{exact:?}\"");
        prop_assert_eq!(Timestamp::decode(&iso), Some(Timestamp::Local(exact)), "{}", iso);
        if exact.year() >= 1974 {
            let epoch = exact.and_utc().timestamp_millis().to_string();
            prop_assert_eq!(Timestamp::decode(&epoch), Some(Timestamp::Instant(exact.and_utc())));
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC*", date in "[A-Za-z]{2,4} ?[0-9]{1,3},? [0-9]{3,5},? [0-9:]{3,9}.?[APap][Mm]", iso in "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{0,20}[-+Z0-9:]{0,6}") {
        for text in [text, date, iso] {
            let _ = Timestamp::decode(&text);
            let _ = Timestamp::decode(&format!("\"{text}\""));
            let _ = Timestamp::decode(&format!("{{{text}}}"));
        }
    }
}
