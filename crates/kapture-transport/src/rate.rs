//! How many requests a second a server tolerates, found out from those it refused (429).
//!
//! There is no limit until a refusal after a second or more, or the second one. Then the rate at
//! which requests were answered so far is the best guess; CUBIC's growth (RFC 9438) comes back to
//! it and feels its way beyond, until the next refusal corrects the guess. Each refusal also pauses
//! the run: as long as the server says, else a second, doubled as long as the pauses bring nothing
//! but refusals.

use std::time::Duration;

use tokio::time::Instant;

use crate::cubic::Cubic;

/// The share cut off at a refusal.
const CUT: f64 = 0.05;

/// The share of a rate that was refused which is hoped to be tolerated.
const TOLERATED: f64 = 0.97;

/// What is left of a rate at least. A run that has little to ask is answered little, too.
const LEAST: f64 = 0.25;

/// The first guess at least: a server that is asked at once by all may answer none of them.
const FIRST_GUESS: f64 = 10.0;

/// The first guess may be far off, later ones are not; and each attempt to go beyond costs a pause.
const FIRST_RECOVERY: Duration = Duration::from_secs(5);
const RECOVERY: Duration = Duration::from_secs(20);

/// The pause where the server does not say how long, also the least time to tell a rate from:
/// most servers count by the second.
const PAUSE: Duration = Duration::from_secs(1);
const MOST_DOUBLINGS: u32 = 6;

#[derive(Debug)]
pub(crate) struct Rate {
    most: f64,
    learnt: Option<Cubic>,
    /// When the first request was sent, later the end of the last pause after a refusal that told
    /// something about the rate.
    since: Option<Instant>,
    answered: u32,
    refusals_in_a_row: u32,
    /// Requests sent before tell nothing about the rate that came after it.
    last_refusal: Option<Instant>,
}

impl Rate {
    /// At most `most` a second, which may be infinite.
    pub(crate) fn new(most: f64) -> Self {
        Self {
            most,
            learnt: None,
            since: None,
            answered: 0,
            refusals_in_a_row: 0,
            last_refusal: None,
        }
    }

    /// Requests a second.
    pub(crate) fn at(&self, now: Instant) -> f64 {
        self.learnt
            .map_or(self.most, |learnt| learnt.at(now).min(self.most))
    }

