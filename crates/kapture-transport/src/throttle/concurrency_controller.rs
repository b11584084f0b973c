//! How many calls at once a server copes with, found out from its answers.
//!
//! A slow start that ends when latency rises (HyStart++, RFC 9406), then CUBIC's growth (RFC 9438)
//! back towards the number at which it went wrong, and a cut whenever a round of answers is much
//! slower than usual, or many of a round are failures. A few failures are not: some servers have
//! them at any load.

use std::time::Duration;

use tokio::time::Instant;

use super::cubic::Cubic;

const INITIAL_LIMIT: f64 = 4.0;

/// How many more there may be for each good answer of the slow start.
const SLOW_START_STEP: f64 = 2.0;

/// The share cut off when it goes wrong.
const BETA: f64 = 0.7;

const RECOVERY: Duration = Duration::from_secs(8);

/// The fewest answers that tell whether a server is slower than usual.
const MIN_ROUND: f64 = 16.0;

/// A round is much slower than usual if it takes so many times as long, and a moment; no slower
/// if less than this.
const SLOW_ROUND: f64 = 2.5;
const NORMAL_ROUND: f64 = 1.25;
const LATENCY_TOLERANCE: f64 = 0.02;

/// How much of the difference of a faster round goes into what is usual. Slower ones do not
/// count: whoever adds little by little would otherwise never notice.
const BASELINE_GAIN: f64 = 1.0 / 8.0;

/// One failure in so many answers is too many.
const FAILURE_DIVISOR: f64 = 5.0;

#[derive(Debug)]
pub(crate) struct ConcurrencyController {
    max: f64,
    growth: Growth,
    round: Round,
    /// In seconds; as soon as a round has shown it.
    baseline_latency: Option<f64>,
    /// The highest limit at which a round was no slower than usual.
    proven: f64,
}

#[derive(Debug)]
enum Growth {
    /// Two more for each good answer: three times as many with each round.
    SlowStart(f64),
    /// None until a round shows whether the cut was enough.
    Cut(f64),
    Cubic(Cubic),
}

/// As many calls in a row as there may be at once. It is over when the last of them is: those
/// that end first are the fast ones.
#[derive(Debug, Default)]
struct Round {
    number: u64,
    limit: f64,
    begun: f64,
    ended: f64,
    good: f64,
    failed: f64,
    /// The sum of the logarithms of their latencies: one answer that took for ever is one answer.
    latency: f64,
}

/// The round that a call belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoundMember(Option<u64>);

impl Round {
    fn new(number: u64, limit: f64) -> Self {
        Self {
            number,
            limit,
            ..Self::default()
        }
    }

    fn calls(&self) -> f64 {
        // What is usual shows before there are more at once than the first.
        let is_first = self.number == 0;
        let shortest = if is_first { 1.0 } else { MIN_ROUND };
        self.limit.floor().max(shortest)
    }

    fn has(&self, member: RoundMember) -> bool {
        member.0 == Some(self.number)
    }

    fn has_failed(&self) -> bool {
        self.failed * FAILURE_DIVISOR > self.calls()
    }
}

impl ConcurrencyController {
    /// At most `most`, which is one or more.
    pub(crate) fn new(max: f64) -> Self {
        let first = max.min(INITIAL_LIMIT);
        Self {
            max,
            growth: Growth::SlowStart(first),
            round: Round::new(0, first),
            baseline_latency: None,
            proven: first,
        }
    }

    pub(crate) fn at(&self, now: Instant) -> f64 {
        let limit = match &self.growth {
            Growth::SlowStart(limit) | Growth::Cut(limit) => *limit,
            Growth::Cubic(cubic) => cubic.at(now),
        };
        limit.clamp(1.0, self.max)
    }

    /// A call begins.
    pub(crate) fn on_start(&mut self) -> RoundMember {
        let belongs = self.round.begun < self.round.calls();
        self.round.begun += f64::from(u8::from(belongs));
        RoundMember(belongs.then_some(self.round.number))
    }

    /// A call went well.
    pub(crate) fn on_success(&mut self, member: RoundMember, latency: Duration) {
        if let Growth::SlowStart(limit) = &mut self.growth {
            *limit = (*limit + SLOW_START_STEP).min(self.max);
        }
        if self.round.has(member) {
            self.round.good += 1.0;
            self.round.latency += latency.as_secs_f64().max(1e-6).ln();
        }
    }

