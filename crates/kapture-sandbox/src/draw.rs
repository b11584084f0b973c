//! Deterministic pseudo-random draws: the same seed, subject and number always give the same value.

/// The purpose of a draw, so that two properties of one customer are independent.
#[derive(Clone, Copy)]
pub(crate) enum Subject {
    DaySize,
    Time,
    Edge,
    Name,
    Unicode,
    Look,
    Kind,
    Source,
    Extra,
    Contacts,
    Dates,
    IdText,
    Wrong,
    Seconds,
    Twice,
    Shuffle,
    Movement,
    Fault,
    Session,
    LeftOut,
    Changed,
    Rewritten,
    When,
    Reference,
    Hidden,
    IdFloat,
    Control,
    NonFinite,
    Surrogate,
    Nul,
    Edit,
    EditKind,
}

/// A pseudo-random function of its arguments (the finaliser of splitmix64).
pub(crate) fn draw(seed: u64, subject: Subject, number: u64) -> u64 {
    let mut value = seed
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add((subject as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03))
        .wrapping_add(number.wrapping_mul(0x8CB9_2BA7_2F3D_8DD7));
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// Whether a draw falls into `share` (0 = never, 1 = always).
pub(crate) fn hits(share: f64, drawn: u64) -> bool {
    // A double holds 53 bits; the result is in 0..1, so a share of 1 always hits.
    ((drawn >> 11) as f64) / ((1_u64 << 53) as f64) < share
}
