//! The form of tables, from the options on the command line.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use kapture_model::AttributeColumn;
use kapture_sinks::Encoding;

use crate::args::TableArgs;
use crate::error::{hinted, prefixed};

/// Sets separator, byte order mark and further columns of an encoding.
pub(super) fn apply(arguments: &TableArgs, is_csv: bool, encoding: &mut Encoding) -> Result<()> {
    if !is_csv && (arguments.csv_separator.is_some() || arguments.csv_bom) {
        return Err(hinted(
            "--csv-separator and --csv-bom are for CSV",
            "add --format csv, or omit them",
        ));
    }
    if let Some(text) = &arguments.csv_separator {
        encoding.csv_separator = separator(text)?;
    }
    encoding.csv_bom = arguments.csv_bom;
    encoding.columns = columns(&arguments.columns)?;
    Ok(())
}

fn separator(text: &str) -> Result<u8> {
    let named = match text {
        "comma" => ",",
        "semicolon" => ";",
        "tab" | "\\t" => "\t",
        "pipe" => "|",
        text => text,
    };
    match named.as_bytes() {
        // Not what numbers, times and quoted text are made of.
        [b'\t'] => Ok(b'\t'),
        [b'.' | b'-' | b'+' | b':' | b'"' | b'\''] => {
            bail!("--csv-separator: `{text}` occurs in numbers, times or quotes")
        }
        [byte] if byte.is_ascii_punctuation() => Ok(*byte),
        _ => bail!(
            "--csv-separator: expected comma, semicolon, tab, pipe or one other character, not `{text}`"
        ),
    }
}

fn columns(texts: &[String]) -> Result<Vec<AttributeColumn>> {
    let mut names = BTreeSet::new();
    let column = |text: &String| {
        let (key, name) = text.split_once('=').unwrap_or((text, text));
        if is_attribute(name) && !is_attribute(key) {
            return Err(hinted(
                format!(
                    "--column {text}: the field stands before the =, the name of its column behind it"
                ),
                format!("write --column {name}={key}"),
            ));
        }
        let column =
            AttributeColumn::new(key, name).map_err(|error| prefixed("--column", error.into()))?;
        if !names.insert(column.name().to_lowercase()) {
            bail!("--column: two columns are named `{name}`");
        }
        Ok(column)
    };
    texts.iter().map(column).collect()
}

/// Whether this is the API's name of an attribute, such as `attr3`.
fn is_attribute(text: &str) -> bool {
    let number = text.strip_prefix("attr");
    number.is_some_and(|number| number.parse::<u8>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_have_names() {
        for (text, byte) in [
            (",", b','),
            ("comma", b','),
            (";", b';'),
            ("semicolon", b';'),
            ("\t", b'\t'),
            ("\\t", b'\t'),
            ("tab", b'\t'),
            ("pipe", b'|'),
            ("^", b'^'),
        ] {
            assert_eq!(separator(text).unwrap(), byte, "{text}");
        }
        for text in ["", "\"", "'", "\n", "a", "0", " ", ".", "-", ";;", "§", ":"] {
            assert!(separator(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_column_has_the_name_of_its_field_or_another() {
        let parsed = |texts: &[&str]| {
            let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
            columns(&texts)
        };
        let both = parsed(&["attr3=loyalty_tier", "attr4"]).unwrap();
        let pairs: Vec<_> = both
            .iter()
            .map(|column| (column.key(), column.name()))
            .collect();
        assert_eq!(pairs, [("attr3", "loyalty_tier"), ("attr4", "attr4")]);
        for texts in [
            &["attr3="][..],
            &["=tier"],
            &["city=town"],
            &["attr3=a", "attr4=A"],
        ] {
            assert!(parsed(texts).is_err(), "{texts:?}");
        }
        let reversed = parsed(&["source=attr1"]).unwrap_err();
        assert!(reversed.to_string().contains("before the ="), "{reversed}");
        assert!(parsed(&["attr1=attr2"]).is_ok());
    }
}
