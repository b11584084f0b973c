//! Released migrations never change: databases have them already.
#![cfg(feature = "sqlite")]

use kapture_sinks::{Dialect, migrations, schema_sql};

#[test]
fn released_migrations_never_change() {
    let released = [
        (
            Dialect::Sqlite,
            [
                include_str!("schema/sqlite.1.sql"),
                include_str!("schema/sqlite.2.sql"),
                include_str!("schema/sqlite.3.sql"),
            ],
        ),
        (
            Dialect::Postgres,
            [
                include_str!("schema/postgres.1.sql"),
                include_str!("schema/postgres.2.sql"),
                include_str!("schema/postgres.3.sql"),
            ],
        ),
    ];
    for (dialect, released) in released {
        let migrations = migrations(dialect);
        assert_eq!(
            migrations.len(),
            released.len(),
            "keep a new migration in tests/schema/, too"
        );
        for (migration, released) in migrations.iter().zip(released) {
            assert_eq!(
                migration, released,
                "databases have this migration: add another one"
            );
        }
        let tables = schema_sql(dialect);
        let version = tables.strip_prefix(&released.join("\n"));
        let expected = format!("VALUES ('version', '{}');\n", migrations.len());
        assert!(
            version.is_some_and(|sql| sql.ends_with(&expected)),
            "{version:?}"
        );
    }
}
