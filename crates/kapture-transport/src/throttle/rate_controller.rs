//! How many requests a second a server tolerates, found out from those it refused (429).
//!
//! There is no limit until a refusal after a second or more, or the second one. Then the rate at
//! which requests were answered so far is the best guess; CUBIC's growth (RFC 9438) comes back to
//! it and feels its way beyond, until the next refusal corrects the guess. Each refusal also pauses
//! the run: as long as the server says, else a second, doubled as long as the pauses bring nothing
//! but refusals.

use std::time::Duration;

use tokio::time::Instant;

use super::cubic::Cubic;

/// The share cut off at a refusal.
const BETA: f64 = 0.95;

/// The share of a rate that was refused which is hoped to be tolerated.
const ACCEPTED_SHARE: f64 = 0.97;

/// What is left of a rate at least. A run that has little to ask is answered little, too.
const MIN_SHARE: f64 = 0.25;

/// The first guess at least: a server that is asked at once by all may answer none of them.
const MIN_FIRST_ESTIMATE: f64 = 10.0;

/// The first guess may be far off, later ones are not; and each attempt to go beyond costs a pause.
const FIRST_RECOVERY: Duration = Duration::from_secs(5);
const RECOVERY: Duration = Duration::from_secs(20);

/// The pause where the server does not say how long, also the least time to tell a rate from:
/// most servers count by the second.
const INITIAL_PAUSE: Duration = Duration::from_secs(1);
const MAX_DOUBLINGS: u32 = 6;

#[derive(Debug)]
pub(crate) struct RateController {
    max: f64,
    estimate: Option<Cubic>,
    /// When the first request was sent, later the end of the last pause after a refusal that told
    /// something about the rate.
    since: Option<Instant>,
    answered: u32,
    refusals_in_a_row: u32,
    /// Requests sent before tell nothing about the rate that came after it.
    last_refusal: Option<Instant>,
}

impl RateController {
    /// At most `most` a second, which may be infinite.
    pub(crate) fn new(max: f64) -> Self {
        Self {
            max,
            estimate: None,
            since: None,
            answered: 0,
            refusals_in_a_row: 0,
            last_refusal: None,
        }
    }

    /// Requests a second.
    pub(crate) fn at(&self, now: Instant) -> f64 {
        self.estimate
            .map_or(self.max, |estimate| estimate.at(now).min(self.max))
    }

