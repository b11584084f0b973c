//! A failure in the server's own words.

use std::fmt;

use kapture_model::sanitize;

/// A failure in the server's own words.
///
/// The API answers failures with HTTP 200 as readily as with an error status, so the two belong
/// together.
///
/// ```
/// use kapture_transport::Refusal;
///
/// let refusal = Refusal::new(200, "No data found");
/// assert_eq!(refusal.to_string(), "“No data found” (HTTP status 200)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The message of the body, unchanged; empty if there was none. Print it through
    /// [`sanitize`](kapture_model::sanitize).
    pub message: String,
}

impl Refusal {
    /// A failure with this HTTP status and this message of the body.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status;
        if self.message.trim().is_empty() {
            write!(f, "no message, HTTP status {status}")
        } else {
            write!(f, "“{}” (HTTP status {status})", sanitize(&self.message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_quotes_the_message_or_says_that_there_is_none() {
        let displayed = |message: &str| {
            let message = message.into();
            Refusal {
                status: 503,
                message,
            }
            .to_string()
        };
        assert_eq!(displayed("Busy"), "“Busy” (HTTP status 503)");
        assert_eq!(displayed(" "), "no message, HTTP status 503");
    }
}
