//! A pull as it is asked for, checked before anything is touched.

use anyhow::{Context, Result, anyhow, bail};
use chrono_tz::Tz;
use kapture_customers::Days;
use kapture_model::{CustomerKind, CustomerQuery};
use kapture_sinks::{FileSink, LineForm, Lines, Sink, StreamSink};
use std::path::{Path, PathBuf};

use crate::arguments::{FilterArguments, Kind, PullArguments, PullOutputArguments};
use crate::connection::Connection;
use crate::dates;

/// A pull as it is asked for.
#[derive(Debug)]
pub(crate) struct PullSettings {
    pub(crate) days: Days,
    pub(crate) zone: Option<Tz>,
    pub(crate) query: CustomerQuery,
    pub(crate) connection: Connection,
    pub(crate) empty_answer: Option<String>,
    pub(crate) destination: Destination,
    pub(crate) form: LineForm,
    pub(crate) summary: Option<PathBuf>,
}

/// Where records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    StandardOutput,
    File(PathBuf),
}

impl PullSettings {
    pub(crate) fn settle(arguments: &PullArguments) -> Result<Self> {
        let destination = destination(&arguments.output)?;
        if let Some(path) = &arguments.output.summary
            && let Some(folder) = path.parent()
            && !folder.as_os_str().is_empty()
            && !folder.is_dir()
        {
            bail!("--summary: the folder {} does not exist", folder.display());
        }
        let (days, zone) = dates::settle(&arguments.days)?;
        let connection = Connection::settle(&arguments.connection)?;
        Ok(Self {
            days,
            zone,
            query: query(connection.cm_id, &arguments.filters)?,
            connection,
            empty_answer: arguments.connection.empty_answer.clone(),
            destination,
            form: if arguments.output.raw {
                LineForm::Raw
            } else {
                LineForm::Normal
            },
            summary: arguments.output.summary.clone(),
        })
    }
}

fn destination(arguments: &PullOutputArguments) -> Result<Destination> {
    if arguments.output == "-" {
        return Ok(Destination::StandardOutput);
    }
    if arguments.output.contains("://") {
        bail!(
            "`{}` is not a file: this version writes to standard output (-) and to files",
            arguments.output
        );
    }
    let path = PathBuf::from(&arguments.output);
    if path.is_dir() || arguments.output.ends_with('/') {
        bail!(
            "`{}` is a folder: name the file to write, for example {}",
            arguments.output,
            path.join("customers.ndjson").display()
        );
    }
    let known = matches!(
        path.extension().and_then(|ending| ending.to_str()),
        Some("ndjson" | "jsonl")
    );
    if !known && arguments.format.is_none() {
        bail!(
            "the form of `{}` cannot be told from its name: end it in .ndjson or .jsonl, or add --format ndjson",
            arguments.output
        );
    }
    Ok(Destination::File(path))
}

impl Destination {
    /// Opens it. A file is made aside at once, so that what cannot be written is known before
    /// anything is asked.
    pub(crate) fn open(
        &self,
        form: LineForm,
        zone: Option<Tz>,
    ) -> Result<Box<dyn Sink>, kapture_sinks::SinkError> {
        let lines = Lines::new(form, zone.unwrap_or(Tz::UTC));
        Ok(match self {
            Self::StandardOutput => Box::new(StreamSink::new(std::io::stdout(), lines)),
            Self::File(path) => Box::new(FileSink::create(Path::new(path), lines)?),
        })
    }
}

fn query(cm_id: u64, filters: &FilterArguments) -> Result<CustomerQuery> {
    let mut query = CustomerQuery::new(cm_id).full_body(filters.full_body);
    macro_rules! apply {
        ($($filter:ident),*) => {$(
            if let Some(value) = filters.$filter.clone() {
                query = query.$filter(value);
            }
        )*};
    }
    apply!(
        name,
        phone,
        email,
        designation_type,
        customer_id,
        customer_code,
        zone,
        zone_id,
        assigned_to_id,
        assigned_to,
        primary_source_id,
        secondary_source_id,
        tertiary_source_id
    );
    for text in &filters.attributes {
        let (number, value) = pair(text, "--attribute", "3=gold")?;
        let number = number.parse().map_err(|_| {
            anyhow!("--attribute takes a number from 1 to 15 before the =, not `{number}`")
        })?;
        query = query.attribute(number, value).context("--attribute")?;
    }
    if filters.all_customer_page {
        query = query.all_customer_page(true);
    }
    if let Some(kind) = filters.kind {
        query = query.kind(match kind {
            Kind::Organisation => CustomerKind::Organisation,
            Kind::Individual => CustomerKind::Individual,
            Kind::ChannelPartner => CustomerKind::ChannelPartner,
        });
    }
    for text in &filters.set {
        let (key, value) = pair(text, "--set", "attr16=gold")?;
        if CustomerQuery::is_reserved(key) {
            bail!("--set {key}: kapture sets this key itself, for each request");
        }
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        query = query.set(key, value);
    }
    Ok(query)
}

fn pair<'a>(text: &'a str, flag: &str, example: &str) -> Result<(&'a str, &'a str)> {
    text.split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| anyhow!("{flag} takes {example} or the like, not `{text}`"))
}
