//! What programs of others make of what kapture writes: Chromium of the report, Prometheus of the
//! metrics, mdBook of the guide.

pub(crate) mod guide;
pub(crate) mod metrics;
pub(crate) mod npm;
pub(crate) mod report;
