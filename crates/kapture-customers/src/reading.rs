//! Reading one window whole: its pages, pass by pass, until nothing can have been skipped.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::NaiveDate;
use kapture_model::{CustomerId, Record, Window};
use kapture_transport::Refusal;

use crate::ahead::Ahead;
use crate::assembly::Assembly;
use crate::calibration::{Reach, spans_two_days, wide};
use crate::error::PullError;
use crate::event::Lesson;
use crate::listing::{Join, Listing};
use crate::page_length::End;
use crate::receipt::Joint;
use crate::server::{Ask, Moment, Page, Server};

/// How often a window is read at most. A listing in random order shows a fraction 1 − 1/e of its
/// rows at each reading, so that this is enough for a hundred thousand customers.
const MOST_PASSES: u32 = 24;

/// After how many readings of rows that come and go the rows that stood in place are enough.
const MOVING_PASSES: u32 = 3;

/// How far back a page is asked when one row back was not enough.
const FAR_BACK: u64 = 16;

/// The largest page asked for in order to have a window in one piece.
const LARGEST_PAGE: u64 = 20_000;

/// Reads the window of one day.
#[derive(Clone)]
pub(crate) struct WindowReader {
    pub(crate) server: Arc<Server>,
    pub(crate) assembly: Arc<Assembly>,
    pub(crate) day: NaiveDate,
    pub(crate) reach: Reach,
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
    pub(crate) joint: Joint,
    /// It had no customers, or no further ones, in an answer that could also mean that the server
    /// changed its ways.
    pub(crate) doubtful: bool,
    /// It was refused, in these words.
    pub(crate) refused: Option<Refusal>,
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
    ids: Vec<CustomerId>,
    refused: Option<Refusal>,
    spans_two_days: bool,
}

/// One pass through a window.
struct Pass {
    listing: Listing,
    /// Some page did not join: the pass proves nothing but the number of rows.
    disorder: bool,
    /// It ended with a page without rows: either the end, or a server that changed its ways.
    ended_empty: bool,
}

enum PassEnd {
    Read(Pass),
    OffsetIgnored,
}

impl WindowReader {
    fn window(&self) -> Window {
        self.reach.window(self.day)
    }

    pub(crate) async fn read(self) -> Result<WindowRead, PullError> {
        let page_size = self.server.page_size;
        let first = self.first_page(page_size).await?;
        match self.end(first.ids.len(), page_size) {
            End::Proven => Ok(WindowRead::Whole(self.whole(&first, Joint::Exact))),
            End::Ask => self.read_on(first).await,
            End::MayWait => Ok(WindowRead::Unproven(Unproven {
                reader: self,
                first,
            })),
        }
    }

    async fn first_page(&self, limit: u32) -> Result<FirstPage, PullError> {
        let page = self.ask(Ask::first_page(self.window(), limit)).await?;
        Ok(FirstPage {
            ids: page
                .records
                .iter()
                .map(|record| record.id().clone())
                .collect(),
            refused: page.refused,
            spans_two_days: self.reach == Reach::Exclusive && spans_two_days(&page.records),
        })
    }

    /// The records of a page, handed on.
    pub(crate) async fn page(&self, ask: Ask) -> Result<Vec<Record>, PullError> {
        Ok(self.ask(ask).await?.records)
    }

    /// Asks for a page and hands on what it brings.
    async fn ask(&self, ask: Ask) -> Result<Page, PullError> {
        let page = self.server.ask(ask).await?;
        self.assembly
            .deliver(&self.server.events, self.day, ask.window, &page.records)
            .await?;
        Ok(page)
    }

    fn end(&self, rows: usize, limit: u32) -> End {
        self.server.knowledge().pages.end(rows, limit)
    }

    fn whole(&self, first: &FirstPage, joint: Joint) -> Whole {
        Whole {
            day: self.day,
            window: self.window(),
            joint,
            doubtful: first.ids.is_empty() && (first.refused.is_some() || self.reach.is_narrow()),
            refused: first.refused.clone(),
            spans_two_days: first.spans_two_days,
            answered: self.server.moment(),
        }
    }

    /// Reads a window of more than one page, pass by pass.
    async fn read_on(self, first: FirstPage) -> Result<WindowRead, PullError> {
        let mut limit = self.server.page_size;
        let mut first = first;
        let mut trail = None;
        let mut counted = Counted::default();
        for pass_number in 1..=MOST_PASSES {
            let pass = match self.pass(&first.ids, limit).await? {
                PassEnd::Read(pass) => pass,
                PassEnd::OffsetIgnored => return self.read_without_offset().await,
            };
            let listing = &pass.listing;
            // A customer on two pages may be this server's habit, or show that the order changes.
            let clean = !pass.disorder && !listing.has_moved() && !listing.has_repeats();
            // The same rows in the same order twice: whatever is odd about them does not move.
            let same_again = trail.replace(listing.trail()) == Some(listing.trail());
            let all_known = counted.add(listing);
            let joint = if clean || same_again {
                Some(Joint::Exact)
            } else if pass.disorder {
                all_known.then_some(Joint::Counted)
            } else if listing.has_moved() {
                (pass_number >= MOVING_PASSES).then_some(Joint::Moving)
            } else {
                None
            };
            if let Some(joint) = joint {
                let mut whole = self.whole(&first, joint);
                whole.doubtful |= pass.ended_empty;
                return Ok(WindowRead::Whole(whole));
            }
            tracing::debug!(window = %self.window(), pass_number, rows = listing.end(), "reading the window again");
            limit = self.larger_limit(limit, listing.end());
            first = self.first_page(limit).await?;
            if self.end(first.ids.len(), limit) == End::Proven {
                return Ok(WindowRead::Whole(self.whole(&first, Joint::Exact)));
            }
        }
        Err(PullError::Unstable {
            window: self.window(),
            passes: MOST_PASSES,
            known: counted.known.len() as u64,
            rows: counted.rows,
        })
    }

