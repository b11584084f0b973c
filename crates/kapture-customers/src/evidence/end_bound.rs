//! How far windows reach, learnt by comparison: D…D stands for a day only after it and D+1…D+1 have
//! shown everybody whom D…D+1 shows.
//!
//! All that D…D+1 lists lies in the server's days D and, if the end day counts, D+1. So where D…D has
//! `a` rows and D+1…D+1 has `b`, an inclusive server lists `a + b` rows for D…D+1, and asked for the
//! row behind them it has none. One request tells. It is made before anything is told; later, samples of
//! what D…D+1 lists behind the rows of D…D have to be known: *audits*.

use chrono::NaiveDate;

use crate::api::EndBound;
use crate::request::{DEFAULT_LIMIT, PageRequest, Span};

/// How many rows that must be there an audit asks for again.
const OVERLAP: u64 = 8;

/// How many audits a run makes at most, the first included.
const MAX_AUDITS: u32 = 3;

/// How many customers of the days D are compared before D…D is believed to stand for a day: where it ended
/// at eight in the evening, so many would be created before that by chance once in ten thousand times.
const MIN_COMPARED: u64 = 50;

/// How many pairs of windows are compared for that at most, and how many days they may span: what is not
/// told keeps its days open.
const MAX_COMPARISONS: u32 = 12;
/// The same for those who must count requests.
const FEWER_COMPARISONS: u32 = 5;
const MAX_COMPARED_DAYS: i64 = 40;

/// One window in so many is audited.
const ONE_IN: u32 = 50;

/// What is known of the end bound.
#[derive(Debug, Default)]
pub(crate) struct EndBoundEvidence {
    pub(crate) bound: EndBound,
    /// A window of two days was answered with success.
    pub(crate) accepts_two_days: bool,
    /// One was answered with rows.
    pub(crate) shows_two_days: bool,
    audits: u32,
    /// The customers that were compared before anything was told, in so many pairs of windows, from this day
    /// on.
    compared: u64,
    comparisons: u32,
    first_compared: Option<NaiveDate>,
    /// The rows of the largest windows that were audited.
    largest: u64,
    /// The pairs of windows with rows that were read, and after how many the next is to be audited.
    pairs: u32,
    due: u32,
}

/// A comparison of D…D and D+1…D+1 with D…D+1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Audit {
    pub(crate) day: NaiveDate,
    pub(crate) request: PageRequest,
    overlap: u64,
    /// The customers that it shows have to be known; else it counts them.
    pub(crate) is_sample: bool,
}

impl Audit {
    /// A sample: those whom D…D+1 lists behind the rows of D…D. What it shows has to be known.
    pub(crate) fn sample(day: NaiveDate, own: u64, both: u64) -> Self {
        let is_small = both <= u64::from(DEFAULT_LIMIT);
        let offset = match is_small {
            true => 0,
            false => own.saturating_sub(OVERLAP),
        };
        Self {
            day,
            overlap: 0,
            is_sample: true,
            request: PageRequest {
                window: Span::TwoDays.window(day),
                limit: DEFAULT_LIMIT,
                offset,
            },
        }
    }

    /// Counts: two windows with so many rows together leave no others. Pages are known to have room for so
    /// many rows: one more than are to be there would be seen.
    pub(crate) fn count(day: NaiveDate, rows: u64, room: usize) -> Self {
        let overlap = OVERLAP.min(rows).min((room as u64).saturating_sub(1));
        Self {
            day,
            overlap,
            is_sample: false,
            request: PageRequest {
                window: Span::TwoDays.window(day),
                limit: DEFAULT_LIMIT,
                offset: rows - overlap,
            },
        }
    }

    /// Whether both of its windows have no rows.
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_sample && self.request.offset + self.overlap == 0
    }

    /// Whether D…D+1 shows no other customers, if it has so many rows behind the audit's offset.
    pub(crate) fn agrees(&self, rows: usize) -> bool {
        rows as u64 <= self.overlap
    }
}

impl EndBoundEvidence {
    /// How wide the windows are that are to be read.
    pub(crate) fn span(&self) -> Span {
        match self.bound {
            EndBound::Inclusive | EndBound::SingleDay => Span::OneDay,
            EndBound::Exclusive | EndBound::Unknown => Span::TwoDays,
        }
    }

