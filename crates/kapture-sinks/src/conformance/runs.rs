//! The runs that a destination keeps.

use chrono::TimeDelta;

use crate::ledger::run_log::{FieldDrift, Run, RunLog};

use super::Subject;
use super::fixtures::{day, fetched};

pub(super) async fn last_hundred_runs_are_kept(subject: &impl Subject) {
    let mut expected = RunLog::default();
    for process in 0..2 {
        let sink = subject.create().await;
        assert_eq!(sink.runs().await.expect("runs"), expected);
        for number in 0..52 {
            let run = run(process * 100 + number);
            expected.push(run.clone());
            sink.record_run(run).await.expect("recorded");
        }
        sink.close().await;
        drop(sink);
    }
    let sink = subject.create().await;
    assert_eq!(sink.runs().await.expect("runs"), expected);
    assert_eq!(expected.len(), 100);
    sink.close().await;
}

/// A run with everything that a run can have.
fn run(requests: u64) -> Run {
    let ended = fetched() + TimeDelta::microseconds(1_234_567);
    let mut run = Run::new("sync", fetched(), ended, 5);
    run.requests = requests;
    run.customers = u64::from(u32::MAX) * 3;
    run.days_failed = 2;
    run.add_failed("Unstable", &[day(2), day(3)].into_iter().collect());
    run.drift = vec![FieldDrift {
        field: "customer.\u{fffd}'\"%".into(),
        kind: "unknown field".into(),
        count: 7,
        since: fetched(),
    }];
    run
}
