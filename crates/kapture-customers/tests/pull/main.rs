//! Pulls from a fake tenant, and from servers that are none.

mod against;
mod any_server;
mod contradictions;
mod cost;
mod exactness;
mod faults;
mod held;
mod interleaving;
mod never_shown;
mod seams;
mod secrets;
mod single_fault;
mod speed;
