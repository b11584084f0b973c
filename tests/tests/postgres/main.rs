//! The PostgreSQL sink on a real PostgreSQL.

/// A schema of its own; or the end of the test where there is no PostgreSQL.
macro_rules! schema {
    () => {
        match kapture_tests::postgres::Schema::fresh() {
            Some(schema) => schema,
            None => return,
        }
    };
}

#[cfg(unix)]
mod encrypted;
mod hostile;
#[cfg(unix)]
mod named;
mod pooled;
mod subject;

use std::error::Error;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use kapture_customers::Receipt;
use kapture_model::{CustomerQuery, Record};
use kapture_sinks::conformance::{self, Subject};
use kapture_sinks::{Dialect, Identity, Sink, SinkError, StaleReason, schema_sql};
use kapture_tests::postgres::Schema;
use serde_json::{Value, json};
use subject::{PostgresSubject, identity, open_to_read, open_to_write};

#[tokio::test]
async fn conforms() {
    // One server for all of it.
    let _server = schema!();
    let fresh = async || PostgresSubject(Schema::fresh().expect("a server"));
    conformance::check(fresh, 20_000).await;
}

/// Dates without end have no value here, and are a difference of their customer alone.
#[tokio::test]
async fn values_that_another_program_wrote_are_compared() {
    let schema = schema!();
    let records = [1, 2].map(|id| {
        let json = format!(r#"{{"id":{id},"generationDate":"2024-05-02T10:00:00"}}"#);
        Record::decode(json.into()).unwrap()
    });
    let day: NaiveDate = "2024-05-02".parse().unwrap();
    let sink = open_to_write(&schema.url(), &identity()).await.unwrap();
    let mut writer = sink.day(day).await.unwrap();
    writer.write(&records).await.unwrap();
    let ids = records.each_ref().map(|record| record.id().clone());
    let receipt = Receipt::of(day, &records, DateTime::UNIX_EPOCH);
    writer.commit(&receipt).await.unwrap();
    let expected = sink.row_hashes_of(day, &records).await.unwrap();
    assert_eq!(sink.row_hashes(day).await.unwrap(), expected);
    assert_eq!(sink.strays().await.unwrap(), []);
    schema.execute("UPDATE customers SET generation_date = 'infinity' WHERE id = 1");
    let held = sink.row_hashes(day).await.unwrap();
    assert_ne!(held[&ids[0]], expected[&ids[0]]);
    assert_eq!(held[&ids[1]], expected[&ids[1]]);
    schema.execute("UPDATE customers SET kapture_day = 'infinity' WHERE id = 1");
    schema.execute("UPDATE customers SET kapture_day = '2020-01-01' WHERE id = 2");
    let strays = sink.strays().await.unwrap();
    let strays: Vec<_> = strays.iter().map(ToString::to_string).collect();
    let stray = |day| format!("{day}: 1 customers of a day that was never pulled");
    assert_eq!(strays, ["2020-01-01", "infinity"].map(stray));
}

#[tokio::test]
async fn database_without_every_character_is_refused() {
    let schema = schema!();
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let name = format!("{}_{}", schema.name(), encoding.to_lowercase());
        schema.execute(&format!(
            "CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        ));
        let url = schema.url();
        let (server, query) = url.split_once('?').expect("a query");
        let (server, _) = server.rsplit_once('/').expect("a database");
        let url = format!("{server}/{name}?{query}&schema=public");
        let error = refused(&url).await;
        let source = error.source().expect("a cause").to_string();
        assert!(source.contains(&format!("encoding {encoding}")), "{source}");
        schema.execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
    }
}

#[tokio::test]
async fn tables_of_others_are_left_alone() {
    let schema = schema!();
    schema.execute("CREATE TABLE customers (number int)");
    let error = refused(&schema.url()).await;
    assert!(
        matches!(error, SinkError::NotKaptureData { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("a table `customers`"), "{error}");
    schema.execute("INSERT INTO customers VALUES (1)");
    let Err(error) = open_to_read(&schema.url(), None).await else {
        panic!("opened");
    };
    assert!(
        matches!(error, SinkError::NotKaptureData { .. }),
        "{error:?}"
    );
}

/// The role that writes may not be the one that creates.
#[tokio::test]
async fn tables_of_the_printed_schema_are_taken_by_a_role_that_may_not_create() {
    let schema = schema!();
    schema.execute(&schema_sql(Dialect::Postgres));
    let Err(error) = open_to_read(&schema.url(), None).await else {
        panic!("opened");
    };
    assert!(matches!(error, SinkError::NotFound { .. }), "{error:?}");
    let name = schema.name();
    let role = format!("writer_of_{name}");
    schema.execute(&format!(
        "CREATE ROLE {role} LOGIN;
         GRANT USAGE ON SCHEMA {name} TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO {role}",
    ));
    if schema.cluster().is_some() {
        let url = schema.url().replacen("postgres@", &format!("{role}@"), 1);
        for name in ["Asha", "Ravi"] {
            let sink = open_to_write(&url, &identity()).await;
            let sink = sink.unwrap_or_else(|error| panic!("{}", told(&error)));
            commit(&*sink, &[customer(1, name)])
                .await
                .expect("committed");
            sink.finish().await.expect("finished");
        }
    }
    schema.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[tokio::test]
async fn what_a_later_version_made_is_left_alone() {
    let schema = schema!();
    drop(create(&schema).await);
    schema.execute("UPDATE kapture_manifest SET value = '99' WHERE name = 'version'");
    let error = refused(&schema.url()).await;
    assert!(
        matches!(&error, SinkError::SchemaTooNew { found, .. } if found == "99"),
        "{error:?}"
    );
    let Err(error) = open_to_read(&schema.url(), None).await else {
        panic!("opened");
    };
    assert!(matches!(error, SinkError::SchemaTooNew { .. }), "{error:?}");
}

#[tokio::test]
async fn foreign_manifest_table_is_left_alone() {
    for columns in ["key text, setting text", "name text, value text"] {
        let schema = schema!();
        schema.execute(&format!("CREATE TABLE kapture_manifest ({columns})"));
        schema.execute("INSERT INTO kapture_manifest VALUES ('colour', 'blue')");
        for error in refused_to_all(&schema).await {
            assert!(
                matches!(error, SinkError::NotKaptureData { .. }),
                "{error:?}"
            );
            assert!(error.to_string().contains("kapture_manifest"), "{error}");
        }
    }
}

#[tokio::test]
async fn an_empty_schema_holds_nothing_yet() {
    let schema = schema!();
    schema.execute("CREATE TABLE orders (number int)");
    let Err(error) = open_to_read(&schema.url(), None).await else {
        panic!("opened");
    };
    assert!(matches!(error, SinkError::NotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn a_column_that_somebody_gave_another_type_is_an_error() {
    let schema = schema!();
    let sink = create(&schema).await;
    commit(&*sink, &[customer(1, "Asha")])
        .await
        .expect("committed");
    schema.execute("ALTER TABLE customers ALTER COLUMN id TYPE numeric");
    let looking = open_to_read(&schema.url(), None).await.expect("opened");
    let error = looking.customers(day()).await.expect_err("no number");
    assert!(
        told(&error).contains("error deserializing column 0"),
        "{}",
        told(&error)
    );
}

#[tokio::test]
async fn customer_without_an_id_is_damage() {
    let schema = schema!();
    let sink = create(&schema).await;
    commit(&*sink, &[customer(1, "Asha")])
        .await
        .expect("committed");
    schema.execute("DELETE FROM contacts; UPDATE customers SET id = -5, extra = NULL");
    let error = sink.row_hashes(day()).await.expect_err("no id");
    assert!(matches!(error, SinkError::Damaged { .. }), "{error:?}");
}

#[tokio::test]
async fn unreadable_receipt_makes_its_day_stale() {
    let schema = schema!();
    let sink = create(&schema).await;
    commit(&*sink, &[customer(1, "Asha")])
        .await
        .expect("committed");
    schema.execute("UPDATE kapture_days SET checksum = 'none'");
    let ledger = sink.ledger().await.expect("a ledger");
    let stale: Vec<_> = ledger.stale_days().collect();
    assert_eq!(stale, [(day(), StaleReason::UnreadableReceipt)]);
    commit(&*sink, &[customer(1, "Asha")])
        .await
        .expect("committed");
    assert_eq!(
        sink.ledger().await.expect("a ledger").stale_days().count(),
        0
    );
    schema.execute("UPDATE kapture_days SET day = 'infinity'");
    let error = sink.ledger().await.expect_err("no date");
    assert!(matches!(error, SinkError::Damaged { .. }), "{error:?}");
}

#[tokio::test]
async fn a_table_that_is_gone_is_missed_by_whoever_comes() {
    let schema = schema!();
    drop(create(&schema).await);
    schema.execute("DROP TABLE contacts");
    for error in refused_to_all(&schema).await {
        assert!(matches!(error, SinkError::Damaged { .. }), "{error:?}");
        assert!(
            error.to_string().contains("`contacts` is missing"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn customers_of_two_accounts_do_not_mix() {
    let schema = schema!();
    drop(create(&schema).await);
    let other = Identity::of("acme.kapturecrm.com", &CustomerQuery::new(7), Tz::UTC);
    let Err(error) = open_to_write(&schema.url(), &other).await else {
        panic!("created");
    };
    assert!(
        matches!(&error, SinkError::OtherSelection { held, asked, .. } if held == r#"{"cm_id":424242}"# && asked == r#"{"cm_id":7}"#),
        "{error:?}"
    );
    let query = CustomerQuery::new(424_242);
    let other = Identity::of("globex.kapturecrm.com", &query, Tz::UTC);
    let Err(error) = open_to_read(&schema.url(), Some(&other)).await else {
        panic!("opened");
    };
    assert!(matches!(error, SinkError::OtherTenant { .. }), "{error:?}");
}

#[tokio::test]
async fn days_of_two_time_zones_do_not_mix() {
    let schema = schema!();
    let of = |zone| Identity::of("acme.kapturecrm.com", &CustomerQuery::new(424_242), zone);
    let url = schema.url();
    let other_zone = |outcome: Result<Box<dyn Sink>, SinkError>| {
        let error = outcome.err().expect("refused");
        assert!(
            matches!(&error, SinkError::OtherZone { held, asked, .. } if held == "Asia/Kolkata" && asked == "UTC"),
            "{error:?}"
        );
    };
    let zone = Tz::Asia__Kolkata;
    drop(open_to_write(&url, &of(zone)).await.expect("made"));
    other_zone(open_to_write(&url, &of(Tz::UTC)).await);
    other_zone(open_to_read(&url, Some(&of(Tz::UTC))).await);
    let same = open_to_read(&url, Some(&of(zone))).await;
    let ledger = same.expect("the same zone").ledger().await;
    let ledger = ledger.expect("a ledger");
    assert_eq!(ledger.time_zone(), Some("Asia/Kolkata"));
}

#[tokio::test]
async fn one_run_at_a_time_and_anybody_may_look() {
    let (schema, other) = (schema!(), schema!());
    let first = create(&schema).await;
    commit(&*first, &[customer(1, "Asha")])
        .await
        .expect("committed");
    let error = refused(&schema.url()).await;
    assert!(
        matches!(&error, SinkError::Locked { process: Some(process), .. } if process.ends_with("of the server")),
        "{error:?}"
    );
    // Another schema is another destination.
    drop(create(&other).await);
    let looking = open_to_read(&schema.url(), None).await.expect("opened");
    assert_eq!(looking.ledger().await.expect("a ledger").len(), 1);
    let error = commit(&*looking, &[]).await.expect_err("read only");
    assert!(matches!(error, SinkError::Database { .. }), "{error:?}");
    // However a run ends, the next one finds the door open.
    drop(first);
    drop(create(&schema).await);
}

#[tokio::test]
async fn a_connection_lost_in_a_commit_leaves_the_day_as_it_was() {
    let subject = PostgresSubject(schema!());
    let sink = create(&subject.0).await;
    let before = [customer(1, "Asha"), customer(2, "Ravi")];
    commit(&*sink, &before).await.expect("committed");
    let held = subject.held().await;
    let ledger = sink.ledger().await.expect("a ledger");

    // Somebody holds the table, so that the commit stands still in the middle of the merge.
    let mut other = subject.0.client().await;
    let holding = other.transaction().await.expect("a transaction");
    let hold = "LOCK TABLE contacts IN SHARE MODE";
    holding.batch_execute(hold).await.expect("locked");
    let after = [customer(2, "Mira"), customer(3, "Dev")];
    let kill = async {
        let kill = "
            SELECT pg_terminate_backend(pid) FROM pg_locks
            WHERE NOT granted AND relation = 'contacts'::regclass";
        while holding.query(kill, &[]).await.expect("rows").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let (committed, ()) = tokio::join!(commit(&*sink, &after), kill);
    holding.rollback().await.expect("let go");
    let error = told(&committed.expect_err("the connection is gone"));
    assert!(error.contains("terminating connection"), "{error}");
    let error = told(&commit(&*sink, &after).await.expect_err("still gone"));
    assert!(
        error.contains("connection to the server was lost"),
        "{error}"
    );

    assert_eq!(subject.held().await, held);
    let again = create(&subject.0).await;
    assert_eq!(again.ledger().await.expect("a ledger"), ledger);
    commit(&*again, &after).await.expect("committed");
    assert_ne!(subject.held().await, held);
}

#[tokio::test]
async fn a_refused_row_leaves_the_day_as_it_was_and_is_not_quoted() {
    let subject = PostgresSubject(schema!());
    let sink = create(&subject.0).await;
    commit(&*sink, &[customer(1, "Asha")])
        .await
        .expect("committed");
    let held = subject.held().await;
    subject
        .0
        .execute("ALTER TABLE customers ADD CONSTRAINT short CHECK (length(name) < 10)");
    let after = [customer(1, "Ravi"), customer(2, "Mira Example")];
    let error = commit(&*sink, &after).await.expect_err("refused");
    let told = format!("{} {error:?}", told(&error));
    assert!(
        told.contains("SQLSTATE 23514") && told.contains("short"),
        "{told}"
    );
    assert!(!told.contains("Mira"), "{told}");
    assert_eq!(subject.held().await, held);
    // The sink is as good as before.
    commit(&*sink, &after[..1]).await.expect("committed");
}

#[tokio::test]
async fn what_is_no_text_and_no_number_costs_no_customer() {
    let subject = PostgresSubject(schema!());
    let sink = create(&subject.0).await;
    let records = [
        r#"{"id": 9223372036854775807, "name": "a\u0000b"}"#,
        r#"{"id": 9223372036854775808, "name": "\ud83d half", "attr1": "\udc00\u0000"}"#,
        r#"{"id": 18446744073709551615, "attr\u0000": 1e999, "attr2": "gold", "attr2": "silver", "contacts": [{"phone": "\u0000"}]}"#,
        r#"{"id": 1, "generationDate": "Jan 1, 0001 12:00:00 AM", "lastModificationTime": "9999-12-31T23:59:59.999"}"#,
    ];
    let records = records.map(|json| Record::decode(json.as_bytes().into()).expect("a record"));
    let mut receipt = receipt(&records);
    receipt.empty_response = Some("nothing\0here".into());
    let mut writer = sink.day(day()).await.expect("a writer");
    writer.write(&records).await.expect("written");
    writer.commit(&receipt).await.expect("committed");

    let ids = sink.customers(day()).await.expect("ids");
    assert!(records.iter().all(|record| ids.contains(record.id())));
    let client = subject.0.client().await;
    let select = "
        SELECT name, extra->>'attr1', generation_date::text || last_modification_time::text,
            extra->>'attr\u{fffd}', extra->>'attr2'
        FROM customers ORDER BY id > 0, id DESC";
    let rows = client.query(select, &[]).await.expect("rows");
    let column = |column| -> Vec<Option<&str>> { rows.iter().map(|row| row.get(column)).collect() };
    for (number, expected) in [
        (0, "a\u{fffd}b"),
        (0, "\u{fffd} half"),
        (1, "\u{fffd}\u{fffd}"),
        (3, "1e999"),
        (4, "silver"),
    ] {
        let values = column(number);
        assert!(values.contains(&Some(expected)), "{expected}: {values:?}");
    }
    let times = column(2);
    assert!(
        times.contains(&Some("0001-01-01 00:00:009999-12-31 23:59:59.999")),
        "{times:?}"
    );
}

/// A server's settings change how it writes dates, but not what is read.
#[tokio::test]
async fn settings_of_the_server_make_no_difference() {
    let schema = schema!();
    let url = format!("{}%20-cDateStyle%3DSQL,DMY", schema.url());
    let sink = open_to_write(&url, &identity()).await.expect("a database");
    commit(&*sink, &[customer(1, "Asha")])
        .await
        .expect("committed");
    let ledger = sink.ledger().await.expect("a ledger");
    assert_eq!(ledger.bounds(), Some((day(), day())));
}

#[tokio::test]
async fn a_wrong_password_is_named_and_not_shown() {
    let schema = schema!();
    let Some(cluster) = schema.cluster() else {
        eprintln!("skipped: whom the named server trusts is not known");
        return;
    };
    schema.execute(
        "CREATE ROLE clerk LOGIN PASSWORD 'right';
         DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO clerk', current_schema()); END $$",
    );
    let address = |password| {
        let address = cluster.address("clerk", password);
        schema.within(&format!("{address}?sslmode=disable"))
    };
    let error = refused(&address("secret")).await;
    let told = format!("{} {error:?}", told(&error));
    assert!(told.contains("password authentication failed"), "{told}");
    assert!(!told.contains("secret"), "{told}");
    let sink = open_to_write(&address("right"), &identity()).await;
    drop(sink.expect("a database"));
    schema.execute("DROP OWNED BY clerk; DROP ROLE clerk");
}

/// A source can be slower than a session may be idle.
#[tokio::test]
async fn session_is_not_counted_as_idle() {
    let schema = schema!();
    if schema.cluster().is_none() {
        eprintln!("skipped: whom the named server trusts is not known");
        return;
    }
    schema.execute("CREATE ROLE idler LOGIN SUPERUSER");
    schema.execute("ALTER ROLE idler SET idle_session_timeout = '1s'");
    let url = schema.url().replacen("postgres@", "idler@", 1);
    let sink = open_to_write(&url, &identity()).await.expect("a database");
    let client = schema.client().await;
    let idle = "
        SELECT count(*) FROM pg_stat_activity WHERE usename = 'idler' AND state = 'idle'
        AND state_change < clock_timestamp() - interval '1500 ms'";
    let is_there = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'idler'";
    let count = async |select| {
        let row = client.query_one(select, &[]).await;
        row.expect("a row").get::<_, i64>(0)
    };
    while count(idle).await == 0 {
        assert!(count(is_there).await > 0, "the server ended the session");
    }
    commit(&*sink, &[customer(1, "Asha")])
        .await
        .expect("committed");
}

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 5, 2).expect("a day of May")
}

fn customer(id: u32, name: &str) -> Value {
    json!({"id": id, "name": name, "contacts": [{"contactPerson": name}]})
}

async fn create(schema: &Schema) -> Box<dyn Sink> {
    let postgres = open_to_write(&schema.url(), &identity()).await;
    postgres.expect("a database")
}

/// Why a database is refused to who only looks and to who writes.
async fn refused_to_all(schema: &Schema) -> [SinkError; 2] {
    let Err(open) = open_to_read(&schema.url(), None).await else {
        panic!("opened");
    };
    [open, refused(&schema.url()).await]
}

async fn refused(url: &str) -> SinkError {
    match open_to_write(url, &identity()).await {
        Ok(_) => panic!("created"),
        Err(error) => error,
    }
}

async fn commit(sink: &dyn Sink, customers: &[Value]) -> Result<(), SinkError> {
    let record = |customer: &Value| Record::decode(customer.to_string().into()).expect("a record");
    let records: Vec<_> = customers.iter().map(record).collect();
    let mut writer = sink.day(day()).await?;
    writer.write(&records).await?;
    writer.commit(&receipt(&records)).await
}

fn receipt(records: &[Record]) -> Receipt {
    Receipt::of(day(), records, DateTime::<Utc>::UNIX_EPOCH)
}

/// The error as a user reads it, with its causes.
fn told(error: &SinkError) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}
