//! What only SQLite can get wrong; the rest is in the conformance suite.

use std::path::PathBuf;

use kapture_model::{Checksum, DayState, EndBound, Proof, Receipt, Record};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

fn identity() -> Identity {
    Identity::new("acme.kapturecrm.com", "account 7", Tz::UTC)
}

fn at(folder: &TempDir) -> PathBuf {
    folder.path().join("a.db")
}

async fn commit(sink: &Sqlite, day: &str, name: &str, modified: u32) -> Result<(), SinkError> {
    let json = format!(
        r#"{{"id":1,"name":"{name}","lastModificationTime":"2024-05-{modified:02}T10:00:00"}}"#
    );
    let day = day.parse().unwrap();
    let mut writer = sink.day(day).await?;
    let record = Record::decode(json.into()).unwrap();
    writer.write(&[record]).await?;
    let receipt = Receipt {
        day,
        customers: 1,
        checksum: Checksum::default(),
        undated: 0,
        fetched: chrono::DateTime::UNIX_EPOCH,
        state: DayState::Sealed,
        end_bound: EndBound::Inclusive,
        proof: Proof::Contiguous,
        empty_response: None,
    };
    writer.commit(&receipt).await
}

fn text(connection: &Connection, select: &str) -> String {
    connection.query_row(select, [], |row| row.get(0)).unwrap()
}

#[cfg(unix)]
#[tokio::test]
async fn database_removed_during_the_run_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sqlite::create(&at(&folder), &identity()).unwrap();
    commit(&sink, "2024-05-02", "Asha", 1).await.unwrap();
    sink.finish().await.unwrap();
    std::fs::remove_file(at(&folder)).unwrap();
    let error = sink.finish().await.unwrap_err();
    assert!(error.to_string().contains("it was removed"), "{error}");
}

#[tokio::test]
async fn copy_modified_last_wins_between_two_days() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sqlite::create(&at(&folder), &identity()).unwrap();
    let held = || {
        let select = "SELECT name || ' ' || kapture_day FROM customers";
        text(&sink.store.state().connection, select)
    };
    commit(&sink, "2024-05-02", "B", 5).await.unwrap();
    commit(&sink, "2024-05-03", "A", 4).await.unwrap();
    assert_eq!(held(), "B 2024-05-02");
    commit(&sink, "2024-05-03", "C", 6).await.unwrap();
    assert_eq!(held(), "C 2024-05-03");
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
    let sink = Sqlite::create(&path, &identity()).unwrap();
    commit(&sink, "2024-05-02", "Asha", 1).await.unwrap();
    drop(sink);
    let migrations = further("ALTER TABLE customers ADD COLUMN further TEXT");
    let sink = Sqlite::create_with(&migrations, &path, &identity()).unwrap();
    let state = sink.store.state();
    let select = "SELECT name || coalesce(further, ' ') || value FROM customers, kapture_manifest
        WHERE kapture_manifest.name = 'version'";
    let select = select.replace("SELECT name", "SELECT customers.name");
    let expected = format!("Asha {}", migrations.len());
    assert_eq!(text(&state.connection, &select), expected);
}

#[tokio::test]
async fn failing_migration_leaves_the_schema_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = at(&folder);
    drop(Sqlite::create(&path, &identity()).unwrap());
    let migrations =
        further("CREATE TABLE further (id INTEGER); CREATE TABLE customers (id INTEGER)");
    let error = Sqlite::create_with(&migrations, &path, &identity());
    let error = error.err().unwrap();
    assert!(matches!(error, SinkError::DatabaseFile { .. }), "{error:?}");
    let sink = Sqlite::open(&path, None).unwrap();
    let state = sink.store.state();
    assert!(!state.connection.table_exists(None, "further").unwrap());
}

#[tokio::test]
async fn later_schema_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = at(&folder);
    let migrations = further("CREATE TABLE further (id INTEGER)");
    drop(Sqlite::create_with(&migrations, &path, &identity()).unwrap());
    for refused in [
        Sqlite::create(&path, &identity()).err(),
        Sqlite::open(&path, None).err(),
    ] {
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
    let sink = Sqlite::create(&path, &identity()).unwrap();
    let at_once = "PRAGMA busy_timeout = 0";
    sink.store
        .state()
        .connection
        .execute_batch(at_once)
        .unwrap();
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
    let sink = Sqlite::create(&at(&folder), &identity()).unwrap();
    commit(&sink, "2024-05-02", "A", 5).await.unwrap();
    let full = "PRAGMA max_page_count = 1";
    sink.store.state().connection.execute_batch(full).unwrap();
    let error = commit(&sink, "2024-05-03", &"B".repeat(100_000), 6)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, SinkError::File { source, .. } if source.kind() == std::io::ErrorKind::StorageFull),
        "{error:?}"
    );
    assert_eq!(sink.ledger().await.unwrap().len(), 1);
}
