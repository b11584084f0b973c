//! The knobs: everything that the API leaves open, and what this tenant makes of it.

pub(crate) mod answer_form;
pub(crate) mod fault;
pub(crate) mod gateway;
pub(crate) mod movement;
pub(crate) mod oddities;
pub(crate) mod outage;
pub(crate) mod paging;
pub(crate) mod when;
pub(crate) mod windows;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;

use self::answer_form::{ContentType, EmptyForm, Envelope};
use self::fault::Faults;
use self::gateway::{Endpoints, Firewall, RateLimit, Session, SessionEnd};
use self::movement::Movement;
use self::oddities::Oddities;
use self::outage::{Outage, PartialOutage};
use self::paging::{Limit, Offset, Order};
use self::windows::{Flip, Windows, WindowsBy};
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
    /// Which moment of a customer windows are filtered by. Default [`WindowsBy::Creation`].
    pub windows_by: WindowsBy,
    /// Windows that end after this day are refused ("End date cannot be in the future"), and no
    /// customer of a later day is part of the truth. With [`Windows::Exclusive`] the customers of this
    /// day are in no window that is answered: a correct client fails that day by name. Default
    /// `None`: any window is taken.
    pub today: Option<NaiveDate>,
    /// Windows are cut on the time of creation plus this many minutes, while dates are printed
    /// without it. Default 0; −840 to 840 are the zones of this earth.
    pub zone_shift_minutes: i32,

    /// What becomes of the asked `limit`. Default [`Limit::Honoured`].
    pub limit: Limit,
    /// Silent caps on `limit` that differ by day: a window that starts on a day has at most the rows
    /// of the last entry up to that day on a page. Default none.
    pub limit_caps: BTreeMap<NaiveDate, u64>,
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
    /// Requests that are answered as if their window held no customers. Default none.
    pub outages: Vec<Outage>,
    /// Requests whose answers lack some rows. Default none.
    pub partial_outages: Vec<PartialOutage>,
    /// What stands around the rows. Default as documented.
    pub envelope: Envelope,
    /// The content type that answers claim to have. Default JSON.
    pub content_type: ContentType,
    /// Whether answers are pretty-printed. Default no.
    pub pretty: bool,
    /// Whether answers are compressed for clients that accept it (HTTP skin only). Default no.
    pub gzip: bool,
    /// Session cookies. Default [`Session::Offered`].
    pub session: Session,
    /// Whether sessions end. Default never.
    pub session_end: Option<SessionEnd>,

    /// How long each answer takes (HTTP skin only). Default no time.
    pub think_time: Duration,
    /// How many requests a second are tolerated. Default any number.
    pub rate_limit: Option<RateLimit>,
    /// A firewall that bans a client that is too fast. Default none.
    pub firewall: Option<Firewall>,
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
            windows_by: WindowsBy::Creation,
            today: None,
            zone_shift_minutes: 0,
            limit: Limit::Honoured,
            limit_caps: BTreeMap::new(),
            default_limit: 100,
            offset: Offset::Honoured,
            order: Order::Id,
            listed_twice: 0.0,
            left_out: 0.0,
            page_bytes: None,
            movement: None,
            empty_window: EmptyForm::EmptyList,
            past_end: None,
            outages: Vec::new(),
            partial_outages: Vec::new(),
            envelope: Envelope::default(),
            content_type: ContentType::Json,
            pretty: false,
            gzip: false,
            session: Session::Offered,
            session_end: None,
            think_time: Duration::ZERO,
            rate_limit: None,
            firewall: None,
            faults: Faults::none(),
            oddities: Oddities::default(),
            journal: 100_000,
        }
    }
}
