//! Claims that must hold for any bytes that a server could send, each as a function that panics
//! where one does not.
//!
//! `cargo xtask fuzz` looks for such bytes with libFuzzer; the tests of this crate try the seeds,
//! every case that was ever found, and what lies near them.

mod answer;
mod record;
mod response;
mod timestamp;

/// A claim about some bytes.
pub type Claim = fn(&[u8]);

/// Every claim, by the name of its seeds and of its target.
pub const CLAIMS: [(&str, Claim); 4] = [
    ("answer", answer::agrees_with_a_plain_reader),
    ("record", record::is_written_as_what_it_is),
    ("timestamp", timestamp::is_read_as_it_is_written),
    ("response", response::is_customers_or_one_error),
];

/// The claim of this name.
///
/// # Panics
/// When there is none.
pub fn claim(name: &str) -> Claim {
    let found = CLAIMS.iter().find(|(known, _)| *known == name);
    found.expect("a claim of this name").1
}
