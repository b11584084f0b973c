//! A cache of the shape of one kind of object, because the next object is mostly the same.
//!
//! One server's records have the same keys in the same order, and most of their values are the
//! same zeros, booleans and blanks. Each object is compared with a template, an earlier object of
//! its kind: fields that are equal byte for byte are skipped, and only what differs is scanned.
//! Objects that are not alike cost time, and nothing else.

use crate::json::scanner::Scanner;

/// The most fields of a template: the server decides how many there are, so memory needs a bound.
const MAX_FIELDS: usize = 1_000;

/// The longest text of a template, for the same reason.
const MAX_TEXT: usize = 64 * 1024;

/// The template for objects of one kind.
#[derive(Debug, Clone)]
pub(crate) struct ShapeCache<T> {
    /// From the first key to behind the closing brace.
    text: Box<[u8]>,
    fields: Vec<Field<T>>,
}

#[derive(Debug, Clone)]
struct Field<T> {
    /// Where the key begins, in the text.
    at: usize,
    /// Where the key ends, including the colon and white space.
    key_end: usize,
    /// Where the next key begins; behind the closing brace for the last field.
    end: usize,
    /// Where the run of fields ends that may be skipped from here on.
    run_end: usize,
    what: T,
}

/// What a text has in common with the template at some field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookup<T> {
    /// Whole fields, which may be skipped.
    Fields {
        /// The field behind them, if there is one.
        next: Option<usize>,
        /// Their length, in bytes.
        length: usize,
    },
    /// The key of one field, and what is known about it.
    Key {
        what: T,
        /// The length of the key, including the colon and white space, in bytes.
        length: usize,
    },
    Miss,
}

/// An object that is being recorded as the template.
#[derive(Debug)]
pub(crate) struct Draft<T> {
    start: usize,
    fields: Vec<Field<T>>,
}

impl<T> Default for ShapeCache<T> {
    fn default() -> Self {
        Self {
            text: Box::default(),
            fields: Vec::new(),
        }
    }
}

impl<T: Copy> ShapeCache<T> {
    /// Compares `rest`, which begins where a key may be, with the template from field `place` on.
    #[inline]
    pub(crate) fn look_up(&self, place: usize, rest: &[u8]) -> Lookup<T> {
        let Some(field) = self.fields.get(place) else {
            return Lookup::Miss;
        };
        let furthest = field.run_end.max(field.key_end);
        let reached = field.at + common_prefix(&self.text[field.at..furthest], rest);
        if reached >= field.end {
            // Only a run that may be skipped reaches that far.
            let behind = self.fields[place + 1..]
                .iter()
                .take_while(|field| field.end <= reached)
                .count();
            let next = place + 1 + behind;
            Lookup::Fields {
                length: self.fields[next - 1].end - field.at,
                next: (next < self.fields.len()).then_some(next),
            }
        } else if reached >= field.key_end {
            Lookup::Key {
                what: field.what,
                length: field.key_end - field.at,
            }
        } else {
            Lookup::Miss
        }
    }

    /// What is known about the fields from `place` up to `next`, or to the end.
    pub(crate) fn fields(
        &self,
        place: usize,
        next: Option<usize>,
    ) -> impl DoubleEndedIterator<Item = &T> {
        let next = next.unwrap_or(self.fields.len());
        self.fields[place..next].iter().map(|field| &field.what)
    }

    /// The place behind the field with this key (between quotes); `place` itself if the template
    /// has no such field from there on.
    pub(crate) fn place_behind(&self, key: &str, place: usize) -> usize {
        let is_key = |field: &Field<T>| self.text[field.at..].starts_with(key.as_bytes());
        let found = self.fields[place.min(self.fields.len())..]
            .iter()
            .position(is_key);
        found.map_or(place, |found| place + found + 1)
    }

