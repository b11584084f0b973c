//! `Retry-After`, measured by the server's own clock.

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// The `Retry-After` header of a response. A date becomes the seconds from the response's own
/// `Date` to it, because the clocks of server and client may differ by hours.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<String> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let date = |name| text(name).and_then(|text| httpdate::parse_http_date(text.trim()).ok());
    match (date(RETRY_AFTER), date(DATE)) {
        (Some(end), Some(now)) => {
            let wait = end.duration_since(now).unwrap_or_default();
            Some(wait.as_secs().to_string())
        }
        _ => text(RETRY_AFTER).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    const TEN: &str = "Mon, 23 Nov 2026 10:00:00 GMT";

    #[test]
    fn retry_after_date_is_measured_by_the_date_of_the_response() {
        for (header, date, expected) in [
            ("Mon, 23 Nov 2026 10:00:02 GMT", Some(TEN), "2"),
            ("Mon, 23 Nov 2026 09:59:00 GMT", Some(TEN), "0"),
            (TEN, None, TEN),
            (TEN, Some("today"), TEN),
            ("7", Some(TEN), "7"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(header));
            if let Some(date) = date {
                headers.insert(DATE, HeaderValue::from_static(date));
            }
            assert_eq!(retry_after(&headers).as_deref(), Some(expected), "{header}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