    pub(crate) fn on_sent(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// A request sent at `sent` was answered.
    pub(crate) fn on_success(&mut self, sent: Instant) {
        if self.last_refusal <= Some(sent) {
            self.answered += 1;
            self.refusals_in_a_row = 0;
        }
    }

    /// A request sent at `sent` was refused; `wait` is what the server asks for. Returns when to
    /// go on.
    pub(crate) fn on_rate_limited(
        &mut self,
        sent: Instant,
        wait: Option<Duration>,
        now: Instant,
    ) -> Instant {
        if self.last_refusal > Some(sent) {
            return now + wait.unwrap_or_default();
        }
        let doubled = INITIAL_PAUSE * (1 << self.refusals_in_a_row.min(MAX_DOUBLINGS));
        let paused_until = now + wait.unwrap_or(doubled);
        self.refusals_in_a_row += 1;
        let is_first = self.last_refusal.replace(now).is_none();
        // If nothing was answered in between, the pause was too short: that says nothing about
        // the rate.
        if self.answered > 0 || self.estimate.is_none() {
            // A pause says nothing about the rate.
            let since = self.since.replace(paused_until).unwrap_or(now);
            let answered = std::mem::take(&mut self.answered);
            let seen = now.saturating_duration_since(since);
            if is_first && seen < INITIAL_PAUSE {
                // Others, or an earlier run, may have used up what this second had to give.
                return paused_until;
            }
            let answered = f64::from(answered) / seen.max(INITIAL_PAUSE).as_secs_f64();
            let rate = self.at(now);
            let peak = match self.estimate {
                None => answered.max(MIN_FIRST_ESTIMATE).min(rate),
                // A rate grows also while little is asked, which proves none of it. What was
                // answered while it grew is a quarter of it at least, if all was made use of.
                Some(estimate) if estimate.is_back(now) => {
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A rate after a first second in which so many were answered and one was refused.
    fn refused_after(answered: u32, max: f64) -> (RateController, Instant) {
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
    fn there_is_none_before_the_first_refusal_but_the_one_asked_for() {
        let now = Instant::now();
        assert_eq!(RateController::new(f64::INFINITY).at(now), f64::INFINITY);
        assert_eq!(RateController::new(5.0).at(now), 5.0);
    }

    #[test]
    fn what_was_answered_is_what_is_tolerated() {
        let (controller, now) = refused_after(40, f64::INFINITY);
        assert_eq!(controller.at(now).round(), 38.0);
        assert_eq!(controller.at(now + 6 * SECOND).round(), 40.0);
        assert!(controller.at(now + 30 * SECOND) > 60.0);
        let (controller, now) = refused_after(40, 10.0);
        assert_eq!(controller.at(now + 100 * SECOND), 10.0);
    }

    #[test]
    fn a_burst_of_refusals_is_one() {
        let (mut controller, now) = refused_after(40, f64::INFINITY);
        for _ in 0..20 {
            let paused_until = controller.on_rate_limited(now - SECOND, None, now);
            assert_eq!(paused_until, now);
        }
        let asked = Some(3 * SECOND);
        assert_eq!(
            controller.on_rate_limited(now - SECOND, asked, now),
            now + 3 * SECOND
        );
        assert_eq!(controller.at(now).round(), 38.0);
    }

    #[test]
    fn answers_of_many_seconds_are_counted_by_the_second() {
        let (mut controller, begun) = (RateController::new(f64::INFINITY), Instant::now());
        controller.on_sent(begun);
        for _ in 0..80 {
            controller.on_success(begun);
        }
        let now = begun + 2 * SECOND;
        controller.on_rate_limited(begun, None, now);
        assert_eq!(controller.at(now).round(), 38.0);
    }

    #[test]
    fn a_little_less_than_what_was_refused_is_hoped_for() {
        let (mut controller, mut now) = refused_after(40, f64::INFINITY);
        now += 6 * SECOND;
        controller.on_success(now);
        assert_eq!(controller.at(now).round(), 40.0);
        controller.on_rate_limited(now, None, now);
        assert_eq!(controller.at(now).round(), 37.0);
        // However many were answered before it came back to that.
        now += 3 * SECOND;
        for _ in 0..200 {
            controller.on_success(now);
        }
        controller.on_rate_limited(now, None, now);
        assert!(controller.at(now) < 36.0);
    }

    #[test]
    fn pauses_double_while_they_do_not_help_and_leave_the_rate() {
        let (mut controller, mut now) = refused_after(40, f64::INFINITY);
        for seconds in [2, 4, 8, 16, 32, 64, 64] {
            now += SECOND;
            assert_eq!(
                controller.on_rate_limited(now, None, now),
                now + seconds * SECOND
            );
        }
        assert_eq!(controller.at(now).round(), 38.0);
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
    fn a_rate_that_grew_while_little_was_asked_is_forgotten() {
        let (mut controller, mut now) = refused_after(40, f64::INFINITY);
        now += 600 * SECOND;
        for _ in 0..6_000 {
            controller.on_success(now);
        }
        assert!(controller.at(now) > 1_000.0);
        controller.on_rate_limited(now, None, now);
        assert_eq!(controller.at(now).round(), 38.0);
    }

    #[test]
    fn a_run_that_asked_little_is_not_cut_to_that() {
        let (mut controller, mut now) = refused_after(40, f64::INFINITY);
        now += 3 * SECOND;
        controller.on_success(now);
        controller.on_rate_limited(now, None, now);
        assert_eq!(controller.at(now).round(), 9.0);
    }
}
