//! Traces of a run for an OpenTelemetry collector, configured by the standard `OTEL_*` variables.

use std::env;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use opentelemetry::Key;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};
use tracing::Subscriber;
use tracing::span::Id;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::output::message::Message;

/// The default timeout for a collector, which delays the end of a run.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait for the root span to close after a run.
const ROOT_SPAN_TIMEOUT: Duration = Duration::from_secs(1);

/// The supported protocol.
const PROTOCOL: &str = "http/protobuf";

/// The trace exporter. Dropping it flushes the spans.
#[derive(Debug)]
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    failure: Arc<OnceLock<String>>,
    timeout: Duration,
    /// Receives when a root span closes.
    closed: mpsc::Receiver<()>,
    watcher: RootSpanWatcher,
}

impl Traces {
    /// Starts tracing if the environment configures a collector. Failures are printed and do not stop
    /// the command.
    pub(crate) fn start() -> Option<Self> {
        if !is_enabled() {
            return None;
        }
        match Self::to_collector() {
            Ok(traces) => Some(traces),
            Err(why) => {
                warn(&why);
                None
            }
        }
    }

    fn to_collector() -> Result<Self, String> {
        if let Some(other) = first_of([
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
        ]) && other != PROTOCOL
        {
            return Err(format!("unsupported protocol {other}: expected {PROTOCOL}"));
        }
        let timeout = timeout();
        // The first connection of the process installs the provider; it is the same one everywhere.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::blocking::Client::builder()
            .user_agent(concat!("kapture/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| error.to_string())?;
        let exporter = SpanExporter::builder().with_http().with_http_client(client);
        let exporter = exporter.build().map_err(|error| error.to_string())?;
        let failure = Arc::default();
        let recorder = FailureRecorder {
            exporter,
            failure: Arc::clone(&failure),
        };
        let provider = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_batch_exporter(recorder)
            .build();
        let (sender, closed) = mpsc::sync_channel(1);
        Ok(Self {
            provider,
            failure,
            timeout,
            closed,
            watcher: RootSpanWatcher(sender),
        })
    }

    /// The layer that exports spans.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let spans = tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("kapture"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        // In this order, so that a span is exported before its end is signalled.
        spans.and_then(self.watcher.clone())
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // The span of an aborted request is open until its task has been dropped.
        let _ = self.closed.recv_timeout(ROOT_SPAN_TIMEOUT);
        let ended = self.provider.shutdown_with_timeout(self.timeout);
        if let Some(why) = self.failure.get() {
            warn(why);
        } else if ended.is_err() {
            warn(&format!(
                "the collector did not accept them within {:?}",
                self.timeout
            ));
        }
    }
}

/// Signals the end of a root span, which has all other spans of the run below it.
#[derive(Clone, Debug)]
struct RootSpanWatcher(mpsc::SyncSender<()>);

impl<S> Layer<S> for RootSpanWatcher
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if context
            .span(&id)
            .is_some_and(|span| span.parent().is_none())
        {
            let _ = self.0.try_send(());
        }
    }
}

fn warn(why: &str) {
    let why = kapture_model::sanitize(why);
    Message::warning(format!("cannot send traces: {why}")).print();
}

/// Whether a collector is configured or traces are requested.
fn is_enabled() -> bool {
    let disabled =
        first_of(["OTEL_SDK_DISABLED"]).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let named = first_of([
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ]);
    !disabled
        && match first_of(["OTEL_TRACES_EXPORTER"]) {
            Some(exporter) => exporter == "otlp",
            None => named.is_some(),
        }
}

fn timeout() -> Duration {
    let value = first_of([
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
    ]);
    let milliseconds = value.and_then(|text| text.trim().parse().ok());
    milliseconds.map_or(DEFAULT_TIMEOUT, Duration::from_millis)
}

/// The value of the first of these variables that is set.
fn first_of<const N: usize>(names: [&str; N]) -> Option<String> {
    let mut values = names.into_iter().filter_map(|name| env::var(name).ok());
    values.find(|value| !value.trim().is_empty())
}

/// The resource from the environment, with at least the name of this program.
fn resource() -> Resource {
    let resource = Resource::builder().build();
    let name = resource.get(&Key::from_static_str("service.name"));
    if name.is_none_or(|name| name.as_str().starts_with("unknown_service")) {
        return Resource::builder().with_service_name("kapture").build();
    }
    resource
}

/// An exporter that records its first failure.
#[derive(Debug)]
struct FailureRecorder {
    exporter: SpanExporter,
    failure: Arc<OnceLock<String>>,
}

impl opentelemetry_sdk::trace::SpanExporter for FailureRecorder {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let outcome = self.exporter.export(batch).await;
        if let Err(error) = &outcome {
            let _ = self.failure.set(error.to_string());
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
