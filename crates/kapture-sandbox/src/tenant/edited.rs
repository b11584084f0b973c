//! The customers that were edited so far, and what they were at each moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::{MutexGuard, PoisonError};

use chrono::{NaiveDate, NaiveDateTime};

use crate::behaviour::edits::{Edit, EditAction, RandomEdits};
use crate::draw::{Subject, draw, hits};
use crate::population::{Population, Row, SandboxCustomer};
use crate::tenant::Tenant;

/// What edits made of a customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edits {
    /// How many there were.
    pub(crate) count: u32,
    pub(crate) is_deleted: bool,
    /// When it was created, if it was moved.
    pub(crate) created: Option<NaiveDateTime>,
}

/// The edited customers.
#[derive(Debug, Default)]
pub(crate) struct Edited {
    /// By id: the states since the first edit, each with the number of the requests before it.
    states: HashMap<u64, Vec<(u64, Edits)>>,
    /// The customers that were moved at any time.
    moved: BTreeMap<u64, Row>,
    /// Edits that are not made yet.
    planned: Vec<Edit>,
    /// How many edits were drawn.
    drawn: u64,
}

impl Edited {
    pub(crate) fn new(script: &[Edit]) -> Self {
        Self {
            planned: script.to_vec(),
            ..Self::default()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// What edits made of a customer until now.
    pub(crate) fn of(&self, id: u64) -> Edits {
        self.at(id, u64::MAX)
    }

    /// The same when so many requests had come.
    fn at(&self, id: u64, requests: u64) -> Edits {
        let states = self.states.get(&id).map_or(&[][..], Vec::as_slice);
        let until = states.iter().rev().find(|(before, _)| *before <= requests);
        until.map_or_else(Edits::default, |(_, edits)| *edits)
    }

    /// Whether a customer was deleted or moved at any time.
    pub(crate) fn left_its_place(&self, id: u64) -> bool {
        let states = self.states.get(&id).map_or(&[][..], Vec::as_slice);
        let left = |edits: &Edits| edits.is_deleted || edits.created.is_some();
        states.iter().any(|(_, edits)| left(edits))
    }

    /// The customers that were moved at any time.
    pub(crate) fn moved(&self) -> impl Iterator<Item = (u64, Row)> {
        self.moved.iter().map(|(id, row)| (*id, *row))
    }

    /// Makes the edits that are due before request `number`.
    fn make_due(&mut self, population: &Population, random: Option<&RandomEdits>, number: u64) {
        let is_due = |edit: &Edit| edit.before_request <= number;
        let (due, planned) = self.planned.iter().partition(|edit| is_due(edit));
        self.planned = planned;
        let due: Vec<Edit> = due;
        for edit in due {
            self.make(population, edit.action, number - 1);
        }
        if let Some(random) = random
            && number.is_multiple_of(random.every.max(1))
            && random.at_most.is_none_or(|most| self.drawn < most)
            && let Some(action) = self.drawn_action(population, random.seed)
        {
            self.make(population, action, number - 1);
        }
    }

    fn drawn_action(&mut self, population: &Population, seed: u64) -> Option<EditAction> {
        self.drawn += 1;
        let row =
            population.nth(draw(seed, Subject::Edit, self.drawn) % population.total().max(1))?;
        let id = population.id(row);
        let chance = draw(seed, Subject::EditKind, self.drawn);
        let days = chance / 100 % 7;
        Some(match chance % 100 {
            _ if self.of(id).is_deleted => EditAction::Revive(id),
            0..55 => EditAction::Edit(id),
            55..80 => EditAction::Delete(id),
            _ => EditAction::Move(id, row.day - chrono::Days::new(3) + chrono::Days::new(days)),
        })
    }

    /// Makes an edit after so many requests. One of a customer that does not exist does nothing.
    fn make(&mut self, population: &Population, action: EditAction, requests: u64) {
        match action {
            EditAction::Edit(id) => self.change(population, id, requests, |_, _| {}),
            EditAction::Delete(id) => {
                self.change(population, id, requests, |edits, _| edits.is_deleted = true);
            }
            EditAction::Revive(id) => {
                self.change(population, id, requests, |edits, _| {
                    edits.is_deleted = false
                });
            }
            EditAction::Move(id, day) => self.change(population, id, requests, |edits, created| {
                edits.created = Some(day.and_time(created.time()));
            }),
            EditAction::EditShare(share, seed) => {
                for number in 0..population.total() {
                    if hits(share, draw(seed, Subject::Edit, number))
                        && let Some(row) = population.nth(number)
                    {
                        self.change(population, population.id(row), requests, |_, _| {});
                    }
                }
            }
        }
    }

    fn change(
        &mut self,
        population: &Population,
        id: u64,
        requests: u64,
        edit: impl FnOnce(&mut Edits, NaiveDateTime),
    ) {
        let Some(row) = population.row_of(id) else {
            return;
        };
        let mut edits = self.of(id);
        edits.count += 1;
        edit(&mut edits, population.origin(row).created);
        if edits.created.is_some() {
            self.moved.insert(id, row);
        }
        self.states.entry(id).or_default().push((requests, edits));
    }
}

impl Tenant {
    /// Makes an edit between two requests; one that names a later request waits for it.
    ///
    /// ```
    /// use chrono::NaiveDate;
    /// use kapture_sandbox::Tenant;
    ///
    /// let may = |day| NaiveDate::from_ymd_opt(2024, 5, day).unwrap();
    /// let tenant = Tenant::demo();
    /// let id = tenant.truth(may(2), may(2))[0].id;
    /// tenant.edit(&format!("move {id} 2024-05-03").parse()?);
    /// assert!(!tenant.truth_ids(may(2), may(2)).contains(&id));
    /// assert!(tenant.truth_ids(may(3), may(3)).contains(&id));
    /// # Ok::<(), kapture_sandbox::InvalidEdit>(())
    /// ```
    pub fn edit(&self, edit: &Edit) {
        let mut edited = self.edited();
        let requests = self.request_count();
        match edit.before_request > requests {
            true => edited.planned.push(*edit),
            false => edited.make(&self.population, edit.action, requests),
        }
    }

    /// The customers created on the days `from` to `to`, as they were when so many requests had come:
    /// what [`truth`](Self::truth) said then. Rows of a [`Movement`](crate::Movement) are as they are
    /// now.
    pub fn truth_after(
        &self,
        requests: u64,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Vec<SandboxCustomer> {
        self.truth_of(from, to, |edited, id| edited.at(id, requests))
    }

    pub(crate) fn edited(&self) -> MutexGuard<'_, Edited> {
        self.edited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn make_due_edits(&self, number: u64) {
        let mut edited = self.edited();
        let random = self.behaviour.random_edits.as_ref();
        if random.is_some() || !edited.planned.is_empty() {
            edited.make_due(&self.population, random, number);
        }
    }
}
