//! The names of the files of a dataset, separated by slashes.

use std::collections::BTreeSet;
use std::io;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use kapture_model::sanitize;
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

/// The folder of the changes, in Hive partitions by the date at which they were seen.
pub(super) const CHANGES: &str = "changes";

/// The folder of the changes of days whose commit has not ended.
pub(super) const UNFINISHED: &str = "_kapture/changes";

/// The prefix of a day's folder: a Hive partition.
const PARTITION: &str = "created_date=";

/// What a person who finds the folder has to know.
pub(super) const README: &str = "_kapture/README.md";

/// How many foreign files an error names.
pub(super) const NAMED: usize = 3;

/// Whether something beside a dataset is of no account: what a run began that was killed at once, and
/// what file systems and tools put into every folder (`lost+found`, `.DS_Store`, `.gitkeep`).
pub(super) fn is_ignored(name: &str) -> bool {
    let everywhere = [
        METADATA,
        "lost+found",
        "Thumbs.db",
        "desktop.ini",
        "@eaDir",
        "$RECYCLE.BIN",
        "System Volume Information",
    ];
    name.starts_with('.') || everywhere.contains(&name)
}

/// Whether programs that read the dataset would take a file for customers that is not the file of a day:
/// each file in the folder of a day, and other files of the format. They pass over names that begin with
/// a dot or an underscore.
pub(super) fn is_stray(name: &str, format: Format) -> bool {
    let (folder, file) = name.split_once('/').unwrap_or(("", name));
    let hidden = |part: &str| is_ignored(part) || part.starts_with('_');
    if folder == CHANGES || name.split('/').any(hidden) {
        return false;
    }
    match folder.starts_with(PARTITION) {
        true => day_of_partition(folder).is_none() || file != file_name(format),
        false => name.ends_with(&format!(".{}", format.extension())),
    }
}

/// What is wrong with a place that has these files and no manifest.
pub(super) fn no_manifest(foreign: &BTreeSet<String>) -> String {
    let names = foreign.iter().take(NAMED);
    let names: Vec<_> = names.map(|name| format!("`{}`", sanitize(name))).collect();
    let further = match foreign.len() > NAMED {
        true => " and more",
        false => "",
    };
    format!("it has {}{further}, but no {MANIFEST}", names.join(", "))
}

/// The text of [`README`] for files of this format.
pub(super) fn readme(format: Format, has_changes: bool) -> String {
    let readers = match format {
        Format::Parquet => {
            "\
| DuckDB | `SELECT * FROM read_parquet('*/*.parquet', hive_partitioning = true)` |
| polars | `polars.scan_parquet('*/*.parquet', hive_partitioning=True)` |
| PyArrow | `pyarrow.dataset.dataset('.', partitioning='hive', ignore_prefixes=['_', '.', 'changes'])` |
| pandas | `pandas.read_parquet('.', ignore_prefixes=['_', '.', 'changes'])` |
| Spark | `spark.read.option('basePath', '.').parquet('created_date=*')` |"
        }
        Format::Csv => {
            "\
| DuckDB | `SELECT * FROM read_csv('*/*.csv', hive_partitioning = true)` |
| polars | `polars.scan_csv('*/*.csv')` |
| Spark | `spark.read.option('basePath', '.').csv('created_date=*', header=True, multiLine=True)` |"
        }
        _ => {
            "\
| DuckDB | `SELECT * FROM read_json('*/*.ndjson', hive_partitioning = true)` |
| polars | `polars.scan_ndjson('*/*.ndjson')` |
| jq | `cat */*.ndjson \\| jq .name` |
| Spark | `spark.read.option('basePath', '.').json('created_date=*')` |"
        }
    };
    let file = file_name(format);
    let changes = match has_changes {
        true => {
            "

`changes/seen_date=YYYY-MM-DD/` has what changed, with `_change_type` (`insert`, `update_preimage`,
`update_postimage`, `delete`), `_seen_at` and `_created_date` before the columns of a customer."
        }
        false => "",
    };
    format!(
        "\
# Customers of a Kapture CRM tenant

kapture wrote this folder. Each day of creation has a file,
`created_date=YYYY-MM-DD/{file}`. `_kapture/` says which days are complete; kapture needs it to go on.{changes}

Some programs that are given the whole folder take other folders for data. In the folder above this file
these read the customers and nothing else:

| program | |
|---|---|
{readers}
"
    )
}

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