    /// One page has no seams: where the server has not shown a cap, the next pass asks for the
    /// whole window at once.
    fn larger_limit(&self, limit: u32, rows: u64) -> u32 {
        let whole = rows + rows / 4 + 100;
        if whole > LARGEST_PAGE || self.server.knowledge().pages.is_capped_below(limit) {
            return limit;
        }
        limit.max(u32::try_from(whole).unwrap_or(limit))
    }

    /// One pass, from its first page to a proven end.
    async fn pass(&self, first: &[CustomerId], limit: u32) -> Result<PassEnd, PullError> {
        let mut listing = Listing::begin(first);
        let mut ahead = Ahead::default();
        let mut disorder = false;
        let mut back = listing.overlap();
        let mut page_length = first.len();
        let mut only_page = true;
        let mut ended_empty;
        loop {
            let offset = listing.end().saturating_sub(back);
            let ask = Ask {
                window: self.window(),
                limit,
                offset,
            };
            let steady = back == 1 && !disorder && !listing.has_moved();
            let page = ahead.page(self, ask, page_length, steady).await?;
            let news = listing.lacks_any_of(&page);
            ended_empty = page.is_empty();
            let join = if disorder {
                Join::Disorder
            } else {
                listing.join(&page, offset)
            };
            match join {
                Join::Exact | Join::Moved if !news => {
                    if back == 0 || self.end(page.len(), limit) == End::Proven {
                        break;
                    }
                    // A full page of rows already known: only the row behind them can tell more.
                    back = 0;
                    continue;
                }
                Join::Exact => back = listing.overlap(),
                Join::Moved => back = FAR_BACK,
                Join::TooFew | Join::Gap => {
                    if let Some(further) = further_back(back, page_length) {
                        back = further;
                        continue;
                    }
                    listing.take(&page, offset);
                    disorder = true;
                    back = listing.overlap();
                }
                Join::Disorder => {
                    listing.take(&page, offset);
                    if listing.is_endless() {
                        return Ok(PassEnd::OffsetIgnored);
                    }
                    disorder = true;
                    back = listing.overlap();
                }
                Join::FirstAgain if back == 0 => return Ok(PassEnd::OffsetIgnored),
                Join::FirstAgain => {
                    back = 0;
                    continue;
                }
            }
            if news {
                only_page = false;
                self.learn_full_page(page_length);
            }
            if self.end(page.len(), limit) == End::Proven {
                break;
            }
            page_length = page.len();
        }
        if only_page {
            self.server.knowledge().pages.was_asked_in_vain();
        }
        Ok(PassEnd::Read(Pass {
            listing,
            disorder,
            ended_empty,
        }))
    }

    fn learn_full_page(&self, rows: usize) {
        if self.server.knowledge().pages.was_full(rows) {
            self.server.events.learned(Lesson::PageLength(rows));
        }
    }

    /// Reads a window in one page, since the server gives the same rows at every offset.
    async fn read_without_offset(&self) -> Result<WindowRead, PullError> {
        let mut limit = self.server.page_size;
        loop {
            let page = self.first_page(limit).await?;
            let rows = page.ids.len();
            if self.end(rows, limit) == End::Proven {
                return Ok(WindowRead::Whole(self.whole(&page, Joint::Exact)));
            }
            if rows == limit as usize && u64::from(limit) < LARGEST_PAGE {
                limit *= 4;
                continue;
            }
            // A longer page would show that this one was not cut; where the end day is included,
            // two days make one.
            if self.reach == Reach::Inclusive {
                // Only its length counts: what is dated nowhere would seem to belong to this day.
                self.server
                    .ask(Ask::first_page(wide(self.day), limit))
                    .await?;
                if self.end(rows, limit) == End::Proven {
                    return Ok(WindowRead::Whole(self.whole(&page, Joint::Exact)));
                }
            }
            return Err(PullError::OffsetIgnored {
                window: self.window(),
                rows,
            });
        }
    }
}

impl Unproven {
    pub(crate) fn is_proven_meanwhile(&self) -> bool {
        self.reader
            .end(self.first.ids.len(), self.reader.server.page_size)
            == End::Proven
    }

    /// For a window that was proven meanwhile.
    pub(crate) fn whole(&self) -> Whole {
        self.reader.whole(&self.first, Joint::Exact)
    }

    /// Asks what only the next page can tell.
    pub(crate) async fn read_on(self) -> Result<WindowRead, PullError> {
        self.reader.read_on(self.first).await
    }
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

/// The last resort where the order means nothing: to know as many different customers as the
/// window has rows. Only customers of readings that counted the same number of rows are counted
/// together, and it takes two such readings.
#[derive(Default)]
struct Counted {
    rows: u64,
    readings: u32,
    known: HashSet<CustomerId>,
}

impl Counted {
    /// Adds a reading. Returns whether all rows are known.
    fn add(&mut self, listing: &Listing) -> bool {
        if listing.end() != self.rows {
            *self = Self {
                rows: listing.end(),
                ..Self::default()
            };
        }
        self.readings += 1;
        self.known.extend(listing.customers().cloned());
        self.readings >= 2 && self.known.len() as u64 == self.rows
    }
}
