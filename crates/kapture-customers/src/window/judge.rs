//! What the passes over a window prove together, and which pass comes next.

use crate::api::{Proof, PullError};
use crate::evidence::Evidence;
use crate::request::Length;

use super::pass::{PassEnd, PassReader};
use super::prefetch::Prefetch;
use super::state::WindowState;
use super::{LARGEST_PAGE, WindowReader};

/// How often a window is read at most. A window in disorder is asked for in one large page, so that two
/// readings are most often enough; what moves for longer than this is named.
const MAX_PASSES: u32 = 24;

/// After how many passes over rows that come and go the rows that stood in place are enough.
const MOVING_PASSES: u32 = 3;

/// What is known of a pass that came to its end.
struct PassFacts {
    /// Its page boundaries show that no row was skipped.
    joined: bool,
    /// Rows came and went, and those that stood in place were read often enough.
    are_rows_stable: bool,
    /// Its last page was asked for when it was its turn.
    was_in_turn: bool,
}

impl WindowReader {
    pub(super) fn on_pass_ended(
        &mut self,
        end: PassEnd,
        was_in_turn: bool,
        evidence: &mut Evidence,
    ) {
        let WindowState::Paging(pass) = std::mem::replace(
            &mut self.state,
            WindowState::First {
                limit: self.limit,
                is_sent: false,
            },
        ) else {
            return;
        };
        self.passes += 1;
        let overtaken = self.prefetch.overtaken(u64::MAX);
        self.overtaken.extend(overtaken);
        self.pass += 1;
        let stitcher = pass.stitcher();
        let joined = pass.is_joined(evidence);
        let is_clean = pass.is_clean() && end.hole.is_none();
        // Where customers are lacking that were met before, another pass has to agree.
        let has_all = self.recapture.has_all_in(stitcher);
        if is_clean && has_all {
            if joined {
                let proof = match end.inferred {
                    true => Proof::Inferred,
                    false => Proof::Contiguous,
                };
                return self.complete(proof, stitcher.end());
            }
            if self.passes == 1 && !pass.is_in_disorder() && evidence.row_order.may_be_stable() {
                self.state = WindowState::Deferred(pass, end);
                return;
            }
        }
        let has_moved = stitcher.has_moved() || !has_all;
        let facts = PassFacts {
            joined,
            are_rows_stable: joined && has_moved && self.passes >= MOVING_PASSES,
            was_in_turn,
        };
        self.judge_pass(pass, end, facts, evidence);
    }

    /// What passes prove together where one alone does not.
    fn judge_pass(
        &mut self,
        pass: PassReader,
        end: PassEnd,
        facts: PassFacts,
        evidence: &mut Evidence,
    ) {
        let (first_limit, _) = self.first.unwrap_or((self.limit, Length::default()));
        let stitcher = pass.stitcher();
        self.recapture.meet(self.passes, stitcher.customers());
        if let Some(offset) = end.hole {
            self.rows = self.rows.max(stitcher.end());
            self.holes += 1;
            if self.holes > 1 {
                self.state = WindowState::Doubtful { offset };
                return;
            }
        } else {
            self.rows = stitcher.end();
            self.holes = 0;
            let is_single = stitcher.end() == 1;
            self.agreement.meet(
                stitcher,
                first_limit,
                pass.is_only_page(),
                facts.joined || is_single,
            );
            if self.agreement.prove() {
                return self.complete(Proof::Contiguous, self.rows);
            }
            if facts.are_rows_stable {
                return self.complete(Proof::StableRows, self.rows);
            }
            if facts.was_in_turn {
                self.recapture.count(self.passes, self.rows, &end.last_page);
            }
        }
        if self.recapture.is_complete() {
            return self.complete(Proof::Recaptured, self.rows);
        }
        if self.agreement.prove_nothing() || self.passes >= MAX_PASSES {
            self.state = WindowState::Failed(Box::new(PullError::Unstable {
                window: self.window,
                passes: self.passes,
                known: self.recapture.known(),
                rows: self.rows,
            }));
            return;
        }
        self.begin_pass(pass.is_in_disorder(), evidence);
    }

    /// Begins the next pass: in disorder with the whole window in one page, since one page has no
    /// boundaries; else with a first page of another length.
    fn begin_pass(&mut self, is_in_disorder: bool, evidence: &Evidence) {
        self.prefetch = Prefetch::default();
        self.in_turn.clear();
        let larger = limit_for_whole(self.limit, self.rows);
        let may_be_larger = is_in_disorder
            && !self.was_too_large
            && larger > self.limit
            && !evidence.last_page.is_capped_below(self.limit)
            && !evidence.last_page.is_too_large(larger);
        match may_be_larger {
            true => {
                self.state = WindowState::First {
                    limit: larger,
                    is_sent: false,
                };
            }
            false => self.begin_cut_pass(),
        }
    }

    pub(super) fn begin_cut_pass(&mut self) {
        let cut = self.agreement.cut(self.passes + 1);
        self.state = WindowState::First {
            // A server that ignores `limit` sends pages with more rows than the request names. The next
            // request must still not name more than was wanted.
            limit: cut.map_or(self.limit, |rows| rows.min(self.limit)),
            is_sent: false,
        };
    }

    /// The large page was refused, or brought less than others: it is not asked for again.
    pub(super) fn without_large_page(&mut self) {
        self.was_too_large = true;
        self.pass += 1;
        self.begin_cut_pass();
    }

    /// Reads the window anew, from its first page.
    pub(crate) fn restart(&mut self) {
        self.pass += 1;
        self.prefetch = Prefetch::default();
        self.in_turn.clear();
        self.holes = 0;
        self.begin_cut_pass();
    }
}

/// A limit with room for a window of so many rows, and some that may have come since, if one piece is
/// not too much for that. It is doubled, so that windows share what the lengths of their pages prove.
fn limit_for_whole(limit: u32, rows: u64) -> u32 {
    let whole = rows + rows / 4 + 100;
    if whole > LARGEST_PAGE {
        return limit;
    }
    let mut larger = limit;
    while u64::from(larger) < whole {
        larger *= 2;
    }
    larger
}