    /// A call met a server that could not cope.
    pub(crate) fn on_overload(&mut self, member: RoundMember, now: Instant) {
        if self.round.has(member) {
            self.round.failed += 1.0;
            if self.round.has_failed() {
                self.cut(now);
            }
        }
    }

    /// A call is over, whatever came of it.
    pub(crate) fn on_end(&mut self, member: RoundMember, now: Instant) {
        if self.round.has(member) {
            self.round.ended += 1.0;
            if self.round.ended >= self.round.calls() {
                self.end_round(now);
            }
        }
    }

    fn end_round(&mut self, now: Instant) {
        let limit = self.at(now);
        let next = self.next_round(limit);
        let round = std::mem::replace(&mut self.round, next);
        let just_cut = matches!(self.growth, Growth::Cut(_));
        if just_cut {
            self.growth = Growth::Cubic(Cubic {
                peak: limit / BETA,
                beta: BETA,
                recovery: RECOVERY,
                begins: now,
            });
        }
        if round.good == 0.0 {
            return;
        }
        let latency = (round.latency / round.good).exp();
        let baseline_latency = *self.baseline_latency.get_or_insert(latency);
        if latency < baseline_latency {
            self.baseline_latency =
                Some(baseline_latency * (latency / baseline_latency).powf(BASELINE_GAIN));
        }
        if latency <= NORMAL_ROUND * baseline_latency + LATENCY_TOLERANCE {
            self.proven = self.proven.max(round.limit);
        } else if latency > SLOW_ROUND * baseline_latency + LATENCY_TOLERANCE {
            if just_cut {
                // There were no more calls at once than went well before, so it is not their
                // number: this is how the server is now, or what it is asked for.
                self.baseline_latency = Some(latency);
                self.growth = Growth::SlowStart(limit);
            } else {
                self.cut(now);
            }
        }
    }

    fn next_round(&self, limit: f64) -> Round {
        Round::new(self.round.number + 1, limit)
    }

