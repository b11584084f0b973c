//! Reading one window whole: its pages, pass by pass, until nothing can have been skipped.

use std::cmp::Ordering;
use std::sync::Arc;

use chrono::NaiveDate;
use kapture_model::{CustomerId, EndBound, Proof, Record, Window};
use kapture_transport::{Error, Refusal};

use crate::ahead::Ahead;
use crate::api::{Finding, PullError};
use crate::assembly::Assembly;
use crate::calibration::{go_beyond_midnight, is_narrow, spans_two_days, wide};
use crate::counting::Counting;
use crate::equal_passes::EqualPasses;
use crate::evidence::row_order::{MIN_OVERLAP, RowOrder};
use crate::listing::{Join, Listing};
use crate::page_length::{End, Length};
use crate::server::{Ask, Moment, Page, Rows, Server};

/// How often a window is read at most. A listing in random order shows a fraction 1 − 1/e of its
/// rows at each reading, and each row has to be met twice, so that this is enough for a hundred
/// thousand customers.
const MOST_PASSES: u32 = 48;

/// After how many readings in a row that found nothing where rows were read before, the server
/// shows none from there on.
const BROKEN_OFF_PASSES: u32 = 8;

/// After how many readings of rows that come and go the rows that stood in place are enough.
const MOVING_PASSES: u32 = 3;

/// How far back a page is asked when one row back was not enough.
const FAR_BACK: u64 = 16;

/// The largest window that is asked for in one piece.
const LARGEST_PAGE: u64 = 20_000;

/// Reads the window of one day.
#[derive(Clone)]
pub(crate) struct WindowReader {
    pub(crate) server: Arc<Server>,
    pub(crate) assembly: Arc<Assembly>,
    pub(crate) day: NaiveDate,
    pub(crate) reach: EndBound,
}

/// What reading a window came to.
pub(crate) enum WindowRead {
    Whole(Whole),
    Unproven(Unproven),
}

/// A window that was read whole.
pub(crate) struct Whole {
    pub(crate) day: NaiveDate,
    pub(crate) window: Window,
    pub(crate) proof: Proof,
    /// It had no customers, or none but those of midnight, in an answer that could also mean that
    /// the server changed its ways.
    pub(crate) doubtful: bool,
    /// It was refused, in these words.
    pub(crate) refused: Option<Refusal>,
    /// It has no customers, though its day held some before this run.
    pub(crate) vanished: bool,
    /// It was taken for an exclusive window, but its customers were created too far apart for one.
    pub(crate) spans_two_days: bool,
    pub(crate) answered: Moment,
}

/// A window whose first page may be its last one: a longer page from another window would prove it.
pub(crate) struct Unproven {
    pub(crate) reader: WindowReader,
    first: FirstPage,
}

/// What has to be remembered of the first page of a window, once its records are told.
struct FirstPage {
    rows: Rows,
    /// The rows asked for.
    limit: u32,
    refused: Option<Refusal>,
    spans_two_days: bool,
    goes_beyond_midnight: bool,
}

/// One pass through a window.
struct Pass {
    listing: Listing,
    /// Some page did not join: the pass proves nothing but the number of rows.
    disorder: bool,
    /// From this offset on there was nothing where it had met rows: the pass ended early, and proves
    /// nothing.
    hole: Option<u64>,
    /// By how many rows the weakest seam was joined.
    weakest_seam: u64,
    only_page: bool,
    last_page: Vec<CustomerId>,
    /// The last page was asked after all others had come.
    last_in_turn: bool,
}

impl Pass {
    /// Whether its seams show that no row was skipped.
    fn is_joined(&self, order: RowOrder) -> bool {
        let enough = if order.is_stable() {
            1
        } else {
            MIN_OVERLAP as u64
        };
        !self.disorder && self.weakest_seam >= enough
    }

    /// Whether nothing moved and none was listed twice.
    fn is_clean(&self) -> bool {
        !self.disorder && !self.listing.has_moved() && !self.listing.has_repeats()
    }
}

