//! The configuration of a connector: one JSON object with the keys of a profile, and secrets.

mod keys;
mod object;

use std::path::Path;

use anyhow::{Result, anyhow, bail};
use chrono::NaiveDate;
use clap::ValueEnum;
use kapture_model::{CustomerQuery, Days, HashKey, Privacy};
use kapture_sinks::RangeEnd;
use kapture_transport::Token;
use serde_json::Value;

pub(crate) use keys::json_schema;
pub(crate) use object::read_json;

use crate::args::{ConnectionArgs, FilterArgs, Kind as CustomerKind};
use crate::config::connection::{Connection, TenantName, account_id};
use crate::config::dates::Calendar;
use crate::config::layered::Layers;
use crate::config::refresh::Refresh;
use crate::config::{privacy, query};
use crate::error::{hinted, prefixed};
use keys::{FILTERS, KEYS};
use object::Object;

/// A configuration, with known keys only.
pub(crate) struct Settings {
    values: Object,
}

/// What a configuration means: whom to ask for what.
pub(crate) struct Source {
    pub(crate) connection: Connection,
    pub(crate) query: CustomerQuery,
    /// The days that streams are to have.
    pub(crate) wanted: Days,
    pub(crate) until: RangeEnd,
    pub(crate) refresh: Refresh,
    pub(crate) calendar: Calendar,
}

