//! Messages on standard error beside log lines: as text, or as JSON with one object a line.

use std::ffi::OsString;
use std::io::Write;
use std::sync::OnceLock;

use serde_json::{Map, Value};

use crate::args::{LogFormat, OutputArgs};
use crate::output::{passwords, stdout};

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// How messages are printed, for the whole process.
#[derive(Debug, Clone, Copy)]
struct Settings {
    quiet: bool,
    format: LogFormat,
}

/// Sets how messages are printed from now on.
pub(crate) fn configure(output: &OutputArgs) {
    let _ = SETTINGS.set(Settings {
        quiet: output.quiet,
        format: output.log_format,
    });
}

/// A message.
#[derive(Debug)]
pub(crate) struct Message {
    level: &'static str,
    word: &'static str,
    text: String,
    fields: Map<String, Value>,
}

impl Message {
    /// A result.
    pub(crate) fn info(text: impl Into<String>) -> Self {
        Self::new("INFO", "", text)
    }

    /// Additional information.
    pub(crate) fn note(text: impl Into<String>) -> Self {
        Self::new("INFO", "note: ", text)
    }

    /// A problem that did not stop the command.
    pub(crate) fn warning(text: impl Into<String>) -> Self {
        Self::new("WARN", "warning: ", text)
    }

    /// The problem that stopped the command. It is printed with `--quiet` as well.
    pub(crate) fn error(text: impl Into<String>) -> Self {
        Self::new("ERROR", "error: ", text)
    }

    fn new(level: &'static str, word: &'static str, text: impl Into<String>) -> Self {
        Self {
            level,
            word,
            text: passwords::removed(&text.into()),
            fields: Map::new(),
        }
    }

    /// Adds a field for JSON.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.fields
            .insert(key.into(), without_passwords(value.into()));
        self
    }

    /// Prints it, unless `--quiet` hides it. A closed standard error is ignored.
    pub(crate) fn print(self) {
        let settings = SETTINGS.get().copied().unwrap_or(Settings {
            quiet: false,
            format: LogFormat::Text,
        });
        if !settings.quiet || self.level == "ERROR" {
            self.print_as(settings.format);
        }
    }

    fn print_as(&self, format: LogFormat) {
        let line = match format {
            LogFormat::Text => self.as_text(),
            LogFormat::Json => self.as_json().to_string(),
        };
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    fn as_text(&self) -> String {
        let Self { word, text, .. } = self;
        let mut lines = format!("{word}{text}");
        for cause in self
            .fields
            .get("causes")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            lines += &format!("\n  Caused by: {}", cause.as_str().unwrap_or_default());
        }
        if let Some(hint) = self.fields.get("hint").and_then(Value::as_str) {
            lines += &format!("\nhint: {hint}");
        }
        lines
    }

    /// With the keys of log lines.
    fn as_json(&self) -> Value {
        let mut object = Map::new();
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        object.insert("timestamp".into(), now.into());
        object.insert("level".into(), self.level.into());
        object.insert("message".into(), self.text.as_str().into());
        object.extend(self.fields.clone());
        object.into()
    }
}

fn without_passwords(value: Value) -> Value {
    match value {
        Value::String(text) => passwords::removed(&text).into(),
        Value::Array(list) => list.into_iter().map(without_passwords).collect(),
        other => other,
    }
}

/// Prints an error of clap, or the help that was asked for, and exits. Since the arguments could not be parsed, the log format is
/// searched for in the words.
pub(crate) fn usage_error(error: &clap::Error, arguments: impl Iterator<Item = OsString>) -> ! {
    let words: Vec<_> = arguments
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let json = words.iter().any(|word| word == "--log-format=json")
        || words
            .windows(2)
            .any(|pair| pair == ["--log-format", "json"]);
    if error.use_stderr() && json {
        let text = error.render().to_string();
        let text = text.trim().trim_start_matches("error: ");
        Message::error(text)
            .with("exit_code", 2)
            .print_as(LogFormat::Json);
        std::process::exit(2)
    }
    let text = error.render().to_string();
    let shown = passwords::removed(&text);
    if error.use_stderr() && shown != text {
        let _ = write!(std::io::stderr().lock(), "{shown}");
        std::process::exit(2)
    }
    let printed = error.print().and_then(|()| std::io::stdout().flush());
    match printed {
        Err(failure) if !error.use_stderr() => {
            let failure = stdout::failed(failure);
            failure.report();
            std::process::exit(failure.code().into())
        }
        _ => std::process::exit(error.exit_code()),
    }
}
