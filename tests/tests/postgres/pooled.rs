//! Connection pools: one that keeps a session for its client serves as the server does, and one
//! that lends it to others is refused before anything of it is changed.

use kapture_tests::pgbouncer::Pool;

use crate::subject::{identity, open_to_read, open_to_write};
use crate::{commit, customer, refused, told};

#[tokio::test]
async fn pool_that_lends_sessions_is_refused_and_left_as_it_was() {
    let schema = schema!();
    let Some(cluster) = schema.cluster() else {
        eprintln!("skipped: a pool needs a server that was started for the test");
        return;
    };
    let direct = open_to_write(&schema.url(), &identity()).await;
    drop(direct.expect("a database"));
    for mode in ["transaction", "statement"] {
        let Some(pool) = Pool::new(cluster, mode) else {
            return;
        };
        let url = pool.url(schema.name());
        for _ in 0..4 {
            let Err(looking) = open_to_read(&url, None).await else {
                panic!("opened");
            };
            for error in [refused(&url).await, looking] {
                let error = told(&error);
                assert!(error.contains("use the session port"), "{mode}: {error}");
            }
        }
        // The sessions of the server that the pool has: without locks, settings or tables of ours.
        let left = "
            SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
            UNION ALL
            SELECT count(*) FROM pg_class WHERE relname LIKE 'kapture_staging%'";
        let client = schema.client().await;
        for row in client.query(left, &[]).await.expect("rows") {
            assert_eq!(row.get::<_, i64>(0), 0, "{mode}");
        }
        let (pooled, connection) = tokio_postgres::connect(
            url.split('?').next().expect("an address"),
            tokio_postgres::NoTls,
        )
        .await
        .expect("a pool");
        tokio::spawn(connection);
        let setting = pooled
            .simple_query("SHOW default_transaction_read_only")
            .await;
        let setting = format!("{:?}", setting.expect("a setting"));
        assert!(setting.contains("off"), "{mode}: {setting}");
    }
    let direct = open_to_write(&schema.url(), &identity()).await;
    drop(direct.expect("a database that nobody holds"));
}

#[tokio::test]
async fn pool_that_keeps_sessions_serves() {
    let schema = schema!();
    let Some(cluster) = schema.cluster() else {
        eprintln!("skipped: a pool needs a server that was started for the test");
        return;
    };
    let Some(pool) = Pool::new(cluster, "session") else {
        return;
    };
    let url = pool.url(schema.name());
    for name in ["Asha", "Ravi", "Mira"] {
        let sink = open_to_write(&url, &identity()).await;
        let sink = sink.unwrap_or_else(|error| panic!("{}", told(&error)));
        commit(&*sink, &[customer(1, name)])
            .await
            .expect("committed");
        drop(sink);
        let looking = open_to_read(&url, None).await;
        let ledger = looking.expect("opened").ledger().await;
        assert_eq!(ledger.expect("a ledger").len(), 1);
    }
}
