//! The knobs: everything that the API leaves open, and what this tenant makes of it.

use std::time::Duration;

use crate::fault::Faults;
use crate::movement::Movement;
use crate::oddities::Oddities;
use crate::request::{DEFAULT_CM_ID, DEFAULT_TOKEN};

/// How a tenant answers. The default is a plain, well-behaved server: both endpoints, inclusive
/// windows, `limit` and `offset` honoured, order by id, an empty list where nothing is.
///
/// ```
/// use kapture_sandbox::{Behaviour, EmptyForm, Limit, Windows};
///
/// let behaviour = Behaviour {
///     windows: Windows::Strict,
///     zone_shift_minutes: -330,
///     limit: Limit::CappedAt(100),
///     empty_window: EmptyForm::Failed("No information found".into()),
///     ..Behaviour::default()
/// };
/// assert_eq!(behaviour.cm_id, 424242);
/// ```
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// The account that `cm_id` must name. Default 424242.
    pub cm_id: u64,
    /// The token that must follow `Basic`. Default: `sandbox:sandbox` in base64.
    pub token: String,
    /// The HTTP status of `Invalid Auth Key`. Default 200; 401 is the other likely one.
    pub unauthorized_status: u16,
    /// The HTTP status of every other refusal of a request. Default 200; 400 is the other likely one.
    pub refusal_status: u16,
    /// Which of the two paths exists. Default both.
    pub endpoints: Endpoints,
    /// Whether each documented key must have the JSON type of the vendor's example (`limit` as
    /// text, `zone_id` as number …). Default no: text and number are taken for each other.
    /// `cm_id` must be a number either way.
    pub strict_types: bool,
    /// Whether a request must carry every documented key. Default no: the three mandatory ones do.
    pub every_documented_key: bool,
    /// Whether a request must name a customer id, an e-mail or a phone, as a note on the vendor's
    /// page has it, against its own examples. Default no.
    pub person_required: bool,
    /// Whether the three kind flags restrict the answer. Default no: they are ignored.
    pub kind_restricts: bool,

    /// What a window covers. Default [`Windows::Inclusive`].
    pub windows: Windows,
    /// Other windows from some request on. Default never.
    pub flip: Option<Flip>,
    /// Windows are cut on the time of creation plus this many minutes, while dates are printed
    /// without it. Default 0; −840 to 840 are the zones of this earth.
    pub zone_shift_minutes: i32,

    /// What becomes of the asked `limit`. Default [`Limit::Honoured`].
    pub limit: Limit,
    /// The page size when `limit` is absent or blank. Default 100.
    pub default_limit: u64,
    /// What becomes of the asked `offset`. Default [`Offset::Honoured`].
    pub offset: Offset,
    /// The order of the rows of a window. Default [`Order::Id`].
    pub order: Order,
    /// The share of customers (0 to 1) that a window lists twice, the second time at its end.
    /// Default 0.
    pub listed_twice: f64,
    /// The share of customers (0 to 1) that are left out of each page after it was cut, as by a server
    /// that reads a page of rows and then drops the deleted ones. Nobody can see them, so they are no
    /// part of the truth. Default 0.
    pub left_out: f64,
    /// The most bytes that the rows of a page have together; one row may have more. Default any number.
    pub page_bytes: Option<usize>,
    /// Rows that come and go while a client pages. Default none.
    pub movement: Option<Movement>,

    /// What a window without customers answers. Default [`EmptyForm::EmptyList`].
    pub empty_window: EmptyForm,
    /// What an `offset` past the end answers. Default `None`: the same as an empty window.
    pub past_end: Option<EmptyForm>,
    /// The content type that answers claim to have. Default JSON.
    pub content_type: ContentType,
    /// Whether answers are pretty-printed. Default no.
    pub pretty: bool,
    /// Whether answers are compressed for clients that accept it (HTTP skin only). Default no.
    pub gzip: bool,
    /// Session cookies. Default [`Session::Offered`].
    pub session: Session,

    /// How long each answer takes (HTTP skin only). Default no time.
    pub think_time: Duration,
    /// How many requests a second are tolerated. Default any number.
    pub rate_limit: Option<RateLimit>,
    /// What goes wrong. Default nothing.
    pub faults: Faults,
    /// How records look. Default: a tasteful mix, every date well formed.
    pub oddities: Oddities,
    /// How many of the latest requests [`Tenant::requests`](crate::Tenant::requests) remembers.
    /// Default 100,000.
    pub journal: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            cm_id: DEFAULT_CM_ID,
            token: DEFAULT_TOKEN.into(),
            unauthorized_status: 200,
            refusal_status: 200,
            endpoints: Endpoints::Both,
            strict_types: false,
            every_documented_key: false,
            person_required: false,
            kind_restricts: false,
            windows: Windows::Inclusive,
            flip: None,
            zone_shift_minutes: 0,
            limit: Limit::Honoured,
            default_limit: 100,
            offset: Offset::Honoured,
            order: Order::Id,
            listed_twice: 0.0,
            left_out: 0.0,
            page_bytes: None,
            movement: None,
            empty_window: EmptyForm::EmptyList,
            past_end: None,
            content_type: ContentType::Json,
            pretty: false,
            gzip: false,
            session: Session::Offered,
            think_time: Duration::ZERO,
            rate_limit: None,
            faults: Faults::none(),
            oddities: Oddities::default(),
            journal: 100_000,
        }
    }
}

