//! Learns how many calls at once a server copes with, from latency and failures.
//!
//! The congestion control of TCP, applied to calls in flight: slow start that ends when latency
//! rises (HyStart++, RFC 9406), a multiplicative decrease when a round of calls is much slower than
//! the baseline or has many failures, and CUBIC growth (RFC 9438) back towards the limit at which
//! that happened. A few failures do not count: some servers have them at any load.

use std::time::Duration;

use tokio::time::Instant;

use super::cubic::Cubic;

/// The limit at which slow start begins.
const INITIAL_LIMIT: f64 = 4.0;

/// By how much slow start raises the limit for each success.
const SLOW_START_STEP: f64 = 2.0;

/// The share of the limit that is left after a decrease.
const BETA: f64 = 0.7;

/// How long CUBIC takes to grow back to the limit before the decrease.
const RECOVERY: Duration = Duration::from_secs(8);

/// The fewest calls from which latency can be judged.
const MIN_ROUND: f64 = 16.0;

/// A round is slow if it takes more than `SLOW_ROUND` times the baseline latency, and normal if it
/// takes less than `NORMAL_ROUND` times the baseline, both plus `LATENCY_TOLERANCE` seconds.
const SLOW_ROUND: f64 = 2.5;
const NORMAL_ROUND: f64 = 1.25;
const LATENCY_TOLERANCE: f64 = 0.02;

/// The weight of a faster round in the moving average of the baseline. Slower rounds have none:
/// latency that grows slowly with the limit would otherwise pass for the baseline.
const BASELINE_GAIN: f64 = 1.0 / 8.0;

/// More than one failure in so many calls is an overload.
const FAILURE_DIVISOR: f64 = 5.0;

/// The limit of calls in flight, and what it is learnt from.
#[derive(Debug)]
pub(crate) struct ConcurrencyController {
    max: f64,
    growth: Growth,
    round: Round,
    /// In seconds; known after the first round with a success.
    baseline_latency: Option<f64>,
    /// The highest limit whose round had normal latency.
    proven: f64,
}

#[derive(Debug)]
enum Growth {
    /// Each success raises the limit: it triples with each round.
    SlowStart(f64),
    /// The limit stays for one round, which shows whether the decrease was enough.
    Decreased(f64),
    Cubic(Cubic),
}

/// As many consecutive calls as may be in flight. A round ends with the last of them: those that
/// end first are the fast ones.
#[derive(Debug, Default)]
struct Round {
    number: u64,
    limit: f64,
    started: f64,
    ended: f64,
    succeeded: f64,
    failed: f64,
    /// The sum of the logarithms of the latencies: a geometric mean hardly moves for one very slow
    /// call.
    log_latency: f64,
}

/// The round that a call belongs to, if any.
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
        // The first round measures the baseline before the limit grows.
        let is_first = self.number == 0;
        let shortest = if is_first { 1.0 } else { MIN_ROUND };
        self.limit.floor().max(shortest)
    }

    fn has(&self, member: RoundMember) -> bool {
        member.0 == Some(self.number)
    }

    fn is_overloaded(&self) -> bool {
        self.failed * FAILURE_DIVISOR > self.calls()
    }
}

impl ConcurrencyController {
    /// A limit of at most `max`, which is one or more.
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

    /// How many calls may be in flight.
    pub(crate) fn limit(&self, now: Instant) -> f64 {
        let limit = match &self.growth {
            Growth::SlowStart(limit) | Growth::Decreased(limit) => *limit,
            Growth::Cubic(cubic) => cubic.at(now),
        };
        limit.clamp(1.0, self.max)
    }

    /// A call starts.
    pub(crate) fn on_start(&mut self) -> RoundMember {
        let belongs = self.round.started < self.round.calls();
        self.round.started += f64::from(u8::from(belongs));
        RoundMember(belongs.then_some(self.round.number))
    }

    /// A call succeeded.
    pub(crate) fn on_success(&mut self, member: RoundMember, latency: Duration) {
        if let Growth::SlowStart(limit) = &mut self.growth {
            *limit = (*limit + SLOW_START_STEP).min(self.max);
        }
        if self.round.has(member) {
            self.round.succeeded += 1.0;
            self.round.log_latency += latency.as_secs_f64().max(1e-6).ln();
        }
    }

