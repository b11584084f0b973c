//! Tells an outage of the server from a few calls that fail while others would succeed.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

/// How many failing calls are no outage yet: the server may fail for one customer's data alone,
/// and the same customer may be part of two windows.
const MAX_FAILING_CALLS: usize = 2;

/// The failures since the last answer.
#[derive(Debug, Default)]
pub(super) struct OutageTracker(Option<Outage>);

#[derive(Debug)]
struct Outage {
    /// When the first attempt failed.
    first: Instant,
    /// When the last attempt failed, or the end of the wait that the server asked for.
    last: Instant,
    /// The calls that failed, up to one more than [`MAX_FAILING_CALLS`].
    calls: BTreeSet<u64>,
}

impl OutageTracker {
    /// An attempt was answered.
    pub(super) fn on_answer(&mut self) {
        self.0 = None;
    }

    /// An attempt of `call` failed, and the server asks for `wait`. An earlier failure belongs to
    /// the same outage if it is not older than `max_gap`: after a longer gap it is unknown whether
    /// the server would have answered meanwhile.
    pub(super) fn on_failure(
        &mut self,
        call: u64,
        wait: Option<Duration>,
        max_gap: Duration,
        now: Instant,
    ) {
        let ongoing = self
            .0
            .take_if(|outage| now.saturating_duration_since(outage.last) < max_gap);
        let mut outage = ongoing.unwrap_or_else(|| Outage {
            first: now,
            last: now,
            calls: BTreeSet::new(),
        });
        outage.last = outage.last.max(now + wait.unwrap_or_default());
        if outage.calls.len() <= MAX_FAILING_CALLS {
            outage.calls.insert(call);
        }
        self.0 = Some(outage);
    }

    /// How long the server has been failing for every call; zero if it has not.
    pub(super) fn duration(&self) -> Duration {
        self.0
            .as_ref()
            .filter(|outage| outage.calls.len() > MAX_FAILING_CALLS)
            .map_or(Duration::ZERO, |outage| outage.first.elapsed())
    }
}
