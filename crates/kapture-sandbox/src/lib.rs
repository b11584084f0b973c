#![doc = include_str!("../README.md")]
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
