//! An answer of the tenant.

pub(crate) mod refusal;

use bytes::Bytes;

use crate::behaviour::answer_form::{ContentType, EmptyForm};
use crate::behaviour::fault::{Fault, FaultKind};

/// What the tenant answers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body, also where `fault` keeps a part of it from arriving.
    pub body: Bytes,
    /// What whoever delivers the answer has to act out. With [`Fault::Reset`] and [`Fault::Stall`]
    /// nothing of this reply reaches the client.
    pub fault: Option<Fault>,
}

impl Reply {
    /// The value of the first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), content_type.into())],
            body: body.into(),
            fault: None,
        }
    }

    pub(crate) fn html(status: u16, title: &str) -> Self {
        let page = format!(
            "<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
        );
        Self::text(status, ContentType::Html.header(), page)
    }

    pub(crate) fn failed(status: u16, content_type: ContentType, sentence: &str) -> Self {
        let message = serde_json::Value::from(sentence);
        Self::text(
            status,
            content_type.header(),
            format!(r#"{{"message":{message},"status":"failed"}}"#),
        )
    }

    pub(crate) fn empty(form: &EmptyForm, content_type: ContentType) -> Self {
        let body = match form {
            EmptyForm::EmptyList => r#"{"message":[],"status":"success"}"#,
            EmptyForm::Null => r#"{"message":null,"status":"success"}"#,
            EmptyForm::Missing => r#"{"status":"success"}"#,
            EmptyForm::BlankText => r#"{"message":" ","status":"success"}"#,
            EmptyForm::EmptyString => r#"{"message":"","status":"success"}"#,
            EmptyForm::Failed(sentence) => return Self::failed(200, content_type, sentence),
            EmptyForm::NotFound(sentence) => return Self::failed(404, content_type, sentence),
        };
        Self::text(200, content_type.header(), body)
    }

    /// The answer that takes the place of the right one, for the faults that do not need it.
    pub(crate) fn of_fault(kind: &FaultKind, content_type: ContentType) -> Option<Self> {
        let mut reply = match kind {
            FaultKind::Status500 => Self::html(500, "HTTP Status 500 – Internal Server Error"),
            FaultKind::BadGatewayHtml502 => Self::html(502, "502 Bad Gateway"),
            FaultKind::Unavailable503 => Self::bare(503),
            FaultKind::GatewayTimeout504 => Self::html(504, "504 Gateway Time-out"),
            FaultKind::TooManyRequests429 { retry_after } => {
                Self::too_many(retry_after.as_deref(), content_type)
            }
            FaultKind::LoginPage => Self::html(200, "Login"),
            FaultKind::LoginRedirect => {
                let mut reply = Self::bare(302);
                reply.headers.push((
                    "location".into(),
                    "https://login.example.com/login.html".into(),
                ));
                reply
            }
            FaultKind::Failed(sentence) => Self::failed(200, content_type, sentence),
            FaultKind::EmptyBody => Self::text(200, content_type.header(), Bytes::new()),
            FaultKind::Reset | FaultKind::Stall => Self::bare(200),
            FaultKind::CutText | FaultKind::Truncated | FaultKind::SlowBody { .. } => return None,
        };
        reply.mark(kind);
        Some(reply)
    }

    /// Spoils the right answer, for the faults that begin with it.
    pub(crate) fn spoil(&mut self, kind: &FaultKind) {
        if *kind == FaultKind::CutText {
            self.body.truncate(self.body.len() / 2);
        }
        self.mark(kind);
    }

    pub(crate) fn too_many(retry_after: Option<&str>, content_type: ContentType) -> Self {
        let mut reply = Self::failed(429, content_type, "Too many requests");
        if let Some(value) = retry_after {
            reply.headers.push(("retry-after".into(), value.into()));
        }
        reply
    }

    fn bare(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            fault: None,
        }
    }

    fn mark(&mut self, kind: &FaultKind) {
        self.fault = match *kind {
            FaultKind::Truncated => Some(Fault::Truncated),
            FaultKind::Reset => Some(Fault::Reset),
            FaultKind::SlowBody { pieces, pause } => Some(Fault::Slow { pieces, pause }),
            FaultKind::Stall => Some(Fault::Stall),
            _ => None,
        };
    }
}

impl ContentType {
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Json => "application/json;charset=UTF-8",
            Self::Html => "text/html;charset=UTF-8",
        }
    }
}
