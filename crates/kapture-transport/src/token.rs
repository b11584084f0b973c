//! The secret of an account, in a type that does not print it.

use std::fmt;

use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use secrecy::{ExposeSecret, SecretString};

/// The `Authorization: Basic …` token of an account, and any further headers that its tenant requires.
///
/// They are zeroised in memory when dropped, and neither `Debug` nor any error shows them.
///
/// ```
/// use kapture_transport::Token;
///
/// let token = Token::from_user("asha", "secret");
/// assert_eq!(format!("{token:?}"), "Token(redacted)");
/// ```
#[derive(Clone)]
pub struct Token {
    basic: SecretString,
    /// Further headers, names in lower case.
    headers: Vec<(String, SecretString)>,
}

/// Why a text cannot be a token. The text itself is never quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Empty or blank.
    #[error("the token is empty")]
    Empty,
    /// It contains white space or another character that base64 does not have and that an HTTP
    /// header cannot carry.
    #[error("the token contains white space or a character that an HTTP header cannot carry")]
    Unusable,
}

/// Why a header cannot be sent beside the token. Its value is never quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is no HTTP header name.
    #[error("`{0}` is no name of an HTTP header")]
    Name(String),
    /// The header is set by the transport itself.
    #[error("the header `{0}` is set by kapture itself")]
    Reserved(String),
    /// The name is repeated.
    #[error("the header `{0}` is set twice")]
    Repeated(String),
    /// The value is empty or blank.
    #[error("the value of the header `{0}` is empty")]
    Empty(String),
    /// The value has a character that an HTTP header cannot carry, such as a line break.
    #[error("the value of the header `{0}` has a character that an HTTP header cannot carry")]
    Value(String),
}

/// The headers that a transport sets itself.
const RESERVED: [&str; 12] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "te",
    "transfer-encoding",
];

const REDACTED: &str = "(redacted)";

/// The shortest password that is redacted, in bytes: a shorter one may be part of any word.
const MIN_PASSWORD: usize = 4;

/// The shortest value of a header that is redacted in the data of customers, in bytes.
const MIN_HEADER: usize = 12;