    /// A call failed in a way that may mean overload.
    pub(crate) fn on_overload(&mut self, member: RoundMember, now: Instant) {
        if self.round.has(member) {
            self.round.failed += 1.0;
            if self.round.is_overloaded() {
                self.decrease(now);
            }
        }
    }

    /// A call ended, with success or not.
    pub(crate) fn on_end(&mut self, member: RoundMember, now: Instant) {
        if self.round.has(member) {
            self.round.ended += 1.0;
            if self.round.ended >= self.round.calls() {
                self.end_round(now);
            }
        }
    }

    fn end_round(&mut self, now: Instant) {
        let limit = self.limit(now);
        let next = self.next_round(limit);
        let round = std::mem::replace(&mut self.round, next);
        let was_decreased = matches!(self.growth, Growth::Decreased(_));
        if was_decreased {
            self.growth = Growth::Cubic(Cubic {
                peak: limit / BETA,
                beta: BETA,
                recovery: RECOVERY,
                begins: now,
            });
        }
        if round.succeeded == 0.0 {
            return;
        }
        let latency = (round.log_latency / round.succeeded).exp();
        let baseline = *self.baseline_latency.get_or_insert(latency);
        if latency < baseline {
            self.baseline_latency = Some(baseline * (latency / baseline).powf(BASELINE_GAIN));
        }
        if latency <= NORMAL_ROUND * baseline + LATENCY_TOLERANCE {
            self.proven = self.proven.max(round.limit);
        } else if latency > SLOW_ROUND * baseline + LATENCY_TOLERANCE {
            if was_decreased {
                // The round had no more calls in flight than one with normal latency before, so
                // their number is not the reason: the server or the requests have changed.
                self.baseline_latency = Some(latency);
                self.growth = Growth::SlowStart(limit);
            } else {
                self.decrease(now);
            }
        }
    }

    fn next_round(&self, limit: f64) -> Round {
        Round::new(self.round.number + 1, limit)
    }

