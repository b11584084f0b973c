//! A server that has stopped answering: a run goes on asking for minutes, and says so once.

use std::time::{Duration, Instant};

/// How long nothing comes before it is said.
const PATIENCE: Duration = Duration::from_secs(30);

/// Since when nothing has come from the server.
#[derive(Debug, Default)]
pub(super) struct Silence {
    since: Option<Instant>,
    is_told: bool,
}

impl Silence {
    /// Something came.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// A request failed and is made again. Returns how long nothing has come, once, when that is long.
    pub(super) fn goes_on(&mut self, now: Instant) -> Option<Duration> {
        let length = now.duration_since(*self.since.get_or_insert(now));
        let is_news = length >= PATIENCE && !self.is_told;
        self.is_told |= is_news;
        is_news.then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_silence_is_told_once() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut silence = Silence::default();
        assert_eq!(silence.goes_on(after(0)), None);
        assert_eq!(silence.goes_on(after(29)), None);
        silence.end();
        assert_eq!(silence.goes_on(after(31)), None);
        assert_eq!(silence.goes_on(after(61)), Some(PATIENCE));
        assert_eq!(silence.goes_on(after(90)), None);
        silence.end();
        assert_eq!(silence.goes_on(after(100)), None);
        let length = Some(Duration::from_secs(45));
        assert_eq!(silence.goes_on(after(145)), length);
    }
}
