//! The secret that opens the API, in a type that does not print.

use std::fmt;

use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use secrecy::{ExposeSecret, SecretString};

/// The `Authorization: Basic …` token of an account.
///
/// It is wiped from memory when dropped, and neither `Debug` nor any error shows it.
///
/// ```
/// use kapture_transport::Token;
///
/// let token = Token::from_user("asha", "secret");
/// assert_eq!(format!("{token:?}"), "Token(redacted)");
/// ```
#[derive(Clone)]
pub struct Token(SecretString);

/// Why a text cannot be a token. The text itself is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Nothing but blanks.
    #[error("the token is empty")]
    Empty,
    /// A blank, a line break or another character that no HTTP header may carry.
    #[error("the token holds a blank or a character that cannot stand in an HTTP header")]
    Unusable,
}

const REDACTED: &str = "(redacted)";

/// The shortest password that is looked for in what a server says, in bytes.
const SHORTEST: usize = 4;

/// As lenient as servers are.
const STANDARD_PAD_OR_NOT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Token {
    /// A token as the vendor hands it out, with or without the word `Basic` before it.
    /// Blanks around it are dropped: a file or a pasted line often ends in a line break.
    pub fn from_base64(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let text = match text.split_once(char::is_whitespace) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => rest.trim_start(),
            _ => text,
        };
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Unusable);
        }
        Ok(Self(text.into()))
    }

    /// The token made from a user name and a password: base64 of `user:password`.
    pub fn from_user(user: &str, password: &str) -> Self {
        Self(STANDARD.encode(format!("{user}:{password}")).into())
    }

    /// `text` without the token: a server may repeat what it was sent in what it says, also as
    /// JSON with every sign escaped that may be, without the padding at its end, or decoded, or the
    /// password in it alone.
    pub(crate) fn redact(&self, text: &str) -> String {
        let plain = self.0.expose_secret();
        let core = plain.trim_end_matches('=');
        let mut text = text.replace(plain, REDACTED);
        for spelling in [
            core.to_owned(),
            core.replace('/', r"\/"),
            core.replace('/', r"\u002f").replace('+', r"\u002b"),
        ] {
            if !spelling.is_empty() {
                text = text.replace(&spelling, REDACTED);
            }
        }
        let decoded = STANDARD_PAD_OR_NOT.decode(plain).ok();
        let decoded = decoded.and_then(|decoded| String::from_utf8(decoded).ok());
        match decoded
            .as_deref()
            .and_then(|decoded| decoded.split_once(':'))
        {
            // In fewer letters it might be any word.
            Some((_, password)) if password.len() >= SHORTEST => text.replace(password, REDACTED),
            _ => text,
        }
    }

    /// The value of the `Authorization` header: for a [`Transport`](crate::Transport), and for whoever
    /// keeps the token where [`from_base64`](Self::from_base64) will take it from.
    pub fn authorization(&self) -> SecretString {
        format!("Basic {}", self.0.expose_secret()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(token: &Token) -> String {
        token.authorization().expose_secret().to_owned()
    }

    #[test]
    fn a_password_that_is_repeated_is_not_shown() {
        for token in [
            Token::from_user("asha", "hunter2!x"),
            // Without the padding at its end.
            Token::from_base64("YXNoYTpodW50ZXIyIXg").unwrap(),
        ] {
            let said = token.redact("bad credentials asha:hunter2!x");
            assert_eq!(said, "bad credentials asha:(redacted)");
        }
        let short = Token::from_user("asha", "a");
        assert_eq!(short.redact("a bad day"), "a bad day");
    }

    #[test]
    fn a_ready_token_is_taken_with_or_without_its_scheme() {
        for text in ["YTpi", " YTpi\n", "Basic YTpi", "basic   YTpi\r\n"] {
            assert_eq!(
                header(&Token::from_base64(text).unwrap()),
                "Basic YTpi",
                "{text:?}"
            );
        }
    }

    #[test]
    fn user_and_password_become_base64() {
        assert_eq!(header(&Token::from_user("a", "b")), "Basic YTpi");
    }

    #[test]
    fn what_no_header_carries_is_refused() {
        assert_eq!(Token::from_base64(" \n").unwrap_err(), TokenError::Empty);
        assert_eq!(Token::from_base64("a b").unwrap_err(), TokenError::Unusable);
        assert_eq!(
            Token::from_base64("a\u{7f}").unwrap_err(),
            TokenError::Unusable
        );
    }

    #[test]
    fn what_repeats_the_token_is_redacted_however_it_is_spelled() {
        let token = Token::from_base64("a/b+c/d==").unwrap();
        for (text, shown) in [
            (
                "Basic a/b+c/d== is no token",
                "Basic (redacted) is no token",
            ),
            ("a/b+c/d", "(redacted)"),
            (r"a\/b+c\/d==", "(redacted)=="),
            (r"a/b+c/d\u003d\u003d", r"(redacted)\u003d\u003d"),
            (r"a\u002fb\u002bc\u002fd", "(redacted)"),
        ] {
            assert_eq!(token.redact(text), shown);
        }
    }

    #[test]
    fn debug_shows_nothing() {
        let token = Token::from_base64("YTpi").unwrap();
        assert!(!format!("{token:?} {:?}", token.authorization()).contains("YTpi"));
    }
}
