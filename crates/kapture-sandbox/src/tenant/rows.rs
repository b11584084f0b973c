//! The rows of a window, in the order in which the server lists them.

use std::cmp::Reverse;
use std::ops::Range;

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use crate::behaviour::paging::Order;
use crate::behaviour::windows::WindowsBy;
use crate::draw::{Subject, draw};
use crate::population::Row;
use crate::population::customer::LATEST_CHANGE_DAYS;
use crate::tenant::Tenant;
use crate::tenant::edited::Edits;
use crate::tenant::listing::Listing;
use crate::tenant::moved::Moved;
use crate::tenant::query::Query;

/// How many neighbouring rows have the same sort key under [`Order::Ties`].
const TIED: usize = 16;

impl Tenant {
    /// Moves a row if one is due, then lists the window without the share that is hidden.
    pub(super) fn listing(
        &self,
        query: &Query,
        covered: Range<NaiveDateTime>,
        hidden: f64,
        number: u64,
    ) -> Listing {
        let behaviour = &self.behaviour;
        let plain = behaviour.order == Order::Id
            && behaviour.listed_twice == 0.0
            && behaviour.left_out == 0.0
            && behaviour.page_bytes.is_none()
            && behaviour.movement.is_none()
            && self.edited().is_empty()
            && hidden == 0.0
            && behaviour.windows_by == WindowsBy::Creation
            && behaviour.oddities.rewritten == 0.0
            && query.filter.is_empty();
        let planned = match behaviour.windows_by {
            WindowsBy::Creation => self.population.between(covered.start, covered.end),
            WindowsBy::LastChange => self.population.between(
                covered.start - TimeDelta::days(LATEST_CHANGE_DAYS),
                covered.end,
            ),
        };
        if plain {
            return Listing::Days(planned);
        }
        let mut moved = self.moved();
        let mut rows = self.ordered(planned.clone(), &covered, query, &moved, number);
        if let Some(movement) = &behaviour.movement
            && moved.is_due(movement, number)
        {
            moved.step(movement, &self.population, number, query.offset, &rows);
            rows = self.ordered(planned, &covered, query, &moved, number);
        }
        if hidden > 0.0 {
            rows.retain(|row| !self.customer(*row).hits(hidden, Subject::Hidden));
        }
        Listing::Rows(rows)
    }

    fn ordered(
        &self,
        planned: Vec<(NaiveDate, Range<u32>)>,
        covered: &Range<NaiveDateTime>,
        query: &Query,
        moved: &Moved,
        number: u64,
    ) -> Vec<Row> {
        let mut rows = moved.rows_of(planned);
        self.place_edited(&mut rows, covered);
        if self.behaviour.windows_by == WindowsBy::LastChange {
            rows.retain(|row| covered.contains(&self.customer(*row).changed()));
        }
        rows.retain(|row| {
            !moved.is_deleted(&self.population, *row)
                && (query.filter.is_empty() || query.filter.holds(&self.customer(*row)))
        });
        self.sort(&mut rows, moved, number);
        if self.behaviour.listed_twice > 0.0 {
            let share = self.behaviour.listed_twice;
            let twice = |row: &&Row| self.customer(**row).hits(share, Subject::Twice);
            let again: Vec<Row> = rows.iter().filter(twice).copied().collect();
            rows.extend(again);
        }
        self.shuffle(&mut rows, query, number);
        rows
    }

    /// Removes the rows of deleted customers, and brings those of moved ones to their place.
    fn place_edited(&self, rows: &mut Vec<Row>, covered: &Range<NaiveDateTime>) {
        let edited = self.edited();
        if edited.is_empty() {
            return;
        }
        let edits = |row: &Row| edited.of(self.population.id(*row));
        rows.retain(|row| !edits(row).is_deleted && edits(row).created.is_none());
        let moved = edited.moved().map(|(_, row)| row).filter(|row| {
            let edits = edits(row);
            !edits.is_deleted
                && edits
                    .created
                    .is_some_and(|created| covered.contains(&created))
        });
        rows.extend(moved);
    }

    fn sort(&self, rows: &mut [Row], moved: &Moved, number: u64) {
        let id = |row: &Row| self.population.id(*row);
        let last_change = |row: &Row| (moved.touched(id(row)), id(row));
        let order = match self.behaviour.order {
            Order::Turns if number.is_multiple_of(2) => Order::IdDescending,
            order => order,
        };
        match order {
            Order::Id | Order::Turns | Order::Ties | Order::Unstable => {
                rows.sort_by_cached_key(id);
            }
            Order::IdDescending => rows.sort_by_cached_key(|row| Reverse(id(row))),
            Order::Name => {
                rows.sort_by_cached_key(|row| (self.customer(*row).names(), id(row)));
            }
            Order::LastChange => rows.sort_by_cached_key(last_change),
            Order::LastChangeDescending => {
                rows.sort_by_cached_key(|row| Reverse(last_change(row)));
            }
        }
    }

    fn shuffle(&self, rows: &mut [Row], query: &Query, number: u64) {
        let rng = |number| {
            let seed = draw(self.population.seed, Subject::Shuffle, number);
            fastrand::Rng::with_seed(seed)
        };
        match self.behaviour.order {
            Order::Ties => {
                // A database that keeps only the first rows it needs breaks ties by that number.
                let mut rng = rng(query.offset.saturating_add(self.limit(query)));
                rows.chunks_mut(TIED).for_each(|tied| rng.shuffle(tied));
            }
            Order::Unstable => rng(number).shuffle(rows),
            _ => {}
        }
    }

    /// Whether this row is never shown, although it counts for `offset` and `limit`.
    pub(crate) fn is_left_out(&self, row: Row) -> bool {
        // With a share of 0 no customer has to be looked up.
        let share = self.behaviour.left_out;
        share > 0.0
            && self
                .customer_with(row, Edits::default())
                .hits(share, Subject::LeftOut)
    }
}