    fn decrease(&mut self, now: Instant) {
        let limit = (self.limit(now) * BETA).min(self.proven).max(1.0);
        self.growth = Growth::Decreased(limit);
        self.round = self.next_round(limit);
        self.proven = limit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `times` rounds of as many calls as the limit allows. Each call takes `latency` seconds,
    /// and `failed` of a hundred fail.
    fn calls(
        controller: &mut ConcurrencyController,
        now: &mut Instant,
        times: usize,
        latency: f64,
        failed: usize,
    ) {
        let latency = Duration::from_secs_f64(latency);
        let mut answers = 0;
        for _ in 0..times {
            let at_once = controller.limit(*now) as usize;
            let begun: Vec<_> = (0..at_once).map(|_| controller.on_start()).collect();
            *now += latency;
            for call in begun {
                answers += 1;
                if answers * failed % 100 < failed {
                    controller.on_overload(call, *now);
                } else {
                    controller.on_success(call, latency);
                }
                controller.on_end(call, *now);
            }
        }
    }

    #[test]
    fn slow_start_triples_the_limit_each_round() {
        let (mut controller, mut now) = (ConcurrencyController::new(100.0), Instant::now());
        calls(&mut controller, &mut now, 2, 0.05, 0);
        assert_eq!(controller.limit(now), 36.0);
        calls(&mut controller, &mut now, 2, 0.05, 0);
        assert_eq!(controller.limit(now), 100.0);
    }

    #[test]
    fn burst_of_failures_decreases_the_limit_once() {
        let (mut controller, mut now) = (ConcurrencyController::new(64.0), Instant::now());
        calls(&mut controller, &mut now, 20, 0.05, 0);
        calls(&mut controller, &mut now, 1, 0.05, 100);
        assert_eq!(controller.limit(now).round(), 45.0);
        calls(&mut controller, &mut now, 1, 0.05, 0);
        assert_eq!(controller.limit(now + RECOVERY).round(), 64.0);
    }

    #[test]
    fn few_failures_keep_the_limit() {
        let (mut controller, mut now) = (ConcurrencyController::new(64.0), Instant::now());
        calls(&mut controller, &mut now, 100, 0.05, 5);
        assert_eq!(controller.limit(now), 64.0);
    }

    #[test]
    fn latency_independent_of_load_decreases_the_limit_once() {
        let (mut controller, mut now) = (ConcurrencyController::new(16.0), Instant::now());
        calls(&mut controller, &mut now, 20, 0.05, 0);
        calls(&mut controller, &mut now, 1, 0.5, 0);
        assert_eq!(controller.limit(now).round(), 11.0);
        calls(&mut controller, &mut now, 3, 0.5, 0);
        assert_eq!(controller.limit(now).round(), 16.0);
    }

    #[test]
    fn slow_calls_of_a_round_count() {
        let (mut controller, mut now) = (ConcurrencyController::new(16.0), Instant::now());
        calls(&mut controller, &mut now, 20, 0.05, 0);
        let begun: Vec<_> = (0..16).map(|_| controller.on_start()).collect();
        for (call, latency) in begun.into_iter().zip((0..16).map(|n| n * 50)) {
            controller.on_success(call, Duration::from_millis(50 + latency));
            controller.on_end(call, now);
        }
        assert!(controller.limit(now) < 16.0);
    }

    #[test]
    fn first_round_measures_the_baseline() {
        let (mut controller, mut now) = (ConcurrencyController::new(100.0), Instant::now());
        calls(&mut controller, &mut now, 1, 0.05, 0);
        calls(&mut controller, &mut now, 2, 0.5, 0);
        assert_eq!(controller.limit(now), INITIAL_LIMIT);
    }

    #[test]
    fn one_fast_round_is_not_the_baseline() {
        let (mut controller, mut now) = (ConcurrencyController::new(16.0), Instant::now());
        calls(&mut controller, &mut now, 20, 0.05, 0);
        calls(&mut controller, &mut now, 1, 0.01, 0);
        calls(&mut controller, &mut now, 1, 0.05, 0);
        assert_eq!(controller.limit(now), 16.0);
    }

    #[test]
    fn many_fast_rounds_lower_the_baseline() {
        for (latency, left) in [(0.11, 16.0), (0.13, 11.0)] {
            let (mut controller, mut now) = (ConcurrencyController::new(16.0), Instant::now());
            calls(&mut controller, &mut now, 20, 0.05, 0);
            calls(&mut controller, &mut now, 40, 0.04, 0);
            calls(&mut controller, &mut now, 1, latency, 0);
            assert_eq!(controller.limit(now).round(), left, "{latency}");
        }
    }

    #[test]
    fn slowly_growing_latency_decreases_the_limit() {
        let (mut controller, mut now) = (ConcurrencyController::new(16.0), Instant::now());
        calls(&mut controller, &mut now, 20, 0.05, 0);
        let slower = |round| 0.05 * 1.05_f64.powi(round);
        (0..23).for_each(|round| calls(&mut controller, &mut now, 1, slower(round), 0));
        assert_eq!(controller.limit(now).round(), 11.0);
    }

    #[test]
    fn more_than_one_failure_in_five_decreases_the_limit() {
        for (failed, left) in [(20, 20.0), (25, 14.0)] {
            let (mut controller, mut now) = (ConcurrencyController::new(20.0), Instant::now());
            calls(&mut controller, &mut now, 20, 0.05, 0);
            calls(&mut controller, &mut now, 1, 0.05, failed);
            assert_eq!(controller.limit(now).round(), left, "{failed} of a hundred");
        }
    }

    #[test]
    fn round_ends_with_its_slowest_call() {
        let (mut controller, mut now) = (ConcurrencyController::new(16.0), Instant::now());
        calls(&mut controller, &mut now, 20, 0.05, 0);
        let end = |controller: &mut ConcurrencyController, call, latency| {
            controller.on_success(call, Duration::from_secs_f64(latency));
            controller.on_end(call, now);
        };
        let mut slow: Vec<_> = (0..16).map(|_| controller.on_start()).collect();
        for fast in slow.split_off(8) {
            end(&mut controller, fast, 0.05);
            let other = controller.on_start();
            end(&mut controller, other, 0.05);
        }
        assert_eq!(controller.limit(now), 16.0);
        slow.into_iter()
            .for_each(|slow| end(&mut controller, slow, 10.0));
        assert_eq!(controller.limit(now).round(), 11.0);
    }

    #[test]
    fn limit_never_falls_below_one() {
        let (mut controller, mut now) = (ConcurrencyController::new(16.0), Instant::now());
        calls(&mut controller, &mut now, 1_000, 0.05, 100);
        assert_eq!(controller.limit(now).floor(), 1.0);
    }
}
