//! Which fields are dropped and hashed: argument over environment over profile.

use anyhow::Result;
use kapture_model::{HashKey, Privacy, PrivacyError};
use kapture_sinks::Destination;

use crate::args::{FilterArgs, PrivacyArgs};
use crate::config::layered::Layers;
use crate::config::secrets;
use crate::config::suggest::did_you_mean;
use crate::error::hinted;

/// What to do without a key.
const NO_KEY: &str = "create one once, with openssl rand -hex 32, keep it where only you can read it, and give it with --hash-key-file FILE, KAPTURE_HASH_KEY, or hash-key-command in the profile";

/// The choice of the arguments and the other layers.
pub(crate) fn resolve(arguments: &PrivacyArgs, layers: &Layers<'_>) -> Result<Privacy> {
    let dropped = names("drop", &arguments.drop, layers)?;
    let hashed = names("hash", &arguments.hash, layers)?;
    let key = match hashed.is_empty() {
        true => None,
        false => secrets::hash_key(arguments.hash_key_file.as_ref(), layers)?,
    };
    chosen(dropped, hashed, key)
}

/// The choice of these fields, with an explanation of what is wrong with it.
pub(crate) fn chosen(
    dropped: Vec<String>,
    hashed: Vec<String>,
    key: Option<HashKey>,
) -> Result<Privacy> {
    Privacy::new(dropped, hashed, key).map_err(explained)
}

/// These names of fields as kapture spells them. Each field must exist, and none may be the id.
pub(crate) fn fields(names: &[String]) -> Result<Vec<String>> {
    let field = |name: &String| match Privacy::new([name], [], None) {
        Ok(choice) => Ok(choice.dropped().collect()),
        Err(PrivacyError::Needed(field)) if field != "id" => Ok(field.to_owned()),
        Err(error) => Err(explained(error)),
    };
    names.iter().map(field).collect()
}

/// The names of one option, or of its key in the environment or the profile.
fn names(option: &str, argument: &[String], layers: &Layers<'_>) -> Result<Vec<String>> {
    let argument = (!argument.is_empty()).then(|| argument.join(","));
    let text = layers.get(option, argument.as_ref())?;
    let text = text.map(|sourced| sourced.value).unwrap_or_default();
    let names = text.split(',').map(str::trim);
    Ok(names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}

fn explained(error: PrivacyError) -> anyhow::Error {
    match &error {
        PrivacyError::UnknownField(name) => {
            let known: Vec<_> = Privacy::documented().collect();
            let of_contacts = format!("contacts.{name}");
            let nearest = match known.contains(&of_contacts) {
                true => format!(", did you mean `{of_contacts}`?"),
                false => did_you_mean(name, known.iter().map(String::as_str)),
            };
            hinted(
                format!("{error}{nearest}"),
                "fields are named as kapture schema lists them: remarks, contacts.phone; attr3 is an attribute, and extra.NAME another field that the API does not document",
            )
        }
        PrivacyError::NotText(_) => hinted(
            error.to_string(),
            "a hash does not fit in its column: leave it out with --drop",
        ),
        PrivacyError::NoKey => hinted(error.to_string(), NO_KEY),
        _ => error.into(),
    }
}

/// Refuses what would reveal a field that is dropped or hashed: `raw` output, and a filter by it
/// where the destination records the values of its filters.
pub(crate) fn check(
    privacy: &Privacy,
    filters: &FilterArgs,
    destination: &Destination,
    raw: bool,
) -> Result<()> {
    if raw && !privacy.is_empty() {
        return Err(hinted(
            "--raw writes every field as the API sent it, also those that are dropped or hashed",
            "omit --raw, or --drop and --hash",
        ));
    }
    match destination.capabilities().incremental {
        true => check_filters(privacy, filters),
        false => Ok(()),
    }
}

/// Refuses a filter by a field that is dropped or hashed.
pub(crate) fn check_filters(privacy: &Privacy, filters: &FilterArgs) -> Result<()> {
    let named = [
        ("--name", filters.name.is_some(), "name"),
        ("--phone", filters.phone.is_some(), "contacts.phone"),
        (
            "--phone",
            filters.phone.is_some(),
            "contacts.additionalPhone",
        ),
        ("--email", filters.email.is_some(), "contacts.email"),
        (
            "--customer-code",
            filters.customer_code.is_some(),
            "customerCode",
        ),
    ];
    let named = named.into_iter().filter(|(_, is_set, _)| *is_set);
    let named = named.map(|(option, _, field)| (option, field.to_owned()));
    let key = |text: &String| text.split('=').next().unwrap_or_default().to_owned();
    let attributes = filters.attributes.iter();
    let attributes = attributes.map(|text| ("--attribute", format!("attr{}", key(text))));
    let set = filters.set.iter().map(|text| ("--set", key(text)));
    let mut all = named.chain(attributes).chain(set);
    match all.find(|(_, field)| !privacy.keeps(field)) {
        None => Ok(()),
        Some((option, field)) => Err(hinted(
            format!("{option} filters by {field}, which is dropped or hashed"),
            "a destination that remembers its days records the values of its filters, too: omit the filter, or pull to a file",
        )),
    }
}