    /// Begins a draft if there is no template. `start` is the offset of the first key.
    pub(crate) fn draft(&self, start: usize) -> Option<Draft<T>> {
        self.fields.is_empty().then(|| Draft {
            start,
            fields: Vec::new(),
        })
    }

    /// Makes a complete object the template. `text` begins with the first key and ends behind the
    /// closing brace.
    pub(crate) fn adopt(&mut self, draft: Draft<T>, text: &str) -> bool {
        if draft.fields.len() > MAX_FIELDS || text.len() > MAX_TEXT {
            return false;
        }
        self.text = text.as_bytes().into();
        self.fields = draft.fields;
        let mut run_end = None;
        for field in self.fields.iter_mut().rev() {
            // Until here `run_end` says whether the field may be skipped.
            run_end = (field.run_end == field.end).then_some(run_end.unwrap_or(field.end));
            field.run_end = run_end.unwrap_or(field.at);
        }
        true
    }

    /// Drops a template that had less than an eighth in common with an object.
    pub(crate) fn evaluate(&mut self, in_common: usize, length: usize) {
        if in_common < length / 8 {
            self.fields.clear();
        }
    }

    /// Moves the scanner over an object, as [`Scanner::object`] does. `what` returns what is to be
    /// known about a key; `value` moves over a value and returns whether the field may be skipped
    /// where it repeats.
    pub(crate) fn object<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        what: impl Fn(&str) -> T,
        mut value: impl FnMut(T, &mut Scanner<'a>) -> Option<bool>,
    ) -> Option<()> {
        scanner.take(b'{').then_some(())?;
        scanner.skip_whitespace();
        if scanner.take(b'}') {
            return Some(());
        }
        let start = scanner.at();
        let mut draft = self.draft(start);
        let mut place = 0;
        let mut in_common = 0;
        let mut unplaced = Vec::new();
        loop {
            let at = scanner.at();
            let key = match self.look_up(place, scanner.rest()) {
                Lookup::Fields { next, length } => {
                    scanner.advance(length);
                    in_common += length;
                    let Some(next) = next else { break };
                    place = next;
                    // The template may have had less white space.
                    scanner.skip_whitespace();
                    continue;
                }
                Lookup::Key { what, length } => {
                    scanner.advance(length);
                    scanner.skip_whitespace();
                    in_common += length;
                    place += 1;
                    what
                }
                Lookup::Miss => {
                    let (token, name) = scanner.key()?;
                    let behind = self.place_behind(token, place);
                    if behind == place {
                        unplaced.push(token);
                    }
                    place = behind;
                    what(&name)
                }
            };
            let key_end = scanner.at();
            let passable = value(key, scanner)?;
            let last = scanner.end_of_field()?;
            if let Some(draft) = &mut draft {
                draft.add(at, key_end, scanner.at(), passable, key);
            }
            if last {
                break;
            }
        }
        if self.may_repeat(unplaced) {
            scanner.note_fault();
        }
        self.learn(draft, scanner.since(start), in_common);
        Some(())
    }

    /// Makes a complete object the template, or judges the template that it was compared with.
    pub(crate) fn learn(&mut self, draft: Option<Draft<T>>, text: &str, in_common: usize) {
        match draft {
            Some(draft) => {
                self.adopt(draft, text);
            }
            None => self.evaluate(in_common, text.len()),
        }
    }

    /// Whether an object may have a key twice: one of those that were not found in the template ahead.
    /// The others are in the template, where each comes once, and in its order.
    fn may_repeat(&self, mut unplaced: Vec<&str>) -> bool {
        let count = unplaced.len();
        unplaced.sort_unstable();
        unplaced.dedup();
        let is_passed = |token: &&str| token.contains('\\') || self.place_behind(token, 0) > 0;
        unplaced.len() < count || unplaced.iter().any(is_passed)
    }
}

