//! What only SQLite can get wrong; the rest is in the conformance suite.

use std::path::{Path, PathBuf};

use kapture_model::{Receipt, Record};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::incremental::Incremental;
use crate::incremental::forget::Forget;
use crate::sink::Sink;
use crate::sql::schema::{migrations, schema_sql};
use crate::sql::tables::{self, Dialect, OF_CUSTOMERS};

fn identity() -> Identity {
    Identity::new("acme.kapturecrm.com", "account 7", Tz::UTC)
}

type Opened = Incremental<Sqlite>;

async fn create_with(migrations: Vec<String>, path: &Path) -> Result<Opened, SinkError> {
    let sqlite = Sqlite::writer(path, Tz::UTC, &[], migrations, Tracking::default()).await?;
    Incremental::create(sqlite, &identity()).await
}

async fn writer(path: &Path) -> Result<Sqlite, SinkError> {
    let migrations = migrations(Dialect::Sqlite);
    Sqlite::writer(path, Tz::UTC, &[], migrations, Tracking::default()).await
}

async fn create(path: &Path) -> Result<Opened, SinkError> {
    create_with(migrations(Dialect::Sqlite), path).await
}

async fn open(path: &Path) -> Result<Opened, SinkError> {
    let sqlite = Sqlite::reader(path, migrations(Dialect::Sqlite)).await?;
    Incremental::open(sqlite, None).await
}

/// Runs statements on the connection of a sink.
async fn execute(sink: &Opened, statements: &'static str) {
    let run = |database: &Database| database.connection().execute_batch(statements);
    sink.store().database.run(run).await.unwrap();
}

fn at(folder: &TempDir) -> PathBuf {
    folder.path().join("a.db")
}

async fn commit(sink: &Opened, day: &str, name: &str, modified: u32) -> Result<(), SinkError> {
    let json = format!(
        r#"{{"id":1,"name":"{name}","lastModificationTime":"2024-05-{modified:02}T10:00:00"}}"#
    );
    let day = day.parse().unwrap();
    let mut writer = sink.day(day).await?;
    let record = Record::decode(json.into()).unwrap();
    let records = [record];
    writer.write(&records).await?;
    let receipt = Receipt::of(day, &records, chrono::DateTime::UNIX_EPOCH);
    writer.commit(&receipt).await
}

fn text(connection: &Connection, select: &str) -> String {
    connection.query_row(select, [], |row| row.get(0)).unwrap()
}

#[cfg(unix)]
#[tokio::test]
async fn database_removed_during_the_run_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let sink = create(&at(&folder)).await.unwrap();
    commit(&sink, "2024-05-02", "Asha", 1).await.unwrap();
    sink.finish().await.unwrap();
    std::fs::remove_file(at(&folder)).unwrap();
    let error = sink.finish().await.unwrap_err();
    assert!(error.to_string().contains("it was removed"), "{error}");
}

#[tokio::test]
async fn copy_modified_last_wins_between_two_days() {
    let folder = tempfile::tempdir().unwrap();
    let sink = create(&at(&folder)).await.unwrap();
    let held = async || {
        let select = "SELECT name || ' ' || kapture_day FROM customers";
        let read = |database: &Database| text(&database.connection(), select);
        sink.store().database.run(read).await
    };
    commit(&sink, "2024-05-02", "B", 5).await.unwrap();
    commit(&sink, "2024-05-03", "A", 4).await.unwrap();
    assert_eq!(held().await, "B 2024-05-02");
    commit(&sink, "2024-05-03", "C", 6).await.unwrap();
    assert_eq!(held().await, "C 2024-05-03");
}

/// Staging and merging a day takes twice the time of inserting it.
#[tokio::test]
async fn only_a_day_that_is_replaced_is_staged() {
    let folder = tempfile::tempdir().unwrap();
    let sink = create(&at(&folder)).await.unwrap();
    let staged = async || {
        let select = format!(
            "SELECT CAST(count(*) AS TEXT) FROM {}",
            tables::customers().staging()
        );
        let count = move |database: &Database| text(&database.connection(), &select);
        sink.store().database.run(count).await
    };
    commit(&sink, "2024-05-02", "Asha", 1).await.unwrap();
    assert_eq!(staged().await, "0");
    commit(&sink, "2024-05-02", "Asha Rao", 2).await.unwrap();
    assert_eq!(staged().await, "1");
}

