#![doc = include_str!("../README.md")]
//!
//! In reading order: [`Population`] (the customers), [`Behaviour`] (the knobs), [`Oddities`] (the
//! form of records), [`When`], [`Outage`] and [`Faults`] (failures and their conditions), [`Tenant`]
//! (the function).

mod behaviour;
mod draw;
#[cfg(feature = "http")]
mod http;
mod population;
mod reply;
mod request;
mod request_log;
mod tenant;
#[cfg(feature = "transport")]
mod transport;

pub use behaviour::Behaviour;
pub use behaviour::answer_form::{
    CodePlace, ContentType, EmptyForm, Envelope, Spelling, TotalCount,
};
pub use behaviour::edits::{Edit, EditAction, InvalidEdit, RandomEdits};
pub use behaviour::fault::{ErrorCode, Fault, FaultKind, Faults};
pub use behaviour::gateway::{
    Endpoints, Firewall, RateLimit, Session, SessionEnd, SessionEndForm, SessionLife,
};
pub use behaviour::movement::{Change, Movement, Position};
pub use behaviour::oddities::{DateForm, Oddities};
pub use behaviour::outage::{Outage, PartialOutage};
pub use behaviour::paging::{Limit, Offset, Order};
pub use behaviour::when::When;
pub use behaviour::windows::{Flip, SameDay, Windows, WindowsBy};
#[cfg(feature = "http")]
pub use http::{Server, serve};
pub use population::{PerDay, Population, SandboxCustomer};
pub use reply::Reply;
pub use request::{DEFAULT_CM_ID, DEFAULT_TOKEN, LEGACY_PATH, Request, SEARCH_PATH};
pub use request_log::LoggedRequest;
pub use tenant::Tenant;
#[cfg(feature = "transport")]
pub use transport::SandboxTransport;
