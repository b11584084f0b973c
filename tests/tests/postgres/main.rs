//! The PostgreSQL sink on a real PostgreSQL.

mod subject;

use kapture_sinks::conformance;
use kapture_tests::postgres::Schema;
use subject::PostgresSubject;

#[tokio::test]
async fn conforms() {
    // One server for all of it.
    let Some(_server) = Schema::fresh() else {
        return;
    };
    let fresh = async || PostgresSubject(Schema::fresh().expect("a server"));
    conformance::check(fresh, 200_000).await;
}