impl WindowReader {
    pub(crate) fn window(&self) -> Window {
        self.reach.window(self.day)
    }

    /// Reads the window, from a first page that was asked already if there is one.
    pub(crate) async fn read(self, asked: Option<Vec<Record>>) -> Result<WindowRead, PullError> {
        let page_size = self.server.page_size();
        let first = match asked {
            Some(records) => {
                self.deliver(self.window(), &records).await?;
                self.first_page_of(&Page::of(records), page_size)
            }
            None => self.first_page(page_size).await?,
        };
        match self.end(first.rows.length, page_size) {
            End::Proven => Ok(WindowRead::Whole(self.whole(&first, Proof::Contiguous))),
            End::Ask => self.read_on(first).await,
            End::MayWait => Ok(WindowRead::Unproven(Unproven {
                reader: self,
                first,
            })),
        }
    }

    async fn first_page(&self, limit: u32) -> Result<FirstPage, PullError> {
        let page = self.ask(Ask::first_page(self.window(), limit)).await?;
        Ok(self.first_page_of(&page, limit))
    }

    fn first_page_of(&self, page: &Page, limit: u32) -> FirstPage {
        FirstPage {
            rows: page.rows(),
            limit,
            refused: page.refused.clone(),
            spans_two_days: self.reach == EndBound::Exclusive
                && spans_two_days(self.window(), &page.records),
            goes_beyond_midnight: go_beyond_midnight(&page.records),
        }
    }

    /// The rows of a page, whose records are handed on.
    pub(crate) async fn page(&self, ask: Ask) -> Result<Rows, PullError> {
        Ok(self.ask(ask).await?.rows())
    }

    /// Asks for a page and hands on what it brings.
    async fn ask(&self, ask: Ask) -> Result<Page, PullError> {
        let page = self.server.ask_provisionally(ask).await?;
        self.deliver(ask.window, &page.records).await?;
        Ok(page)
    }

    async fn deliver(&self, window: Window, records: &[Record]) -> Result<(), PullError> {
        let events = &self.server.events;
        self.assembly
            .deliver(events, self.day, window, records)
            .await
    }

    fn end(&self, page: Length, limit: u32) -> End {
        self.server.knowledge().pages.end(page, limit)
    }

    /// Whether the first page is the last one as well.
    fn is_whole(&self, first: &FirstPage) -> bool {
        let length = first.rows.length;
        self.server.knowledge().pages.is_last(length, first.limit)
    }

    fn whole(&self, first: &FirstPage, proof: Proof) -> Whole {
        let vanished = first.rows.ids.is_empty() && self.server.has_held(self.day);
        Whole {
            day: self.day,
            window: self.window(),
            proof,
            doubtful: first.refused.is_some()
                || is_narrow(self.window()) && !first.goes_beyond_midnight
                || vanished,
            refused: first.refused.clone(),
            vanished,
            spans_two_days: first.spans_two_days,
            answered: self.server.moment(),
        }
    }

