//! Looks for bytes for which the claim `moment` does not hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kapture_fuzz::claim("moment")(bytes));
