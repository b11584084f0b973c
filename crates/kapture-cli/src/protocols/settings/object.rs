//! A JSON object with known keys, whose values no error quotes.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Map, Value};

use super::keys::Key;
use crate::config::suggest::did_you_mean;
use crate::error::hinted;
use crate::text_file;

/// The JSON in a file. Errors quote nothing of it.
pub(crate) fn read_json(path: &Path, what: &str) -> Result<Value> {
    let name = path.display();
    let text = text_file::read(path).with_context(|| format!("cannot read the {what} {name}"))?;
    serde_json::from_str(&text)
        .map_err(|error| anyhow!("the {what} {name} is not valid JSON: {error}"))
}

/// An object with known keys. Values that are null or blank count as not set.
pub(super) struct Object {
    /// What stands before its keys in messages.
    prefix: &'static str,
    values: Map<String, Value>,
}

impl Object {
    pub(super) fn parse(prefix: &'static str, value: &Value, keys: &[Key]) -> Result<Self> {
        let Value::Object(values) = value else {
            bail!("{}expected an object with keys", named(prefix));
        };
        let known = || keys.iter().map(|key| key.name);
        if let Some(unknown) = values.keys().find(|key| !known().any(|name| name == *key)) {
            let name = kapture_model::sanitize(unknown);
            let near = did_you_mean(unknown, known());
            let all: Vec<_> = known().collect();
            return Err(hinted(
                format!("unknown key `{prefix}{name}`{near}"),
                format!("the keys are {}", all.join(", ")),
            ));
        }
        Ok(Self {
            prefix,
            values: values.clone(),
        })
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let is_blank = |value: &Value| value.as_str().is_some_and(|text| text.trim().is_empty());
        let value = self.values.get(name)?;
        (!value.is_null() && !is_blank(value)).then_some(value)
    }

    /// A text or a number. Errors do not quote it: it may be a secret.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>> {
        self.get(name)
            .map(|value| match value {
                Value::String(text) => Ok(text.clone()),
                Value::Number(number) => Ok(number.to_string()),
                _ => Err(self.wrong(name, "a text")),
            })
            .transpose()
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>> {
        let number = |text: String| {
            text.trim()
                .parse()
                .map_err(|_| self.wrong(name, "a number"))
        };
        self.text(name)?.map(number).transpose()
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text == "true" => Ok(true),
            Some(Value::String(text)) if text == "false" => Ok(false),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    pub(super) fn list(&self, name: &str) -> Result<Vec<String>> {
        let wrong = || self.wrong(name, "a list of texts");
        let texts = match self.get(name) {
            None => Vec::new(),
            Some(Value::String(text)) => text.split(',').map(str::to_owned).collect(),
            Some(Value::Array(items)) => {
                let text = |item: &Value| item.as_str().map(str::to_owned).ok_or_else(wrong);
                items.iter().map(text).collect::<Result<_>>()?
            }
            Some(_) => return Err(wrong()),
        };
        let texts = texts.iter().map(|text| text.trim().to_owned());
        Ok(texts.filter(|text| !text.is_empty()).collect())
    }

    fn wrong(&self, name: &str, expected: &str) -> anyhow::Error {
        anyhow!("{}{name}: expected {expected}", self.prefix)
    }
}

fn named(prefix: &str) -> String {
    match prefix.trim_end_matches('.') {
        "" => String::new(),
        name => format!("{name}: "),
    }
}
