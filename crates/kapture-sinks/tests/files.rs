//! Single files in every format and compression, read by other libraries.

#![cfg(any(
    feature = "csv",
    feature = "gzip",
    feature = "zstd",
    feature = "parquet"
))]

use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate};
use kapture_model::{DayState, Receipt, Record};
use kapture_sinks::{Encoding, FileSink, Format, Sink};
use tempfile::TempDir;

const CUSTOMERS: [&str; 3] = [
    r#"{"id":1,"name":"Asha Example","address":" ","generationDate":"May 2, 2024 4:15:42 PM","maxCreditAmt":1.0,"deleted":false}"#,
    r#"{"id":2,"name":"says \"yes\", then\nno","attr1":"gold","contacts":[
        {"id":20,"contactPerson":"Ravi Example"},
        {"id":21,"contactPerson":"Mira Example","isPrimaryContact":true,"mood":"fine"}]}"#,
    r#"{"id":"C-17","name":"=SUM(A1)","contacts":[{"contactPerson":"@mira","phone":"+15550100101","age":-1}]}"#,
];

fn records() -> Vec<Record> {
    let record = |json: &str| Record::decode(json.as_bytes().to_vec().into()).expect("a record");
    CUSTOMERS.iter().map(|json| record(json)).collect()
}

fn receipt(day: NaiveDate) -> Receipt {
    let mut receipt = Receipt::of(day, &records(), DateTime::UNIX_EPOCH);
    receipt.state = DayState::Sealed;
    receipt
}

/// A file named `name` with all of the customers, in two batches.
async fn written(name: &str, change: impl FnOnce(&mut Encoding)) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    let (format, compression) = Format::of_file(&path);
    let mut encoding = Encoding::new(format.expect("a format"));
    encoding.compression = compression;
    change(&mut encoding);
    let sink = FileSink::create(&path, &encoding).expect("a file");
    let day = NaiveDate::from_ymd_opt(2024, 5, 2).expect("a day");
    let mut writer = sink.day(day).await.expect("a writer");
    let records = records();
    writer.write(&records[..1]).await.expect("written");
    writer.write(&records[1..]).await.expect("written");
    writer.commit(&receipt(day)).await.expect("committed");
    sink.finish().await.expect("finished");
    (folder, path)
}

#[cfg(any(feature = "csv", feature = "gzip", feature = "zstd"))]
async fn text(name: &str, change: impl FnOnce(&mut Encoding)) -> String {
    let (_folder, path) = written(name, change).await;
    decompressed(&path)
}

#[cfg(any(feature = "csv", feature = "gzip", feature = "zstd"))]
fn decompressed(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("a file");
    let ending = path.extension().and_then(|ending| ending.to_str());
    let bytes = match ending {
        #[cfg(feature = "gzip")]
        Some("gz") => {
            let mut text = Vec::new();
            let mut decoder = flate2::bufread::GzDecoder::new(&*bytes);
            std::io::Read::read_to_end(&mut decoder, &mut text).expect("gzip");
            text
        }
        #[cfg(feature = "zstd")]
        Some("zst") => zstd::decode_all(&*bytes).expect("zstd"),
        _ => bytes,
    };
    String::from_utf8(bytes).expect("text")
}

#[cfg(any(feature = "gzip", feature = "zstd"))]
#[tokio::test]
async fn compressed_files_have_the_content_of_plain_ones() {
    let endings = [
        #[cfg(feature = "gzip")]
        "gz",
        #[cfg(feature = "zstd")]
        "zst",
    ];
    let forms = [
        "ndjson",
        #[cfg(feature = "csv")]
        "csv",
    ];
    for form in forms {
        let name = format!("customers.{form}");
        let plain = text(&name, |_| {}).await;
        assert!(plain.contains("Asha Example"), "{plain}");
        for ending in endings {
            let (_folder, path) = written(&format!("{name}.{ending}"), |_| {}).await;
            assert_eq!(decompressed(&path), plain, "{form}.{ending}");
            assert_ne!(std::fs::read(&path).expect("a file"), plain.as_bytes());
        }
    }
}

#[cfg(feature = "csv")]
mod csv {
    use super::*;
    use kapture_sinks::Rows;

    type Table = Vec<std::collections::HashMap<String, String>>;

    async fn table(change: impl FnOnce(&mut Encoding)) -> Table {
        let text = text("customers.csv", change).await;
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        reader
            .deserialize()
            .map(|row| row.expect("a row"))
            .collect()
    }

    fn columns<const N: usize>(table: &Table, names: [&str; N]) -> Vec<[String; N]> {
        let row = |row: &std::collections::HashMap<_, String>| names.map(|name| row[name].clone());
        table.iter().map(row).collect()
    }

