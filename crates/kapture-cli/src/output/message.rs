//! What is said on standard error beside log lines: for reading, or as JSON, one object a line.

use std::ffi::OsString;
use std::io::Write;
use std::sync::OnceLock;

use serde_json::{Map, Value};

use crate::args::{LogFormat, OutputArgs};

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// How things are said, for the whole process, as log lines are.
#[derive(Debug, Clone, Copy)]
struct Settings {
    quiet: bool,
    format: LogFormat,
}

/// Settles how things are said from now on.
pub(crate) fn configure(output: &OutputArgs) {
    let _ = SETTINGS.set(Settings {
        quiet: output.quiet,
        format: output.log_format,
    });
}

/// One thing to say.
#[derive(Debug)]
pub(crate) struct Message {
    level: &'static str,
    word: &'static str,
    text: String,
    fields: Map<String, Value>,
}

impl Message {
    /// What was done.
    pub(crate) fn info(text: impl Into<String>) -> Self {
        Self::new("INFO", "", text)
    }

    /// What should be known beside it.
    pub(crate) fn note(text: impl Into<String>) -> Self {
        Self::new("INFO", "note: ", text)
    }

    /// What is not as it should be, and kept nothing from being done.
    #[cfg(feature = "otel")]
    pub(crate) fn warning(text: impl Into<String>) -> Self {
        Self::new("WARN", "warning: ", text)
    }

    /// What kept it from being done. It is said even where nothing else is.
    pub(crate) fn error(text: impl Into<String>) -> Self {
        Self::new("ERROR", "error: ", text)
    }

    fn new(level: &'static str, word: &'static str, text: impl Into<String>) -> Self {
        Self {
            level,
            word,
            text: text.into(),
            fields: Map::new(),
        }
    }

    /// Says it in more detail to machines.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(key.into(), value.into());
        self
    }

    /// Says it, unless only errors are wanted. Whoever does not listen is not told.
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
            LogFormat::Text => self.for_reading(),
            LogFormat::Json => self.as_json().to_string(),
        };
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    fn for_reading(&self) -> String {
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

    /// With the keys that log lines have.
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

/// Says what is wrong with the arguments: they could not be read, so what they say of the form of
/// messages is looked for word by word.
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
    error.exit()
}
