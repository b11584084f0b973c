//! Checks a connection with one request.

use chrono::NaiveDate;
use kapture_model::{CustomerQuery, Window};
use kapture_transport::{CallPolicy, Error, RefusalPolicy, RetryPolicy};

use crate::config::connection::Connection;
use crate::error::CliError;

/// Makes one request. A refused token is an error. Another refusal, or HTTP 404, is reported as
/// text, since the API may also report in that way that a day has no customers.
pub(crate) async fn once(mut connection: Connection) -> Result<String, CliError> {
    let endpoint = connection.options.endpoint;
    connection.options.retry = RetryPolicy::default()
        .refusal_confirmations(1)
        .retry_budget(0)
        .unanswered_attempts(1);
    let query = CustomerQuery::new(connection.cm_id);
    let day = chrono::Local::now().date_naive();
    let day = day.pred_opt().unwrap_or(NaiveDate::MIN);
    let body = query.body(Window::day(day), 2, 0);
    let connected = connection.open().await?;
    let policy = CallPolicy::default().refusals(RefusalPolicy::First);
    let call = connected.client.call(body.into(), policy);
    match call.await {
        Ok(_) => Ok("the server accepts the connection".into()),
        Err(Error::Refused(refusal) | Error::NotFound(refusal)) => Ok(format!(
            "the server does not refuse the token, but answers: {refusal} (kapture doctor shows more)"
        )),
        Err(Error::Exhausted { last, .. }) => Err(CliError::call(*last, endpoint)),
        Err(error) => Err(CliError::call(error, endpoint)),
    }
}
