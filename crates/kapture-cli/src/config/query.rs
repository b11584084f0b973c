//! The query, from the filters on the command line.

use anyhow::{Result, anyhow, bail};
use kapture_model::{CustomerKind, CustomerQuery};

use crate::args::{FilterArgs, Kind};
use crate::error::{hinted, prefixed};

/// The query that the filters select.
pub(crate) fn resolve(cm_id: u64, filters: &FilterArgs) -> Result<CustomerQuery> {
    refuse_blank(filters)?;
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
        not_blank(&format!("--attribute {number}="), value)?;
        // The API's own name of it is accepted as well: attr3.
        let digits = number.strip_prefix("attr").unwrap_or(number);
        let number = digits.parse().map_err(|_| {
            anyhow!("--attribute: expected a number from 1 to 15 before the =, not `{number}`")
        })?;
        once(&query, &format!("attr{number}"))?;
        query = query
            .attribute(number, value)
            .map_err(|error| prefixed("--attribute", error.into()))?;
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
        if value.trim().is_empty() {
            return Err(hinted(
                format!("--set {key}=: the value is empty, as of a shell variable that is not set"),
                format!("set the variable; or, to send blank text, write --set '{key}=\"\"'"),
            ));
        }
        once(&query, key)?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        query = query
            .set(key, value)
            .map_err(|_| anyhow!("--set {key}: kapture sets this key itself for each request"))?;
    }
    Ok(query)
}

/// Refuses filters without a value: the API takes a blank filter as none, and returns all customers.
fn refuse_blank(filters: &FilterArgs) -> Result<()> {
    let texts = [
        ("--name", &filters.name),
        ("--phone", &filters.phone),
        ("--email", &filters.email),
        ("--designation-type", &filters.designation_type),
        ("--customer-id", &filters.customer_id),
        ("--customer-code", &filters.customer_code),
        ("--zone", &filters.zone),
        ("--assigned-to", &filters.assigned_to),
    ];
    for (flag, text) in texts {
        text.iter().try_for_each(|text| not_blank(flag, text))?;
    }
    Ok(())
}

fn not_blank(flag: &str, value: &str) -> Result<()> {
    match value.trim().is_empty() {
        true => Err(hinted(
            format!("{flag}: the filter is empty, as of a shell variable that is not set"),
            "set the variable, or omit the option to pull all customers",
        )),
        false => Ok(()),
    }
}

/// Refuses a second value for a key that several options can set.
fn once(query: &CustomerQuery, key: &str) -> Result<()> {
    if query.has(key) {
        bail!("two values for {key}: a request has one value for each key, so remove one");
    }
    Ok(())
}

fn pair<'a>(text: &'a str, flag: &str, example: &str) -> Result<(&'a str, &'a str)> {
    text.split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| anyhow!("{flag}: expected KEY=VALUE such as {example}, not `{text}`"))
}
