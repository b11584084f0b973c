//! Customers that are edited, deleted, revived and moved to another day, between the runs of a client
//! and while one runs.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;

/// One edit, and when it is made.
///
/// As text: the number of the request before which it is made, if any, the action, and what it needs.
///
/// ```
/// use kapture_sandbox::{Edit, EditAction};
///
/// let edit: Edit = "120 move 700000101 2024-05-03".parse()?;
/// assert_eq!(edit.before_request, 120);
/// let edit: Edit = "delete 700000117".parse()?;
/// assert_eq!((edit.before_request, edit.action), (0, EditAction::Delete(700_000_117)));
/// # Ok::<(), kapture_sandbox::InvalidEdit>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edit {
    /// The number of the request before which it is made; 0: at once.
    pub before_request: u64,
    /// What is done.
    pub action: EditAction,
}

/// What an edit does. Each one gives its customer a later `lastModificationTime`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EditAction {
    /// `edit ID`: changes the customer's remarks and the phone numbers of its contacts.
    Edit(u64),
    /// `delete ID`: no window shows the customer any more.
    Delete(u64),
    /// `revive ID`: shows a deleted customer again.
    Revive(u64),
    /// `move ID DATE`: the customer was created on another day, at the same time.
    Move(u64, NaiveDate),
    /// `edit-share SHARE SEED`: edits this share (0 to 1) of all customers, drawn by the seed.
    EditShare(f64, u64),
}

/// Edits that are drawn by seed while a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomEdits {
    /// One edit before every n-th request (at least 1).
    pub every: u64,
    /// The seed of the draws.
    pub seed: u64,
    /// The maximal number of edits; `None`: no bound.
    pub at_most: Option<u64>,
}

/// A line of a script that is no edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidEdit {
    /// The line, counted from 1.
    pub line: usize,
}

impl fmt::Display for InvalidEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {} of the edits: expected `edit ID`, `delete ID`, `revive ID`, `move ID DATE` or `edit-share SHARE SEED`, perhaps behind the number of a request",
            self.line
        )
    }
}

impl std::error::Error for InvalidEdit {}

impl Edit {
    /// The edits of a script, one a line. Blank lines and lines that begin with `#` are left out.
    ///
    /// # Errors
    /// Names the first line that is no edit.
    pub fn script(text: &str) -> Result<Vec<Self>, InvalidEdit> {
        let lines = (1..).zip(text.lines().map(str::trim));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let edit = |(line, text): (usize, &str)| text.parse().map_err(|_| InvalidEdit { line });
        lines.map(edit).collect()
    }
}

impl FromStr for Edit {
    type Err = InvalidEdit;

    fn from_str(text: &str) -> Result<Self, InvalidEdit> {
        let words: Vec<_> = text.split_whitespace().collect();
        let (before_request, words) = match words.split_first() {
            Some((first, rest)) if first.bytes().all(|byte| byte.is_ascii_digit()) => {
                (first.parse().ok(), rest)
            }
            _ => (Some(0), &words[..]),
        };
        let edit = before_request.zip(action(words));
        let edit = edit.map(|(before_request, action)| Self {
            before_request,
            action,
        });
        edit.ok_or(InvalidEdit { line: 1 })
    }
}

fn action(words: &[&str]) -> Option<EditAction> {
    let id = |text: &str| text.parse().ok();
    Some(match words {
        ["edit", one] => EditAction::Edit(id(one)?),
        ["delete", one] => EditAction::Delete(id(one)?),
        ["revive", one] => EditAction::Revive(id(one)?),
        ["move", one, day] => EditAction::Move(id(one)?, day.parse().ok()?),
        ["edit-share", share, seed] => {
            let share = share
                .parse()
                .ok()
                .filter(|share| (0.0..=1.0).contains(share));
            EditAction::EditShare(share?, seed.parse().ok()?)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_has_one_edit_a_line() {
        let day = NaiveDate::from_ymd_opt(2024, 5, 3).unwrap();
        let script = "# before the first run\nedit 7\n\n 12 delete 8\n12 revive 8\nmove 9 2024-05-03\nedit-share 0.01 3";
        let edits = Edit::script(script).unwrap();
        let expected = [
            (0, EditAction::Edit(7)),
            (12, EditAction::Delete(8)),
            (12, EditAction::Revive(8)),
            (0, EditAction::Move(9, day)),
            (0, EditAction::EditShare(0.01, 3)),
        ];
        let found: Vec<_> = edits
            .iter()
            .map(|edit| (edit.before_request, edit.action))
            .collect();
        assert_eq!(found, expected);
        for (text, line) in [
            ("edit", 1),
            ("edit 1\nmove 1", 2),
            ("#\nmove 1 tomorrow", 2),
            ("rename 1", 1),
            ("edit-share 2 1", 1),
            ("-1 edit 1", 1),
        ] {
            assert_eq!(Edit::script(text), Err(InvalidEdit { line }), "{text}");
        }
    }
}
