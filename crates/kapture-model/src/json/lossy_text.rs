//! JSON text and its original bytes, some of which may not be UTF-8.
//!
//! JSON has to be UTF-8. A server that writes Latin-1 into it, or truncates text in the middle of a
//! character, must not lose a page of customers, and its bytes must not change. So each byte that
//! is not UTF-8 is masked in the text that is scanned, and records are cut from the original bytes.

use bytes::Bytes;
use std::borrow::Cow;

/// Replaces a byte that is not UTF-8. JSON allows it inside of strings, and nowhere else.
const MASK: char = '\u{7f}';

/// The bytes as text of the same length, with U+007F for each byte that is not UTF-8.
pub(crate) fn mask(bytes: &[u8]) -> String {
    decode(bytes, |_| MASK)
}

fn decode(bytes: &[u8], replace: impl Fn(u8) -> char) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().copied().map(&replace));
    }
    text
}

/// Text and the bytes that it was decoded from, of the same length.
pub(crate) struct LossyText<'a> {
    bytes: &'a Bytes,
    text: &'a str,
}

impl<'a> LossyText<'a> {
    /// `text` is `bytes` as UTF-8, or [`mask`] of them.
    pub(crate) fn new(bytes: &'a Bytes, text: &'a str) -> Self {
        LossyText { bytes, text }
    }

    /// The bytes of a part of the text, sharing their memory.
    pub(crate) fn bytes_of(&self, part: &str) -> Bytes {
        let start = part.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr());
        let end = start.saturating_add(part.len());
        if end <= self.bytes.len() {
            self.bytes.slice(start..end)
        } else {
            Bytes::new()
        }
    }

    fn is_masked(&self) -> bool {
        self.text.as_ptr() != self.bytes.as_ptr()
    }

    /// A part of the text, with U+FFFD for bytes that are not UTF-8.
    pub(crate) fn lossy<'b>(&self, part: &'b str) -> Cow<'b, str> {
        if self.is_masked() {
            String::from_utf8_lossy(&self.bytes_of(part))
                .into_owned()
                .into()
        } else {
            part.into()
        }
    }

    /// A part of the text with bytes that are not UTF-8 decoded as Latin-1, which they most likely
    /// are: parts that differ only in such bytes stay different.
    pub(crate) fn distinct<'b>(&self, part: &'b str) -> Cow<'b, str> {
        if self.is_masked() {
            decode(&self.bytes_of(part), char::from).into()
        } else {
            part.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_has_the_length_of_the_bytes() {
        for bytes in [
            b"plain".as_slice(),
            b"M\xdcLLER",
            b"\xe2\x82",
            b"\xe2\x82\"",
            b"\xff\xfe\xc3\xa9\xf0\x9f\x98",
        ] {
            let text = mask(bytes);
            assert_eq!(text.len(), bytes.len());
            let valid: String = String::from_utf8_lossy(bytes).replace('\u{fffd}', "");
            assert_eq!(text.replace(MASK, ""), valid);
        }
    }

    #[test]
    fn parts_of_the_text_map_to_original_bytes() {
        let bytes = Bytes::from_static(b"\"M\xdcLLER\"");
        let text = mask(&bytes);
        let source = LossyText::new(&bytes, &text);
        assert_eq!(source.bytes_of(&text[1..4]), b"M\xdcL".as_slice());
        assert_eq!(source.lossy(&text[1..4]), "M\u{fffd}L");
        assert_eq!(source.distinct(&text[1..4]), "MÜL");
    }
}
