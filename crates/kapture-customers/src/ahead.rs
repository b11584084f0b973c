//! Pages of one large window, asked for before it is their turn.
//!
//! Once a page was full the next ones can be asked at the same time; the seams prove afterwards
//! that they join. What is asked beyond the end of a window is asked in vain, so a run has only a
//! few pages to spare for that, and those that turn out to be of use are spent again; as far as the
//! last windows went, so will most likely this one, and that costs none of them. In a window
//! of many pages a scout finds out how far it goes: a page far ahead that holds rows is of use
//! itself, and shows that all before it are.

use std::collections::BTreeMap;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::api::PullError;
use crate::reading::WindowReader;
use crate::server::{Ask, Rows, Server};

/// Each time that so many pages of a window of so many rows were read, one more spare page and one
/// more scout may be in vain: where much is read, a little more does not weigh.
const PAGES_FOR_ONE_MORE: u64 = 16;
const ROWS_FOR_MORE: u64 = 6_000;

/// How many pages ahead a scout goes at least: as many are asked in no time, and in smaller windows it
/// is in vain.
const FEW: u64 = 16;

/// How many pages ahead are too near for a scout.
const TOO_NEAR: u64 = 1;

/// The pages of one pass that were asked for and not yet taken.
#[derive(Default)]
pub(crate) struct Ahead {
    /// By their offset.
    asked: BTreeMap<u64, Why>,
    in_flight: FuturesUnordered<BoxFuture<'static, (u64, Why, Answer)>>,
    /// Those in flight whose request was not sent yet.
    unsent: usize,
    came: BTreeMap<u64, Answer>,
    /// An offset behind which there were rows.
    holds: u64,
    /// The lowest offset behind which there were none, or a failure.
    empty: Option<u64>,
    /// Pages taken.
    taken: u64,
}

type Answer = Result<Rows, PullError>;

/// Why a page was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It was its turn, or there were rows further on, or windows were lately as long.
    OfUse { in_turn: bool },
    /// It may be of use: taken from the pages that a run may ask in vain.
    Spare,
    /// To find out how far the window goes: taken from the scouts that a run may send in vain.
    Scout,
}

impl Ahead {
    /// The page of `ask`. While pages are full and `steady` (each of `page_length` rows, and the
    /// next one most likely one row back), those behind it are asked for as well. Also whether the
    /// page was asked in its turn, after all before it had come.
    pub(crate) async fn page(
        &mut self,
        reader: &WindowReader,
        ask: Ask,
        page_length: usize,
        steady: bool,
    ) -> Result<(Rows, bool), PullError> {
        let server = &reader.server;
        let step = page_length.saturating_sub(1) as u64;
        // Where a page was longer than those before it, some were asked for in vain.
        self.asked = self.asked.split_off(&ask.offset);
        self.came = self.came.split_off(&ask.offset);
        let steady =
            steady && page_length > 1 && server.knowledge().pages.is_full(page_length, ask.limit);
        loop {
            if let Some(answer) = self.came.remove(&ask.offset) {
                let why = self.asked.remove(&ask.offset);
                if why == Some(Why::Spare) {
                    server.give_back_spare_page();
                }
                self.taken += 1;
                if ask.offset >= ROWS_FOR_MORE && self.taken.is_multiple_of(PAGES_FOR_ONE_MORE) {
                    server.give_back_spare_page();
                    server.give_back_scout();
                }
                let in_turn = why == Some(Why::OfUse { in_turn: true });
                return answer.map(|page| (page, in_turn));
            }
            // Now and then it was scouted, and the scout came back with nothing.
            if !self.asked.contains_key(&ask.offset) {
                self.push(reader, ask, Why::OfUse { in_turn: true });
            }
            if steady {
                self.ask_ahead(reader, ask, step);
            }
            self.unsent = 0;
            if let Some((offset, why, answer)) = self.in_flight.next().await
                // It may have been left behind, and asked for once more.
                && self.asked.get(&offset) == Some(&why)
            {
                self.take(server, offset, answer);
            }
        }
    }

    /// Asks for as many pages behind `ask` as are known or hoped to be of use, `step` rows apart.
    fn ask_ahead(&mut self, reader: &WindowReader, ask: Ask, step: u64) {
        let server = &reader.server;
        // A few that wait for their place leave none of them empty.
        let room = |ahead: &Self| server.room() > ahead.unsent;
        let idle = |ahead: &Self| server.idle() > ahead.unsent;
        let most = 4 * server.client.concurrency();
        let mut next = ask.offset + step;
        let known = self.holds.saturating_sub(ask.offset) / step;
        let scouting = self.asked.values().any(|why| *why == Why::Scout);
        // Where it is known to be too far, the end is searched for long before it is near.
        if (known <= most as u64 || self.empty.is_some())
            && let Some(offset) = self.scouts_place(ask.offset, step)
            && !scouting
            && !self.asked.contains_key(&offset)
            && server.take_scout()
        {
            self.push(reader, Ask { offset, ..ask }, Why::Scout);
        }
        while next <= self.holds && self.asked.len() < most && room(self) {
            if !self.asked.contains_key(&next) {
                let ask = Ask {
                    offset: next,
                    ..ask
                };
                self.push(reader, ask, Why::OfUse { in_turn: false });
            }
            next += step;
        }
        if next <= self.holds {
            return;
        }
        let likely = server.knowledge().windows.likely();
        while self.asked.len() < most && idle(self) {
            while self.asked.contains_key(&next) {
                next += step;
            }
            let is_beyond = self.empty.is_some_and(|empty| next >= empty);
            if is_beyond {
                return;
            }
            let why = if next < likely {
                Why::OfUse { in_turn: false }
            } else if server.take_spare_page() {
                Why::Spare
            } else {
                return;
            };
            let ask = Ask {
                offset: next,
                ..ask
            };
            self.push(reader, ask, why);
        }
    }

    /// Where a scout would tell most: four times as far as is known to hold rows and a few pages at
    /// least, or half way to where there is nothing. `None` where that is too near to be worth it.
    fn scouts_place(&self, at: u64, step: u64) -> Option<u64> {
        let read = at / step;
        let known = self.holds.max(at).div_ceil(step);
        let place = match self.empty {
            None => FEW.max(4 * known),
            Some(empty) => known.midpoint(empty / step),
        };
        (place > known + TOO_NEAR).then(|| at + (place - read) * step)
    }

    fn take(&mut self, server: &Server, offset: u64, answer: Answer) {
        let holds = answer.as_ref().is_ok_and(|page| !page.ids.is_empty());
        if holds {
            self.holds = self.holds.max(offset);
            self.empty = self.empty.filter(|empty| *empty > offset);
        } else {
            self.empty = Some(self.empty.map_or(offset, |empty| empty.min(offset)));
        }
        if self.asked.get(&offset) == Some(&Why::Scout) {
            if !holds {
                // If the pass comes this far after all, it asks for it.
                self.asked.remove(&offset);
                return;
            }
            server.give_back_scout();
            self.asked.insert(offset, Why::OfUse { in_turn: false });
        }
        self.came.insert(offset, answer);
    }

    fn push(&mut self, reader: &WindowReader, ask: Ask, why: Why) {
        self.asked.insert(ask.offset, why);
        self.unsent += 1;
        let reader = reader.clone();
        self.in_flight
            .push(async move { (ask.offset, why, reader.page(ask).await) }.boxed());
    }
}
