//! Local date-times as text.

use std::io::Write;

use chrono::{Datelike, NaiveDateTime, Timelike};

/// Appends `2024-05-02T16:15:42`, with 3, 6 or 9 digits of a fraction where there is one.
pub(crate) fn push_date_time(time: NaiveDateTime, out: &mut Vec<u8>) {
    match u32::try_from(time.year()) {
        Ok(year @ 0..=9999) if time.nanosecond() == 0 => {
            let mut two = |separator: &[u8], number: u32| {
                out.extend_from_slice(separator);
                out.extend([b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]);
            };
            two(b"", year / 100);
            two(b"", year % 100);
            two(b"-", time.month());
            two(b"-", time.day());
            two(b"T", time.hour());
            two(b":", time.minute());
            two(b":", time.second());
        }
        // chrono's own form is the same and slower.
        _ => {
            let _ = write!(out, "{time:?}");
        }
    }
}
