//! Steps of the schema stay as they were when the first database got them.
#![cfg(feature = "sqlite")]

use kapture_sinks::{Dialect, migrations, schema_sql};

#[test]
fn a_step_never_changes() {
    let kept = [
        (
            Dialect::Sqlite,
            [
                include_str!("schema/sqlite.1.sql"),
                include_str!("schema/sqlite.2.sql"),
            ],
        ),
        (
            Dialect::Postgres,
            [
                include_str!("schema/postgres.1.sql"),
                include_str!("schema/postgres.2.sql"),
            ],
        ),
    ];
    for (dialect, kept) in kept {
        let steps = migrations(dialect);
        assert_eq!(steps.len(), kept.len(), "keep the new step here, too");
        for (step, kept) in steps.iter().zip(kept) {
            assert_eq!(step, kept, "databases have this step: add another one");
        }
        assert_eq!(schema_sql(dialect), kept.join("\n"));
    }
}