/// What is forgotten is deleted from every table that has rows of customers.
#[test]
fn tables_with_customers_are_known() {
    let connection = Connection::open_in_memory().unwrap();
    let schema = migrations(Dialect::Sqlite).join("\n");
    connection.execute_batch(&schema).unwrap();
    let select = "
        SELECT DISTINCT tables.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
        WHERE tables.type = 'table' AND columns.name IN ('id', 'customer_id') ORDER BY 1";
    let mut select = connection.prepare(select).unwrap();
    let found = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let found: Vec<_> = found.map(Result::unwrap).collect();
    let mut known = OF_CUSTOMERS.map(|(table, _)| table);
    known.sort_unstable();
    assert_eq!(found, known);
}

#[tokio::test]
async fn forgotten_customer_is_in_no_page_and_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = at(&folder);
    let sink = create(&path).await.unwrap();
    commit(&sink, "2024-05-02", "Asha Example", 1)
        .await
        .unwrap();
    // An earlier copy stays in a free page.
    commit(&sink, "2024-05-02", &"Asha Again".repeat(1000), 2)
        .await
        .unwrap();
    commit(&sink, "2024-05-02", "Asha", 3).await.unwrap();
    drop(sink);
    let held = || {
        let files = std::fs::read_dir(&folder).unwrap();
        let files = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        let mut texts = files.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        texts.any(|text| text.contains("Asha"))
    };
    assert!(held());
    let forget = async || {
        let sqlite = writer(&path).await;
        let ids = [CustomerId::from(1)].into_iter().collect();
        sqlite.unwrap().forget(&ids).await
    };
    // The log of a killed run, which a reader keeps.
    let reader = Connection::open(&path).unwrap();
    reader
        .execute_batch("PRAGMA journal_mode = WAL; BEGIN; SELECT * FROM customers")
        .unwrap();
    let sqlite = writer(&path).await.unwrap();
    let patience = |database: &Database| {
        database
            .connection()
            .execute_batch("PRAGMA busy_timeout = 0")
    };
    sqlite.database.run(patience).await.unwrap();
    let ids = [CustomerId::from(1)].into_iter().collect();
    let error = sqlite.forget(&ids).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("another program reads it"), "{source}");
    drop(sqlite);
    reader.execute_batch("COMMIT").unwrap();
    // The same again completes it.
    assert_eq!(forget().await.unwrap().customers().len(), 0);
    assert!(!held());
}

/// A user who may read the file, and not write beside it, opens a database without a log only.
#[tokio::test]
async fn finished_database_is_one_file_without_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = at(&folder);
    // The versions of the file format for writers and readers: 1 is a rollback journal, 2 a log.
    let versions = || std::fs::read(&path).unwrap()[18..20].to_vec();
    let names = || {
        let files = std::fs::read_dir(&folder).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    };
    for day in ["2024-05-02", "2024-05-03"] {
        let sink = create(&path).await.unwrap();
        commit(&sink, day, "Asha", 1).await.unwrap();
        assert_eq!(names(), ["a.db", "a.db-shm", "a.db-wal"]);
        drop(sink);
        assert_eq!(names(), ["a.db"]);
        assert_eq!(versions(), [1, 1]);
    }
    // A reader that stays connected keeps the log until the end of the next run.
    let sink = create(&path).await.unwrap();
    let reader = Connection::open(&path).unwrap();
    let select = "SELECT count(*) || '' FROM kapture_days";
    assert_eq!(text(&reader, select), "2");
    commit(&sink, "2024-05-04", "Asha", 2).await.unwrap();
    drop(sink);
    assert_eq!(versions(), [2, 2]);
    assert_eq!(text(&reader, select), "3");
    drop(reader);
    drop(create(&path).await.unwrap());
    assert_eq!(names(), ["a.db"]);
}

#[tokio::test]
async fn tables_of_the_printed_schema_are_taken_and_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let path = at(&folder);
    let tables = Connection::open(&path).unwrap();
    tables.execute_batch(&schema_sql(Dialect::Sqlite)).unwrap();
    let error = open(&path).await.err().unwrap();
    assert!(matches!(error, SinkError::NotFound { .. }), "{error:?}");
    // By a later version, too.
    let migrations = further("ALTER TABLE customers ADD COLUMN further TEXT");
    let sink = create_with(migrations.clone(), &path).await.unwrap();
    commit(&sink, "2024-05-02", "Asha", 1).await.unwrap();
    drop(sink);
    let sink = create_with(migrations, &path).await.unwrap();
    assert_eq!(sink.ledger().await.unwrap().len(), 1);
}