/// The changes that one commit of a day brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChangesOfDay {
    /// When they were seen: another time for each commit.
    pub(super) seen: DateTime<Utc>,
    pub(super) day: NaiveDate,
}

impl ChangesOfDay {
    /// Their file, from the day's receipt on.
    pub(super) fn file(self, format: Format) -> String {
        let date = self.seen.date_naive();
        let extension = format.extension();
        format!("{CHANGES}/seen_date={date}/{}.{extension}", self.stem())
    }

    /// Their file before, with the digest of the file that the day is to have.
    pub(super) fn unfinished_file(self, digest: &str, format: Format) -> String {
        let extension = format.extension();
        format!("{UNFINISHED}/{}-{digest}.{extension}", self.stem())
    }

    fn stem(self) -> String {
        format!("{}-{}", self.seen.format(SEEN), self.day)
    }

    /// Those of a file by its name, with or without folders; and the digest of an unfinished one.
    pub(super) fn parse(name: &str) -> Option<(Self, Option<&str>)> {
        let name = name.rsplit('/').next()?;
        let (stem, _) = name.split_once('.')?;
        let (seen, rest) = stem.split_once('-')?;
        let day = exact_day(rest.get(..10)?)?;
        let seen = NaiveDateTime::parse_from_str(seen, SEEN).ok()?.and_utc();
        let digest = match rest.get(10..)? {
            "" => None,
            digest => Some(digest.strip_prefix('-')?),
        };
        Some((Self { seen, day }, digest))
    }
}

/// A time to the microsecond, without colons, which Windows and some stores refuse in names.
const SEEN: &str = "%Y%m%dT%H%M%S%6fZ";

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
    fn names_of_changes_are_read_back() {
        let changes = ChangesOfDay {
            seen: "2024-06-01T10:20:30.000456Z".parse().unwrap(),
            day: NaiveDate::from_ymd_opt(2024, 5, 2).unwrap(),
        };
        let file = changes.file(Format::Parquet);
        let expected = "changes/seen_date=2024-06-01/20240601T102030000456Z-2024-05-02.parquet";
        assert_eq!(file, expected);
        assert_eq!(ChangesOfDay::parse(&file), Some((changes, None)));
        let file = changes.unfinished_file("1f", Format::Csv);
        let expected = "_kapture/changes/20240601T102030000456Z-2024-05-02-1f.csv";
        assert_eq!(file, expected);
        assert_eq!(ChangesOfDay::parse(&file), Some((changes, Some("1f"))));
        for other in ["a.csv", "20240601T102030000456Z.csv", ".DS_Store"] {
            assert_eq!(ChangesOfDay::parse(other), None, "{other}");
        }
    }

    #[test]
    fn what_readers_take_for_customers_is_stray() {
        for name in [
            "created_date=2024-05-02/copy of customers.csv",
            "created_date=2024-05-02/customers.parquet",
            "created_date=2024-05-02/old/customers.csv",
            "created_date=2024-5-2/customers.csv",
            "backup/customers.csv",
            "all.csv",
        ] {
            assert!(is_stray(name, Format::Csv), "{name}");
        }
        for name in [
            "created_date=2024-05-02/customers.csv",
            "created_date=2024-05-02/.DS_Store",
            "created_date=2024-05-02/_SUCCESS",
            "changes/seen_date=2024-06-01/a.csv",
            "_kapture/manifest.json",
            "notes.txt",
            "lost+found/a.csv",
        ] {
            assert!(!is_stray(name, Format::Csv), "{name}");
        }
    }

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
