//! The finding of a step, as text and as JSON.

use std::fmt::Write;

use serde_json::json;

use crate::error::CliError;

/// The verdict of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    Warning,
    Failed,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// The finding of a step.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) step: &'static str,
    pub(super) verdict: Verdict,
    pub(super) found: String,
    /// What to do next.
    pub(super) hint: Option<String>,
}

impl Finding {
    pub(super) fn ok(step: &'static str, found: impl Into<String>) -> Self {
        Self {
            step,
            verdict: Verdict::Ok,
            found: found.into(),
            hint: None,
        }
    }

    pub(super) fn warning(
        step: &'static str,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Warning,
            hint: Some(hint.into()),
            ..Self::ok(step, found)
        }
    }

    pub(super) fn failed(step: &'static str, failure: &CliError) -> Self {
        Self {
            verdict: Verdict::Failed,
            hint: failure.hint_text().map(str::to_owned),
            ..Self::ok(step, failure.one_line())
        }
    }

    /// One line, and the hint below it.
    pub(super) fn text(&self) -> String {
        let Self { step, found, .. } = self;
        let mut text = format!("{:8} {step:10} {found}\n", self.verdict.word());
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "{:19} {hint}", "");
        }
        text
    }

    pub(super) fn json(&self) -> serde_json::Value {
        json!({
            "step": self.step,
            "verdict": self.verdict.word(),
            "found": self.found,
            "hint": self.hint,
        })
    }
}
