//! Looks for bytes for which the claim `timestamp` does not hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kapture_fuzz::claim("timestamp")(bytes));