/// Which paths answer; the other one is 404.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoints {
    /// Both.
    Both,
    /// Only [`SEARCH_PATH`](crate::SEARCH_PATH).
    Search,
    /// Only [`LEGACY_PATH`](crate::LEGACY_PATH).
    Legacy,
}

/// What the window `createStartDate … createEndDate` covers. Whatever it is, a window that ends
/// before it starts, or more than one day after, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Windows {
    /// Both days.
    Inclusive,
    /// The start day, not the end day: a half-open window.
    Exclusive {
        /// What a window whose start is its end answers.
        same_day: SameDay,
    },
    /// One day, start = end; anything wider is refused.
    Strict,
    /// From the moment at which the start day begins to the moment at which the end day begins,
    /// both included: what SQL's `BETWEEN` makes of two dates. D…D holds the customers created at
    /// exactly midnight, and no others.
    Moments,
}

impl Windows {
    /// Every kind there is.
    pub const ALL: [Self; 5] = [
        Self::Inclusive,
        Self::Exclusive {
            same_day: SameDay::Empty,
        },
        Self::Exclusive {
            same_day: SameDay::Refused,
        },
        Self::Strict,
        Self::Moments,
    ];
}

/// What an exclusive server answers to D…D.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameDay {
    /// No customers.
    Empty,
    /// A failure with a sentence.
    Refused,
}

/// A change of [`Windows`] in the middle of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    /// How many requests are still answered the old way.
    pub after: u64,
    /// The windows from then on.
    pub to: Windows,
}

/// What becomes of the asked `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// It is the page size.
    Honoured,
    /// It is the page size up to this many rows, without a word about it.
    CappedAt(u64),
    /// It is the page size up to this many rows; above, the default is, without a word about it.
    DefaultAbove(u64),
    /// It is the page size up to this many rows; above, it is refused.
    RefusedAbove(u64),
    /// A page holds every row from `offset` on.
    Ignored,
}

/// What becomes of the asked `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offset {
    /// So many rows are skipped.
    Honoured,
    /// Every page begins with the first row.
    Ignored,
    /// One row less is skipped, so that neighbouring pages share a row.
    OneRowEarly,
    /// So many rows are skipped, up to this number: beyond it a window seems to be over.
    UpTo(u64),
}

/// The order of the rows of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By id: oldest first.
    Id,
    /// By id, descending: newest first.
    IdDescending,
    /// By name, so that days and ids are scattered.
    Name,
    /// By id and by id descending in turn, as from two machines behind one address.
    Turns,
    /// By something that several rows in a row have in common, so that each query is free to list
    /// those in an order of its own; the same query lists them in the same.
    Ties,
    /// Shuffled anew at every request.
    Unstable,
}

/// How "no customers" is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmptyForm {
    /// `{"message":[],"status":"success"}`
    EmptyList,
    /// `{"message":null,"status":"success"}`
    Null,
    /// `{"status":"success"}`
    Missing,
    /// `{"message":" ","status":"success"}`
    BlankText,
    /// `{"message":"","status":"success"}`
    EmptyString,
    /// `{"message":"<sentence>","status":"failed"}` with HTTP 200.
    Failed(String),
    /// The same body with HTTP 404.
    NotFound(String),
}

/// The content type that an answer claims; the body is JSON either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// `application/json;charset=UTF-8`
    Json,
    /// `text/html;charset=UTF-8`
    Html,
}

/// Session cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// No cookie is set.
    None,
    /// `JSESSIONID` is set where the request brings none; nothing depends on it.
    Offered,
    /// As `Offered`, and every request but the first must bring it back, or it is refused.
    Required,
}

/// How many requests are tolerated in one second of [`Request::at`](crate::Request::at); the others
/// answer 429.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests that are answered in each whole second.
    pub per_second: u32,
    /// The `Retry-After` header of the others, word for word: seconds or an HTTP date.
    pub retry_after: Option<String>,
}