/// One more migration than the released ones.
fn further(migration: &str) -> Vec<String> {
    let mut migrations = migrations(Dialect::Sqlite);
    migrations.push(migration.into());
    migrations
}

#[tokio::test]
async fn further_migration_is_applied_to_an_existing_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = at(&folder);
    let sink = create(&path).await.unwrap();
    commit(&sink, "2024-05-02", "Asha", 1).await.unwrap();
    drop(sink);
    let migrations = further("ALTER TABLE customers ADD COLUMN further TEXT");
    drop(create_with(migrations.clone(), &path).await.unwrap());
    let select = "SELECT name || coalesce(further, ' ') || value FROM customers, kapture_manifest
        WHERE kapture_manifest.name = 'version'";
    let select = select.replace("SELECT name", "SELECT customers.name");
    let expected = format!("Asha {}", migrations.len());
    assert_eq!(text(&Connection::open(&path).unwrap(), &select), expected);
}

#[tokio::test]
async fn failing_migration_leaves_the_schema_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = at(&folder);
    drop(create(&path).await.unwrap());
    let migrations =
        further("CREATE TABLE further (id INTEGER); CREATE TABLE customers (id INTEGER)");
    let error = create_with(migrations, &path).await;
    let error = error.err().unwrap();
    assert!(matches!(error, SinkError::DatabaseFile { .. }), "{error:?}");
    drop(open(&path).await.unwrap());
    let connection = Connection::open(&path).unwrap();
    assert!(!connection.table_exists(None, "further").unwrap());
}

#[tokio::test]
async fn later_schema_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = at(&folder);
    let migrations = further("CREATE TABLE further (id INTEGER)");
    drop(create_with(migrations.clone(), &path).await.unwrap());
    for refused in [create(&path).await.err(), open(&path).await.err()] {
        let error = refused.unwrap();
        assert!(matches!(error, SinkError::SchemaTooNew { .. }), "{error:?}");
        assert!(
            error.to_string().contains("later version of kapture"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn database_locked_by_another_program_is_a_file_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = at(&folder);
    let sink = create(&path).await.unwrap();
    execute(&sink, "PRAGMA busy_timeout = 0").await;
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = commit(&sink, "2024-05-02", "A", 5).await.unwrap_err();
    assert!(matches!(error, SinkError::DatabaseFile { .. }), "{error:?}");
    other.execute_batch("ROLLBACK").unwrap();
    commit(&sink, "2024-05-02", "A", 5).await.unwrap();
}

#[tokio::test]
async fn full_disk_is_a_write_error() {
    let folder = tempfile::tempdir().unwrap();
    let sink = create(&at(&folder)).await.unwrap();
    commit(&sink, "2024-05-02", "A", 5).await.unwrap();
    execute(&sink, "PRAGMA max_page_count = 1").await;
    let error = commit(&sink, "2024-05-03", &"B".repeat(100_000), 6)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, SinkError::File { source, .. } if source.kind() == std::io::ErrorKind::StorageFull),
        "{error:?}"
    );
    assert_eq!(sink.ledger().await.unwrap().len(), 1);
}

#[tokio::test]
async fn customer_without_an_id_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let sink = create(&at(&folder)).await.unwrap();
    commit(&sink, "2024-05-02", "Asha", 1).await.unwrap();
    execute(&sink, "UPDATE customers SET id = -5, extra = NULL").await;
    let error = sink.row_hashes("2024-05-02".parse().unwrap()).await;
    let error = error.unwrap_err();
    assert!(matches!(error, SinkError::Damaged { .. }), "{error:?}");
}

/// Opening a named pipe would wait for ever.
#[cfg(unix)]
#[tokio::test]
async fn what_is_no_file_is_refused() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("socket.db");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let round = folder.path().join("round.db");
    std::os::unix::fs::symlink("round.db", &round).unwrap();
    for (path, reason) in [(&socket, "it is not a file"), (&round, "cannot read")] {
        for error in [create(path).await.err(), open(path).await.err()] {
            let error = error.expect("an error").to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