    fn cut(&mut self, now: Instant) {
        let limit = (self.at(now) * BETA).min(self.proven).max(1.0);
        self.growth = Growth::Cut(limit);
        self.round = self.next_round(limit);
        self.proven = limit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many times as many calls at once as allowed, which take `latency` seconds each, and of
    /// which `failed` of a hundred fail.
    fn calls(
        limit: &mut ConcurrencyController,
        now: &mut Instant,
        times: usize,
        latency: f64,
        failed: usize,
    ) {
        let latency = Duration::from_secs_f64(latency);
        let mut answers = 0;
        for _ in 0..times {
            let at_once = limit.at(*now) as usize;
            let begun: Vec<_> = (0..at_once).map(|_| limit.on_start()).collect();
            *now += latency;
            for call in begun {
                answers += 1;
                if answers * failed % 100 < failed {
                    limit.on_overload(call, *now);
                } else {
                    limit.on_success(call, latency);
                }
                limit.on_end(call, *now);
            }
        }
    }

    #[test]
    fn triples_while_all_goes_well() {
        let (mut limit, mut now) = (ConcurrencyController::new(100.0), Instant::now());
        calls(&mut limit, &mut now, 2, 0.05, 0);
        assert_eq!(limit.at(now), 36.0);
        calls(&mut limit, &mut now, 2, 0.05, 0);
        assert_eq!(limit.at(now), 100.0);
    }

    #[test]
    fn many_failures_cut_it_once_for_a_burst() {
        let (mut limit, mut now) = (ConcurrencyController::new(64.0), Instant::now());
        calls(&mut limit, &mut now, 20, 0.05, 0);
        calls(&mut limit, &mut now, 1, 0.05, 100);
        assert_eq!(limit.at(now).round(), 45.0);
        calls(&mut limit, &mut now, 1, 0.05, 0);
        assert_eq!(limit.at(now + RECOVERY).round(), 64.0);
    }

    #[test]
    fn some_failures_do_not() {
        let (mut limit, mut now) = (ConcurrencyController::new(64.0), Instant::now());
        calls(&mut limit, &mut now, 100, 0.05, 5);
        assert_eq!(limit.at(now), 64.0);
    }

    #[test]
    fn a_server_that_is_slower_now_for_another_reason_costs_one_cut() {
        let (mut limit, mut now) = (ConcurrencyController::new(16.0), Instant::now());
        calls(&mut limit, &mut now, 20, 0.05, 0);
        calls(&mut limit, &mut now, 1, 0.5, 0);
        assert_eq!(limit.at(now).round(), 11.0);
        calls(&mut limit, &mut now, 3, 0.5, 0);
        assert_eq!(limit.at(now).round(), 16.0);
    }

    #[test]
    fn the_slow_calls_of_a_round_count() {
        let (mut limit, mut now) = (ConcurrencyController::new(16.0), Instant::now());
        calls(&mut limit, &mut now, 20, 0.05, 0);
        let begun: Vec<_> = (0..16).map(|_| limit.on_start()).collect();
        for (call, latency) in begun.into_iter().zip((0..16).map(|n| n * 50)) {
            limit.on_success(call, Duration::from_millis(50 + latency));
            limit.on_end(call, now);
        }
        assert!(limit.at(now) < 16.0);
    }

    #[test]
    fn what_is_usual_shows_in_the_first_answers() {
        let (mut limit, mut now) = (ConcurrencyController::new(100.0), Instant::now());
        calls(&mut limit, &mut now, 1, 0.05, 0);
        calls(&mut limit, &mut now, 2, 0.5, 0);
        assert_eq!(limit.at(now), INITIAL_LIMIT);
    }

    #[test]
    fn a_lucky_round_is_not_what_is_usual() {
        let (mut limit, mut now) = (ConcurrencyController::new(16.0), Instant::now());
        calls(&mut limit, &mut now, 20, 0.05, 0);
        calls(&mut limit, &mut now, 1, 0.01, 0);
        calls(&mut limit, &mut now, 1, 0.05, 0);
        assert_eq!(limit.at(now), 16.0);
    }

    #[test]
    fn a_server_that_is_faster_now_is_held_to_it() {
        for (latency, left) in [(0.11, 16.0), (0.13, 11.0)] {
            let (mut limit, mut now) = (ConcurrencyController::new(16.0), Instant::now());
            calls(&mut limit, &mut now, 20, 0.05, 0);
            calls(&mut limit, &mut now, 40, 0.04, 0);
            calls(&mut limit, &mut now, 1, latency, 0);
            assert_eq!(limit.at(now).round(), left, "{latency}");
        }
    }

    #[test]
    fn whoever_is_slower_little_by_little_is_noticed() {
        let (mut limit, mut now) = (ConcurrencyController::new(16.0), Instant::now());
        calls(&mut limit, &mut now, 20, 0.05, 0);
        let slower = |round| 0.05 * 1.05_f64.powi(round);
        (0..23).for_each(|round| calls(&mut limit, &mut now, 1, slower(round), 0));
        assert_eq!(limit.at(now).round(), 11.0);
    }

    #[test]
    fn one_failure_in_five_is_borne_and_more_are_not() {
        for (failed, left) in [(20, 20.0), (25, 14.0)] {
            let (mut limit, mut now) = (ConcurrencyController::new(20.0), Instant::now());
            calls(&mut limit, &mut now, 20, 0.05, 0);
            calls(&mut limit, &mut now, 1, 0.05, failed);
            assert_eq!(limit.at(now).round(), left, "{failed} of a hundred");
        }
    }

    #[test]
    fn a_round_waits_for_the_slow_ones_while_others_come_and_go() {
        let (mut limit, mut now) = (ConcurrencyController::new(16.0), Instant::now());
        calls(&mut limit, &mut now, 20, 0.05, 0);
        let end = |limit: &mut ConcurrencyController, call, latency| {
            limit.on_success(call, Duration::from_secs_f64(latency));
            limit.on_end(call, now);
        };
        let mut slow: Vec<_> = (0..16).map(|_| limit.on_start()).collect();
        for fast in slow.split_off(8) {
            end(&mut limit, fast, 0.05);
            let other = limit.on_start();
            end(&mut limit, other, 0.05);
        }
        assert_eq!(limit.at(now), 16.0);
        slow.into_iter()
            .for_each(|slow| end(&mut limit, slow, 10.0));
        assert_eq!(limit.at(now).round(), 11.0);
    }

    #[test]
    fn one_is_always_allowed() {
        let (mut limit, mut now) = (ConcurrencyController::new(16.0), Instant::now());
        calls(&mut limit, &mut now, 1_000, 0.05, 100);
        assert_eq!(limit.at(now).floor(), 1.0);
    }
}
