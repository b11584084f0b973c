//! Surrogate keys: tables key a customer by a number, also where its id is none.

use std::collections::HashMap;

use kapture_model::CustomerId;
use serde_json::value::RawValue;

/// The id of the customer with this key: the key itself, or, where the key is a surrogate
/// (negative), the id in the extra object.
pub(crate) fn customer_id(key: i64, extra: Option<&str>) -> Option<CustomerId> {
    if let Ok(number) = u64::try_from(key) {
        return Some(CustomerId::Number(number));
    }
    let extra: HashMap<String, &RawValue> = serde_json::from_str(extra?).ok()?;
    CustomerId::decode(extra.get("id")?.get())
}