    pub(crate) fn sent(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// A request sent at `sent` was answered.
    pub(crate) fn answered(&mut self, sent: Instant) {
        if self.last_refusal <= Some(sent) {
            self.answered += 1;
            self.refusals_in_a_row = 0;
        }
    }

    /// A request sent at `sent` was refused; `wait` is what the server asks for. Returns when to
    /// go on.
    pub(crate) fn refused(
        &mut self,
        sent: Instant,
        wait: Option<Duration>,
        now: Instant,
    ) -> Instant {
        if self.last_refusal > Some(sent) {
            return now + wait.unwrap_or_default();
        }
        let doubled = PAUSE * (1 << self.refusals_in_a_row.min(MOST_DOUBLINGS));
        let go_on = now + wait.unwrap_or(doubled);
        self.refusals_in_a_row += 1;
        let is_first = self.last_refusal.replace(now).is_none();
        // If nothing was answered in between, the pause was too short: that says nothing about
        // the rate.
        if self.answered > 0 || self.learnt.is_none() {
            // A pause says nothing about the rate.
            let since = self.since.replace(go_on).unwrap_or(now);
            let answered = std::mem::take(&mut self.answered);
            let seen = now.saturating_duration_since(since);
            if is_first && seen < PAUSE {
                // Others, or an earlier run, may have used up what this second had to give.
                return go_on;
            }
            let answered = f64::from(answered) / seen.max(PAUSE).as_secs_f64();
            let rate = self.at(now);
            let peak = match self.learnt {
                None => answered.max(FIRST_GUESS).min(rate),
                // A rate grows also while little is asked, which proves none of it. What was
                // answered while it grew is a quarter of it at least, if all was made use of.
                Some(learnt) if learnt.is_back(now) => {
                    (TOLERATED * rate).min(learnt.peak.max(4.0 * answered))
                }
                Some(_) => answered.clamp(LEAST * rate, TOLERATED * rate),
            };
            self.learnt = Some(Cubic {
                peak,
                cut: CUT,
                recovery: self.learnt.map_or(FIRST_RECOVERY, |_| RECOVERY),
                begins: go_on,
            });
        } else if let Some(learnt) = &mut self.learnt {
            learnt.begins = go_on;
        }
        go_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A rate after a first second in which so many were answered and one was refused.
    fn refused_after(answered: u32, most: f64) -> (Rate, Instant) {
        let (mut rate, begun) = (Rate::new(most), Instant::now());
        rate.sent(begun);
        for _ in 0..answered {
            rate.answered(begun);
        }
        let now = begun + SECOND;
        assert_eq!(rate.refused(begun, None, now), now + SECOND);
        (rate, now)
    }

    #[test]
    fn there_is_none_before_the_first_refusal_but_the_one_asked_for() {
        let now = Instant::now();
        assert_eq!(Rate::new(f64::INFINITY).at(now), f64::INFINITY);
        assert_eq!(Rate::new(5.0).at(now), 5.0);
    }

    #[test]
    fn what_was_answered_is_what_is_tolerated() {
        let (rate, now) = refused_after(40, f64::INFINITY);
        assert_eq!(rate.at(now).round(), 38.0);
        assert_eq!(rate.at(now + 6 * SECOND).round(), 40.0);
        assert!(rate.at(now + 30 * SECOND) > 60.0);
        let (rate, now) = refused_after(40, 10.0);
        assert_eq!(rate.at(now + 100 * SECOND), 10.0);
    }

    #[test]
    fn a_burst_of_refusals_is_one() {
        let (mut rate, now) = refused_after(40, f64::INFINITY);
        for _ in 0..20 {
            let go_on = rate.refused(now - SECOND, None, now);
            assert_eq!(go_on, now);
        }
        let asked = Some(3 * SECOND);
        assert_eq!(rate.refused(now - SECOND, asked, now), now + 3 * SECOND);
        assert_eq!(rate.at(now).round(), 38.0);
    }

    #[test]
    fn answers_of_many_seconds_are_counted_by_the_second() {
        let (mut rate, begun) = (Rate::new(f64::INFINITY), Instant::now());
        rate.sent(begun);
        for _ in 0..80 {
            rate.answered(begun);
        }
        let now = begun + 2 * SECOND;
        rate.refused(begun, None, now);
        assert_eq!(rate.at(now).round(), 38.0);
    }

    #[test]
    fn a_little_less_than_what_was_refused_is_hoped_for() {
        let (mut rate, mut now) = refused_after(40, f64::INFINITY);
        now += 6 * SECOND;
        rate.answered(now);
        assert_eq!(rate.at(now).round(), 40.0);
        rate.refused(now, None, now);
        assert_eq!(rate.at(now).round(), 37.0);
        // However many were answered before it came back to that.
        now += 3 * SECOND;
        for _ in 0..200 {
            rate.answered(now);
        }
        rate.refused(now, None, now);
        assert!(rate.at(now) < 36.0);
    }

    #[test]
    fn pauses_double_while_they_do_not_help_and_leave_the_rate() {
        let (mut rate, mut now) = refused_after(40, f64::INFINITY);
        for seconds in [2, 4, 8, 16, 32, 64, 64] {
            now += SECOND;
            assert_eq!(rate.refused(now, None, now), now + seconds * SECOND);
        }
        assert_eq!(rate.at(now).round(), 38.0);
        let asked = Some(3 * SECOND);
        assert_eq!(rate.refused(now, asked, now), now + 3 * SECOND);
        assert_eq!(rate.refused(now, None, now), now + 64 * SECOND);
        rate.answered(now);
        assert_eq!(rate.refused(now, None, now), now + SECOND);
    }

    #[test]
    fn a_rate_that_grew_while_little_was_asked_is_forgotten() {
        let (mut rate, mut now) = refused_after(40, f64::INFINITY);
        now += 600 * SECOND;
        for _ in 0..6_000 {
            rate.answered(now);
        }
        assert!(rate.at(now) > 1_000.0);
        rate.refused(now, None, now);
        assert_eq!(rate.at(now).round(), 38.0);
    }

    #[test]
    fn a_run_that_asked_little_is_not_cut_to_that() {
        let (mut rate, mut now) = refused_after(40, f64::INFINITY);
        now += 3 * SECOND;
        rate.answered(now);
        rate.refused(now, None, now);
        assert_eq!(rate.at(now).round(), 9.0);
    }
}