impl Settings {
    /// Reads a configuration file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Self::parse(&read_json(path, "configuration")?)
            .map_err(|error| prefixed(&path.display().to_string(), error))
    }

    /// The configuration that a JSON value is.
    pub(crate) fn parse(value: &Value) -> Result<Self> {
        let values = Object::parse("", value, &KEYS)?;
        Ok(Self { values })
    }

    /// What the configuration means, checked as far as possible without a request.
    pub(crate) fn source(&self) -> Result<Source> {
        let connection = self.connection()?;
        let calendar = Calendar::of(connection.zone);
        let date = |name: &str, otherwise: Option<&str>| -> Result<(String, NaiveDate)> {
            let text = self.text(name)?;
            let text = text.as_deref().or(otherwise).ok_or_else(|| missing(name))?;
            let date = calendar.date(text);
            Ok((
                text.to_owned(),
                date.map_err(|error| prefixed(name, error))?,
            ))
        };
        let (_, first) = date("start_date", None)?;
        let (text, last) = date("end_date", Some("today"))?;
        let wanted = Days::between(first, last).map_err(|error| {
            hinted(
                format!("start_date and end_date: {error}"),
                "choose other days",
            )
        })?;
        let refresh = self.text("refresh")?;
        let refresh = Refresh::parse(refresh.as_deref().unwrap_or("0"));
        let filters = self.filters()?;
        privacy::check_filters(&connection.privacy, &filters)
            .map_err(|error| prefixed("filters", error))?;
        let query = query::resolve(connection.cm_id, &filters);
        Ok(Source {
            query: query.map_err(|error| prefixed("filters", error))?,
            wanted,
            until: text.parse().unwrap_or(RangeEnd::Today),
            refresh: refresh.map_err(|error| prefixed("refresh", error))?,
            calendar,
            connection,
        })
    }

    /// The connection, which drops and hashes fields as the configuration says.
    pub(crate) fn connection(&self) -> Result<Connection> {
        let site = match (self.text("subdomain")?, self.text("base_url")?) {
            (Some(_), Some(_)) => bail!("subdomain and base_url both set the tenant: remove one"),
            (Some(name), None) => ("subdomain", TenantName::Subdomain(name)),
            (None, Some(address)) => ("base_url", TenantName::BaseUrl(address)),
            (None, None) => {
                return Err(hinted(
                    "no tenant: neither subdomain nor base_url is set",
                    "set subdomain to NAME of NAME.kapturecrm.com",
                ));
            }
        };
        let (key, name) = site;
        let site = name.site().map_err(|error| prefixed(key, error.into()))?;
        let cm_id = self.text("cm_id")?.ok_or_else(|| missing("cm_id"))?;
        let cm_id = account_id(&cm_id).map_err(|error| prefixed("cm_id", error))?;
        let arguments = ConnectionArgs {
            endpoint: self.text("endpoint")?,
            time_zone: self.text("time_zone")?,
            timeout: self.text("timeout")?,
            retry_for: self.text("retry_for")?,
            concurrency: self.text("concurrency")?,
            max_rps: self.text("max_rps")?,
            ..ConnectionArgs::default()
        };
        let mut connection = Connection::with_token(
            &arguments,
            &Layers::ConnectorOnly,
            site,
            cm_id,
            self.token()?,
        )?;
        connection.empty_answer = self.text("empty_answer")?;
        connection.privacy = self.privacy()?;
        Ok(connection)
    }

    /// Which fields are dropped and hashed.
    pub(crate) fn privacy(&self) -> Result<Privacy> {
        let (dropped, hashed) = (self.values.list("drop")?, self.values.list("hash")?);
        let key = match (hashed.is_empty(), self.text("hash_key")?) {
            (true, _) => None,
            (false, None) => {
                return Err(hinted(
                    "hash is set, and hash_key is not",
                    "create a key once, with openssl rand -hex 32, and set hash_key to it",
                ));
            }
            (false, Some(key)) => {
                Some(HashKey::new(&key).map_err(|error| prefixed("hash_key", error.into()))?)
            }
        };
        privacy::chosen(dropped, hashed, key)
    }

    fn token(&self) -> Result<Token> {
        let [token, user, password] = ["token", "user", "password"].map(|name| self.text(name));
        match (token?, user?, password?) {
            (Some(token), None, None) => {
                Token::from_base64(&token).map_err(|error| prefixed("token", error.into()))
            }
            (None, Some(user), Some(password)) => Ok(Token::from_user(&user, &password)),
            (None, None, None) => Err(hinted(
                "no token: neither token nor user and password are set",
                "set token, or user and password",
            )),
            (Some(_), _, _) => bail!("token and user or password are set: remove one of the two"),
            (None, _, None) => bail!("user is set, and password is not"),
            (None, None, _) => bail!("password is set, and user is not"),
        }
    }

    fn filters(&self) -> Result<FilterArgs> {
        let filters = match self.values.get("filters") {
            Some(value) => Object::parse("filters.", value, &FILTERS)?,
            None => return Ok(FilterArgs::default()),
        };
        Ok(FilterArgs {
            name: filters.text("name")?,
            phone: filters.text("phone")?,
            email: filters.text("email")?,
            designation_type: filters.text("designation_type")?,
            customer_id: filters.text("customer_id")?,
            customer_code: filters.text("customer_code")?,
            zone: filters.text("zone")?,
            zone_id: filters.number("zone_id")?,
            assigned_to_id: filters.number("assigned_to_id")?,
            assigned_to: filters.text("assigned_to")?,
            primary_source_id: filters.number("primary_source_id")?,
            secondary_source_id: filters.number("secondary_source_id")?,
            tertiary_source_id: filters.number("tertiary_source_id")?,
            attributes: filters.list("attributes")?,
            kind: match filters.text("kind")? {
                None => None,
                Some(name) => Some(CustomerKind::from_str(&name, true).map_err(|_| {
                    anyhow!("filters.kind: expected organisation, individual or channel-partner, not `{name}`")
                })?),
            },
            all_customer_page: filters.flag("all_customer_page")?,
            set: Vec::new(),
            full_body: filters.flag("full_body")?,
        })
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        self.values.text(name)
    }
}

