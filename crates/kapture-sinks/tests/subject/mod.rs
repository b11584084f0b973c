//! The destinations under test, read without their sinks.

#[cfg(feature = "dataset")]
pub(crate) mod dataset;
#[cfg(all(feature = "dataset", feature = "parquet"))]
pub(crate) mod parquet;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use std::path::Path;

use chrono_tz::Tz;
use kapture_model::{Column, CustomerQuery};
use kapture_sinks::{Destination, Encoding, Format, Identity, Sink};
use serde_json::{Map, Value};

/// The identity of all destinations.
pub(crate) fn identity() -> Identity {
    Identity::of("acme.kapturecrm.com", &CustomerQuery::new(424_242), Tz::UTC)
}

/// Opens a destination to write to it, as another process does.
pub(crate) async fn create(path: &Path, format: Format) -> Box<dyn Sink> {
    let destination = Destination::parse(path.to_str().expect("text"), None);
    let destination = destination.expect("a destination");
    let encoding = Encoding::new(format);
    let sink = destination.create(&identity(), &encoding).await;
    sink.expect("a sink")
}

/// A customer or contact put together from its columns and its extra object, which has the
/// last word.
pub(crate) fn assembled(columns: &[Column], cells: Vec<Value>, extra: Option<&str>) -> Value {
    let keys = columns.iter().map(|column| column.key.to_owned());
    let mut fields: Map<_, _> = keys.zip(cells).collect();
    if let Some(extra) = extra.filter(|extra| !extra.is_empty()) {
        let extra: Map<String, Value> = serde_json::from_str(extra).expect("an object");
        fields.extend(extra);
    }
    fields.into()
}
