//! A pull as it is asked for, checked before anything is touched.

use anyhow::{Context, Result, anyhow, bail};
use chrono_tz::Tz;
use kapture_customers::Days;
use kapture_model::{CustomerKind, CustomerQuery};
use kapture_sinks::{Encoding, Format, Location};
use std::path::PathBuf;

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
    pub(crate) location: Location,
    pub(crate) encoding: Encoding,
    pub(crate) summary: Option<PathBuf>,
}

impl PullSettings {
    pub(crate) fn settle(arguments: &PullArguments) -> Result<Self> {
        let location = location(&arguments.output)?;
        if let Some(path) = &arguments.output.summary
            && let Some(folder) = path.parent()
            && !folder.as_os_str().is_empty()
            && !folder.is_dir()
        {
            bail!("--summary: the folder {} does not exist", folder.display());
        }
        let (days, zone) = dates::settle(&arguments.days)?;
        let connection = Connection::settle(&arguments.connection)?;
        let mut encoding = Encoding::new(Format::Ndjson);
        encoding.raw = arguments.output.raw;
        encoding.zone = zone.unwrap_or(Tz::UTC);
        Ok(Self {
            days,
            zone,
            query: query(connection.cm_id, &arguments.filters)?,
            connection,
            empty_answer: arguments.connection.empty_answer.clone(),
            location,
            encoding,
            summary: arguments.output.summary.clone(),
        })
    }
}

fn location(arguments: &PullOutputArguments) -> Result<Location> {
    let format = arguments.format.map(|_| Format::Ndjson);
    Ok(Location::parse(&arguments.output, format)?)
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
