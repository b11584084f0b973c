//! The mixing function of all our hashes, which needs no library and stays the same for ever.

/// The finaliser of SplitMix64: every bit of the input changes half of the output's.
#[inline]
pub(crate) fn mixed(input: u64) -> u64 {
    let mut x = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The hash of text, eight bytes at a time. Texts with another `start` differ.
pub(crate) fn text_hash(start: u64, text: &str) -> u64 {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let length = text.len() as u64;
    let hash = words
        .iter()
        .fold(mixed(start ^ (length << 8)), |hash, word| {
            mixed(hash ^ u64::from_le_bytes(*word))
        });
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mixed(hash ^ u64::from_le_bytes(last))
}
