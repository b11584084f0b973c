//! Whole numbers in any of their JSON spellings.

use crate::json::scanner::Scanner;

/// The most digits that are written out: `1e999999` is a whole number, too.
const MAX_DIGITS: usize = 40;

/// The digits of a JSON number that is whole, without point and exponent: `708888000` for
/// `7.08888E8`, which is how Gson writes a number that went through a `Map`. `None` when it has a
/// fraction, has more than 40 digits, or is no JSON number.
pub(crate) fn whole_digits(number: &str) -> Option<String> {
    let mut scanner = Scanner::new(number);
    let first = number.trim_start_matches('-').bytes().next()?;
    if !first.is_ascii_digit() || scanner.scalar()? != number {
        return None;
    }
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (sign, whole) = match whole.strip_prefix('-') {
        Some(whole) => ("-", whole),
        None => ("", whole),
    };
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some("0".into());
    }
    let zeros = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let digits = match usize::try_from(zeros) {
        Ok(zeros) if digits.len().saturating_add(zeros) <= MAX_DIGITS => {
            format!("{digits}{}", "0".repeat(zeros))
        }
        Ok(_) => return None,
        // `1700e-2`: zeros at the end may be taken back.
        Err(_) => {
            let kept = digits.len().checked_sub(zeros.unsigned_abs() as usize)?;
            let (kept, dropped) = digits.split_at_checked(kept)?;
            (!kept.is_empty() && dropped.bytes().all(|digit| digit == b'0')).then_some(kept)?;
            kept.to_owned()
        }
    };
    (digits.len() <= MAX_DIGITS).then(|| format!("{sign}{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_number_has_one_form_in_every_spelling() {
        for (number, digits) in [
            ("17", Some("17")),
            ("17.0", Some("17")),
            ("17.000", Some("17")),
            ("1.7e1", Some("17")),
            ("1.70E+1", Some("17")),
            ("1700e-2", Some("17")),
            ("0.17e2", Some("17")),
            ("7.08888E8", Some("708888000")),
            ("1.8446744073709551615E19", Some("18446744073709551615")),
            ("-17.0", Some("-17")),
            ("0", Some("0")),
            ("-0.0", Some("0")),
            ("0e999", Some("0")),
            ("17.5", None),
            ("1e-1", None),
            ("170e-2", None),
            ("1e40", None),
            ("1e999999999999", None),
            ("017", None),
            ("17.", None),
            ("true", None),
            ("NaN", None),
            ("-Infinity", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(whole_digits(number).as_deref(), digits, "{number}");
        }
    }
}
