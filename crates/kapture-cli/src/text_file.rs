//! Reads text files that people write by hand.

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

/// Reads a file as UTF-8. The error says so if it is UTF-16.
pub(crate) fn read(path: &Path) -> Result<String> {
    let text = String::from_utf8(fs::read(path)?)
        .map_err(|error| Error::new(ErrorKind::InvalidData, encoding(error.as_bytes())))?;
    Ok(without_mark(&text).to_owned())
}

/// The text without the byte order mark that some editors and shells put before it.
pub(crate) fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

/// Says which encoding a file has that is not UTF-8.
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
