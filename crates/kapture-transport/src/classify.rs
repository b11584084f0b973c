//! What a response means: customers, or one [`Error`].

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use kapture_model::{Answer, AnswerError, Record};

use crate::error::{Error, Refusal};
use crate::transport::Response;

/// Classifies by the body and the status, never by the content type: a path that ends in `.html` may
/// send JSON as `text/html`. Failures come with HTTP 200 as with any other status.
pub(crate) fn classify(response: Response, now: SystemTime) -> Result<Vec<Record>, Error> {
    let status = response.status;
    let decoded = Answer::decode(response.body.clone());
    if let Ok(Answer::Failed { message }) = &decoded
        && says_invalid_key(message)
    {
        return Err(Error::Unauthorized(Refusal {
            status,
            message: message.clone(),
        }));
    }
    // 205 has no body by its definition, as 204.
    if matches!(status, 204 | 205) && response.body.is_empty() {
        return Ok(Vec::new());
    }
    let wait = response
        .retry_after
        .and_then(|text| retry_after(&text, now));
    if (200..300).contains(&status) {
        return match decoded {
            Ok(Answer::Customers(records)) => Ok(records),
            Ok(Answer::Failed { .. }) if wait.is_some() => Err(Error::RateLimited { wait }),
            Ok(Answer::Failed { message }) => {
                let is_server = says_server_failure(&message);
                let refusal = Refusal { status, message };
                Err(match is_server {
                    true => Error::Server {
                        refusal,
                        wait: None,
                    },
                    false => Error::Refused(refusal),
                })
            }
            Err(AnswerError::MissingId { row }) => Err(Error::MissingId { row }),
            Err(AnswerError::TooManyRows { limit }) => Err(Error::TooManyRows { limit }),
            Err(AnswerError::Truncated) => Err(Error::Truncated),
            Err(AnswerError::TrailingText { line, column }) => {
                Err(Error::TrailingText { line, column })
            }
            Err(AnswerError::NotJson { line, column }) => {
                Err(if is_meant_as_json(&response.body) {
                    Error::InvalidJson { line, column }
                } else {
                    let what = appearance(&response.body, line, column);
                    Error::NotJson { what }
                })
            }
            // What it means is learnt, as for any refusal.
            Err(_) if holds_nothing(&response.body) => {
                let message = String::new();
                Err(Error::Refused(Refusal { status, message }))
            }
            Err(_) => Err(Error::UnexpectedShape),
        };
    }
    let (message, has_customers) = match decoded {
        Ok(Answer::Failed { message }) => (message, false),
        Ok(Answer::Customers(records)) => (String::new(), !records.is_empty()),
        Err(_) => (String::new(), false),
    };
    let refusal = Refusal { status, message };
    Err(match status {
        300..=399 if wait.is_some() => Error::RateLimited { wait },
        300..=399 => Error::Redirected { status },
        // 408 and 425 ask for the same request once more; an odd 1xx is a failure of the gateway.
        408 | 425 | 500.. | ..=199 => Error::Server { refusal, wait },
        429 => Error::RateLimited { wait },
        // Gateways limit requests with many other statuses: 403, 420, 423, 430, 498.
        400..=499 if wait.is_some() => Error::RateLimited { wait },
        401 => Error::Unauthorized(refusal),
        403 => Error::Forbidden(refusal),
        // An error status with customers contradicts itself: it must not count as "no customers".
        _ if has_customers => Error::UnexpectedShape,
        404 => Error::NotFound(refusal),
        _ => Error::Refused(refusal),
    })
}

/// Whether a failure means that the token is missing, wrong, expired or disabled. `Invalid Auth Key`
/// is the one documented message for it, with HTTP 200 as well as with an error status; the others
/// are codes and sentences of the vendor's older pages, and the code of RFC 6750.
fn says_invalid_key(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "invalid auth key",
        "authkeyinvalid",
        "apiexpired",
        "api request is expired",
        "invalid_token",
    ]
    .iter()
    .any(|words| message.contains(words))
}

/// Whether a failure is one of the server itself, which may pass.
fn says_server_failure(message: &str) -> bool {
    message.contains("ServerFailure")
}

/// The longest `Retry-After` in seconds, a hundred years: longer waits overflow clocks.
const MAX_RETRY_AFTER: u64 = 100 * 365 * 86_400;

/// Parses `Retry-After` (RFC 9110, 10.2.3): a number of seconds or an HTTP date. `None` if it names
/// no wait, or one that is over already.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds.min(MAX_RETRY_AFTER)),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            date.duration_since(now).ok()?
        }
    };
    (!wait.is_zero()).then_some(wait)
}

/// Whether a body that is not JSON was meant to be: it begins as an answer does.
fn is_meant_as_json(body: &Bytes) -> bool {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    body.trim_ascii_start().starts_with(b"{")
}

/// Whether a body is a value without content, as Gson writes a response whose fields are all null.
fn holds_nothing(body: &Bytes) -> bool {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    [&b"null"[..], b"[]", b"{}"].contains(&body.trim_ascii())
}

