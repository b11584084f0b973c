//! Whose customers a place holds, and which version of kapture made it.

use crate::error::SinkError;

/// Whether this version knows what `version` has made.
pub(crate) fn knows(place: &str, version: &str, known: u32) -> Result<(), SinkError> {
    match version.parse::<u32>() {
        Ok(version) if version <= known => Ok(()),
        _ => Err(SinkError::Later {
            place: place.to_owned(),
            found: version.to_owned(),
            known,
        }),
    }
}

/// Whether a place that holds the customers of `held` is the one for those of `asked`. Whoever
/// only looks may not ask for any.
pub(crate) fn same_source(place: &str, held: &str, asked: Option<&str>) -> Result<(), SinkError> {
    match asked {
        Some(asked) if asked != held => Err(SinkError::OtherSource {
            place: place.to_owned(),
            held: held.to_owned(),
            asked: asked.to_owned(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_holds_what_is_filtered_by() {
        let error = same_source(
            "customers.db",
            r#"{"cm_id":7}"#,
            Some(r#"{"cm_id":7,"email":"asha@example.com"}"#),
        );
        assert_eq!(
            error.unwrap_err().to_string(),
            "customers.db holds the customers of account 7 without filters, not of account 7 filtered by email"
        );
        let error = same_source(
            "customers.db",
            r#"{"cm_id":7,"email":"ravi@example.com"}"#,
            Some(r#"{"cm_id":7,"email":"asha@example.com"}"#),
        );
        assert_eq!(
            error.unwrap_err().to_string(),
            "customers.db holds the customers of account 7 filtered by email, with other values than those asked for"
        );
    }
}
