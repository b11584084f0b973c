//! The knobs: one for each fact that the API's documentation leaves open.

pub(crate) mod answer_form;
pub(crate) mod edits;
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
use self::edits::{Edit, RandomEdits};
use self::fault::Faults;
use self::gateway::{Endpoints, Firewall, RateLimit, Session, SessionEnd};
use self::movement::Movement;
use self::oddities::Oddities;
use self::outage::{Outage, PartialOutage};
use self::paging::{Limit, Offset, Order};
use self::windows::{Flip, Windows, WindowsBy};
use crate::request::{DEFAULT_CM_ID, DEFAULT_TOKEN};

/// The behaviour of a tenant. The default is a well-behaved server: both endpoints, inclusive windows,
/// `limit` and `offset` honoured, order by id, an empty list where there are no rows.
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
    /// A header that each request must carry beside the token, name in lower case, and its value: a
    /// request without it is refused like one with a wrong token. Default none.
    pub required_header: Option<(String, String)>,
    /// The HTTP status of `Invalid Auth Key`. Default 200; 401 is as likely.
    pub unauthorized_status: u16,
    /// The HTTP status of all other refusals. Default 200; 400 is as likely.
    pub refusal_status: u16,
    /// The paths that exist. Default both.
    pub endpoints: Endpoints,
    /// Whether each documented key must have the JSON type of the vendor's example (`limit` as
    /// text, `zone_id` as number …). Default no: text and numbers are interchangeable, except that
    /// `cm_id` must be a number.
    pub strict_types: bool,
    /// Whether a request must carry every documented key. Default no: only the three mandatory ones.
    pub every_documented_key: bool,
    /// Whether a request must carry a customer id, an e-mail address or a phone number, as a note on the
    /// vendor's page says, in contradiction to its examples. Default no.
    pub person_required: bool,
    /// Whether the three kind flags restrict the answer. Default no: they are ignored.
    pub kind_restricts: bool,

    /// The time that a window covers. Default [`Windows::Inclusive`].
    pub windows: Windows,
    /// A change of `windows` in the middle of a run. Default none.
    pub flip: Option<Flip>,
    /// The time of a customer that windows filter by. Default [`WindowsBy::Creation`].
    pub windows_by: WindowsBy,
    /// Windows that end after this day are refused ("End date cannot be in the future"), and no
    /// customer of a later day is part of the truth. With [`Windows::Exclusive`] the customers of this
    /// day are in no window that is answered: a correct client fails that day by name. Default
    /// `None`: any window is taken.
    pub today: Option<NaiveDate>,
    /// The difference in minutes between the zone in which windows are cut and the zone in which dates
    /// are printed. Default 0; the zones of the earth lie within −840 to 840.
    pub zone_shift_minutes: i32,

    /// The handling of the requested `limit`. Default [`Limit::Honoured`].
    pub limit: Limit,
    /// Silent caps on `limit` that differ by day: the cap of a window is the last entry at or before its
    /// start. Default none.
    pub limit_caps: BTreeMap<NaiveDate, u64>,
    /// The page size when `limit` is absent or blank. Default 100.
    pub default_limit: u64,
    /// The handling of the requested `offset`. Default [`Offset::Honoured`].
    pub offset: Offset,
    /// The order of the rows of a window. Default [`Order::Id`].
    pub order: Order,
    /// The share of customers (0 to 1) that a window lists twice, the second time at its end.
    /// Default 0.
    pub listed_twice: f64,
    /// The share of customers (0 to 1) that are filtered out of a page after it was cut, as by a server
    /// that reads a page of rows and then drops the deleted ones. They are never visible, so they are
    /// not part of the truth. Default 0.
    pub left_out: f64,
    /// The maximal size of the rows of a page in bytes; a page has at least one row. Default no bound.
    pub page_bytes: Option<usize>,
    /// Rows that are inserted, deleted or changed while a client pages. Default none.
    pub movement: Option<Movement>,
    /// Customers that are edited, deleted, revived and moved, by a script. Default none.
    pub edits: Vec<Edit>,
    /// The same by seed. Default none.
    pub random_edits: Option<RandomEdits>,

    /// The answer to a window without customers. Default [`EmptyForm::EmptyList`].
    pub empty_window: EmptyForm,
    /// The answer to an `offset` past the end. Default `None`: that of an empty window.
    pub past_end: Option<EmptyForm>,
    /// Requests that are answered as if their window held no customers. Default none.
    pub outages: Vec<Outage>,
    /// Requests whose answers lack a share of the rows. Default none.
    pub partial_outages: Vec<PartialOutage>,
    /// A cache that answers equal bodies with the first answer for this long, in
    /// [`Request::at`](crate::Request::at). Default none.
    pub cache_time: Option<Duration>,
    /// The JSON around the rows. Default as documented.
    pub envelope: Envelope,
    /// The content type of answers. Default JSON.
    pub content_type: ContentType,
    /// Whether answers are pretty-printed. Default no.
    pub pretty: bool,
    /// Whether answers are compressed for clients that accept gzip (HTTP server only). Default no.
    pub gzip: bool,
    /// Session cookies. Default [`Session::Offered`].
    pub session: Session,
    /// The end of sessions. Default: they never end.
    pub session_end: Option<SessionEnd>,

    /// The time that each answer takes (HTTP server only). Default none.
    pub think_time: Duration,
    /// The number of requests tolerated per second. Default no bound.
    pub rate_limit: Option<RateLimit>,
    /// A firewall that bans a client that is too fast. Default none.
    pub firewall: Option<Firewall>,
    /// Injected faults. Default none.
    pub faults: Faults,
    /// The form of records. Default: that of a healthy tenant.
    pub oddities: Oddities,
    /// The number of requests that [`Tenant::requests`](crate::Tenant::requests) keeps. Default
    /// 100,000.
    pub log_capacity: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            cm_id: DEFAULT_CM_ID,
            token: DEFAULT_TOKEN.into(),
            required_header: None,
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
            edits: Vec::new(),
            random_edits: None,
            empty_window: EmptyForm::EmptyList,
            past_end: None,
            outages: Vec::new(),
            partial_outages: Vec::new(),
            cache_time: None,
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
            log_capacity: 100_000,
        }
    }
}
