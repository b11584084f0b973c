//! Datasets, read as the files they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use kapture_sinks::conformance::Subject;
use kapture_sinks::{Format, Sink, SinkError};
use serde_json::Value;
use tempfile::TempDir;

/// The files of a dataset by their day.
pub(crate) fn files(root: &Path) -> BTreeMap<NaiveDate, PathBuf> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(root).expect("a folder") {
        let folder = entry.expect("an entry").path();
        let name = folder
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let Some(day) = name.strip_prefix("created_date=") else {
            assert!(["_kapture", "changes"].contains(&&*name), "{name}");
            continue;
        };
        let within: Vec<_> = fs::read_dir(&folder).expect("a folder").collect();
        assert_eq!(within.len(), 1, "{name}");
        let file = within
            .into_iter()
            .next()
            .expect("one")
            .expect("an entry")
            .path();
        files.insert(day.parse().expect("a date"), file);
    }
    files
}

async fn create(root: &TempDir, format: Format) -> Box<dyn Sink> {
    super::create(&root.path().join(""), format).await
}

async fn create_with_history(
    root: &TempDir,
    format: Format,
    from: DateTime<Utc>,
) -> Option<Box<dyn Sink>> {
    let root = root.path().join("");
    Some(super::create_with_history(&root, format, from).await)
}

async fn open(root: &TempDir) -> Option<Box<dyn Sink>> {
    Some(super::open(&root.path().join("")).await)
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

pub(crate) struct Ndjson(TempDir);

impl Default for Ndjson {
    fn default() -> Self {
        Self(folder())
    }
}

#[async_trait]
impl Subject for Ndjson {
    async fn create(&self) -> Box<dyn Sink> {
        create(&self.0, Format::Ndjson).await
    }

    async fn create_with_history(&self, from: DateTime<Utc>) -> Option<Box<dyn Sink>> {
        create_with_history(&self.0, Format::Ndjson, from).await
    }

    async fn open(&self) -> Option<Box<dyn Sink>> {
        open(&self.0).await
    }

    async fn try_create(&self, cm_id: u64) -> Option<Result<Box<dyn Sink>, SinkError>> {
        let root = self.0.path().join("");
        Some(super::try_create(&root, Format::Ndjson, cm_id).await)
    }

    async fn held(&self) -> BTreeMap<NaiveDate, Vec<Value>> {
        let read = |path: PathBuf| {
            let text = fs::read_to_string(path).expect("text");
            let line = |line| serde_json::from_str(line).expect("a line of JSON");
            text.lines().map(line).collect()
        };
        files(self.0.path())
            .into_iter()
            .map(|(day, path)| (day, read(path)))
            .collect()
    }
}

#[cfg(feature = "csv")]
pub(crate) struct Csv(TempDir);

#[cfg(feature = "csv")]
impl Default for Csv {
    fn default() -> Self {
        Self(folder())
    }
}

#[cfg(feature = "csv")]
#[async_trait]
impl Subject for Csv {
    async fn create(&self) -> Box<dyn Sink> {
        create(&self.0, Format::Csv).await
    }

    async fn create_with_history(&self, from: DateTime<Utc>) -> Option<Box<dyn Sink>> {
        create_with_history(&self.0, Format::Csv, from).await
    }

    async fn open(&self) -> Option<Box<dyn Sink>> {
        open(&self.0).await
    }

    async fn held(&self) -> BTreeMap<NaiveDate, Vec<Value>> {
        let files = files(self.0.path());
        files
            .into_iter()
            .map(|(day, path)| (day, customers(&path)))
            .collect()
    }

    /// A row has the primary contact only.
    fn representable(&self, mut customer: Value) -> Value {
        if let Some(contacts) = customer["contacts"].as_array_mut() {
            let primary = contacts
                .iter()
                .position(|contact| contact["isPrimaryContact"] == true);
            let contact =
                (!contacts.is_empty()).then(|| contacts.swap_remove(primary.unwrap_or(0)));
            *contacts = contact.into_iter().collect();
        }
        customer
    }
}

#[cfg(feature = "csv")]
fn customers(path: &Path) -> Vec<Value> {
    use kapture_model::{Column, ColumnKind, contact_columns, customer_columns};

    let mut reader = csv::Reader::from_path(path).expect("a file");
    let headers = reader.headers().expect("a header").clone();
    let cell = |row: &csv::StringRecord, prefix: &str, column: &Column| {
        let name = format!("{prefix}{}", column.name);
        let index = headers
            .iter()
            .position(|header| header == name)
            .expect("a column");
        let text = &row[index];
        match column.kind {
            _ if text.is_empty() => Value::Null,
            ColumnKind::Text | ColumnKind::Timestamp => text.into(),
            _ => serde_json::from_str(text).expect("a number or flag"),
        }
    };
    let object = |row: &csv::StringRecord, prefix: &str, columns: &[Column]| {
        let cells = columns
            .iter()
            .map(|column| cell(row, prefix, column))
            .collect();
        let extra = format!("{prefix}extra");
        let index = headers
            .iter()
            .position(|header| header == extra)
            .expect("a column");
        super::assembled(columns, cells, Some(&row[index]))
    };
    let count = headers
        .iter()
        .position(|header| header == "contact_count")
        .expect("a column");
    reader
        .records()
        .map(|row| {
            let row = row.expect("a row");
            let mut customer = object(&row, "", customer_columns());
            if &row[count] != "0" && customer["contacts"].is_null() {
                let contact = object(&row, "contact_", contact_columns());
                customer["contacts"] = Value::Array(vec![contact]);
            }
            customer
        })
        .collect()
}

#[cfg(feature = "parquet")]
pub(crate) struct Parquet(TempDir);

#[cfg(feature = "parquet")]
impl Default for Parquet {
    fn default() -> Self {
        Self(folder())
    }
}

#[cfg(feature = "parquet")]
#[async_trait]
impl Subject for Parquet {
    async fn create(&self) -> Box<dyn Sink> {
        create(&self.0, Format::Parquet).await
    }

    async fn create_with_history(&self, from: DateTime<Utc>) -> Option<Box<dyn Sink>> {
        create_with_history(&self.0, Format::Parquet, from).await
    }

    async fn open(&self) -> Option<Box<dyn Sink>> {
        open(&self.0).await
    }

    async fn held(&self) -> BTreeMap<NaiveDate, Vec<Value>> {
        let files = files(self.0.path());
        files
            .into_iter()
            .map(|(day, path)| (day, super::parquet::customers(&path)))
            .collect()
    }
}
