//! The changes in the history of a database, page by page.

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt, stream};
use kapture_model::{Cell, CustomerRow, Row, customer_columns};

use crate::error::SinkError;
use crate::incremental::seen::as_text;
use crate::ledger::change::{Change, ChangeKind, ChangeStream, SeenBetween};
use crate::sql::tables::Dialect;

/// How many changes a page has.
const PAGE: usize = 500;

/// Where the changes go on: the time and the id of the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) seen: String,
    pub(crate) id: i64,
}

impl Position {
    /// Where the changes of a span begin.
    pub(crate) fn first(span: &SeenBetween) -> Self {
        Self {
            seen: span.after.map_or_else(String::new, as_text),
            // After all changes of that time.
            id: i64::MAX,
        }
    }

    /// The same time, where the dialect knows no time before all others.
    #[cfg(feature = "postgres")]
    pub(crate) fn seen_or_first(&self) -> String {
        match self.seen.is_empty() {
            true => "0001-01-01T00:00:00.000000Z".into(),
            false => self.seen.clone(),
        }
    }
}

/// The last time of a span, as text.
pub(crate) fn until(span: &SeenBetween) -> String {
    span.until
        .map_or_else(|| "9999-12-31T23:59:59.999999Z".into(), as_text)
}

/// A version of a customer that a change begins or ends.
pub(crate) struct Version {
    pub(crate) seen: String,
    pub(crate) row: CustomerRow<'static>,
}

impl Version {
    /// A version without its contacts. `customer` has the values of all columns but the id.
    pub(crate) fn new(seen: String, id: i64, mut customer: Row<'static>) -> Self {
        customer.cells.insert(0, Cell::Integer(id));
        Self {
            seen,
            row: CustomerRow {
                id,
                customer,
                contacts: Vec::new(),
            },
        }
    }
}

/// A row of the page: the change, and the versions around it without their contacts.
pub(crate) struct ChangeRow {
    pub(crate) seen: String,
    pub(crate) id: i64,
    pub(crate) op: String,
    pub(crate) day: NaiveDate,
    pub(crate) after: Option<Version>,
    pub(crate) before: Option<Version>,
}

/// The number of columns before those of the versions.
pub(crate) const FIRST_VALUE: usize = 5;

/// The number of columns of a version: its values but the id, and extra.
pub(crate) fn version_width() -> usize {
    customer_columns().len()
}

/// Selects a page: seen, id, op, day, the time of the version before, and the columns of both
/// versions. `$1` and `$2` are the position behind which it begins, `$3` is the last time.
pub(crate) fn select_page(dialect: Dialect) -> String {
    let values = |version: &str| {
        let columns = customer_columns()[1..].iter();
        let columns = columns.map(|column| format!("{version}.{}", column.name));
        let extra = match dialect {
            Dialect::Sqlite => format!("{version}.extra"),
            Dialect::Postgres => format!("CAST({version}.extra AS text)"),
        };
        columns.chain([extra]).collect::<Vec<_>>().join(", ")
    };
    format!(
        "SELECT {seen}, now.id, now.op, {day}, {seen_before}, {now}, {before}
         FROM customers_history AS now LEFT JOIN customers_history AS before
             ON before.id = now.id AND before.valid_to = now.valid_from
             AND before.op <> 'delete' AND now.op <> 'insert'
         WHERE (now.valid_from, now.id) > ({after}, $2) AND now.valid_from <= {until}
         ORDER BY now.valid_from, now.id LIMIT {PAGE}",
        seen = dialect.instant_as_text("now.valid_from"),
        day = dialect.date_as_text("now.day"),
        seen_before = dialect.instant_as_text("before.valid_from"),
        now = values("now"),
        before = values("before"),
        after = dialect.instant_parameter(1),
        until = dialect.instant_parameter(3),
    )
}

/// The changes of all pages, from `first` on. `page` reads the one behind a position.
pub(crate) fn stream<'a>(
    first: Position,
    page: impl Fn(Position) -> BoxFuture<'a, Result<Page, SinkError>> + Send + 'a,
) -> ChangeStream<'a> {
    let pages = stream::try_unfold(Some(first), move |position| {
        let page = position.map(&page);
        async move {
            let Some(page) = page else {
                return Ok(None);
            };
            let Page { changes, next } = page.await?;
            Ok(Some((stream::iter(changes.into_iter().map(Ok)), next)))
        }
    });
    pages.try_flatten().boxed()
}

/// A page of changes, and where the next one begins.
pub(crate) struct Page {
    pub(crate) changes: Vec<Change>,
    pub(crate) next: Option<Position>,
}

impl Page {
    /// The page of these rows, complete with their contacts. `None` if one of them is none of ours.
    pub(crate) fn of(rows: Vec<ChangeRow>) -> Option<Self> {
        let last = rows.last().filter(|_| rows.len() == PAGE);
        let next = last.map(|row| Position {
            seen: row.seen.clone(),
            id: row.id,
        });
        let changes: Option<Vec<_>> = rows.into_iter().map(change).collect();
        let changes = changes?;
        Some(Self { changes, next })
    }
}

fn change(row: ChangeRow) -> Option<Change> {
    let seen: DateTime<Utc> = row.seen.parse().ok()?;
    let json = |version: Option<Version>| version.map(|version| version.row.to_json());
    let (kind, after) = match row.op.as_str() {
        "insert" => (ChangeKind::Insert, json(row.after)),
        "update" => (ChangeKind::Update, json(row.after)),
        "delete" => (ChangeKind::Delete, None),
        _ => return None,
    };
    Some(Change::new(kind, seen, row.day, json(row.before), after))
}
