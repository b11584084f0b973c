//! CUBIC growth after a decrease, as TCP's congestion window grows (RFC 9438), for any quantity.
//!
//! Growth is fast at first, slow around the value before the decrease, where most time is spent,
//! and then ever faster beyond it, in case the server copes with more by now.

use std::time::Duration;

use tokio::time::Instant;

/// A value that grows from `beta * peak` to `peak` within `recovery`, and beyond.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cubic {
    /// The value before the decrease (`W_max` of RFC 9438).
    pub(crate) peak: f64,
    /// The share of it that is left after the decrease: the multiplicative decrease factor.
    pub(crate) beta: f64,
    /// How long it takes to grow back to the peak (`K` of RFC 9438).
    pub(crate) recovery: Duration,
    /// When growth begins. Until then the value stays as after the decrease.
    pub(crate) begins: Instant,
}

impl Cubic {
    /// The value at a point in time.
    pub(crate) fn at(&self, now: Instant) -> f64 {
        let grown = now.saturating_duration_since(self.begins);
        let from_peak = grown.div_duration_f64(self.recovery) - 1.0;
        self.peak * (1.0 + (1.0 - self.beta) * from_peak.powi(3))
    }

    /// Whether the value has grown back to its peak.
    pub(crate) fn has_recovered(&self, now: Instant) -> bool {
        now >= self.begins + self.recovery
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_back_to_the_peak_lingers_and_grows_beyond() {
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
