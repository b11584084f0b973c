//! What had changed when sealed days were read again, for `status`.

use std::fmt::Write;

use kapture_sinks::{Reread, Rereads};
use serde_json::json;

/// The share of the changes that a schedule is to catch.
const CAUGHT: f64 = 0.99;

/// Most ages that have a line of their own; of more, the later ones share the last line.
const MAX_LINES: usize = 12;

/// A table with a line for each age, and the shortest schedule. Empty if nothing was read again.
pub(crate) fn text(rereads: &Rereads) -> String {
    let mut text = String::new();
    if rereads.is_empty() {
        return text;
    }
    let _ = writeln!(text, "\nread again at the age of    customers   changed");
    let ages: Vec<_> = rereads.iter().collect();
    let (lines, rest) = ages.split_at(ages.len().min(MAX_LINES));
    let mut line = |age: String, found: Reread| {
        let share = share(found) * 100.0;
        let _ = writeln!(text, "{age:<24} {:>12} {share:>7.2} %", found.customers);
    };
    for (age, found) in lines {
        line(days(*age), *found);
    }
    if let (Some((first, _)), Some((last, _))) = (rest.first(), rest.last()) {
        let mut sum = Rereads::default();
        for (_, found) in rest {
            sum.add(0, found.customers, found.changed);
        }
        let found = sum
            .iter()
            .next()
            .map(|(_, found)| found)
            .unwrap_or_default();
        line(format!("{first} to {last} days"), found);
    }
    let schedule = schedule(rereads);
    if !schedule.is_empty() {
        let _ = writeln!(
            text,
            "--refresh {schedule} would have caught 99 % of the changes"
        );
    }
    text
}

/// The same as JSON.
pub(crate) fn json(rereads: &Rereads) -> serde_json::Value {
    let age = |(age, found): (u64, Reread)| {
        json!({
            "age": age,
            "customers": found.customers,
            "changed": found.changed,
            "share": share(found),
        })
    };
    json!({
        "ages": rereads.iter().map(age).collect::<Vec<_>>(),
        "schedule": rereads.schedule(CAUGHT),
    })
}

fn share(found: Reread) -> f64 {
    found.changed as f64 / (found.customers.max(1)) as f64
}

fn days(age: u64) -> String {
    match age {
        1 => "1 day".into(),
        age => format!("{age} days"),
    }
}

/// As `--refresh` takes it: one age has a comma, since a plain number is the last days.
fn schedule(rereads: &Rereads) -> String {
    let ages = rereads.schedule(CAUGHT);
    let list: Vec<_> = ages.iter().map(u64::to_string).collect();
    match &list[..] {
        [one] => format!("{one},"),
        list => list.join(","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_age_has_a_line() {
        let mut rereads = Rereads::default();
        assert_eq!(text(&rereads), "");
        rereads.add(1, 2000, 50);
        assert_eq!(
            text(&rereads),
            "\nread again at the age of    customers   changed\n\
             1 day                            2000    2.50 %\n\
             --refresh 1, would have caught 99 % of the changes\n"
        );
        rereads.add(7, 1000, 10);
        rereads.add(30, 1000, 0);
        let table = text(&rereads);
        assert!(
            table.contains("30 days                          1000    0.00 %\n"),
            "{table}"
        );
        assert!(
            table.ends_with("--refresh 1,7 would have caught 99 % of the changes\n"),
            "{table}"
        );
        assert_eq!(json(&rereads)["schedule"], json!([1, 7]));
        assert_eq!(json(&rereads)["ages"][0]["share"], 0.025);
    }

    #[test]
    fn many_ages_share_a_line() {
        let mut rereads = Rereads::default();
        (1..=40).for_each(|age| rereads.add(age, 10, 1));
        let table = text(&rereads);
        assert!(
            table.contains("13 to 40 days                     280   10.00 %\n"),
            "{table}"
        );
        assert!(table.lines().count() < 20);
    }
}