/// Base64 with or without padding, as servers accept it.
const STANDARD_PAD_OR_NOT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Token {
    /// The token as the vendor hands it out, with or without the scheme `Basic` before it. White
    /// space around it is dropped, since a file or a pasted line often ends in a line break, and so are
    /// a byte order mark and quotes, which files of variables may have.
    pub fn from_base64(text: &str) -> Result<Self, TokenError> {
        let text = text.trim_matches(|character: char| {
            character.is_whitespace() || matches!(character, '\u{feff}' | '"' | '\'')
        });
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
        Ok(Self::new(text.into()))
    }

    /// The token of a user name and a password: base64 of `user:password`.
    pub fn from_user(user: &str, password: &str) -> Self {
        Self::new(STANDARD.encode(format!("{user}:{password}")).into())
    }

    fn new(basic: SecretString) -> Self {
        Self {
            basic,
            headers: Vec::new(),
        }
    }

    /// The token with a further header, such as `x-api-key`, that this tenant requires. White space
    /// around the value is dropped.
    ///
    /// ```
    /// use kapture_transport::Token;
    ///
    /// let token = Token::from_user("asha", "secret").with_header("X-Api-Key", "secret too")?;
    /// assert_eq!(token.headers().next().unwrap().0, "x-api-key");
    /// assert_eq!(format!("{token:?}"), "Token(redacted)");
    /// # Ok::<(), kapture_transport::HeaderError>(())
    /// ```
    ///
    /// # Errors
    /// When HTTP does not allow the name or the value, the transport sets this header itself, or the
    /// name is repeated.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, HeaderError> {
        let lower = name.to_ascii_lowercase();
        let is_allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if lower.is_empty() || !lower.bytes().all(is_allowed) {
            return Err(HeaderError::Name(kapture_model::sanitize(name)));
        }
        if RESERVED.contains(&&*lower) || lower.starts_with("proxy-") {
            return Err(HeaderError::Reserved(lower));
        }
        if self.headers.iter().any(|(known, _)| *known == lower) {
            return Err(HeaderError::Repeated(lower));
        }
        let value = value.trim();
        if value.is_empty() {
            return Err(HeaderError::Empty(lower));
        }
        if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(HeaderError::Value(lower));
        }
        self.headers.push((lower, value.into()));
        Ok(self)
    }

    /// The further headers, names in lower case: for a [`Transport`](crate::Transport).
    pub fn headers(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.headers.iter().map(|(name, value)| (&**name, value))
    }

    /// `text` without the token, which a server may repeat in its messages: also with JSON escapes,
    /// without padding, decoded, or only the password in it; and without the values of its headers.
    pub(crate) fn redact(&self, text: &str) -> String {
        let text = self.redact_headers(self.redact_encoded(text), MIN_PASSWORD);
        let decoded = STANDARD_PAD_OR_NOT.decode(self.basic.expose_secret()).ok();
        let decoded = decoded.and_then(|decoded| String::from_utf8(decoded).ok());
        match decoded
            .as_deref()
            .and_then(|decoded| decoded.split_once(':'))
        {
            Some((_, password)) if password.len() >= MIN_PASSWORD => {
                text.replace(password, REDACTED)
            }
            _ => text,
        }
    }

    /// `text` without the token as it is sent, in any spelling; the password alone stays, since it
    /// may be a word or a number in the data of a customer.
    pub(crate) fn redact_encoded(&self, text: &str) -> String {
        let plain = self.basic.expose_secret();
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
        self.redact_headers(text, MIN_HEADER)
    }

    fn redact_headers(&self, mut text: String, min: usize) -> String {
        for (_, value) in &self.headers {
            let value = value.expose_secret();
            if value.len() >= min {
                text = text.replace(value, REDACTED);
            }
        }
        text
    }

    /// The value of the `Authorization` header: for a [`Transport`](crate::Transport), and to store
    /// the token so that [`from_base64`](Self::from_base64) can read it again.
    pub fn authorization(&self) -> SecretString {
        format!("Basic {}", self.basic.expose_secret()).into()
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
    fn password_is_redacted() {
        for token in [
            Token::from_user("asha", "hunter2!x"),
            // Without the padding at its end.
            Token::from_base64("YXNoYTpodW50ZXIyIXg").unwrap(),
        ] {
            let redacted = token.redact("bad credentials asha:hunter2!x");
            assert_eq!(redacted, "bad credentials asha:(redacted)");
        }
        let short = Token::from_user("asha", "a");
        assert_eq!(short.redact("a bad day"), "a bad day");
    }

    #[test]
    fn base64_token_is_accepted_with_or_without_its_scheme() {
        for text in [
            "YTpi",
            " YTpi\n",
            "Basic YTpi",
            "basic   YTpi\r\n",
            "\u{feff}YTpi\r\n",
            "\"Basic YTpi\"",
        ] {
            assert_eq!(
                header(&Token::from_base64(text).unwrap()),
                "Basic YTpi",
                "{text:?}"
            );
        }
    }

    #[test]
    fn user_and_password_are_encoded_as_base64() {
        assert_eq!(header(&Token::from_user("a", "b")), "Basic YTpi");
    }

    #[test]
    fn token_that_no_header_can_carry_is_refused() {
        assert_eq!(Token::from_base64(" \n").unwrap_err(), TokenError::Empty);
        assert_eq!(Token::from_base64("a b").unwrap_err(), TokenError::Unusable);
        assert_eq!(
            Token::from_base64("a\u{7f}").unwrap_err(),
            TokenError::Unusable
        );
    }

    #[test]
    fn token_is_redacted_in_every_encoding() {
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
    fn headers_are_checked_and_their_values_never_quoted() {
        let token = || Token::from_base64("YTpi").unwrap();
        for (name, value, expected) in [
            ("x api", "hunter2", HeaderError::Name("x api".into())),
            ("", "hunter2", HeaderError::Name(String::new())),
            ("Host", "hunter2", HeaderError::Reserved("host".into())),
            (
                "Authorization",
                "hunter2",
                HeaderError::Reserved("authorization".into()),
            ),
            ("x-api-key", " \n", HeaderError::Empty("x-api-key".into())),
            ("x-api-key", "a\nb", HeaderError::Value("x-api-key".into())),
            ("x-api-key", "é", HeaderError::Value("x-api-key".into())),
        ] {
            let error = token().with_header(name, value).unwrap_err();
            assert_eq!(error, expected);
            assert!(!error.to_string().contains("hunter2"));
        }
        let twice = token().with_header("x-a", "b").unwrap();
        let error = twice.with_header("X-A", "c").unwrap_err();
        assert_eq!(error, HeaderError::Repeated("x-a".into()));
    }

    #[test]
    fn values_of_headers_are_redacted() {
        let token = Token::from_base64("YTpi").unwrap();
        let token = token.with_header("x-api-key", "hunter2\n").unwrap();
        assert!(!format!("{token:?}").contains("hunter2"));
        assert_eq!(token.redact("bad key hunter2"), "bad key (redacted)");
        assert_eq!(token.redact_encoded("Asha hunter2"), "Asha hunter2");
        let token = token.with_header("x-long", "0123456789abcdef").unwrap();
        assert_eq!(token.redact_encoded("0123456789abcdef"), "(redacted)");
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let token = Token::from_base64("YTpi").unwrap();
        assert!(!format!("{token:?} {:?}", token.authorization()).contains("YTpi"));
    }
}
