//! Hints: what to do next about an error.

use kapture_customers::PullError;
use kapture_sinks::SinkError;
#[cfg(feature = "object-store")]
use kapture_sinks::StoreError;
use kapture_transport::{Endpoint, Error, Refusal, StopReason};

/// The hint for an error of a destination.
pub(super) fn sink(error: &SinkError) -> Option<String> {
    let hint = match error {
        #[cfg(feature = "object-store")]
        SinkError::ObjectStore { source, .. } => object_store(source),
        SinkError::UnconditionalWrites { .. } => {
            "use a store that honours If-None-Match and If-Match; or, if no other run writes there at the same time, add --unlocked"
        }
        SinkError::LockLost { .. } => {
            "run again: committed days stay; if it happens again, check the connection to the store and the load of this machine"
        }
        SinkError::Locked { .. } => "wait until that run has ended, or stop it",
        SinkError::NotKaptureData { .. } => "give another destination; it may be empty",
        SinkError::SchemaTooNew { .. } => {
            "use the version of kapture that created it, or a later one"
        }
        SinkError::SchemaTooOld { .. } => "kapture sync migrates it",
        SinkError::OtherTenant { .. } => {
            "give another destination; if it is the same tenant at a new address, change `tenant` in the table kapture_manifest, or in _kapture/manifest.json of a folder"
        }
        SinkError::OtherSelection { destination, .. } => {
            return Some(format!(
                "a destination holds the customers of one account and one set of filters: repeat the filters that it was created with, which kapture status {destination} shows, or give another destination"
            ));
        }
        SinkError::OtherZone { held, .. } => {
            let held = kapture_model::sanitize(held);
            return Some(format!(
                "add --time-zone {held} as before, or give another destination; without --time-zone it is UTC"
            ));
        }
        SinkError::OtherFields { .. } => {
            "give the same --drop and --hash as before, for example as drop and hash in the profile; or give another destination"
        }
        SinkError::OtherHashKey { .. } => {
            "give the key that it was created with, or another destination: hashes of two keys do not match"
        }
        SinkError::OtherFormat { .. } => "omit --format, or give another folder",
        SinkError::OtherEncoding { .. } => {
            "omit --spreadsheet-safe, --csv-separator, --csv-bom and --column, or give another folder: a folder keeps the settings that it was created with"
        }
        SinkError::NotFound { .. } => "check the name; kapture sync creates a new one",
        SinkError::NoHistory { destination } => {
            return Some(format!(
                "kapture sync {destination} --history keeps it from then on"
            ));
        }
        SinkError::Damaged { .. } => {
            "restore a backup, or move it away and create it again with kapture sync --from DATE"
        }
        SinkError::Spool(_) => {
            "free space there, or set TMPDIR to another folder for temporary files"
        }
        SinkError::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            "create its folder first, for example with mkdir -p"
        }
        SinkError::File { source, .. } if is_full(source) => {
            "free space and run again: committed days stay, partial files are removed"
        }
        SinkError::Stream(_) => {
            "check that there is free space and that the reader is alive, and run again: the output so far is incomplete"
        }
        SinkError::Database { .. } => {
            "check its address, user, password and health, and run again: committed days stay"
        }
        SinkError::DatabaseFile { .. } => {
            "check that no other program locks it or has changed its tables, and that this user may write to it and its folder, and run again: committed days stay"
        }
        SinkError::File { .. } => {
            "check that there is free space and that this user may write there, and run again: committed days stay"
        }
        SinkError::Read { .. } => "check that the file is unchanged and that this user may read it",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The hint for an error of an object store.
#[cfg(feature = "object-store")]
fn object_store(error: &StoreError) -> &'static str {
    match error {
        StoreError::NoCredentials => {
            "set those of the store in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_KEY); for a profile of the AWS command line: eval \"$(aws configure export-credentials --format env)\""
        }
        StoreError::Credentials(_) => {
            "check the key, its secret and the region in the environment, and the clock of this machine: signatures expire"
        }
        StoreError::Permission(_) => {
            "permit reading, writing, listing and deleting of objects under this prefix; committed days stay"
        }
        StoreError::NoBucket => {
            "check its name, the account, the region and the endpoint, or create it: kapture does not"
        }
        StoreError::Unreachable(_) => {
            "check the endpoint (AWS_ENDPOINT_URL, or ?endpoint= in the address), its certificate (SSL_CERT_FILE names a file of authorities) and the network, and run again: committed days stay"
        }
        StoreError::Settings(_) => "correct the AWS_, GOOGLE_ or AZURE_ variables, or the endpoint",
        _ => "run again when the store works: committed days stay",
    }
}