    /// Two windows side by side with so many rows together were read. Returns whether they are to be
    /// audited: where they are larger than all before by half, and after 1, 4, 16 … of them.
    pub(crate) fn wants_audit(&mut self, rows: u64) -> bool {
        if self.bound != EndBound::Inclusive || rows == 0 || self.audits >= MAX_AUDITS {
            return false;
        }
        self.pairs += 1;
        let is_due = rows > self.largest + self.largest / 2 || self.pairs >= self.due;
        if !is_due {
            return false;
        }
        self.due = (4 * self.pairs).min(self.pairs + ONE_IN).max(self.due);
        self.was_audited(rows);
        true
    }

    /// D…D, of so many rows, and D+1…D+1 are compared before anything is told.
    pub(crate) fn was_compared(&mut self, day: NaiveDate, own: u64, both: u64) {
        if self.comparisons == 0 {
            self.was_audited(both);
        }
        self.first_compared.get_or_insert(day);
        self.compared += own;
        self.comparisons += 1;
    }

    /// Whether some pair was compared.
    pub(crate) fn has_compared(&self) -> bool {
        self.comparisons > 0
    }

    /// Whether the pair that begins with `day` is to be compared as well, in a run that makes
    /// `fewer_requests` or one that does not.
    pub(crate) fn wants_comparison(&self, day: NaiveDate, fewer_requests: bool) -> bool {
        let days = |first: NaiveDate| (day - first).num_days();
        let most = match fewer_requests {
            true => FEWER_COMPARISONS,
            false => MAX_COMPARISONS,
        };
        self.compared < MIN_COMPARED
            && self.comparisons < most
            && self.first_compared.map_or(0, days) < MAX_COMPARED_DAYS
    }

    pub(crate) fn was_audited(&mut self, rows: u64) {
        self.audits += 1;
        self.due = self.due.max(self.pairs + 4);
        self.largest = self.largest.max(rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, 2).unwrap()
    }

    #[test]
    fn audit_asks_for_the_last_rows_that_must_be_there_and_those_behind_them() {
        let audit = Audit::count(day(), 60, 100);
        assert_eq!(audit.request.offset, 52);
        assert!(audit.agrees(8) && audit.agrees(7) && !audit.agrees(9));
        let capped = Audit::count(day(), 60, 5);
        assert_eq!(capped.request.offset, 56);
        assert!(capped.agrees(4) && !capped.agrees(5));
        let few = Audit::count(day(), 3, 100);
        assert_eq!(few.request.offset, 0);
        assert!(few.agrees(3) && !few.agrees(4));
    }

    #[test]
    fn larger_windows_are_audited_and_now_and_then_others() {
        let mut evidence = EndBoundEvidence {
            bound: EndBound::Inclusive,
            ..EndBoundEvidence::default()
        };
        assert!(evidence.wants_audit(100));
        assert!(!evidence.wants_audit(140));
        assert!(evidence.wants_audit(160));
        assert!(!evidence.wants_audit(100));
        let all = (0..10_000).filter(|_| evidence.wants_audit(100)).count();
        assert_eq!(all, 1, "three in all");
    }

    #[test]
    fn few_customers_are_compared_on_several_days_and_many_on_one() {
        let mut evidence = EndBoundEvidence::default();
        evidence.was_compared(day(), 50, 100);
        assert!(!evidence.wants_comparison(day(), false));
        let mut evidence = EndBoundEvidence::default();
        let mut pairs = 1;
        evidence.was_compared(day(), 2, 4);
        while evidence.wants_comparison(day(), false) {
            evidence.was_compared(day(), 2, 4);
            pairs += 1;
        }
        assert_eq!(pairs, MAX_COMPARISONS);
        assert!(pairs > FEWER_COMPARISONS && !evidence.wants_comparison(day(), true));
        let mut evidence = EndBoundEvidence::default();
        evidence.was_compared(day(), 2, 4);
        assert!(!evidence.wants_comparison(day() + chrono::Days::new(40), false));
    }

    #[test]
    fn windows_of_other_end_bounds_need_no_audit() {
        for bound in [EndBound::Unknown, EndBound::Exclusive, EndBound::SingleDay] {
            let mut evidence = EndBoundEvidence {
                bound,
                ..EndBoundEvidence::default()
            };
            assert!(!evidence.wants_audit(100), "{bound}");
        }
    }
}
