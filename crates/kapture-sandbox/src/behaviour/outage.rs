//! Outages of the search: windows that hold customers answer as if they held none.

use crate::behaviour::answer_form::EmptyForm;
use crate::behaviour::when::When;

/// Requests that are answered as if the window held no customers, although it may hold some. The
/// truth keeps those customers: a client must not believe such an answer.
///
/// ```
/// use kapture_sandbox::{Behaviour, EmptyForm, Outage, When};
///
/// // One of two machines that answer in turn has an empty index.
/// let replica = Outage::of(When::EveryNth(2));
/// // The search is down for the whole run and answers in the words for a day without customers.
/// let out = Outage { when: When::Always, form: Some(EmptyForm::Failed("No Data Found".into())) };
/// let behaviour = Behaviour { outages: vec![replica, out], ..Behaviour::default() };
/// assert_eq!(behaviour.outages[0].form, None);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Outage {
    /// The requests that are answered so.
    pub when: When,
    /// The form of the answer. `None`: that of a window without customers.
    pub form: Option<EmptyForm>,
}

impl Outage {
    /// Requests are answered exactly as windows without customers are.
    pub fn of(when: When) -> Self {
        Self { when, form: None }
    }
}

/// Rows that are missing from the answers to some requests, as from a machine whose index lags behind:
/// the window seems to hold fewer customers. The truth keeps them.
#[derive(Clone, Debug, PartialEq)]
pub struct PartialOutage {
    /// The requests that are answered so.
    pub when: When,
    /// The share (0 to 1) of the customers that are missing: the same customers each time.
    pub hidden: f64,
}