/// Describes a body that is not JSON from `line` and `column` on. It quotes only the title of a web
/// page, because anything else may be a part of a customer.
fn appearance(body: &Bytes, line: usize, column: usize) -> String {
    match page_title(body) {
        Some(title) if title.is_empty() => "a web page".into(),
        Some(title) => format!("a web page titled “{title}”"),
        None => format!(
            "something else, {} bytes long (line {line}, column {column})",
            body.len()
        ),
    }
}

/// The title of a web page, empty if it has none; `None` if the body is no web page.
fn page_title(body: &Bytes) -> Option<String> {
    let start = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    if !start
        .trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with('<')
    {
        return None;
    }
    let lower = start.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|open| {
        let from = open + "<title>".len();
        let length = lower[from..].find("</title>")?;
        Some(start[from..from + length].trim().to_owned())
    });
    Some(title.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &'static str) -> Result<usize, Error> {
        with_wait(status, body, None)
    }

    fn with_wait(status: u16, body: &'static str, wait: Option<&str>) -> Result<usize, Error> {
        let response = Response {
            status,
            retry_after: wait.map(str::to_owned),
            body: Bytes::from_static(body.as_bytes()),
        };
        // Mon, 23 Nov 2026 10:00:00 GMT
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_428_000);
        classify(response, now).map(|records| records.len())
    }

    fn refusal(status: u16, message: &str) -> Refusal {
        Refusal {
            status,
            message: message.into(),
        }
    }

    #[test]
    fn success_with_rows_is_customers() {
        assert_eq!(
            of(200, r#"{"message":[{"id":1},{"id":2}],"status":"success"}"#),
            Ok(2)
        );
        assert_eq!(of(200, r#"{"message":null,"status":"success"}"#), Ok(0));
    }

    #[test]
    fn failure_with_status_200_is_a_refusal() {
        assert_eq!(
            of(200, r#"{"message":"Busy","status":"failed"}"#),
            Err(Error::Refused(refusal(200, "Busy")))
        );
    }

    #[test]
    fn value_without_content_is_a_refusal_without_words() {
        for body in ["null", "[]", " {}\n", "\u{feff}{}"] {
            assert_eq!(of(200, body), Err(Error::Refused(refusal(200, ""))));
        }
        for body in ["0", "[[]]", r#"{"data":[]}"#] {
            assert_eq!(of(200, body), Err(Error::UnexpectedShape), "{body}");
        }
    }

    #[test]
    fn invalid_auth_key_is_unauthorized_with_any_status() {
        for status in [200, 400, 401, 403, 404, 500] {
            let error = of(
                status,
                r#"{"message":"Invalid Auth Key","status":"failed"}"#,
            );
            assert_eq!(
                error,
                Err(Error::Unauthorized(refusal(status, "Invalid Auth Key")))
            );
        }
    }

    #[test]
    fn codes_of_older_pages_keep_their_meaning() {
        for message in [
            "AuthKeyInvalid",
            "APIExpired",
            "API Request is Expired",
            "APIExpired: API Request is Expired",
        ] {
            let body = format!(r#"{{"message":"{message}","status":"failed"}}"#);
            let expired = of(200, body.leak());
            assert_eq!(expired, Err(Error::Unauthorized(refusal(200, message))));
        }
        let by_status = of(200, r#"{"message":"x","status":"AuthKeyInvalid"}"#);
        let expected = refusal(200, "AuthKeyInvalid: x");
        assert_eq!(by_status, Err(Error::Unauthorized(expected)));
        for body in [
            r#"{"error":"APIExpired"}"#,
            r#"{"error":{"code":401,"message":"AuthKeyInvalid"}}"#,
            r#"{"status":"failed","error":{"code":"AuthKeyInvalid"}}"#,
            r#"{"errors":[{"code":"APIExpired","detail":"expired"}]}"#,
            r#"{"error":"invalid_token","error_description":"expired"}"#,
            r#"{"fault":{"faultstring":"Invalid Auth Key"}}"#,
        ] {
            let refused = of(200, body);
            assert!(matches!(refused, Err(Error::Unauthorized(_))), "{body}");
        }
        let refusal = refusal(200, "ServerFailure: try again");
        let wait = None;
        assert_eq!(
            of(200, r#"{"message":"try again","status":"ServerFailure"}"#),
            Err(Error::Server { refusal, wait })
        );
    }

    #[test]
    fn error_statuses_map_to_documented_errors() {
        let failed = r#"{"message":"x","status":"failed"}"#;
        assert_eq!(of(400, failed), Err(Error::Refused(refusal(400, "x"))));
        assert_eq!(of(401, failed), Err(Error::Unauthorized(refusal(401, "x"))));
        assert_eq!(of(403, failed), Err(Error::Forbidden(refusal(403, "x"))));
        assert_eq!(of(404, failed), Err(Error::NotFound(refusal(404, "x"))));
        assert_eq!(of(404, "<html>"), Err(Error::NotFound(refusal(404, ""))));
        for status in [408, 500, 502, 503, 504] {
            let (refusal, wait) = (refusal(status, "x"), None);
            assert_eq!(of(status, failed), Err(Error::Server { refusal, wait }));
        }
        assert_eq!(of(302, ""), Err(Error::Redirected { status: 302 }));
    }

    #[test]
    fn retry_after_is_parsed_as_seconds_or_date() {
        for (text, wait) in [
            ("7", Some(7)),
            ("Mon, 23 Nov 2026 10:00:30 GMT", Some(30)),
            ("0", None),
            ("Mon, 23 Nov 2026 10:00:00 GMT", None),
            ("Mon, 23 Nov 2026 09:00:00 GMT", None),
            ("18446744073709551615", Some(MAX_RETRY_AFTER)),
            ("soon", None),
            ("-1", None),
        ] {
            let wait = wait.map(Duration::from_secs);
            assert_eq!(
                with_wait(429, "", Some(text)),
                Err(Error::RateLimited { wait }),
                "{text}"
            );
            let refusal = refusal(503, "");
            let busy = with_wait(503, "", Some(text));
            assert_eq!(busy, Err(Error::Server { refusal, wait }), "{text}");
        }
        assert_eq!(of(429, ""), Err(Error::RateLimited { wait: None }));
    }

    #[test]
    fn retry_after_means_rate_limited_with_every_failure() {
        let failed = r#"{"message":"x","status":"failed"}"#;
        for status in [200, 302, 401, 403, 404, 420, 423, 430, 498] {
            let wait = Some(Duration::from_secs(7));
            let limited = with_wait(status, failed, Some("7"));
            assert_eq!(limited, Err(Error::RateLimited { wait }), "{status}");
            // Without a wait the status means what it usually does.
            let usual = with_wait(status, failed, Some("0"));
            assert_eq!(usual, of(status, failed), "{status}");
        }
    }

    #[test]
    fn no_content_is_an_empty_page() {
        assert_eq!(of(204, ""), Ok(0));
        assert_eq!(of(205, ""), Ok(0));
        let busy = r#"{"message":"Busy","status":"failed"}"#;
        assert_eq!(of(204, busy), Err(Error::Refused(refusal(204, "Busy"))));
    }

    #[test]
    fn error_status_with_customers_is_unexpected_shape() {
        let customers = r#"{"message":[{"id":1}],"status":"success"}"#;
        for status in [400, 404, 410] {
            assert_eq!(of(status, customers), Err(Error::UnexpectedShape));
        }
        let none = r#"{"message":[],"status":"success"}"#;
        assert_eq!(of(404, none), Err(Error::NotFound(refusal(404, ""))));
    }

    #[test]
    fn login_page_is_described_by_its_title_only() {
        let Err(Error::NotJson { what }) = of(
            200,
            "<!doctype html><html><Title> Log in </title><body>asha@example.com",
        ) else {
            panic!("not recognised")
        };
        assert_eq!(what, "a web page titled “Log in”");
        let Err(Error::NotJson { what }) = of(200, "\u{feff} <html><body>asha") else {
            panic!("not recognised")
        };
        assert_eq!(what, "a web page");
    }

    #[test]
    fn faulty_json_is_told_from_other_formats() {
        for body in [
            r#"{"message":[{"id":1},],"status":"success"}"#,
            "\u{feff}\n {\"message\":[{\"id\":1},],\"status\":\"success\"}",
        ] {
            let line = if body.starts_with('{') { 1 } else { 2 };
            let column = if body.starts_with('{') { 22 } else { 23 };
            assert_eq!(of(200, body), Err(Error::InvalidJson { line, column }));
        }
        for (body, line, column) in [
            (r#"{"message":[],"status":"success"}<!-- x -->"#, 1, 34),
            ("{\"message\":[],\"status\":\"success\"}\nnull", 2, 1),
        ] {
            assert_eq!(of(200, body), Err(Error::TrailingText { line, column }));
        }
        assert!(matches!(of(200, "null;"), Err(Error::NotJson { .. })));
    }

    #[test]
    fn incomplete_body_is_truncated_and_not_quoted() {
        let half = r#"{"message":[{"id":1,"name":"Asha"#;
        assert_eq!(of(200, half), Err(Error::Truncated));
        assert_eq!(of(200, ""), Err(Error::Truncated));
        let Err(error) = of(200, "Asha Example, asha@example.com") else {
            panic!()
        };
        assert_eq!(
            error.to_string(),
            "the response is not JSON but something else, 30 bytes long (line 1, column 1)"
        );
    }

    #[test]
    fn row_without_id_is_reported_by_its_number() {
        assert_eq!(
            of(
                200,
                r#"{"message":[{"id":1},{"name":"x"}],"status":"success"}"#
            ),
            Err(Error::MissingId { row: 1 })
        );
    }
}
