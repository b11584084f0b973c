//! One page of a window: which rows it has, and its bytes.

use std::ops::Range;

use chrono::NaiveDateTime;

use crate::behaviour::paging::{Limit, Offset};
use crate::population::customer::TYPICAL_BYTES;
use crate::reply::Reply;
use crate::reply::form::ReplyForm;
use crate::request_log::LoggedRequest;
use crate::tenant::Tenant;
use crate::tenant::listing::Listing;
use crate::tenant::query::Query;

impl Tenant {
    /// The effective page size.
    pub(super) fn limit(&self, query: &Query) -> u64 {
        let limit = query.limit.unwrap_or(self.behaviour.default_limit);
        let caps = &self.behaviour.limit_caps;
        let cap = caps.range(..=query.start).next_back();
        let limit = cap.map_or(limit, |(_, most)| limit.min(*most));
        match self.behaviour.limit {
            Limit::Honoured => limit,
            Limit::CappedAt(most) => limit.min(most),
            Limit::DefaultAbove(most) if limit > most => self.behaviour.default_limit,
            Limit::DefaultAbove(_) | Limit::RefusedAbove(_) => limit,
            Limit::Ignored => u64::MAX,
        }
    }

    pub(super) fn answer_page(
        &self,
        query: &Query,
        covered: Range<NaiveDateTime>,
        form: &ReplyForm<'_>,
        hidden: f64,
        logged: &mut LoggedRequest,
    ) -> Reply {
        let behaviour = &self.behaviour;
        let listing = self.listing(query, covered, hidden, logged.number);
        let (count, limit) = (listing.len(), self.limit(query));
        let offset = match behaviour.offset {
            Offset::Honoured => query.offset,
            Offset::Ignored => 0,
            Offset::OneRowEarly => query.offset.saturating_sub(1),
            Offset::UpTo(most) if query.offset > most => count,
            Offset::UpTo(_) => query.offset,
            Offset::PageNumber => query.offset / limit.max(1) * limit,
        };
        let mut page = listing.page(offset, limit);
        page.retain(|row| !self.is_left_out(row));
        if let Some(most) = behaviour.page_bytes {
            self.cut_at_bytes(&mut page, most);
        }
        logged.rows = page.len();
        if logged.rows == 0 {
            let empty = match &behaviour.past_end {
                Some(past_end) if count > 0 => past_end,
                _ => &behaviour.empty_window,
            };
            return form.empty(empty, count);
        }
        form.page(&self.render(page, logged.number), logged.rows, count)
    }

    fn cut_at_bytes(&self, page: &mut Listing, most: usize) {
        let (mut text, mut is_first) = (String::new(), true);
        page.retain(|row| {
            self.customer(row).write(&mut text);
            std::mem::take(&mut is_first) || text.len() <= most
        });
    }

    /// The records of a page, with commas between them.
    fn render(&self, page: Listing, number: u64) -> Vec<u8> {
        let mut body = Vec::with_capacity(page.len() as usize * TYPICAL_BYTES);
        match page {
            Listing::Days(days) => {
                for (day, rows) in days {
                    let count = self.population.count(day);
                    self.record_cache
                        .append(&mut body, day, rows, count, |row, text| {
                            self.customer(row).write(text)
                        });
                }
            }
            Listing::Rows(rows) => {
                let mut text = String::with_capacity(TYPICAL_BYTES);
                let is_fixed = self.behaviour.oddities.rewritten == 0.0 && self.edited().is_empty();
                for row in rows {
                    if is_fixed && row.before == 0 {
                        let (rows, count) =
                            (row.index..row.index + 1, self.population.count(row.day));
                        self.record_cache
                            .append(&mut body, row.day, rows, count, |row, text| {
                                self.customer(row).write(text)
                            });
                        continue;
                    }
                    text.clear();
                    self.customer(row).at_request(number).write(&mut text);
                    text.push(',');
                    body.extend_from_slice(text.as_bytes());
                }
            }
        }
        body.pop(); // the comma after the last record
        body
    }
}
