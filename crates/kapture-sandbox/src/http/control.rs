//! What a test asks the server itself: edits between two requests, and the truth.
//!
//! - `POST /sandbox/edits` makes the edits of a script ([`Edit::script`]).
//! - `GET /sandbox/truth?from=DATE&to=DATE` are the customers of these days, one record a line;
//!   `&after=N` as they were when N requests had come.
//! - `GET /sandbox/requests` is the number of requests so far.
//!
//! None of them counts as a request.

use axum::body::{Body, Bytes};
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use chrono::NaiveDate;

use crate::behaviour::edits::Edit;
use crate::tenant::Tenant;

/// The answer, if the path is one of these.
pub(super) fn answer(
    tenant: &Tenant,
    method: &Method,
    uri: &Uri,
    body: &Bytes,
) -> Option<Response> {
    let outcome = match (method.as_str(), uri.path()) {
        ("POST", "/sandbox/edits") => edit(tenant, body),
        ("GET", "/sandbox/truth") => truth(tenant, uri.query().unwrap_or_default()),
        ("GET", "/sandbox/requests") => Ok(format!("{}\n", tenant.request_count())),
        _ => return None,
    };
    let (status, text) = match outcome {
        Ok(text) => (StatusCode::OK, text),
        Err(text) => (StatusCode::BAD_REQUEST, text + "\n"),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    Some(response)
}

fn edit(tenant: &Tenant, body: &Bytes) -> Result<String, String> {
    let script = str::from_utf8(body).map_err(|error| error.to_string())?;
    let edits = Edit::script(script).map_err(|error| error.to_string())?;
    edits.iter().for_each(|edit| tenant.edit(edit));
    Ok(format!("{}\n", tenant.request_count()))
}

fn truth(tenant: &Tenant, query: &str) -> Result<String, String> {
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let day = |name: &str| -> Result<NaiveDate, String> {
        let day = value(name).unwrap_or_default();
        day.parse()
            .map_err(|_| format!("{name}: expected a date, not `{day}`"))
    };
    let (from, to) = (day("from")?, day("to")?);
    let customers = match value("after") {
        None => tenant.truth(from, to),
        Some(after) => {
            let after = after
                .parse()
                .map_err(|_| format!("after: expected a number of requests, not `{after}`"))?;
            tenant.truth_after(after, from, to)
        }
    };
    let lines = customers.into_iter().map(|customer| customer.json + "\n");
    Ok(lines.collect())
}