impl<T> Draft<T> {
    /// Adds a field by the offsets of its key, the end of that, and what follows the field.
    pub(crate) fn add(&mut self, at: usize, key_end: usize, end: usize, passable: bool, what: T) {
        if self.fields.len() <= MAX_FIELDS {
            self.fields.push(Field {
                at: at - self.start,
                key_end: key_end - self.start,
                end: end - self.start,
                run_end: if passable { end } else { at } - self.start,
                what,
            });
        }
    }
}

/// The length of the common prefix, in bytes.
#[inline]
fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    let mut same = 0;
    while let (Some(these), Some(those)) = (one[same..].first_chunk(), other[same..].first_chunk())
    {
        let differing = u128::from_le_bytes(*these) ^ u128::from_le_bytes(*those);
        if differing != 0 {
            return same + differing.trailing_zeros() as usize / 8;
        }
        same += size_of::<u128>();
    }
    let rest = one[same..].iter().zip(&other[same..]);
    same + rest.take_while(|(this, that)| this == that).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_common_prefix_ends_at_the_first_difference() {
        let text: Vec<u8> = (0..100).collect();
        for length in 0..text.len() {
            assert_eq!(common_prefix(&text[..length], &text), length);
            let mut other = text.clone();
            other[length] ^= 0x80;
            assert_eq!(common_prefix(&text, &other), length);
        }
    }

    /// Scans an object with a cache; returns the values of the key `a`, or `None` for invalid text.
    fn values(cache: &mut ShapeCache<bool>, text: &str) -> Option<Vec<String>> {
        let mut scanner = Scanner::new(text);
        let mut values = Vec::new();
        cache.object(
            &mut scanner,
            |key| key == "a",
            |is_a, scanner| {
                let value = scanner.value()?;
                if is_a {
                    values.push(value.to_owned());
                }
                Some(!is_a)
            },
        )?;
        scanner.is_at_end().then_some(values)
    }

    /// The same without a cache.
    fn expected(text: &str) -> Option<Vec<String>> {
        let mut scanner = Scanner::new(text);
        let mut values = Vec::new();
        scanner.object(|key, scanner| {
            let value = scanner.value()?;
            if key == "a" {
                values.push(value.to_owned());
            }
            Some(())
        })?;
        scanner.is_at_end().then_some(values)
    }

    #[test]
    fn invalid_objects_are_none_after_any_template() {
        let models = [r#"{"x":1,"a":2,"y":""}"#, r#"{"x" : 1 , "a" : 2 }"#, "{}"];
        let texts = r#"{"x":1} {"x":1,} {"x":12,"a":2,"y":""} {"x":1,"a":2,"y":""} {"x":1,"a":2,"y":"x"}
            {"x":1,"a":2,"y":"" {"x":1,"a":23,"y":""} {"x":1,"z":0,"a":3,"y":""} {"a":2,"y":""} {"x":1,"a":2}
            {"x":1"a":2} {"x":1,"a":2,"y":""}} {"y":"","a":5,"x":1} {"a":1,"a":2} {"\u0061":7,"x":1} {} { [] 1"#;
        for model in models {
            for text in texts.split_whitespace() {
                let mut cache = ShapeCache::default();
                values(&mut cache, model);
                assert_eq!(
                    values(&mut cache, text),
                    expected(text),
                    "{text} after {model}"
                );
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn cache_does_not_change_what_is_read(
            texts in prop::collection::vec(
                prop::collection::vec(
                    (r#"(a|x|y|\\u0061)"#, r#"(1|12|""|"v"|"\\""|\[\]|\{"a":1\}|true|tru)"#, "[ ]{0,1}"),
                    0..6,
                ),
                1..8,
            )
        ) {
            let mut cache = ShapeCache::default();
            for fields in texts {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(key, value, space)| format!("{space}\"{key}\"{space}:{space}{value}{space}"))
                    .collect();
                let text = format!("{{{}}}", fields.join(","));
                prop_assert_eq!(values(&mut cache, &text), expected(&text), "{}", text);
            }
        }
    }
}
