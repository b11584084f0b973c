//! A reply of the tenant.

pub(crate) mod form;
pub(crate) mod refusal;

use bytes::Bytes;

use crate::behaviour::answer_form::ContentType;
use crate::behaviour::fault::{Fault, FaultKind};

/// A reply of the tenant.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The complete body, even where `fault` prevents part of it from arriving.
    pub body: Bytes,
    /// The fault that the transport has to act out. With [`Fault::Reset`] and [`Fault::Stall`] nothing of
    /// this reply reaches the client.
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

    pub(crate) fn redirect(location: &str) -> Self {
        let mut reply = Self::bare(302);
        reply.headers.push(("location".into(), location.into()));
        reply
    }

    /// Applies a fault that damages a correct reply.
    pub(crate) fn damage(&mut self, kind: &FaultKind) {
        if *kind == FaultKind::CutText {
            self.body.truncate(self.body.len() / 2);
        }
        self.mark(kind);
    }

    pub(crate) fn retry_after(mut self, value: Option<&str>) -> Self {
        self.headers
            .extend(value.map(|value| ("retry-after".into(), value.into())));
        self
    }

    pub(crate) fn bare(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            fault: None,
        }
    }

    pub(crate) fn mark(&mut self, kind: &FaultKind) {
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
