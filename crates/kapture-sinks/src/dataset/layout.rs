//! The names of the files of a dataset, separated by slashes.

use std::io;

use chrono::NaiveDate;
use serde::Serialize;

use crate::encoding::format::Format;

/// The folder of the manifest, the lock and the receipts.
pub(super) const METADATA: &str = "_kapture";

/// The manifest.
pub(super) const MANIFEST: &str = "_kapture/manifest.json";

/// The last runs.
pub(super) const RUNS: &str = "_kapture/runs.json";

/// The lock of a run that writes to an object store.
#[cfg(feature = "object-store")]
pub(super) const LOCK: &str = "_kapture/lock.json";

/// The folder of the receipts.
pub(super) const RECEIPTS: &str = "_kapture/days";

/// The prefix of a day's folder: a Hive partition.
const PARTITION: &str = "created_date=";

/// The receipt of a day.
pub(super) fn receipt(day: NaiveDate) -> String {
    format!("{RECEIPTS}/{day}.json")
}

/// The folder of a day.
pub(super) fn partition(day: NaiveDate) -> String {
    format!("{PARTITION}{day}")
}

/// The file of a day.
pub(super) fn day(day: NaiveDate, format: Format) -> String {
    format!("{}/{}", partition(day), file_name(format))
}

/// The name of a day's file in its folder.
pub(super) fn file_name(format: Format) -> String {
    format!("customers.{}", format.extension())
}

/// The day of a receipt, by the name of its file.
pub(super) fn day_of_receipt(name: &str) -> Option<NaiveDate> {
    exact_day(name.strip_suffix(".json")?)
}

/// The day of a folder, by its name.
pub(super) fn day_of_partition(name: &str) -> Option<NaiveDate> {
    exact_day(name.strip_prefix(PARTITION)?)
}

/// A date in the only spelling that has a file.
fn exact_day(text: &str) -> Option<NaiveDate> {
    let day: NaiveDate = text.parse().ok()?;
    (day.to_string() == text).then_some(day)
}

/// A small file of JSON.
pub(super) fn json(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(value)?;
    json.push(b'\n');
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let date = NaiveDate::from_ymd_opt(2024, 5, 2).unwrap();
        assert_eq!(receipt(date), "_kapture/days/2024-05-02.json");
        assert_eq!(
            day(date, Format::Csv),
            "created_date=2024-05-02/customers.csv"
        );
        assert_eq!(day_of_receipt("2024-05-02.json"), Some(date));
        assert_eq!(day_of_partition("created_date=2024-05-02"), Some(date));
        for other in ["2024-5-2.json", "2024-05-02", "2024-05-02.json.bak"] {
            assert_eq!(day_of_receipt(other), None, "{other}");
        }
        for other in ["created_date=2024-5-02", "2024-05-02", "created_date="] {
            assert_eq!(day_of_partition(other), None, "{other}");
        }
    }
}
