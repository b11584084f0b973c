//! A cassette of a pull gives the same customers without a server.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use chrono::NaiveDate;
use futures_util::StreamExt;
use kapture_customers::Event;
use kapture_model::{CustomerId, Days};
use kapture_sandbox::{
    Behaviour, DEFAULT_TOKEN, EmptyForm, FaultKind, Faults, Limit, PerDay, Tenant, Windows,
};
use kapture_tests::around_may;
use kapture_transport::{Cassette, Transport};

use super::{may, pull, transport};

/// A file in memory.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The raw customers of each day that is complete.
type Customers = BTreeMap<NaiveDate, BTreeMap<CustomerId, Vec<u8>>>;

async fn pulled(transport: impl Transport + 'static, days: &Days, concurrency: usize) -> Customers {
    let mut customers = Customers::new();
    let mut events = pull(transport, days, concurrency).events();
    while let Some(event) = events.next().await {
        match event.unwrap() {
            Event::Records { day, records } => {
                let day = customers.entry(day).or_default();
                day.extend(records.iter().map(|r| (r.id().clone(), r.raw().to_vec())));
            }
            Event::DayFailed { day, error } => panic!("{day}: {error:?}"),
            _ => {}
        }
    }
    customers
}

#[tokio::test(start_paused = true)]
async fn strict_capped_faulty_server_is_replayed_without_a_socket() {
    let kinds = FaultKind::passing();
    let tenant = || {
        Tenant::new(
            around_may(PerDay::Between(0, 90)),
            Behaviour {
                windows: Windows::Strict,
                limit: Limit::CappedAt(37),
                empty_window: EmptyForm::Failed("No information found".into()),
                faults: Faults::random(0.2, kinds.clone(), 5),
                ..Behaviour::default()
            },
        )
    };
    let days = Days::between(may(1), may(7)).unwrap();
    // With several connections the order of the answers decides what is asked next.
    let concurrency = 1;
    let tape = Tape::default();
    let server = transport(tenant());
    let truth = server.tenant().truth_ids(may(1), may(7));
    let recorder = Cassette::record(server, tape.clone());
    let recorded = pulled(recorder, &days, concurrency).await;
    let ids: Vec<_> = recorded.values().flat_map(BTreeMap::keys).collect();
    assert_eq!(ids.len(), truth.len());
    assert!(
        ids.iter()
            .all(|id| id.as_u64().is_some_and(|id| truth.contains(&id)))
    );

    let tape = tape.0.lock().unwrap().clone();
    let replay = Cassette::replay(tape.as_slice()).unwrap();
    assert_eq!(pulled(replay, &days, concurrency).await, recorded);
    let text = String::from_utf8(tape).unwrap();
    assert!(
        text.lines().any(|line| !line.contains(r#""status":200"#)),
        "faults"
    );
    assert!(!text.contains(DEFAULT_TOKEN.trim_end_matches('=')));
}
