#![doc = include_str!("../README.md")]
//!
//! In reading order: [`Population`] (who exists), [`Behaviour`] (the knobs), [`Oddities`] (how
//! records look), [`Faults`] (what goes wrong), [`Tenant`] (the function).

mod behaviour;
mod draw;
#[cfg(feature = "http")]
mod http;
mod journal;
mod population;
mod reply;
mod request;
mod tenant;

pub use behaviour::Behaviour;
pub use behaviour::answer_form::{
    CodePlace, ContentType, EmptyForm, Envelope, Spelling, TotalCount,
};
pub use behaviour::fault::{ErrorCode, Fault, FaultKind, Faults};
pub use behaviour::gateway::{
    Endpoints, Firewall, RateLimit, Session, SessionEnd, SessionEndForm, SessionLife,
};
pub use behaviour::movement::{Change, Movement, Place};
pub use behaviour::oddities::{DateForm, Oddities};
pub use behaviour::outage::{Outage, PartialOutage};
pub use behaviour::paging::{Limit, Offset, Order};
pub use behaviour::when::When;
pub use behaviour::windows::{Flip, SameDay, Windows, WindowsBy};
#[cfg(feature = "http")]
pub use http::{Server, serve};
pub use journal::Asked;
pub use population::{PerDay, Population, SandboxCustomer};
pub use reply::Reply;
pub use request::{DEFAULT_CM_ID, DEFAULT_TOKEN, LEGACY_PATH, Request, SEARCH_PATH};
pub use tenant::Tenant;
