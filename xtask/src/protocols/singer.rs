//! The tap, run by singer-check-tap and by Meltano, into lines and into PostgreSQL.

use super::Bench;
use crate::{Error, Faults};

pub(super) fn faults(bench: &Bench<'_>) -> Result<Faults, Error> {
    // Each has other versions of the same libraries.
    let names = ["singer-tools", "target-jsonl", "target-postgres", "meltano"];
    let mut arguments = vec![bench.guide.join("meltano.md")];
    for name in names {
        arguments.push(bench.environment(name)?.with_file_name(""));
    }
    // It has psycopg.
    let python = bench.environment("target-postgres")?;
    bench.run(
        python,
        "singer.py",
        &arguments,
        "what a Singer target received is not what the tenant has",
    )
}
