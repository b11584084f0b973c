//! What `--about` prints.

use serde_json::{Value, json};

use crate::args::AboutFormat;
use crate::protocols::settings::json_schema;

const NAME: &str = "tap-kapture";
const DESCRIPTION: &str = env!("CARGO_PKG_DESCRIPTION");
const VERSION: &str = env!("CARGO_PKG_VERSION");
const CAPABILITIES: [&str; 5] = ["about", "catalog", "discover", "state", "activate-version"];

/// Name, version and configuration keys in a format.
pub(super) fn text(format: AboutFormat) -> String {
    let settings = json_schema();
    let keys = described(&settings, "");
    match format {
        AboutFormat::Json => {
            let about = json!({
                "name": NAME,
                "description": DESCRIPTION,
                "version": VERSION,
                "capabilities": CAPABILITIES,
                "settings": settings,
            });
            format!("{about:#}\n")
        }
        AboutFormat::Text => {
            let width = keys.iter().map(|key| key.name.len()).max().unwrap_or(0);
            let line = |key: &Described| {
                format!(
                    "  {:<width$}  {}{}\n",
                    key.name,
                    key.description,
                    key.notes()
                )
            };
            format!(
                "{NAME} {VERSION}: {DESCRIPTION}\n\nCapabilities: {}\n\nConfiguration:\n{}",
                CAPABILITIES.join(", "),
                keys.iter().map(line).collect::<String>()
            )
        }
        AboutFormat::Markdown => {
            let row = |key: &Described| {
                format!(
                    "| `{}` | {} | {}{} |\n",
                    key.name,
                    key.kind,
                    key.description,
                    key.notes()
                )
            };
            format!(
                "# {NAME} {VERSION}\n\n{DESCRIPTION}\n\nCapabilities: {}\n\n| Key | Type | Meaning |\n|---|---|---|\n{}",
                CAPABILITIES.map(|name| format!("`{name}`")).join(", "),
                keys.iter().map(row).collect::<String>()
            )
        }
    }
}

/// A key, described for people.
struct Described {
    name: String,
    kind: String,
    description: String,
    is_required: bool,
    is_secret: bool,
}

impl Described {
    fn notes(&self) -> &'static str {
        match (self.is_required, self.is_secret) {
            (true, _) => " (required)",
            (_, true) => " (secret)",
            _ => "",
        }
    }
}

/// The keys of an object's schema, and those of objects inside it.
fn described(schema: &Value, prefix: &str) -> Vec<Described> {
    let properties = schema["properties"].as_object();
    let mut keys = Vec::new();
    for (name, property) in properties.into_iter().flatten() {
        let text = |key: &str| property[key].as_str().unwrap_or_default().to_owned();
        let name = format!("{prefix}{name}");
        let required = schema["required"].as_array();
        let is_required = required.is_some_and(|names| names.iter().any(|it| *it == *name));
        let inside = described(property, &format!("{name}."));
        if inside.is_empty() {
            keys.push(Described {
                kind: text("type"),
                description: text("description"),
                is_required,
                is_secret: property["secret"] == true,
                name,
            });
        }
        keys.extend(inside);
    }
    keys
}
