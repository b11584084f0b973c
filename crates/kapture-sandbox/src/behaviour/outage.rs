//! Outages of the search: windows that hold customers answer as if they held none.

use crate::behaviour::answer_form::EmptyForm;
use crate::behaviour::when::When;

/// Requests that are answered as if the window held no customers, although it may hold some. The
/// truth is not changed by it: a client must not take such an answer for the truth.
///
/// ```
/// use kapture_sandbox::{Behaviour, EmptyForm, Outage, When};
///
/// // One of two machines that answer in turn has an empty index.
/// let replica = Outage::of(When::EveryNth(2));
/// // The search is out for the whole run, and says so in the words of a quiet day.
/// let out = Outage { when: When::Always, form: Some(EmptyForm::Failed("No Data Found".into())) };
/// let behaviour = Behaviour { outages: vec![replica, out], ..Behaviour::default() };
/// assert_eq!(behaviour.outages[0].form, None);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Outage {
    /// Which requests are struck.
    pub when: When,
    /// What they are answered. `None`: exactly what a window without customers answers.
    pub form: Option<EmptyForm>,
}

impl Outage {
    /// Requests are answered exactly as windows without customers are.
    pub fn of(when: When) -> Self {
        Self { when, form: None }
    }
}

/// Rows that are missing from the answers to some requests, as from a machine whose index lags behind:
/// the window seems to hold fewer customers, and pages close up. The truth is not changed by it.
#[derive(Clone, Debug, PartialEq)]
pub struct PartialOutage {
    /// Which requests are struck.
    pub when: When,
    /// The share (0 to 1) of the customers that are missing, always the same ones.
    pub hidden: f64,
}