    /// Reads a window of more than one page, pass by pass.
    async fn read_on(self, first: FirstPage) -> Result<WindowRead, PullError> {
        let mut limit = self.server.page_size();
        let mut first = first;
        let mut equal = EqualPasses::default();
        let mut broken_off = 0;
        let mut counting = Counting::default();
        let mut rows = 0;
        let mut passes = 0;
        for number in 1..=MOST_PASSES {
            passes = number;
            let Some(pass) = self.pass(&first, limit).await? else {
                return self.read_without_offset().await;
            };
            let listing = &pass.listing;
            let whole = |first: &FirstPage, proof| Ok(WindowRead::Whole(self.whole(first, proof)));
            // A pass without rows, where there were some before, is broken off as well.
            let is_empty = listing.end() == 0 && counting.known() > 0;
            let hole = pass.hole.or(is_empty.then_some(0));
            rows = match hole {
                Some(_) => listing.end().max(rows),
                None => listing.end(),
            };
            if number == 1 && !pass.only_page {
                self.server.knowledge().windows.saw(rows);
            }
            // What other windows have shown meanwhile counts as well.
            let joined = pass.is_joined(self.server.knowledge().row_order);
            // Where customers are lacking that were met before, another pass has to agree.
            if joined && pass.is_clean() && hole.is_none() && counting.has_all_in(listing) {
                return whole(&first, Proof::Contiguous);
            }
            // Only now: most windows are read in one pass, and need no second set of their ids.
            counting.meet(number, listing.customers());
            if let Some(offset) = hole {
                broken_off += 1;
                if broken_off == BROKEN_OFF_PASSES {
                    // Perhaps they are gone; perhaps the server has changed its ways.
                    if is_empty {
                        return whole(&first, Proof::StableRows);
                    }
                    return Err(PullError::OffsetCapped {
                        window: self.window(),
                        offset,
                    });
                }
            } else {
                broken_off = 0;
                equal.meet(listing, first.limit, pass.only_page, joined);
                if equal.prove() {
                    return whole(&first, Proof::Contiguous);
                }
                if joined && listing.has_moved() && number >= MOVING_PASSES {
                    return whole(&first, Proof::StableRows);
                }
                if pass.last_in_turn {
                    counting.count(number, rows, &pass.last_page);
                }
            }
            if counting.is_complete() {
                return whole(&first, Proof::Recaptured);
            }
            // A longer page of another window may have shown meanwhile that there was one page.
            if pass.only_page && hole.is_none() && self.is_whole(&first) {
                return whole(&first, Proof::Contiguous);
            }
            if equal.prove_nothing() {
                break;
            }
            tracing::debug!(window = %self.window(), number, rows, "reading the window again");
            if number.count_ones().is_multiple_of(2) {
                // Machines that answer in turn, each in its own order, would be met in the same
                // turn again and again. No sequence has less of a rhythm (Thue–Morse).
                self.first_page(limit).await?;
            }
            // One page has no seams: where the server has not shown a cap, the next pass asks for the
            // whole window at once.
            let larger = match self.server.knowledge().pages.is_capped_below(limit) {
                true => limit,
                false => limit_for_whole(limit, rows),
            };
            let longest = listing.longest_page();
            first = match self.larger_page(limit, larger, longest).await? {
                Some(page) => {
                    limit = larger;
                    page
                }
                None => {
                    let cut = equal.cut(number + 1);
                    self.first_page(cut.unwrap_or(limit)).await?
                }
            };
            // A window that seems to have shrunk has to show it in another pass.
            if first.rows.length.rows as u64 >= rows && self.is_whole(&first) {
                return whole(&first, Proof::Contiguous);
            }
            counting.meet(number + 1, first.rows.ids.iter());
            if counting.is_complete() {
                let proof = if pass.is_clean() {
                    Proof::Contiguous
                } else {
                    Proof::Recaptured
                };
                return whole(&first, proof);
            }
        }
        Err(PullError::Unstable {
            window: self.window(),
            passes,
            known: counting.known(),
            rows,
        })
    }

    /// The first page with a `larger` limit than the one that brought so many `rows`. `None` if
    /// there is none, or if the server does not accept it.
    async fn larger_page(
        &self,
        limit: u32,
        larger: u32,
        rows: usize,
    ) -> Result<Option<FirstPage>, PullError> {
        if larger <= limit || self.server.knowledge().pages.is_too_large(larger) {
            return Ok(None);
        }
        let ask = Ask::first_page(self.window(), larger);
        let records = match self.server.ask_plainly(ask).await {
            Ok(records) => records,
            Err(error) if is_about_any_page(&error) => return Err(ask.failed(error)),
            // Refused, or too much for it. The window has customers, so this is no word about them.
            Err(_) => Vec::new(),
        };
        self.deliver(ask.window, &records).await?;
        if records.len() < rows {
            self.server.knowledge().pages.was_too_large(larger);
            return Ok(None);
        }
        Ok(Some(self.first_page_of(&Page::of(records), larger)))
    }

