//! The table `kapture_runs`: the last runs that wrote to the database.

use super::stored_table::{Kind, StoredRow, StoredTable};
use crate::ledger::run_log::RunLog;

/// Each column is a field of a run.
pub(crate) const RUNS: StoredTable = StoredTable {
    name: "kapture_runs",
    columns: &[
        ("number", Kind::Number),
        ("command", Kind::Text),
        ("started", Kind::Text),
        ("ended", Kind::Text),
        ("exit_code", Kind::Number),
        ("days_done", Kind::Number),
        ("days_failed", Kind::Number),
        ("days_skipped", Kind::Number),
        ("customers", Kind::Number),
        ("requests", Kind::Number),
        ("retries", Kind::Number),
        ("bytes", Kind::Number),
        ("failed", Kind::Json),
        ("drift", Kind::Json),
    ],
};

/// Deletes the runs before the number `$1`, which is given as text.
pub(crate) const DELETE_OLDER: &str =
    "DELETE FROM kapture_runs WHERE number < CAST(CAST($1 AS text) AS bigint)";

/// The runs of these rows. A row that cannot be decoded is left out: nothing depends on it.
pub(crate) fn decode(rows: impl IntoIterator<Item = StoredRow>) -> RunLog {
    let runs = rows.into_iter().map(|row| RUNS.decode(row));
    runs.filter_map(Result::ok).collect()
}
