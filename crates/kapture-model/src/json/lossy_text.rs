//! JSON text and its original bytes, some of which may not be UTF-8.
//!
//! JSON has to be UTF-8. A server that writes Latin-1 into it, or truncates text in the middle of a
//! character, must not lose a page of customers, and its bytes must not change. So each byte that
//! is not UTF-8 is masked in the text that is scanned, and records are cut from the original bytes.

use bytes::Bytes;
use bytestring::ByteString;
use std::borrow::Cow;

/// A part of a text as it arrived. What is known to be UTF-8 is not checked again.
#[derive(Clone)]
pub(crate) enum RawText {
    Utf8(ByteString),
    /// Bytes of which some may not be UTF-8.
    Bytes(Bytes),
}

impl RawText {
    pub(crate) fn bytes(&self) -> &Bytes {
        match self {
            Self::Utf8(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// `None` if some of it is not UTF-8.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Utf8(text) => Some(text),
            Self::Bytes(bytes) => str::from_utf8(bytes).ok(),
        }
    }
}

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

/// Bytes as text.
pub(crate) enum LossyText {
    /// They are UTF-8.
    Utf8(ByteString),
    /// They are not: the text is their [`mask`].
    Masked { bytes: Bytes, text: String },
}

impl LossyText {
    pub(crate) fn of(bytes: &Bytes) -> Self {
        match ByteString::try_from(bytes.clone()) {
            Ok(text) => Self::Utf8(text),
            Err(_) => Self::Masked {
                bytes: bytes.clone(),
                text: mask(bytes),
            },
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Utf8(text) => text,
            Self::Masked { text, .. } => text,
        }
    }

    /// A part of the text as it arrived, sharing its memory.
    pub(crate) fn raw(&self, part: &str) -> RawText {
        match self {
            Self::Utf8(text) => RawText::Utf8(text.slice_ref(part)),
            Self::Masked { .. } => RawText::Bytes(self.bytes_of(part)),
        }
    }

    /// The bytes of a part of the text, sharing their memory.
    pub(crate) fn bytes_of(&self, part: &str) -> Bytes {
        let bytes = match self {
            Self::Utf8(text) => text.as_bytes(),
            Self::Masked { bytes, .. } => bytes,
        };
        let text = self.text();
        let start = part.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
        let end = start.saturating_add(part.len());
        if end <= bytes.len() {
            bytes.slice(start..end)
        } else {
            Bytes::new()
        }
    }

    fn is_masked(&self) -> bool {
        matches!(self, Self::Masked { .. })
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
        let source = LossyText::of(&bytes);
        let text = source.text();
        assert_eq!(source.bytes_of(&text[1..4]), b"M\xdcL".as_slice());
        assert_eq!(source.lossy(&text[1..4]), "M\u{fffd}L");
        assert_eq!(source.distinct(&text[1..4]), "MÜL");
    }
}
