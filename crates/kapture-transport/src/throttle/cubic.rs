//! How a limit grows again after a setback: CUBIC, the growth of TCP's window (RFC 9438), without
//! its units.
//!
//! Fast at first, ever slower towards the value at which it went wrong, where most time is spent,
//! and then ever faster beyond it, in case more is possible by now.

use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Cubic {
    /// The value to come back to.
    pub(crate) peak: f64,
    /// The share of it that is left after the decrease (the multiplicative decrease factor of RFC 9438).
    pub(crate) beta: f64,
    /// How long it takes to come back.
    pub(crate) recovery: Duration,
    /// When growth begins; before that it is as after the cut.
    pub(crate) begins: Instant,
}

impl Cubic {
    pub(crate) fn at(&self, now: Instant) -> f64 {
        let grown = now.saturating_duration_since(self.begins);
        let from_peak = grown.div_duration_f64(self.recovery) - 1.0;
        self.peak * (1.0 + (1.0 - self.beta) * from_peak.powi(3))
    }

    pub(crate) fn is_back(&self, now: Instant) -> bool {
        now >= self.begins + self.recovery
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_lingers_and_goes_beyond() {
        let begins = Instant::now() + Duration::from_secs(1);
        let cubic = Cubic {
            peak: 100.0,
            beta: 0.7,
            recovery: Duration::from_secs(10),
            begins,
        };
        let after = |seconds| cubic.at(begins + Duration::from_secs(seconds)).round();
        assert_eq!(cubic.at(begins - Duration::from_secs(1)).round(), 70.0);
        assert_eq!(after(0), 70.0);
        assert_eq!((after(8), after(10), after(12)), (100.0, 100.0, 100.0));
        assert_eq!((after(20), after(30)), (130.0, 340.0));
    }
}