fn missing(name: &str) -> anyhow::Error {
    hinted(
        format!("{name} is not set"),
        format!("set {name} in the configuration"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What differs from a right configuration.
    type Change = fn(&mut Value);

    fn settings(change: Change) -> Result<Source> {
        let mut value = json!({
            "subdomain": "acme", "cm_id": 424242, "token": "U0VDUkVU",
            "start_date": "2024-05-01", "end_date": "2024-05-07", "time_zone": "UTC",
        });
        change(&mut value);
        Settings::parse(&value)?.source()
    }

    #[test]
    fn a_configuration_means_what_the_same_profile_and_options_mean() {
        let source = settings(|it| {
            it["refresh"] = "1,3,7".into();
            it["filters"] =
                json!({"email": "asha@example.com", "zone_id": 3, "attributes": ["3=gold"]});
            it["drop"] = "remarks, contacts.phone".into();
            it["hash"] = json!(["name"]);
            it["hash_key"] = "0c6f9a64d1e94d0e8d1b7a52f30c5b7e".into();
        });
        let source = source.unwrap();
        assert_eq!((source.connection.cm_id, source.wanted.len()), (424242, 7));
        let filters = ["email", "attr3"].map(|key| source.query.has(key));
        assert_eq!(filters, [true, true]);
        let privacy = &source.connection.privacy;
        assert_eq!(
            privacy.dropped().collect::<Vec<_>>(),
            ["contacts.phone", "remarks"]
        );
        assert_eq!(privacy.hashed().collect::<Vec<_>>(), ["name"]);
        assert_eq!(source.refresh, Refresh::AtAges(vec![1, 3, 7]));
    }

    #[test]
    fn null_and_blank_values_are_not_set_and_numbers_may_be_text() {
        let source = settings(|it| {
            it["cm_id"] = "424242".into();
            it["user"] = " ".into();
            it["refresh"] = 3.into();
            it["filters"] = Value::Null;
            it["end_date"] = Value::Null;
        });
        let source = source.unwrap();
        assert_eq!(source.connection.cm_id, 424242);
        assert_eq!(source.until, RangeEnd::Today);
    }

    #[test]
    fn wrong_settings_are_refused_by_name_and_no_secret_is_quoted() {
        let cases: [(Change, &str); 14] = [
            (|it| *it = json!([]), "expected an object"),
            (
                |it| it["start_dat"] = "x".into(),
                "unknown key `start_dat`, did you mean `start_date`?",
            ),
            (
                |it| it["filters"] = json!({"mail": 1}),
                "unknown key `filters.mail`, did you mean `email`?",
            ),
            (
                |it| it["start_date"] = "soon".into(),
                "start_date: expected a date",
            ),
            (|it| it["start_date"] = Value::Null, "start_date is not set"),
            (|it| it["end_date"] = "2024-04-01".into(), "comes after"),
            (
                |it| it["cm_id"] = "x".into(),
                "cm_id: expected an account id",
            ),
            (
                |it| it["subdomain"] = Value::Null,
                "neither subdomain nor base_url",
            ),
            (
                |it| it["base_url"] = "https://crm.example".into(),
                "remove one",
            ),
            (
                |it| it["token"] = json!({"a": "U0VDUkVU"}),
                "token: expected a text",
            ),
            (
                |it| it["password"] = "U0VDUkVU".into(),
                "remove one of the two",
            ),
            (
                |it| it["time_zone"] = "IST".into(),
                "time_zone: unknown time zone",
            ),
            (|it| it["hash"] = "name".into(), "hash_key is not"),
            (|it| it["drop"] = "remark".into(), "did you mean `remarks`"),
        ];
        for (change, sentence) in cases {
            let Err(error) = settings(change) else {
                panic!("{sentence}: accepted");
            };
            let text = format!("{error:#}");
            assert!(text.contains(sentence), "{text}");
            assert!(!text.contains("U0VDUkVU"), "{text}");
        }
    }

    #[test]
    fn a_filter_by_a_dropped_field_is_refused_since_the_state_has_its_value() {
        let error = settings(|it| {
            it["filters"] = json!({"email": "asha@example.com"});
            it["drop"] = "contacts.email".into();
        });
        let text = error.err().unwrap().to_string();
        assert!(text.contains("filters by contacts.email"), "{text}");
    }
}
