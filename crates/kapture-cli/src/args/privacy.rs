//! Personal data: fields that are dropped or hashed, and `kapture forget`.

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

/// Erase customers from a folder, bucket or database, and keep them erased
///
/// Removes every byte of them from WHERE, also from its history, and keeps a hash of each id, so that
/// no later sync brings them back. Makes no requests.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture forget customers.db --id 700000101,700000102
  kapture forget customers.db --id 700000101 --allow-return

Exit codes: 0 done, 2 wrong usage, 6 WHERE cannot be read or written.")]
pub(crate) struct ForgetArgs {
    /// Folder (out/), bucket (s3://…, gs://…, az://…) or database (customers.db, postgres://…)
    #[arg(value_name = "WHERE", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) destination: String,
    /// Ids of the customers; can be repeated
    #[arg(long, value_name = "N,…", value_delimiter = ',', required = true)]
    pub(crate) id: Vec<String>,
    /// Undo the part that keeps them away: the next sync that reads their days brings them back
    #[arg(long)]
    pub(crate) allow_return: bool,
    /// Write to an object store without a lock, if it does not honour conditional writes
    #[arg(long)]
    pub(crate) unlocked: bool,
}
