//! Numbers, times and proofs as people read them.

use kapture_customers::Proof;

/// A number with its digits in groups of three: `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8_lossy(&groups.join(&b',')).into_owned()
}

/// A proof in a few words.
pub(super) fn proof_name(proof: Proof) -> &'static str {
    match proof {
        Proof::Contiguous => "overlap",
        Proof::Recaptured => "capture and recapture",
        Proof::StableRows => "stable rows",
        Proof::Inferred => "page lengths",
        Proof::Unvouched => "the server's word",
    }
}

/// What a proof says.
pub(super) fn proof_meaning(proof: Proof) -> &'static str {
    match proof {
        Proof::Contiguous => "each page overlapped the one before, or there was one page",
        Proof::Recaptured => "the order of rows changed, and two readings found the same customers",
        Proof::StableRows => "rows moved while the day was read, and each that stayed was read",
        Proof::Inferred => "the end was told from the lengths of pages (--fewer-requests)",
        Proof::Unvouched => "the list was empty, and no other request of the run had customers",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }
}
