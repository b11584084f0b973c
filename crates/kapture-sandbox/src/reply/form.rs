//! Writes the bodies of answers in the tenant's envelope and spelling.

use std::borrow::Cow;

use bytes::Bytes;
use chrono::NaiveDate;
use serde_json::Value;

use crate::behaviour::Behaviour;
use crate::behaviour::answer_form::{CodePlace, EmptyForm, Spelling, TotalCount};
use crate::behaviour::fault::{ErrorCode, FaultKind};
use crate::behaviour::gateway::SessionEndForm;
use crate::draw::{Subject, draw};
use crate::reply::Reply;
use crate::reply::refusal::Refusal;

/// The form of the answer to one request.
#[derive(Clone, Copy)]
pub(crate) struct ReplyForm<'a> {
    pub(crate) behaviour: &'a Behaviour,
    pub(crate) seed: u64,
    /// The request's number.
    pub(crate) number: u64,
    /// The requested window, where the body could be read.
    pub(crate) window: Option<(NaiveDate, NaiveDate)>,
}

impl ReplyForm<'_> {
    /// A page with these rows, which are JSON objects with commas between them.
    pub(crate) fn page(&self, rows: &[u8], count: u64, total: u64) -> Reply {
        let as_object = count == 1 && self.behaviour.envelope.single_row_as_object;
        let [message, status, success, _] = self.spelling();
        let (open, close) = if as_object { ("", "") } else { ("[", "]") };
        let mut body = Vec::with_capacity(rows.len() + 96);
        body.extend_from_slice(format!(r#"{{"{message}":{open}"#).as_bytes());
        body.extend_from_slice(rows);
        let total = self.total_count(total);
        body.extend_from_slice(format!(r#"{close},"{status}":"{success}"{total}}}"#).as_bytes());
        if self.behaviour.pretty
            && let Ok(value) = serde_json::from_slice::<Value>(&body)
        {
            body = format!("{value:#}").into_bytes();
        }
        self.json(200, body)
    }

    /// "No customers"; `total` is the number of rows in the window.
    pub(crate) fn empty(&self, form: &EmptyForm, total: u64) -> Reply {
        match form {
            EmptyForm::EmptyList => self.success(Some("[]"), total, ""),
            EmptyForm::ListBeside(members) => {
                self.success(Some("[]"), total, &format!(",{}", self.filled(members)))
            }
            EmptyForm::Null => self.success(Some("null"), total, ""),
            EmptyForm::Missing => self.success(None, total, ""),
            EmptyForm::EmptyObject => self.success(Some("{}"), total, ""),
            EmptyForm::BlankText => self.success(Some("\" \""), total, ""),
            EmptyForm::EmptyString => self.success(Some("\"\""), total, ""),
            EmptyForm::SuccessText(sentence) => {
                let text = Value::from(self.filled(sentence)).to_string();
                self.success(Some(&text), total, "")
            }
            EmptyForm::Failed(sentence) => self.failed(200, sentence),
            EmptyForm::FailedUnder { key, sentence } => {
                let [_, _, _, failed] = self.spelling();
                self.failure(200, key, sentence, failed)
            }
            EmptyForm::NotFound(sentence) => self.failed(404, sentence),
            EmptyForm::NoContent => Reply::bare(204),
        }
    }

    pub(crate) fn failed(&self, status: u16, sentence: &str) -> Reply {
        let [message, _, _, failed] = self.spelling();
        self.failure(status, message, sentence, failed)
    }

    pub(crate) fn refused(&self, refusal: &Refusal) -> Reply {
        let status = match refusal {
            Refusal::InvalidAuthKey => self.behaviour.unauthorized_status,
            _ => self.behaviour.refusal_status,
        };
        match (self.behaviour.envelope.error_codes, refusal.code()) {
            (Some(place), Some(code)) => self.coded(status, &code, place),
            _ => self.failed(status, &refusal.to_string()),
        }
    }

    pub(crate) fn session_ended(&self, form: &SessionEndForm) -> Reply {
        match form {
            SessionEndForm::Unauthorized401 => self.failed(401, "Session expired"),
            SessionEndForm::Redirect302 => Reply::redirect("/login.html"),
            SessionEndForm::LoginPage => Reply::html(200, "Login"),
            SessionEndForm::InvalidAuthKey => self.refused(&Refusal::InvalidAuthKey),
            SessionEndForm::Words(sentence) => self.failed(200, sentence),
        }
    }

    pub(crate) fn too_many(&self, retry_after: Option<&str>) -> Reply {
        self.failed(429, "Too many requests")
            .retry_after(retry_after)
    }

    /// The reply of a fault that replaces the correct one; `None` for faults that damage it.
    pub(crate) fn of_fault(&self, kind: &FaultKind) -> Option<Reply> {
        let mut reply = match kind {
            FaultKind::Status500 => Reply::html(500, "HTTP Status 500 – Internal Server Error"),
            FaultKind::BadGatewayHtml502 => Reply::html(502, "502 Bad Gateway"),
            FaultKind::Unavailable503 => Reply::bare(503),
            FaultKind::GatewayTimeout504 => Reply::html(504, "504 Gateway Time-out"),
            FaultKind::TooManyRequests429 { retry_after } => self.too_many(retry_after.as_deref()),
            FaultKind::Status {
                status,
                retry_after,
            } => Reply::html(*status, &format!("HTTP Status {status}"))
                .retry_after(retry_after.as_deref()),
            FaultKind::LoginPage => Reply::html(200, "Login"),
            FaultKind::LoginRedirect => Reply::redirect("https://login.example.com/login.html"),
            FaultKind::Failed(sentence) => self.failed(200, sentence),
            FaultKind::Coded(code, place) => self.coded(200, code, *place),
            FaultKind::EmptyBody => self.json(200, Bytes::new()),
            FaultKind::Reset | FaultKind::Stall => Reply::bare(200),
            FaultKind::CutText | FaultKind::Truncated | FaultKind::SlowBody { .. } => return None,
        };
        reply.mark(kind);
        Some(reply)
    }

    fn coded(&self, status: u16, code: &ErrorCode, place: CodePlace) -> Reply {
        let [message, _, _, failed] = self.spelling();
        let (name, sentence) = (code.code(), code.sentence());
        match place {
            CodePlace::Message => self.failure(status, message, name, failed),
            CodePlace::Status => self.failure(status, message, &sentence, name),
            CodePlace::Both => {
                self.failure(status, message, &format!("{name}: {sentence}"), failed)
            }
            CodePlace::Nowhere => self.failure(status, message, &sentence, failed),
            CodePlace::Error => self.json(status, format!(r#"{{"error":"{name}"}}"#)),
            CodePlace::ErrorObject => {
                let sentence = Value::from(self.filled(&sentence));
                let error = format!(r#"{{"code":"{name}","message":{sentence}}}"#);
                self.json(status, format!(r#"{{"error":{error}}}"#))
            }
        }
    }

    fn failure(&self, http_status: u16, key: &str, sentence: &str, word: &str) -> Reply {
        let [_, status, _, _] = self.spelling();
        let key = Value::from(key);
        let sentence = Value::from(self.filled(sentence));
        self.json(
            http_status,
            format!(r#"{{{key}:{sentence},"{status}":"{word}"}}"#),
        )
    }

    fn success(&self, value: Option<&str>, total: u64, more: &str) -> Reply {
        let [message, status, success, _] = self.spelling();
        let value = value.map_or_else(String::new, |value| format!(r#""{message}":{value},"#));
        let total = self.total_count(total);
        self.json(
            200,
            format!(r#"{{{value}"{status}":"{success}"{total}{more}}}"#),
        )
    }

    fn total_count(&self, total: u64) -> String {
        match self.behaviour.envelope.total_count {
            None => String::new(),
            Some(TotalCount::Null) => r#","totalCount":null"#.into(),
            Some(TotalCount::Right) => format!(r#","totalCount":{total}"#),
            Some(TotalCount::Wrong(number)) => format!(r#","totalCount":{number}"#),
        }
    }

    /// The two keys and the two status words.
    fn spelling(&self) -> [&'static str; 4] {
        match self.behaviour.envelope.spelling {
            Spelling::Documented => ["message", "status", "success", "failed"],
            Spelling::Capitalised => ["Message", "Status", "Success", "Failed"],
        }
    }

    /// A sentence with its placeholders filled in; see [`EmptyForm`].
    fn filled<'s>(&self, sentence: &'s str) -> Cow<'s, str> {
        if !sentence.contains('{') {
            return Cow::Borrowed(sentence);
        }
        // The draw is a bijection of the number, so no reference repeats.
        let reference = draw(self.seed, Subject::Reference, self.number);
        let mut filled = sentence
            .replace("{reference}", &format!("{reference:016X}"))
            .replace("{number}", &self.number.to_string());
        if let Some((start, end)) = self.window {
            filled = filled
                .replace("{start}", &start.to_string())
                .replace("{end}", &end.to_string())
                .replace("{day}", &start.format("%-d %b %Y").to_string());
        }
        Cow::Owned(filled)
    }

    fn json(&self, status: u16, body: impl Into<Bytes>) -> Reply {
        Reply::text(status, self.behaviour.content_type.header(), body)
    }
}
