//! Traces of a run for an OpenTelemetry collector, as the standard `OTEL_*` variables say.

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

/// How long a collector may take, and with it the end of a run, unless something else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long what was under way in a run that has ended may take to notice.
const END: Duration = Duration::from_secs(1);

/// What the exporter speaks.
const PROTOCOL: &str = "http/protobuf";

/// Traces on their way to a collector. Dropping it sends what is left.
#[derive(Debug)]
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    failure: Arc<OnceLock<String>>,
    patience: Duration,
    /// Tells of each run that is over.
    over: mpsc::Receiver<()>,
    ends: Ends,
}

impl Traces {
    /// Traces, where the environment names a collector. Whatever keeps them from being sent is
    /// told, and keeps nothing else from being done.
    pub(crate) fn start() -> Option<Self> {
        if !are_wanted() {
            return None;
        }
        match Self::to_collector() {
            Ok(traces) => Some(traces),
            Err(why) => {
                tell_of(&why);
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
            return Err(format!(
                "the protocol asked for is {other}, and only {PROTOCOL} is spoken"
            ));
        }
        let patience = patience();
        // Whoever connects first chooses the provider, and it is the same one everywhere.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::blocking::Client::builder()
            .user_agent(concat!("kapture/", env!("CARGO_PKG_VERSION")))
            .timeout(patience)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| error.to_string())?;
        let exporter = SpanExporter::builder().with_http().with_http_client(client);
        let exporter = exporter.build().map_err(|error| error.to_string())?;
        let failure = Arc::default();
        let watched = Watched {
            exporter,
            failure: Arc::clone(&failure),
        };
        let provider = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_batch_exporter(watched)
            .build();
        let (ends, over) = mpsc::sync_channel(1);
        Ok(Self {
            provider,
            failure,
            patience,
            over,
            ends: Ends(ends),
        })
    }

    /// What turns spans into traces.
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
        // In this order: a span has been turned into one of a trace before its end is told.
        spans.and_then(self.ends.clone())
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // A request that was given up is still a span of the run until its task has been dropped.
        let _ = self.over.recv_timeout(END);
        let ended = self.provider.shutdown_with_timeout(self.patience);
        if let Some(why) = self.failure.get() {
            tell_of(why);
        } else if ended.is_err() {
            tell_of(&format!(
                "the collector did not take them within {:?}",
                self.patience
            ));
        }
    }
}

/// Tells when the span of a run, which has none above it, has ended, and with it all that it was
/// made of.
#[derive(Clone, Debug)]
struct Ends(mpsc::SyncSender<()>);

impl<S> Layer<S> for Ends
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

fn tell_of(why: &str) {
    let why = kapture_model::sanitize(why);
    Message::warning(format!("traces are lost, and nothing else is: {why}")).print();
}

/// A collector is named, or traces are asked for. Nobody looks for one on the chance that it is
/// there.
fn are_wanted() -> bool {
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

fn patience() -> Duration {
    let said = first_of([
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
    ]);
    let milliseconds = said.and_then(|text| text.trim().parse().ok());
    milliseconds.map_or(DEFAULT_TIMEOUT, Duration::from_millis)
}

/// The value of the first of these variables that has any.
fn first_of<const N: usize>(names: [&str; N]) -> Option<String> {
    let mut values = names.into_iter().filter_map(|name| env::var(name).ok());
    values.find(|value| !value.trim().is_empty())
}

/// What is said of this program in the environment. Its name, if nothing else, is known.
fn resource() -> Resource {
    let said = Resource::builder().build();
    let name = said.get(&Key::from_static_str("service.name"));
    if name.is_none_or(|name| name.as_str().starts_with("unknown_service")) {
        return Resource::builder().with_service_name("kapture").build();
    }
    said
}

/// An exporter whose first failure is remembered.
#[derive(Debug)]
struct Watched {
    exporter: SpanExporter,
    failure: Arc<OnceLock<String>>,
}

impl opentelemetry_sdk::trace::SpanExporter for Watched {
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
