//! Pulls without a runtime: the engine against a fake tenant, both synchronous, one step at a time.

mod calls;
mod case;
mod kept;
mod known_limits;
mod random_servers;
mod request_bounds;
mod run;

pub(crate) use run::{Run, Told, may, new_years_day};
