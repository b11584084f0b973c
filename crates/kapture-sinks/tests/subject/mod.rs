//! The destinations under test, read without their sinks.

#[cfg(feature = "dataset")]
pub(crate) mod dataset;
#[cfg(all(feature = "dataset", feature = "parquet"))]
pub(crate) mod parquet;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use std::path::Path;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use kapture_model::{Column, CustomerQuery};
use kapture_sinks::{Destination, Encoding, Format, Identity, Sink, SinkError, Tracking};
use serde_json::{Map, Value};

fn identity(cm_id: u64) -> Identity {
    Identity::of("acme.kapturecrm.com", &CustomerQuery::new(cm_id), Tz::UTC)
}

/// Opens a destination to write to it, as another process does.
pub(crate) async fn create(path: &Path, format: Format) -> Box<dyn Sink> {
    let sink = try_create(path, format, 424_242).await;
    sink.expect("a sink")
}

/// The same for the customers of an account.
pub(crate) async fn try_create(
    path: &Path,
    format: Format,
    cm_id: u64,
) -> Result<Box<dyn Sink>, SinkError> {
    let destination = Destination::parse(path.to_str().expect("text"), None);
    let destination = destination.expect("a destination");
    let encoding = Encoding::new(format);
    destination.create(&identity(cm_id), &encoding).await
}

/// The same, keeping the history from a time on.
pub(crate) async fn create_with_history(
    path: &Path,
    format: Format,
    from: DateTime<Utc>,
) -> Box<dyn Sink> {
    let destination = Destination::parse(path.to_str().expect("text"), None);
    let tracking = Tracking {
        history_from: Some(from),
        ..Tracking::default()
    };
    let destination = destination.expect("a destination").tracking(&tracking);
    let destination = destination.expect("a destination with a history");
    let (identity, encoding) = (identity(424_242), Encoding::new(format));
    let sink = destination.create(&identity, &encoding).await;
    sink.expect("a sink")
}

/// Opens a destination to read it, as another process does.
pub(crate) async fn open(path: &Path) -> Box<dyn Sink> {
    let destination = Destination::parse(path.to_str().expect("text"), None);
    let opened = destination.expect("a destination").open(None).await;
    opened.expect("a sink")
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
