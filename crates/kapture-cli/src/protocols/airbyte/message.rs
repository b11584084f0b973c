//! The messages of the Airbyte protocol: one JSON object a line.
//!
//! Records are not among them: they are many, and written as text by [`record`](super::record).

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

/// A message to the platform.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Message {
    Spec {
        spec: Spec,
    },
    ConnectionStatus {
        #[serde(rename = "connectionStatus")]
        status: ConnectionStatus,
    },
    Catalog {
        catalog: Catalog,
    },
    State {
        state: State,
    },
    Log {
        log: Log,
    },
    Trace {
        trace: Trace,
    },
}

/// What the connector is, and the JSON Schema of its configuration.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Spec {
    #[serde(rename = "documentationUrl")]
    pub(super) documentation_url: &'static str,
    #[serde(rename = "connectionSpecification")]
    pub(super) connection_specification: Value,
    #[serde(rename = "supportsIncremental")]
    pub(super) supports_incremental: bool,
    pub(super) protocol_version: &'static str,
}

/// Whether the connection works.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ConnectionStatus {
    status: Verdict,
    message: String,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Verdict {
    Succeeded,
    Failed,
}

/// The streams that there are.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Catalog {
    pub(super) streams: Vec<Stream>,
}

/// A stream, and how it can be read.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Stream {
    pub(super) name: &'static str,
    pub(super) json_schema: Value,
    pub(super) supported_sync_modes: [SyncMode; 2],
    pub(super) source_defined_cursor: bool,
    pub(super) default_cursor_field: Vec<&'static str>,
    /// A path to each field of the key.
    pub(super) source_defined_primary_key: Vec<Vec<&'static str>>,
    pub(super) is_resumable: bool,
}

/// How a stream is read.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SyncMode {
    /// All days.
    FullRefresh,
    /// The days that the state does not have.
    Incremental,
}

/// The state of a stream, with what came since its last one.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "STREAM")]
pub(super) struct State {
    stream: StreamState,
    #[serde(rename = "sourceStats")]
    source_stats: SourceStats,
}

#[derive(Debug, Clone, Serialize)]
struct StreamState {
    stream_descriptor: StreamDescriptor,
    stream_state: Value,
}

#[derive(Debug, Clone, Serialize)]
struct SourceStats {
    /// The protocol wants a decimal point here.
    #[serde(rename = "recordCount")]
    record_count: f64,
}

impl State {
    /// The state of a stream, with the number of records since its last one.
    pub(super) fn new(name: &'static str, stream_state: Value, records: u64) -> Self {
        Self {
            stream: StreamState {
                stream_descriptor: StreamDescriptor { name },
                stream_state,
            },
            source_stats: SourceStats {
                record_count: records as f64,
            },
        }
    }
}

/// The name of a stream; this source has no namespaces.
#[derive(Debug, Clone, Copy, Serialize)]
struct StreamDescriptor {
    name: &'static str,
}

/// A line for the log of the platform.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Log {
    level: Level,
    message: String,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Level {
    Info,
}

/// What is going on.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Trace {
    /// Milliseconds since 1970.
    emitted_at: f64,
    #[serde(flatten)]
    kind: TraceKind,
}

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum TraceKind {
    Error { error: ErrorTrace },
    Estimate { estimate: Estimate },
    StreamStatus { stream_status: StreamStatus },
}

/// Why the command failed.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ErrorTrace {
    /// For users: what happened, and what to do next.
    pub(super) message: String,
    pub(super) failure_type: FailureType,
}

/// Who can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum FailureType {
    /// The user, who has to change the configuration.
    #[serde(rename = "config_error")]
    Config,
    /// Another attempt.
    #[serde(rename = "transient_error")]
    Transient,
    /// A person who reads the log: the cause is in the server or in kapture.
    #[serde(rename = "system_error")]
    System,
}

/// How many records a stream will have in this read.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "STREAM")]
pub(super) struct Estimate {
    pub(super) name: &'static str,
    pub(super) row_estimate: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct StreamStatus {
    stream_descriptor: StreamDescriptor,
    status: StreamProgress,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<StatusReason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum StreamProgress {
    Started,
    /// At least one record came.
    Running,
    Complete,
    Incomplete,
}

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
enum StatusReason {
    RateLimited { rate_limited: RateLimited },
}

#[derive(Debug, Clone, Serialize)]
struct RateLimited {
    /// When the next request is made, in milliseconds since 1970.
    quota_reset: i64,
}

impl Message {
    /// One line of JSON, with its end.
    pub(super) fn to_line(&self) -> String {
        // Texts and numbers under known keys.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    pub(super) fn succeeded(message: impl Into<String>) -> Self {
        Self::status(Verdict::Succeeded, message.into())
    }

    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::status(Verdict::Failed, message.into())
    }

    fn status(status: Verdict, message: String) -> Self {
        let status = ConnectionStatus { status, message };
        Self::ConnectionStatus { status }
    }

    pub(super) fn info(message: String) -> Self {
        let level = Level::Info;
        let log = Log { level, message };
        Self::Log { log }
    }

    pub(super) fn trace(kind: TraceKind) -> Self {
        let emitted_at = Utc::now().timestamp_millis() as f64;
        let trace = Trace { emitted_at, kind };
        Self::Trace { trace }
    }

    pub(super) fn stream_status(name: &'static str, status: StreamProgress) -> Self {
        Self::trace(TraceKind::StreamStatus {
            stream_status: StreamStatus {
                stream_descriptor: StreamDescriptor { name },
                status,
                reasons: Vec::new(),
            },
        })
    }

    /// The stream is being read, and waits because the server asks for fewer requests.
    pub(super) fn rate_limited(name: &'static str, until: DateTime<Utc>) -> Self {
        let quota_reset = until.timestamp_millis();
        let reason = StatusReason::RateLimited {
            rate_limited: RateLimited { quota_reset },
        };
        Self::trace(TraceKind::StreamStatus {
            stream_status: StreamStatus {
                stream_descriptor: StreamDescriptor { name },
                status: StreamProgress::Running,
                reasons: vec![reason],
            },
        })
    }

    pub(super) fn estimate(name: &'static str, row_estimate: u64) -> Self {
        let estimate = Estimate { name, row_estimate };
        Self::trace(TraceKind::Estimate { estimate })
    }
}
