//! Which customer a row of a table is.

use std::collections::HashMap;

use kapture_model::CustomerId;
use serde_json::value::RawValue;

/// The id behind the number that a table keys a customer by: the number itself, or what the extra
/// object holds where that is only a stand-in.
pub(crate) fn customer_of(number: i64, extra: Option<&str>) -> Option<CustomerId> {
    if let Ok(number) = u64::try_from(number) {
        return Some(CustomerId::Number(number));
    }
    let extra: HashMap<String, &RawValue> = serde_json::from_str(extra?).ok()?;
    CustomerId::decode(extra.get("id")?.get())
}