    #[tokio::test]
    async fn customer_rows_have_the_primary_contact() {
        let table = table(|_| {}).await;
        assert_eq!(
            columns(&table, ["name", "contact_count", "contact_contact_person"]),
            [
                ["Asha Example", "0", ""],
                ["says \"yes\", then\nno", "2", "Mira Example"],
                ["=SUM(A1)", "1", "@mira"],
            ]
        );
        assert_eq!(
            columns(
                &table,
                ["address", "generation_date", "max_credit_amt", "deleted"]
            )[0],
            ["", "2024-05-02T16:15:42", "1.0", "false"]
        );
        assert_eq!(
            columns(&table, ["extra", "contact_extra"])[1..],
            [
                [r#"{"attr1":"gold"}"#, r#"{"mood":"fine"}"#],
                [r#"{"id":"C-17"}"#, ""],
            ]
        );
    }

    #[tokio::test]
    async fn text_is_quoted_where_csv_requires_it() {
        let text = text("customers.csv", |_| {}).await;
        assert!(text.starts_with("id,cm_id,is_organization,name,"), "{text}");
        let quoted = ",\"says \"\"yes\"\", then\nno\",";
        assert!(text.contains(quoted), "{text}");
        assert!(text.contains(",Asha Example,"), "{text}");
    }

    #[tokio::test]
    async fn contact_rows_are_keyed_by_customer_and_position() {
        let table = table(|encoding| encoding.rows = Rows::Contacts).await;
        let rows = columns(
            &table,
            ["customer_id", "position", "contact_person", "extra"],
        );
        // The surrogate key of an id that is no number: the same as in the file of customers.
        let customers = super::csv::table(|_| {}).await;
        let surrogate = &customers[2]["id"];
        assert!(surrogate.starts_with('-'), "{surrogate}");
        assert_eq!(
            rows,
            [
                ["2", "0", "Ravi Example", ""],
                ["2", "1", "Mira Example", r#"{"mood":"fine"}"#],
                [surrogate, "0", "@mira", ""],
            ]
        );
    }

    #[tokio::test]
    async fn spreadsheet_safe_text_is_no_formula() {
        let safe = table(|encoding| encoding.spreadsheet_safe = true).await;
        let names = [
            "name",
            "contact_contact_person",
            "contact_phone",
            "contact_age",
        ];
        assert_eq!(
            columns(&safe, names)[2],
            // A negative number stays.
            ["'=SUM(A1)", "'@mira", "'+15550100101", "-1"]
        );
        assert_eq!(columns(&safe, ["name"])[0], ["Asha Example"]);
    }
}

#[cfg(feature = "parquet")]
mod parquet {
    use super::*;
    use ::parquet::file::reader::{FileReader, SerializedFileReader};

    fn opened(path: &Path) -> SerializedFileReader<std::fs::File> {
        SerializedFileReader::new(std::fs::File::open(path).expect("a file")).expect("Parquet")
    }

    fn names(rows: &SerializedFileReader<std::fs::File>) -> Vec<String> {
        let rows = rows.get_row_iter(None).expect("rows");
        let name = |row: ::parquet::record::Row| {
            let mut columns = row.get_column_iter();
            let name = columns.find(|(name, _)| *name == "name").expect("a name");
            name.1.to_string()
        };
        rows.map(|row| name(row.expect("a row"))).collect()
    }

    #[tokio::test]
    async fn parquet_metadata_has_creator_and_statistics() {
        let (_folder, path) = written("customers.parquet", |_| {}).await;
        let file = opened(&path);
        let metadata = file.metadata().file_metadata();
        let version = env!("CARGO_PKG_VERSION");
        let made_by = format!("kapture version {version}");
        assert_eq!(metadata.created_by(), Some(made_by.as_str()));
        assert_eq!(metadata.num_rows(), 3);
        let group = file.metadata().row_group(0);
        for column in group.columns() {
            assert!(column.statistics().is_some(), "{}", column.column_path());
        }
        assert_eq!(names(&file)[0], "\"Asha Example\"");
    }

    #[tokio::test]
    async fn parquet_file_without_customers_has_all_columns() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("customers.parquet");
        let sink = FileSink::create(&path, &Encoding::new(Format::Parquet)).expect("a file");
        sink.finish().await.expect("finished");
        let file = opened(&path);
        assert!(names(&file).is_empty());
        let schema = file.metadata().file_metadata().schema();
        let columns = schema.get_fields().iter().map(|field| field.name());
        let expected = kapture_model::customer_columns();
        let expected = expected.iter().map(|column| column.name.as_str());
        assert!(columns.eq(expected.chain(["contacts", "extra"])));
    }

    #[tokio::test]
    async fn same_customers_make_the_same_bytes() {
        let (_one, one) = written("customers.parquet", |_| {}).await;
        let (_other, other) = written("customers.parquet", |_| {}).await;
        let bytes = |path| std::fs::read(path).expect("a file");
        assert_eq!(bytes(one), bytes(other));
    }
}
