//! Files of text that people write by hand.

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

/// What some editors and shells put at the beginning of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a file of text. That of a shell which writes UTF-16 is named as such.
pub(crate) fn read(path: &Path) -> Result<String> {
    let text = String::from_utf8(fs::read(path)?)
        .map_err(|error| Error::new(ErrorKind::InvalidData, encoding(error.as_bytes())))?;
    Ok(text.trim_start_matches(BYTE_ORDER_MARK).to_owned())
}

/// What the bytes of a file are that is not UTF-8.
fn encoding(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            "it is UTF-16, as Windows PowerShell writes it: save it as UTF-8, for example with Out-File -Encoding utf8"
        }
        _ => "it is not UTF-8: save it as UTF-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_bytes(bytes: &[u8]) -> Result<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        read(file.path())
    }

    #[test]
    fn byte_order_mark_is_no_text() {
        assert_eq!(read_bytes(b"\xef\xbb\xbfa\n").unwrap(), "a\n");
        assert_eq!(read_bytes(b"").unwrap(), "");
    }

    #[test]
    fn text_of_another_encoding_is_named() {
        for bytes in [b"\xff\xfea\0".as_slice(), b"\xfe\xff\0a"] {
            let error = read_bytes(bytes).unwrap_err().to_string();
            assert!(
                error.contains("UTF-16") && error.contains("Out-File"),
                "{error}"
            );
        }
        let error = read_bytes(b"caf\xe9").unwrap_err().to_string();
        assert!(error.starts_with("it is not UTF-8"), "{error}");
    }
}
