//! What a process has used.

use serde::{Deserialize, Serialize};

/// What a process has used, from its start to its end.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Seconds that passed.
    pub(crate) wall: f64,
    /// Seconds of processor time, in user and kernel space together.
    pub(crate) cpu: f64,
    /// The most bytes resident at once.
    pub(crate) peak: f64,
}

impl Usage {
    /// Each number by itself.
    pub(crate) fn median(all: &[Self]) -> Self {
        let of = |part: fn(&Self) -> f64| median(all.iter().map(part).collect());
        Self {
            wall: of(|usage| usage.wall),
            cpu: of(|usage| usage.cpu),
            peak: of(|usage| usage.peak),
        }
    }
}

/// The middle one, or the mean of the two in the middle; not a number where there is none.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.as_slice() {
        [] => f64::NAN,
        all if all.len() % 2 == 1 => all[middle],
        all => (all[middle - 1] + all[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 9.0]), 3.0);
        assert_eq!(median(vec![4.0, 1.0, 9.0, 2.0]), 3.0);
        assert!(median(Vec::new()).is_nan());
    }
}