    /// One pass, from its first page to a proven end; `None` if the server ignores the offset.
    async fn pass(&self, first: &FirstPage, limit: u32) -> Result<Option<Pass>, PullError> {
        let mut listing = Listing::begin(&first.rows.ids);
        let mut ahead = Ahead::default();
        let mut disorder = false;
        let mut weakest_seam = u64::MAX;
        let mut back = self.overlap(&listing);
        let mut length = first.rows.length;
        // A first page may have been asked to be shorter than those behind it.
        let mut usual = first.limit == limit;
        let mut only_page = true;
        // Few rows may be the first ones again by coincidence.
        let mut first_again = 0;
        let (last_page, last_in_turn, hole) = loop {
            let end = listing.end();
            let offset = end.saturating_sub(back);
            let ask = Ask {
                window: self.window(),
                limit,
                offset,
            };
            let steady = usual
                && !disorder
                && !listing.has_moved()
                && back == self.overlap(&listing)
                && self.server.knowledge().row_order.may_be_stable();
            let (rows, in_turn) = ahead.page(self, ask, length.rows, steady).await?;
            let (this, page) = (rows.length, rows.ids);
            let news = listing.lacks_any_of(&page);
            if page.is_empty() && offset < end {
                break (page, in_turn, Some(offset));
            }
            let join = if disorder {
                Join::Disorder
            } else {
                listing.join(&page, offset)
            };
            match join {
                Join::Exact => {
                    weakest_seam = weakest_seam.min(back);
                    self.server.knowledge().row_order.was_kept(back);
                }
                Join::Moved => {
                    let mut knowledge = self.server.knowledge();
                    knowledge.row_order.was_kept(MIN_OVERLAP as u64);
                    // Rows came or went, or it counts rows that it does not show.
                    knowledge.pages.doubt(limit);
                }
                Join::TooFew | Join::Gap => {
                    if let Some(further) = further_back(back, length.rows) {
                        back = further;
                        continue;
                    }
                    listing.take(&page, offset);
                    disorder = true;
                }
                Join::Disorder => {
                    listing.take(&page, offset);
                    disorder = true;
                }
                Join::FirstAgain => {
                    first_again += listing.first_page();
                    if back == 0 && first_again >= 2 * MIN_OVERLAP {
                        return Ok(None);
                    }
                    back = 0;
                    continue;
                }
            }
            if listing.is_endless() {
                return Ok(None);
            }
            if disorder {
                self.server.knowledge().row_order.was_broken();
            }
            if news {
                only_page = false;
                if usual && listing.end() > end {
                    self.learn_full_page(length, limit);
                }
            }
            let is_last = match listing.end().cmp(&end) {
                // It ends before rows that are known: it was cut, or some have gone.
                Ordering::Less => false,
                // There was room for more than the few rows that were asked back.
                Ordering::Equal if back <= FAR_BACK => true,
                Ordering::Equal | Ordering::Greater => self.end(this, limit) == End::Proven,
            };
            if is_last {
                if !news && usual {
                    let mut knowledge = self.server.knowledge();
                    knowledge.pages.was_asked_in_vain(length, limit);
                }
                break (page, in_turn, None);
            }
            length = this;
            usual = true;
            back = if listing.end() <= end {
                // No more rows than were asked back: only the row behind them can tell more.
                0
            } else if join == Join::Moved {
                FAR_BACK.min(length.rows as u64 - 1)
            } else {
                self.overlap(&listing)
            };
        };
        Ok(Some(Pass {
            listing,
            disorder,
            hole,
            weakest_seam,
            only_page,
            last_page,
            last_in_turn,
        }))
    }

    fn overlap(&self, listing: &Listing) -> u64 {
        let order = self.server.knowledge().row_order;
        order.overlap(listing.longest_page())
    }

