//! The last runs of a destination: what `status --runs` lists.

use kapture_sinks::{Run, RunLog};
use serde_json::json;

use crate::output::summary::took;

/// One line for each run, the oldest first.
pub(super) fn text(destination: &str, runs: &RunLog) -> String {
    if runs.is_empty() {
        return format!("{destination}: no runs yet\n");
    }
    let header = [
        "run",
        "started (UTC)",
        "took",
        "command",
        "days",
        "customers",
        "requests",
        "repeated",
        "MB",
        "exit",
    ];
    let rows = runs.iter().map(row);
    let rows: Vec<_> = [header.map(str::to_owned)]
        .into_iter()
        .chain(rows)
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..header.len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let line = |row: &[String; 10]| {
        let cells = row.iter().zip(&widths).enumerate();
        let cell = |(column, (text, width)): (usize, (&String, &usize))| match column {
            1 | 3 => format!("{text:<width$}"),
            _ => format!("{text:>width$}"),
        };
        cells.map(cell).collect::<Vec<_>>().join("  ") + "\n"
    };
    let mut text: String = rows.iter().map(line).collect();
    if !runs.iter().all(Run::has_ended) {
        text += "exit 137: the run was killed, or is still running\n";
    }
    text
}

fn row(run: &Run) -> [String; 10] {
    let days = match run.days_failed {
        0 => run.days_done.to_string(),
        failed => format!("{} of {}", run.days_done, run.days_done + failed),
    };
    // A run that did not end has counted for itself alone.
    let counted = |text: String| if run.has_ended() { text } else { "-".into() };
    [
        run.number.to_string(),
        run.started.format("%Y-%m-%d %H:%M:%S").to_string(),
        took(run),
        kapture_model::sanitize(&run.command).to_string(),
        counted(days),
        counted(run.customers.to_string()),
        counted(run.requests.to_string()),
        counted(run.retries.to_string()),
        counted(format!("{:.1}", run.bytes as f64 / 1e6)),
        run.exit_code.to_string(),
    ]
}

pub(super) fn json(destination: &str, runs: &RunLog) -> serde_json::Value {
    json!({"destination": destination, "runs": runs.iter().collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_a_table() {
        let time = |text: &str| text.parse().unwrap();
        let mut runs = RunLog::default();
        let mut first = Run::new(
            "sync",
            time("2024-05-02T06:15:00Z"),
            time("2024-05-02T06:15:01.25Z"),
            0,
        );
        (
            first.days_done,
            first.customers,
            first.requests,
            first.bytes,
        ) = (7, 12_345, 16, 2_340_000);
        runs.push(first);
        let mut second = Run::new(
            "pull",
            time("2024-05-03T06:15:00Z"),
            time("2024-05-03T08:17:00Z"),
            5,
        );
        (second.days_done, second.days_failed, second.retries) = (1, 2, 40);
        runs.push(second);
        runs.push(Run::begun("sync", time("2024-05-04T06:15:00Z")));
        assert_eq!(
            text("out/", &runs),
            "\
run  started (UTC)             took  command    days  customers  requests  repeated   MB  exit
  1  2024-05-02 06:15:00      1.2 s  sync          7      12345        16         0  2.3     0
  2  2024-05-03 06:15:00  2 h 2 min  pull     1 of 3          0         0        40  0.0     5
  3  2024-05-04 06:15:00          -  sync          -          -         -         -    -   137
exit 137: the run was killed, or is still running
"
        );
        assert_eq!(text("out/", &RunLog::default()), "out/: no runs yet\n");
    }
}
