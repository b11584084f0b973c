//! Personal data: fields that are dropped or hashed.

use std::path::PathBuf;

use clap::Args;

/// Which fields are dropped or hashed before anything is written. FIELD is a name of the API such as
/// remarks, contacts.phone for a field of the contacts, attr3, extra.NAME for another undocumented
/// field, or extra for all of those.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Personal data")]
pub(crate) struct PrivacyArgs {
    /// Leave these fields out, for example remarks,contacts.phone,attr3; extra is every undocumented field; can be repeated
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',')]
    pub(crate) drop: Vec<String>,
    /// Replace these fields by a keyed hash (HMAC-SHA-256): equal texts have equal hashes; can be repeated
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',')]
    pub(crate) hash: Vec<String>,
    /// File that contains the key of --hash and nothing else, readable only by its owner [env: KAPTURE_HASH_KEY]
    #[arg(long, value_name = "FILE")]
    pub(crate) hash_key_file: Option<PathBuf>,
}