/// Whether the disk, a quota or the maximum file size is exhausted.
fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// The hint for an error of a pull.
pub(super) fn pull(error: &PullError, endpoint: Endpoint) -> String {
    let other = endpoint.other();
    match error {
        PullError::AmbiguousEmpty { answers }
            if answers.iter().any(|(_, refusal)| names_missing_field(refusal)) =>
        {
            MISSING_FIELD.into()
        }
        PullError::AmbiguousEmpty { answers }
            if answers.iter().any(|(_, refusal)| names_account(refusal)) =>
        {
            ACCOUNT.into()
        }
        PullError::AmbiguousEmpty { answers } => {
            let words: Vec<_> = answers
                .iter()
                .filter(|(_, refusal)| !refusal.message.trim().is_empty())
                .map(|(_, refusal)| {
                    let words = kapture_model::sanitize(&refusal.message);
                    format!("--empty-answer '{}'", words.replace('\'', "'\\''"))
                })
                .collect();
            let path = if answers.iter().any(|(_, refusal)| refusal.status == 404) {
                format!("try --endpoint {other}, the other documented path; or ")
            } else {
                String::new()
            };
            let name = match words.join(" or ") {
                words if words.is_empty() => words,
                words => format!(
                    "; or, if that is the server's message for \"no customers\", add {words}"
                ),
            };
            format!("{path}also ask for a day that is known to have customers{name}")
        }
        PullError::Unstable { .. } => {
            "pull the day again at a time with fewer changes, or with --concurrency 1".into()
        }
        PullError::OffsetCapped { .. } => {
            "add a filter, so that each day has fewer customers".into()
        }
        PullError::OutsideWindow { .. } => {
            "no day of this server can be shown to be complete: ask the vendor which date createStartDate and createEndDate filter by".into()
        }
        PullError::OffsetIgnored { .. } => {
            "add a filter, so that the customers of each day fit in one page".into()
        }
        PullError::EmptiedEverywhere { .. } => {
            "run again later; if the customers are gone for good, also ask for a day that has customers, as proof that the server works".into()
        }
        PullError::RefusesEverything { answer, .. } if names_missing_field(answer) => {
            MISSING_FIELD.into()
        }
        PullError::RefusesEverything { .. } => {
            "the message is the server's own; run again later, and kapture doctor if it stays: complete days are kept".into()
        }
        PullError::InconsistentServer { .. }
        | PullError::NoCanary { .. }
        | PullError::InconsistentRefusal { .. } => {
            "run kapture doctor, or the pull with -v, for details; if it happens again later, ask the vendor".into()
        }
        _ => match error.call_error() {
            Some(error) => call(error, endpoint),
            None => DIAGNOSE.into(),
        },
    }
}

/// Whether the server's words are about the account.
pub(crate) fn names_account(refusal: &Refusal) -> bool {
    let message = refusal.message.to_ascii_lowercase();
    ["cm_id", "cmid", "account"]
        .iter()
        .any(|word| message.contains(word))
}

/// What to do where they are.
pub(crate) const ACCOUNT: &str =
    "check the account id (--cm-id), which the message of the server names";

/// Whether the server refuses a request because a field of the body is absent or blank.
fn names_missing_field(refusal: &Refusal) -> bool {
    let message = refusal.message.to_ascii_lowercase();
    message.contains("reqfieldmissing") || message.contains("is either null or blank")
}

const MISSING_FIELD: &str = "the server requires further keys: --set KEY=VALUE adds the one that it names, --full-body sends every documented key";

/// The hint if there is no better one.
pub(super) const DIAGNOSE: &str = "run kapture doctor, or add -vv to log each request";

/// The hint for an error of one call.
pub(super) fn call(error: &Error, endpoint: Endpoint) -> String {
    if let (Error::Connect(_), Error::Exhausted { reason, .. }) = (error.root(), error)
        && *reason != StopReason::NeverAnswered
    {
        return "the server answered before: run the same command again when it does; complete days are kept".into();
    }
    let hint = match error.root() {
        Error::NotFound(_) => {
            let other = endpoint.other();
            return format!("try the other documented path: --endpoint {other}");
        }
        Error::Unauthorized(_) => {
            "kapture auth status shows the origin of the token; keys have an expiry date, and the user of the token may be disabled"
        }
        Error::Forbidden(_) => {
            "ask the administrator of the tenant to permit the customer API for this user"
        }
        Error::Refused(refusal) if names_missing_field(refusal) => MISSING_FIELD,
        Error::Refused(refusal) if names_account(refusal) => ACCOUNT,
        Error::Refused(_) => {
            "the message is the server's own; if a key is missing, --full-body sends every documented key and --set adds others"
        }
        Error::Connect(_) => "check the subdomain or base URL, and that this machine can reach it",
        Error::Proxy { .. } => {
            "check HTTPS_PROXY or ALL_PROXY, and whether the proxy permits this host; NO_PROXY has hosts that are reached without it"
        }
        Error::ProxyLogin(_) => {
            "write them into the address of the proxy: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, with @ as %40 and : as %3A"
        }
        Error::Tls(_) => {
            "check that the address is the tenant's own, and the clock of this machine; if the authority of a company issues certificates here, name its file in SSL_CERT_FILE or its folder in SSL_CERT_DIR"
        }
        Error::Redirected { .. } | Error::NotJson { .. } => {
            "a login page means a wrong address or token: check --base-url and the token"
        }
        Error::Coding(_) => {
            "a proxy or gateway compresses the server's responses although kapture did not request it: tell its administrator, or use another network"
        }
        Error::InvalidJson { .. } => {
            "tell the vendor: a value of one of these customers is written wrongly; other days are not affected"
        }
        Error::TrailingText { .. } => {
            "something adds text behind the server's responses, such as a proxy or a debugging aid: tell its administrator, or use another network"
        }
        Error::UnexpectedShape => "check that --base-url is the address of the API",
        Error::RateLimited { .. } => "lower the request rate with --max-rps, or run again later",
        Error::Timeout(_) => "raise --timeout, or lower --concurrency",
        Error::Server { .. } | Error::Broken(_) | Error::Truncated => {
            "run again when the server works; -vv logs each request"
        }
        Error::TooLarge { .. } | Error::TooManyRows { .. } => {
            "no page of customers is that large: check that the address is that of the API; if one day really has so many customers, add a filter"
        }
        Error::MissingId { .. } => {
            "customers are told apart by their ids: correct the record in the CRM, ask the vendor, or pull with a filter that leaves it out; other days are not affected"
        }
        _ => DIAGNOSE,
    };
    hint.to_owned()
}
