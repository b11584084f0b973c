//! What was met that the API's documentation does not promise.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Most field paths kept apart; the names come from the server and could be endless.
const MAX_PATHS: usize = 200;

/// Longest field name kept, in characters.
const LONGEST_NAME: usize = 64;

/// A way in which customers differ from the documentation. No customer is lost by any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DriftKind {
    /// The field is not documented.
    UnknownField,
    /// The value has another JSON type than the documented one. Null and blank text do not
    /// count: they mean "nothing" in every field.
    UnexpectedType,
    /// A date in no known form; it keeps its raw value.
    UndecodableDate,
    /// A date with parts that a date-time has no place for; it keeps its raw value.
    DateWithMore,
    /// A date given as an instant (epoch milliseconds, or text with an offset), while the API's
    /// dates are local times without a zone.
    InstantDate,
    /// A documented date that is absent, null or blank.
    MissingDate,
    /// Text with what is no text: bytes that are no UTF-8, half of a surrogate pair, U+0000. U+FFFD is
    /// in its place; [`Record::raw`](crate::Record::raw) has it as it came.
    InvalidText,
    /// A number that is not finite (`NaN`, `Infinity`), which JSON cannot express, or one that no double
    /// holds (`1e400`), which readers refuse. Lines of JSON have null in its place, tables its text in the
    /// extra object; [`Record::raw`](crate::Record::raw) has it as it came.
    NotFinite,
    /// A key that stands twice in one object. The last one counts, and the others are left out.
    RepeatedKey,
    /// A value nested deeper than readers follow: its innermost part is its JSON as text.
    DeepNesting,
}

impl DriftKind {
    pub(crate) const ALL: [DriftKind; 10] = [
        DriftKind::UnknownField,
        DriftKind::UnexpectedType,
        DriftKind::UndecodableDate,
        DriftKind::DateWithMore,
        DriftKind::InstantDate,
        DriftKind::MissingDate,
        DriftKind::InvalidText,
        DriftKind::NotFinite,
        DriftKind::RepeatedKey,
        DriftKind::DeepNesting,
    ];
}

impl fmt::Display for DriftKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DriftKind::UnknownField => "unknown field",
            DriftKind::UnexpectedType => "unexpected type",
            DriftKind::UndecodableDate => "undecodable date",
            DriftKind::DateWithMore => "date with unknown parts",
            DriftKind::InstantDate => "date given as an instant",
            DriftKind::MissingDate => "missing date",
            DriftKind::InvalidText => "invalid text",
            DriftKind::NotFinite => "not a finite number",
            DriftKind::RepeatedKey => "repeated key",
            DriftKind::DeepNesting => "nested too deep",
        })
    }
}

/// The object that a field belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Customer,
    Contact,
}

/// One line of a [`Drift`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DriftEntry {
    /// The field, like `customer.attr1` or `contact.generationDate`. Safe for a terminal: control
    /// characters are escaped, and names longer than 64 characters end in `…`.
    pub path: String,
    /// In which way it differs.
    pub kind: DriftKind,
    /// How often that was met.
    pub count: u64,
}

/// What was met that the documentation does not promise, counted by field.
///
/// Counted by a [`Normaliser`](crate::Normaliser). It holds names of fields and no values, and at
/// most 200 fields, however many names a server thinks up.
///
/// ```
/// use kapture_model::{Normaliser, Record};
///
/// let json = br#"{"id":1,"generationDate":"yesterday","attr1":"x"}"#;
/// let mut normaliser = Normaliser::default();
/// normaliser.write(&Record::decode(json.as_slice().into())?, &mut Vec::new());
/// let lines: Vec<String> = normaliser.drift().iter().map(|entry| entry.to_string()).collect();
/// assert_eq!(lines, [
///     "customer.attr1: unknown field (1)",
///     "customer.generationDate: undecodable date (1)",
///     "customer.lastModificationTime: missing date (1)",
/// ]);
/// # Ok::<(), kapture_model::RecordError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drift {
    counts: BTreeMap<Owner, BTreeMap<Box<str>, [u64; DriftKind::ALL.len()]>>,
    paths: usize,
    overflow: u64,
}

impl Drift {
    /// Whether everything was as documented.
    pub fn is_empty(&self) -> bool {
        self.paths == 0 && self.overflow == 0
    }

    /// What was met, fields of customers first, ordered by name and then by kind.
    pub fn iter(&self) -> impl Iterator<Item = DriftEntry> {
        self.counts.iter().flat_map(|(owner, fields)| {
            let owner = match owner {
                Owner::Customer => "customer",
                Owner::Contact => "contact",
            };
            fields.iter().flat_map(move |(name, counts)| {
                let counted = DriftKind::ALL.into_iter().zip(*counts);
                counted
                    .filter(|(_, count)| *count > 0)
                    .map(move |(kind, count)| DriftEntry {
                        path: format!("{owner}.{name}"),
                        kind,
                        count,
                    })
            })
        })
    }

    /// How often drift was met in further fields, after the first 200.
    pub fn overflow(&self) -> u64 {
        self.overflow
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Drift) {
        for (owner, fields) in &other.counts {
            for (name, counts) in fields {
                for (kind, count) in DriftKind::ALL.into_iter().zip(*counts) {
                    self.add(*owner, name, kind, count);
                }
            }
        }
        self.overflow += other.overflow;
    }

    /// Forgets the fields that `keep` is false for.
    #[cfg(feature = "privacy")]
    pub(crate) fn retain(&mut self, keep: impl Fn(Owner, &str) -> bool) {
        for (owner, fields) in &mut self.counts {
            fields.retain(|name, _| keep(*owner, name));
        }
        self.paths = self.counts.values().map(BTreeMap::len).sum();
    }

    /// Counts one field, named by what stands between the quotes of its raw JSON key.
    pub(crate) fn note(&mut self, owner: Owner, name: &str, kind: DriftKind, count: u64) {
        self.add(owner, &presentable(name), kind, count);
    }

    /// Counts what was met in fields that are not kept apart.
    pub(crate) fn note_further(&mut self, count: u64) {
        self.overflow += count;
    }

    fn add(&mut self, owner: Owner, name: &str, kind: DriftKind, count: u64) {
        if count == 0 {
            return;
        }
        let fields = self.counts.entry(owner).or_default();
        if let Some(counts) = fields.get_mut(name) {
            counts[kind as usize] += count;
        } else if self.paths < MAX_PATHS {
            self.paths += 1;
            let counts = fields.entry(name.into()).or_default();
            counts[kind as usize] += count;
        } else {
            self.overflow += count;
        }
    }
}

/// A field's name, cut and with its control characters escaped.
fn presentable(name: &str) -> Cow<'_, str> {
    if name.len() <= LONGEST_NAME && name.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return name.into();
    }
    let mut presentable = String::new();
    for character in name.chars().take(LONGEST_NAME) {
        match character {
            ' '..='~' => presentable.push(character),
            _ => presentable.extend(character.escape_debug()),
        }
    }
    if name.chars().nth(LONGEST_NAME).is_some() {
        presentable.push('…');
    }
    presentable.into()
}

impl fmt::Display for DriftEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.path, self.kind, self.count)
    }
}
