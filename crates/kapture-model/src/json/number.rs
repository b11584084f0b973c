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

/// A raw number as readers take it that refuse, or cut, digits beyond 64 bits before the point: a whole
/// number as text, unless it is to be a double, any other in scientific notation. `None` if it may stay.
pub(crate) fn within_64_bits(number: &str, as_double: bool) -> Option<String> {
    // As nearly every number is.
    if number.len() <= 18 {
        return None;
    }
    let (sign, magnitude) = match number.strip_prefix('-') {
        Some(magnitude) => ("-", magnitude),
        None => ("", number),
    };
    let end = magnitude.find(|character: char| !character.is_ascii_digit());
    let (whole, rest) = magnitude.split_at(end.unwrap_or(magnitude.len()));
    let fits = || match sign {
        "" => whole.parse::<u64>().is_ok(),
        _ => format!("-{whole}").parse::<i64>().is_ok(),
    };
    if whole.len() <= 18 || fits() {
        return None;
    }
    if rest.is_empty() && !as_double {
        return Some(format!("\"{number}\""));
    }
    let (fraction, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let fraction = fraction.trim_start_matches('.');
    let exponent = exponent.parse::<i64>().ok()? + whole.len() as i64 - 1;
    let (first, others) = whole.split_at(1);
    Some(format!("{sign}{first}.{others}{fraction}E{exponent}"))
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

    #[test]
    fn digits_beyond_64_bits_are_text_or_a_double() {
        for (number, text, double) in [
            ("18446744073709551615", None, None),
            ("-9223372036854775808", None, None),
            ("1234567890123456789.5", None, None),
            (
                "18446744073709551616",
                Some("\"18446744073709551616\""),
                Some("1.8446744073709551616E19"),
            ),
            (
                "-9223372036854775809",
                Some("\"-9223372036854775809\""),
                Some("-9.223372036854775809E18"),
            ),
            (
                "98765432109876543210.25",
                Some("9.876543210987654321025E19"),
                Some("9.876543210987654321025E19"),
            ),
            (
                "98765432109876543210e-5",
                Some("9.8765432109876543210E14"),
                Some("9.8765432109876543210E14"),
            ),
        ] {
            assert_eq!(within_64_bits(number, false).as_deref(), text, "{number}");
            assert_eq!(within_64_bits(number, true).as_deref(), double, "{number}");
        }
    }
}
