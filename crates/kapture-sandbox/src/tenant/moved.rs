//! The rows that were inserted, deleted and changed so far.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use chrono::NaiveDate;

use crate::behaviour::movement::{Change, Movement, Position};
use crate::draw::{Subject, draw};
use crate::population::{ID_STRIDE, Population, Row};

/// The rows that were inserted, deleted and changed so far.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    inserted: BTreeMap<NaiveDate, Vec<Row>>,
    deleted: HashSet<u64>,
    /// The request at which each changed customer was changed last.
    touched: HashMap<u64, u64>,
    moves: u64,
    /// The number of the request at which the last row moved.
    last: u64,
}

impl Moved {
    pub(crate) fn is_due(&self, movement: &Movement, number: u64) -> bool {
        number >= self.last + movement.every.max(1)
            && movement.at_most.is_none_or(|most| self.moves < most)
    }

    /// Inserts, deletes or changes a row of `rows`, the window as listed before the move.
    pub(crate) fn step(
        &mut self,
        movement: &Movement,
        population: &Population,
        number: u64,
        offset: u64,
        rows: &[Row],
    ) {
        let candidates = match movement.position {
            Position::Anywhere => rows.len() as u64,
            Position::BeforeOffset => offset.min(rows.len() as u64),
        };
        if candidates == 0 {
            return;
        }
        let position = draw(population.seed, Subject::Movement, number) % candidates;
        let row = rows[position as usize];
        let change = match movement.change {
            Change::Alternate if self.moves.is_multiple_of(2) => Change::Insert,
            Change::Alternate => Change::Delete,
            change => change,
        };
        if change == Change::Touch {
            self.touched.insert(population.id(row), number);
        } else if change == Change::Insert {
            let neighbours = self.inserted.entry(row.day).or_default();
            let taken = neighbours
                .iter()
                .filter(|other| other.index == row.index)
                .map(|other| other.before)
                .max();
            let before = taken.unwrap_or(0) + 1;
            if u64::from(before) == ID_STRIDE {
                return; // no free id is left between this customer and the one before
            }
            neighbours.push(Row { before, ..row });
        } else {
            self.deleted.insert(population.id(row));
        }
        self.moves += 1;
        self.last = number;
    }

    /// The request at which the row was changed last, 0 if at none.
    pub(crate) fn touched(&self, id: u64) -> u64 {
        self.touched.get(&id).copied().unwrap_or(0)
    }

    pub(crate) fn is_deleted(&self, population: &Population, row: Row) -> bool {
        !self.deleted.is_empty() && self.deleted.contains(&population.id(row))
    }

    /// The planned rows and the inserted ones beside them, day by day.
    pub(crate) fn rows_of(&self, planned: Vec<(NaiveDate, Range<u32>)>) -> Vec<Row> {
        let mut rows = Vec::new();
        for (day, indices) in planned {
            let inserted = self.inserted(day).iter();
            rows.extend(inserted.filter(|row| indices.contains(&row.index)));
            rows.extend(indices.map(|index| Row::planned(day, index)));
        }
        rows
    }

    pub(crate) fn inserted(&self, day: NaiveDate) -> &[Row] {
        self.inserted.get(&day).map_or(&[], Vec::as_slice)
    }
}
