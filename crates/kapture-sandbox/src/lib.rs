//! A fake Kapture CRM tenant: every behaviour the API leaves open, as a knob.
//!
//! The vendor's page says what to send and shows one answer. It is silent about much that a client
//! has to get right: whether the end day of a window is included, how far `limit` is honoured, in
//! which order rows come, what a day without customers answers. [`Tenant`] is a pure function from
//! [`Request`] to [`Reply`] in which each of these is a field of [`Behaviour`], and which knows the
//! [truth](Tenant::truth) that a client must arrive at. It does no I/O and reads no clock; its
//! customers are invented and depend on a seed alone.
//!
//! ```
//! use chrono::NaiveDate;
//! use kapture_sandbox::{Behaviour, Limit, PerDay, Population, Request, Tenant, Windows};
//!
//! let day = NaiveDate::from_ymd_opt(2024, 5, 2).unwrap();
//! let tenant = Tenant::new(
//!     Population::new(1).days(day, day, PerDay::Fixed(250)),
//!     Behaviour { windows: Windows::Strict, limit: Limit::CappedAt(37), ..Behaviour::default() },
//! );
//!
//! let body = br#"{"cm_id":424242,"createStartDate":"2024-05-02","createEndDate":"2024-05-02","limit":"1000"}"#;
//! let reply = tenant.answer(&Request::search(body));
//! assert_eq!(reply.status, 200);
//! assert_eq!(tenant.requests()[0].rows, 37); // asked for 1000, silently capped
//! assert_eq!(tenant.truth(day, day).len(), 250);
//! ```
//!
//! With the feature `http` (on by default) [`serve`] puts a tenant behind a socket on loopback and
//! acts out the faults that need one.
//!
//! In reading order: [`Population`] (who exists), [`Behaviour`] (the knobs), [`Oddities`] (how
//! records look), [`Faults`] (what goes wrong), [`Tenant`] (the function).

mod behaviour;
mod blocks;
mod customer;
mod draw;
mod fault;
mod filter;
#[cfg(feature = "http")]
mod http;
mod journal;
mod listing;
mod movement;
mod names;
mod oddities;
mod population;
mod query;
mod record;
mod refusal;
mod reply;
mod request;
mod tenant;
mod truth;

pub use behaviour::{
    Behaviour, ContentType, EmptyForm, Endpoints, Flip, Limit, Offset, Order, RateLimit, SameDay,
    Session, Windows,
};
pub use fault::{Fault, FaultKind, Faults};
#[cfg(feature = "http")]
pub use http::{Server, serve};
pub use journal::Asked;
pub use movement::{Change, Movement, Place};
pub use oddities::{DateForm, Oddities};
pub use population::{PerDay, Population, SandboxCustomer};
pub use reply::Reply;
pub use request::{DEFAULT_CM_ID, DEFAULT_TOKEN, LEGACY_PATH, Request, SEARCH_PATH};
pub use tenant::Tenant;

/// Keeps the examples of the README true.
#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../README.md")]
struct Readme;
