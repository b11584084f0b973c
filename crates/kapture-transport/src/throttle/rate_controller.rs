//! Learns how many requests a second a server accepts, from the requests that it limits (HTTP 429).
//!
//! There is no rate limit until the first 429 after a second or more, or the second 429. Then the
//! estimate is the rate at which requests were answered so far. It is decreased a little, grows
//! back as CUBIC does (RFC 9438) and beyond, until the next 429 corrects it. Each 429 also pauses
//! the run: for its `Retry-After`, else for an exponential backoff that begins with a second and
//! doubles while no request is answered between two pauses.

use std::time::Duration;

use tokio::time::Instant;

use super::cubic::Cubic;

/// The share of the estimate that is left after a decrease.
const BETA: f64 = 0.95;

/// The share of a limited rate that is taken for the accepted one.
const ACCEPTED_SHARE: f64 = 0.97;

/// The least share of the rate that one 429 leaves: a run with few requests has few answers, which
/// do not prove a low limit.
const MIN_SHARE: f64 = 0.25;

/// The lowest first estimate: of many requests sent at once a server may answer none.
const MIN_FIRST_ESTIMATE: f64 = 10.0;

/// How long CUBIC takes to grow back. The first estimate may be far too low; later ones are close,
/// and each attempt to exceed the limit costs a pause.
const FIRST_RECOVERY: Duration = Duration::from_secs(5);
const RECOVERY: Duration = Duration::from_secs(20);

/// The first pause without `Retry-After`, and the shortest time over which a rate is measured:
/// most servers count by the second.
const INITIAL_PAUSE: Duration = Duration::from_secs(1);
const MAX_DOUBLINGS: u32 = 6;

/// The pause between two attempts to find out whether a ban is over.
const BAN_PAUSE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct RateController {
    max: f64,
    estimate: Option<Cubic>,
    /// The begin of the measurement: when the first request was sent, later the end of the pause
    /// after the last 429 that changed the estimate.
    since: Option<Instant>,
    /// The answers since then.
    answered: u32,
    limited_in_a_row: u32,
    /// The last 429: requests sent before it say nothing about the rate after it.
    last_limited: Option<Instant>,
}

impl RateController {
    /// A rate of at most `max` a second, which may be infinite.
    pub(crate) fn new(max: f64) -> Self {
        Self {
            max,
            estimate: None,
            since: None,
            answered: 0,
            limited_in_a_row: 0,
            last_limited: None,
        }
    }

    /// How many requests a second may be sent.
    pub(crate) fn rate(&self, now: Instant) -> f64 {
        self.estimate
            .map_or(self.max, |estimate| estimate.at(now).min(self.max))
    }