    fn learn_full_page(&self, page: Length, limit: u32) {
        if self.server.knowledge().pages.was_full(page, limit) {
            self.server.events.learned(Finding::PageLength(page.rows));
        }
    }

    /// Reads a window in one page, since the server gives the same rows at every offset.
    async fn read_without_offset(&self) -> Result<WindowRead, PullError> {
        let mut limit = self.server.page_size();
        let mut page = self.first_page(limit).await?;
        while !self.is_whole(&page)
            && u64::from(limit) < LARGEST_PAGE
            && let rows = page.rows.length.rows
            && let Some(larger) = self.larger_page(limit, limit * 4, rows).await?
        {
            limit *= 4;
            page = larger;
        }
        // A longer page would show that this one was not cut; where the end day is included, two days
        // make one.
        if self.reach == EndBound::Inclusive {
            for start in [Some(self.day), self.day.pred_opt()].into_iter().flatten() {
                if !self.is_whole(&page) {
                    self.ask_two_days(start, limit).await?;
                }
            }
        }
        match self.is_whole(&page) {
            true => Ok(WindowRead::Whole(self.whole(&page, Proof::Contiguous))),
            false => Err(PullError::OffsetIgnored {
                window: self.window(),
                rows: page.rows.length.rows,
            }),
        }
    }

    /// Asks two days for their length. What is dated nowhere would seem to belong to this one.
    async fn ask_two_days(&self, start: NaiveDate, limit: u32) -> Result<(), PullError> {
        let ask = Ask::first_page(wide(start), limit);
        match self.server.ask(ask).await {
            Ok(longer) => {
                let events = &self.server.events;
                let records = &longer.records;
                self.assembly.keep(events, ask.window, records).await;
                Ok(())
            }
            // It need not be accepted where D…D is.
            Err(error) if error.is_refusal() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Unproven {
    /// What is to be done about it by now.
    pub(crate) fn end(&self) -> End {
        self.reader.end(self.first.rows.length, self.first.limit)
    }

    /// The rows of its page.
    pub(crate) fn rows(&self) -> usize {
        self.first.rows.length.rows
    }

    /// For a window that was proven meanwhile.
    pub(crate) fn whole(&self) -> Whole {
        self.reader.whole(&self.first, Proof::Contiguous)
    }

    /// Asks what only the next page can tell.
    pub(crate) async fn read_on(self) -> Result<WindowRead, PullError> {
        self.reader.read_on(self.first).await
    }
}

/// Whether a failure has nothing to do with how much was asked for.
fn is_about_any_page(error: &Error) -> bool {
    matches!(
        error.root(),
        Error::Unauthorized(_) | Error::Forbidden(_) | Error::Tls(_) | Error::Connect(_)
    )
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

/// The next distance to ask back, as long as a page has room for more than known rows.
fn further_back(back: u64, page_length: usize) -> Option<u64> {
    let furthest = (page_length as u64).saturating_sub(1);
    let next = if back < FAR_BACK {
        FAR_BACK.min(furthest)
    } else {
        furthest
    };
    (next > back).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_row_joins_pages_only_where_rows_keep_their_order() {
        let pass = |weakest_seam| Pass {
            listing: Listing::default(),
            disorder: false,
            hole: None,
            weakest_seam,
            only_page: false,
            last_page: Vec::new(),
            last_in_turn: true,
        };
        let mut order = RowOrder::default();
        assert!(!pass(1).is_joined(order) && pass(8).is_joined(order));
        order.was_kept(8);
        assert!(pass(1).is_joined(order) && !pass(0).is_joined(order));
        order.was_broken();
        assert!(!pass(7).is_joined(order) && pass(8).is_joined(order));
    }

    #[test]
    fn what_is_asked_at_once_has_room_for_more_and_an_end() {
        for (rows, larger) in [(300, 500), (320, 500), (321, 1_000), (15_920, 32_000)] {
            assert_eq!(limit_for_whole(500, rows), larger, "{rows}");
        }
        assert_eq!(limit_for_whole(500, 15_921), 500);
    }
}
