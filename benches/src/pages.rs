//! The pages that a pull has asked, as its own log tells.

use chrono::NaiveDate;
use kapture_model::{CustomerQuery, Window};
use kapture_sandbox::DEFAULT_CM_ID;
use serde::Deserialize;

use crate::Error;

/// What was asked.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The request body of each page that was answered.
    pub(crate) bodies: Vec<String>,
    /// How many requests there were, refused ones included.
    pub(crate) requests: usize,
}

impl Asked {
    /// Reads the log of `kapture pull -vv --log-format json`.
    pub(crate) fn from_log(log: &str) -> Result<Self, Error> {
        let query = CustomerQuery::new(DEFAULT_CM_ID);
        let mut asked = Self::default();
        for line in log.lines().filter(|line| line.starts_with('{')) {
            let Line {
                message,
                status,
                span,
            } = serde_json::from_str(line)?;
            let (true, Some(page)) = (message == "answer", span) else {
                continue;
            };
            asked.requests += 1;
            if status == Some(200) {
                let body = query.body(page.window()?, page.limit, page.offset);
                asked.bodies.push(String::from_utf8(body)?);
            }
        }
        Ok(asked)
    }
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    message: String,
    status: Option<u16>,
    span: Option<Page>,
}

#[derive(Deserialize)]
struct Page {
    window: String,
    limit: u32,
    offset: u64,
}

impl Page {
    fn window(&self) -> Result<Window, Error> {
        let (start, end) = self
            .window
            .split_once('…')
            .ok_or_else(|| format!("{} is no window", self.window))?;
        let [start, end] = [start.parse::<NaiveDate>()?, end.parse()?];
        Ok(Window::new(start, end)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answered_pages_are_asked_again_and_all_are_counted() {
        let log = r#"
{"level":"DEBUG","message":"answer","status":200,"span":{"limit":500,"offset":499,"window":"2024-05-01…2024-05-02","name":"page"}}
{"level":"INFO","message":"day done","day":"2024-05-01"}
{"level":"DEBUG","message":"answer","status":429,"span":{"limit":500,"offset":0,"window":"2024-05-03…2024-05-03","name":"page"}}
1 day, 3 customers
"#;
        let asked = Asked::from_log(log).unwrap();
        assert_eq!(asked.requests, 2);
        let [body] = &asked.bodies[..] else {
            panic!("{:?}", asked.bodies)
        };
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["createStartDate"], "2024-05-01");
        assert_eq!(body["createEndDate"], "2024-05-02");
        assert_eq!(body["offset"], "499");
    }
}
