//! Pulls from a fake tenant, and from servers that are none.

mod against;
mod contradictions;
mod cost;
mod emptied_days;
mod exactness;
mod faults;
mod interleaving;
mod latency;
mod outages;
mod page_boundaries;
mod random_servers;
mod secrets;
mod single_fault;
mod speed;
mod unreadable_windows;
