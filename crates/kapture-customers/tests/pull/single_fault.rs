//! One thing goes wrong, at each request of a pull in turn, in each way that is known.

use std::sync::Arc;
use std::time::Duration;

use crate::against::{Pulled, may, population, pull, truth};
use kapture_sandbox::{Behaviour, EmptyForm, FaultKind, Faults, Limit, PerDay, Tenant, Windows};

/// Servers that differ in what a pull has to ask them.
fn servers() -> Vec<Behaviour> {
    let mut servers = Vec::new();
    for windows in Windows::ALL {
        for limit in [Limit::Honoured, Limit::CappedAt(37)] {
            for empty_window in [
                EmptyForm::EmptyList,
                EmptyForm::Failed("No customers found".into()),
                EmptyForm::Failed("E-1017".into()),
                EmptyForm::NotFound("No data found".into()),
            ] {
                servers.push(Behaviour {
                    windows,
                    limit,
                    empty_window,
                    ..Behaviour::default()
                });
            }
        }
    }
    servers
}

/// Faults that a second attempt mends.
fn passing() -> Vec<FaultKind> {
    let mut kinds = FaultKind::passing();
    kinds.extend([
        FaultKind::TooManyRequests429 {
            retry_after: Some("30".into()),
        },
        FaultKind::TooManyRequests429 {
            retry_after: Some("soon".into()),
        },
        FaultKind::Stall,
        FaultKind::SlowBody {
            pieces: 3,
            pause: Duration::from_secs(1),
        },
        FaultKind::Failed(String::new()),
    ]);
    kinds
}

/// Faults that look like an answer: they may end a run, and must not pass for one.
fn lasting() -> Vec<FaultKind> {
    vec![
        FaultKind::LoginRedirect,
        FaultKind::TooManyRequests429 {
            retry_after: Some("86400".into()),
        },
        FaultKind::Failed("Invalid Auth Key".into()),
        FaultKind::Failed("cm_id is not valid".into()),
        FaultKind::Failed("Date range should not exceed 24 hours".into()),
    ]
}

/// Pulls six days, of which some are quiet.
async fn pull_with_fault(behaviour: &Behaviour, faults: Faults) -> (Arc<Tenant>, Pulled) {
    let sizes = vec![(may(2), 5), (may(4), 90), (may(5), 1)];
    let tenant = Arc::new(Tenant::new(
        population(3, PerDay::Listed(sizes)),
        Behaviour {
            faults,
            ..behaviour.clone()
        },
    ));
    let pulled = pull(&tenant, may(1), may(6)).await;
    (tenant, pulled)
}

#[tokio::test(start_paused = true)]
async fn is_mended_or_named_wherever_it_happens() {
    let mut tried = 0;
    let mut ended = 0;
    for behaviour in servers() {
        let (tenant, undisturbed) = pull_with_fault(&behaviour, Faults::none()).await;
        let truth = truth(&tenant, may(1), may(6));
        assert_eq!(undisturbed.ids(), truth, "{behaviour:?}");
        let kinds = passing()
            .into_iter()
            .map(|kind| (kind, true))
            .chain(lasting().into_iter().map(|kind| (kind, false)));
        for (place, (kind, passes)) in kinds.enumerate() {
            // Each kind meets every sixth request, and each request some kinds.
            for number in (1 + place as u64 % 6..=tenant.request_count()).step_by(6) {
                let told = format!("{kind:?} at request {number} of {behaviour:?}");
                let faults = Faults::scheduled([(number, kind.clone())]);
                let (_, pulled) = pull_with_fault(&behaviour, faults).await;
                tried += 1;
                let (ids, none) = (pulled.ids(), Vec::new());
                for day in pulled.receipts.keys() {
                    assert_eq!(
                        ids.get(day).unwrap_or(&none),
                        truth.get(day).unwrap_or(&none),
                        "{day}: {told}"
                    );
                }
                let whole = pulled.receipts.len() == 6;
                let named =
                    pulled.error.is_some() || pulled.receipts.len() + pulled.failed.len() == 6;
                assert!(whole || named, "days are missing without a word: {told}");
                if passes {
                    assert!(whole, "{:?} {:?}: {told}", pulled.error, pulled.failed);
                    assert!(pulled.error.is_none(), "{:?}: {told}", pulled.error);
                }
                ended += u32::from(!whole);
            }
        }
    }
    println!("{tried} single faults: {ended} named, all others mended");
    assert!(tried > 2_000, "{tried}");
}