    /// A request was sent.
    pub(crate) fn on_sent(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// A request sent at `sent` was answered.
    pub(crate) fn on_success(&mut self, sent: Instant) {
        if self.last_limited <= Some(sent) {
            self.answered += 1;
            self.limited_in_a_row = 0;
        }
    }

    /// A request sent at `sent` was answered with HTTP 429; `wait` is its `Retry-After`. Returns
    /// the end of the pause.
    pub(crate) fn on_rate_limited(
        &mut self,
        sent: Instant,
        wait: Option<Duration>,
        now: Instant,
    ) -> Instant {
        if self.last_limited > Some(sent) {
            return now + wait.unwrap_or_default();
        }
        let doubled = INITIAL_PAUSE * (1 << self.limited_in_a_row.min(MAX_DOUBLINGS));
        let paused_until = now + wait.unwrap_or(doubled);
        self.limited_in_a_row += 1;
        let is_first = self.last_limited.replace(now).is_none();
        // Without an answer since the last pause, the pause was too short, which says nothing about
        // the rate.
        if self.answered > 0 || self.estimate.is_none() {
            // The pause does not count in the next measurement.
            let since = self.since.replace(paused_until).unwrap_or(now);
            let answered = std::mem::take(&mut self.answered);
            let measured = now.saturating_duration_since(since);
            if is_first && measured < INITIAL_PAUSE {
                // Other clients, or an earlier run, may have used up the requests of this second.
                return paused_until;
            }
            let answered = f64::from(answered) / measured.max(INITIAL_PAUSE).as_secs_f64();
            let rate = self.rate(now);
            let peak = match self.estimate {
                None => answered.max(MIN_FIRST_ESTIMATE).min(rate),
                // The rate also grows while few requests are sent, which proves nothing. If all of
                // it was used, the answers of the time in which it grew are a quarter of it or more.
                Some(estimate) if estimate.has_recovered(now) => {
                    (ACCEPTED_SHARE * rate).min(estimate.peak.max(4.0 * answered))
                }
                Some(_) => answered.clamp(MIN_SHARE * rate, ACCEPTED_SHARE * rate),
            };
            self.estimate = Some(Cubic {
                peak,
                beta: BETA,
                recovery: self.estimate.map_or(FIRST_RECOVERY, |_| RECOVERY),
                begins: paused_until,
            });
        } else if let Some(estimate) = &mut self.estimate {
            estimate.begins = paused_until;
        }
        paused_until
    }
}

impl RateController {
    /// A request sent at `sent` was answered with HTTP 403, as by a firewall that bans clients that are
    /// too fast. Returns the end of the pause.
    ///
    /// Other clients are not banned for it, so the first ban is believed; and it lasts longer than a
    /// second, so that no pause tells how long.
    pub(crate) fn on_banned(&mut self, sent: Instant, now: Instant) -> Instant {
        self.last_limited.get_or_insert(sent);
        self.on_rate_limited(sent, Some(BAN_PAUSE), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A controller after one second with so many answers and one 429.
    fn limited_after(answered: u32, max: f64) -> (RateController, Instant) {
        let (mut controller, begun) = (RateController::new(max), Instant::now());
        controller.on_sent(begun);
        for _ in 0..answered {
            controller.on_success(begun);
        }
        let now = begun + SECOND;
        assert_eq!(controller.on_rate_limited(begun, None, now), now + SECOND);
        (controller, now)
    }

    #[test]
    fn rate_is_the_configured_one_before_the_first_429() {
        let now = Instant::now();
        assert_eq!(RateController::new(f64::INFINITY).rate(now), f64::INFINITY);
        assert_eq!(RateController::new(5.0).rate(now), 5.0);
    }

    #[test]
    fn first_estimate_is_the_rate_of_answers() {
        let (controller, now) = limited_after(40, f64::INFINITY);
        assert_eq!(controller.rate(now).round(), 38.0);
        assert_eq!(controller.rate(now + 6 * SECOND).round(), 40.0);
        assert!(controller.rate(now + 30 * SECOND) > 60.0);
        let (controller, now) = limited_after(40, 10.0);
        assert_eq!(controller.rate(now + 100 * SECOND), 10.0);
    }

    #[test]
    fn burst_of_429_decreases_the_rate_once() {
        let (mut controller, now) = limited_after(40, f64::INFINITY);
        for _ in 0..20 {
            let paused_until = controller.on_rate_limited(now - SECOND, None, now);
            assert_eq!(paused_until, now);
        }
        let asked = Some(3 * SECOND);
        assert_eq!(
            controller.on_rate_limited(now - SECOND, asked, now),
            now + 3 * SECOND
        );
        assert_eq!(controller.rate(now).round(), 38.0);
    }

    #[test]
    fn answers_are_divided_by_the_seconds_measured() {
        let (mut controller, begun) = (RateController::new(f64::INFINITY), Instant::now());
        controller.on_sent(begun);
        for _ in 0..80 {
            controller.on_success(begun);
        }
        let now = begun + 2 * SECOND;
        controller.on_rate_limited(begun, None, now);
        assert_eq!(controller.rate(now).round(), 38.0);
    }

    #[test]
    fn later_estimate_is_a_little_below_the_limited_rate() {
        let (mut controller, mut now) = limited_after(40, f64::INFINITY);
        now += 6 * SECOND;
        controller.on_success(now);
        assert_eq!(controller.rate(now).round(), 40.0);
        controller.on_rate_limited(now, None, now);
        assert_eq!(controller.rate(now).round(), 37.0);
        // However many requests were answered before the rate had recovered.
        now += 3 * SECOND;
        for _ in 0..200 {
            controller.on_success(now);
        }
        controller.on_rate_limited(now, None, now);
        assert!(controller.rate(now) < 36.0);
    }

    #[test]
    fn pauses_double_without_answers_and_keep_the_rate() {
        let (mut controller, mut now) = limited_after(40, f64::INFINITY);
        for seconds in [2, 4, 8, 16, 32, 64, 64] {
            now += SECOND;
            assert_eq!(
                controller.on_rate_limited(now, None, now),
                now + seconds * SECOND
            );
        }
        assert_eq!(controller.rate(now).round(), 38.0);
        let asked = Some(3 * SECOND);
        assert_eq!(
            controller.on_rate_limited(now, asked, now),
            now + 3 * SECOND
        );
        assert_eq!(
            controller.on_rate_limited(now, None, now),
            now + 64 * SECOND
        );
        controller.on_success(now);
        assert_eq!(controller.on_rate_limited(now, None, now), now + SECOND);
    }

    #[test]
    fn unused_growth_of_the_rate_is_dropped_at_the_next_429() {
        let (mut controller, mut now) = limited_after(40, f64::INFINITY);
        now += 600 * SECOND;
        for _ in 0..6_000 {
            controller.on_success(now);
        }
        assert!(controller.rate(now) > 1_000.0);
        controller.on_rate_limited(now, None, now);
        assert_eq!(controller.rate(now).round(), 38.0);
    }

    #[test]
    fn few_answers_decrease_the_rate_to_a_quarter_at_most() {
        let (mut controller, mut now) = limited_after(40, f64::INFINITY);
        now += 3 * SECOND;
        controller.on_success(now);
        controller.on_rate_limited(now, None, now);
        assert_eq!(controller.rate(now).round(), 9.0);
    }
}
