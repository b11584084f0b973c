//! The keys of one kind of object, in the order in which servers send them.

use crate::json::scanner::{Scanner, decode_text};
use crate::schema::documented::{Kind, fields};
use crate::schema::drift::{Drift, DriftKind, Owner};
use foldhash::HashMap;
use std::collections::BTreeSet;

/// The most undocumented keys that are kept: the server decides how many there are, so memory needs
/// a bound.
const MAX_UNKNOWN: usize = 200;

/// The longest undocumented key that is kept, in bytes, for the same reason.
const LONGEST_KEY: usize = 4096;

/// Index of the entry that stands for the beginning of an object, and for all keys beyond
/// these bounds.
pub(crate) const NO_KEY: usize = 0;

/// Maps each key to an index, and counts its drift.
///
/// Hashing the 75 keys of a record would be most of the work. One server's records have the same
/// keys in the same order, so the key that followed the previous one in the last record is tried
/// first, which costs one comparison.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    owner: Owner,
    keys: Vec<Key>,
    by_name: HashMap<Box<str>, usize>,
    dates: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Key {
    /// The name between quotes, as it stands in JSON.
    token: Box<str>,
    /// What the documentation says it holds.
    kind: Option<Kind>,
    /// The index of the key that came behind this one last time.
    next: usize,
    drift: [u64; DriftKind::ALL.len()],
}

impl Key {
    fn new(token: &str, kind: Option<Kind>) -> Self {
        Key {
            token: token.into(),
            kind,
            next: NO_KEY,
            drift: Default::default(),
        }
    }
}

impl Keys {
    /// The documented keys, expected in the documented order.
    pub(crate) fn documented(owner: Owner) -> Self {
        let mut keys = Keys {
            owner,
            // No token of a key begins like this one.
            keys: vec![Key::new("\0", None)],
            by_name: HashMap::default(),
            dates: Vec::new(),
        };
        for (name, kind) in fields(owner) {
            let index = keys.add(name, &format!("\"{name}\""), Some(*kind));
            keys.keys[index - 1].next = index;
            if *kind == Kind::Timestamp {
                keys.dates.push(index);
            }
        }
        keys
    }

    /// Moves the scanner over a key and returns its index. `previous` is the index of the key
    /// before it in the object, at first [`NO_KEY`].
    #[inline]
    pub(crate) fn read(&mut self, scanner: &mut Scanner<'_>, previous: usize) -> Option<usize> {
        let expected = self.keys[previous].next;
        if scanner.take_text(&self.keys[expected].token) {
            return Some(expected);
        }
        let token = scanner.string()?;
        let index = self.find(token);
        self.keys[previous].next = index;
        Some(index)
    }

    fn find(&mut self, token: &str) -> usize {
        let name = match decode_text(token) {
            Some(name) => name,
            None => token.into(),
        };
        match self.by_name.get(name.as_ref()) {
            Some(index) => *index,
            None if self.is_full() || token.len() > LONGEST_KEY => NO_KEY,
            None => self.add(&name, token, None),
        }
    }

    fn is_full(&self) -> bool {
        self.keys.len() > fields(self.owner).len() + MAX_UNKNOWN
    }

    fn add(&mut self, name: &str, token: &str, kind: Option<Kind>) -> usize {
        let index = self.keys.len();
        self.keys.push(Key::new(token, kind));
        self.by_name.insert(name.into(), index);
        index
    }

    /// What the documentation says of a key.
    #[inline]
    pub(crate) fn kind(&self, index: usize) -> Option<Kind> {
        self.keys[index].kind
    }

    /// Counts drift of a key.
    #[inline]
    pub(crate) fn note(&mut self, index: usize, kind: DriftKind) {
        self.keys[index].drift[kind as usize] += 1;
    }

    /// Counts what was repaired in an object that was read, by field.
    pub(crate) fn note_repairs(&mut self, faults: &BTreeSet<(String, DriftKind)>) {
        for (field, kind) in faults {
            let index = self.by_name.get(field.as_str()).copied();
            self.note(index.unwrap_or(NO_KEY), *kind);
        }
    }

    /// Counts the documented dates that an object does not have; `has` is asked by index.
    #[inline]
    pub(crate) fn note_missing_dates(&mut self, has: impl Fn(usize) -> bool) {
        for index in &self.dates {
            if !has(*index) {
                self.keys[*index].drift[DriftKind::MissingDate as usize] += 1;
            }
        }
    }

    /// Adds everything counted to `drift`.
    pub(crate) fn report(&self, drift: &mut Drift) {
        for key in &self.keys[NO_KEY + 1..] {
            for (kind, count) in DriftKind::ALL.into_iter().zip(key.drift) {
                drift.note(self.owner, &key.token[1..key.token.len() - 1], kind, count);
            }
        }
        drift.note_further(self.keys[NO_KEY].drift.iter().sum());
    }
}
