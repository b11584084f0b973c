//! The address of a dataset in an object store, as a destination.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::path::Path;
use url::{Host, Url};

use super::Bucket;
use super::client::connect;
use crate::dataset::Dataset;
use crate::destination::capabilities::Capabilities;
use crate::destination::error::DestinationError;
use crate::destination::opener::Opener;
use crate::encoding::Encoding;
use crate::encoding::format::Format;
use crate::error::SinkError;
use crate::incremental::Incremental;
use crate::incremental::forget::Forget;
use crate::ledger::identity::Identity;
use crate::ledger::tracking::Tracking;
use crate::sink::Sink;

/// The kind of an object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    S3,
    Gs,
    Az,
}

/// A dataset in an object store, as a destination.
#[derive(Debug, Clone)]
pub(super) struct BucketUrl {
    pub(super) scheme: Scheme,
    pub(super) bucket: String,
    pub(super) prefix: Path,
    /// Where the store is, unless it is that of the cloud or of the environment.
    pub(super) endpoint: Option<Url>,
    /// The format asked for.
    format: Option<Format>,
    unlocked: bool,
    tracking: Tracking,
}

/// `s3://bucket/prefix/`, `gs://…` or `az://…`, each with `?endpoint=URL` for another store.
pub(crate) fn parse(
    text: &str,
    format: Option<Format>,
) -> Result<Arc<dyn Opener>, DestinationError> {
    Ok(Arc::new(BucketUrl::parse(text, format)?))
}

impl BucketUrl {
    fn parse(text: &str, format: Option<Format>) -> Result<Self, DestinationError> {
        let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
        let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let failed = |reason: &str| DestinationError::Address {
            // Without what may be a secret.
            destination: match bucket.contains(['@', ':']) {
                true => format!("{scheme}://…"),
                false => format!("{scheme}://{path}"),
            },
            reason: reason.to_owned(),
        };
        let kind = match scheme {
            "s3" => Scheme::S3,
            "gs" => Scheme::Gs,
            _ => Scheme::Az,
        };
        if bucket.contains(['@', ':']) {
            return Err(failed(
                "credentials do not belong into it: give them in the environment",
            ));
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.$".contains(&byte);
        if bucket.is_empty() || !bucket.bytes().all(is_name) {
            return Err(failed("it names no bucket"));
        }
        let file_name = prefix.rsplit('/').next().unwrap_or_default();
        if Format::of_file(file_name.as_ref()).0.is_some() {
            return Err(failed(
                "a bucket holds a dataset with one object for each day: end it in /",
            ));
        }
        let prefix = Path::parse(prefix).map_err(|_| failed("its path has an empty part"))?;
        let mut endpoint = None;
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("endpoint", url)) => endpoint = Some(self::endpoint(url).map_err(failed)?),
                _ => return Err(failed("it has an option other than endpoint")),
            }
        }
        Ok(Self {
            scheme: kind,
            bucket: bucket.to_owned(),
            prefix,
            endpoint,
            format,
            unlocked: false,
            tracking: Tracking::default(),
        })
    }

    fn bucket(&self) -> Result<Bucket, SinkError> {
        let destination = self.to_string();
        let store = connect(self).map_err(|source| SinkError::ObjectStore {
            destination: destination.clone(),
            source,
        })?;
        Ok(Bucket::new(
            destination,
            store,
            self.prefix.clone(),
            self.unlocked,
        ))
    }
}

/// The URL of an endpoint, encrypted or on this machine.
pub(super) fn endpoint(url: &str) -> Result<Url, &'static str> {
    let url: Url = url.parse().map_err(|_| "its endpoint is no URL")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials do not belong into its endpoint");
    }
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => return Err("its endpoint names no host"),
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback => Ok(url),
        "http" => Err("its endpoint is plain http, which is for this machine alone: use https"),
        _ => Err("its endpoint is no URL of https"),
    }
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::S3 => "s3",
            Scheme::Gs => "gs",
            Scheme::Az => "az",
        };
        write!(f, "{scheme}://{}/", self.bucket)?;
        match self.prefix.as_ref() {
            "" => Ok(()),
            prefix => write!(f, "{prefix}/"),
        }
    }
}

#[async_trait]
impl Opener for BucketUrl {
    fn capabilities(&self) -> Capabilities {
        Capabilities::BUCKET
    }

    fn unlocked(&self) -> Option<Arc<dyn Opener>> {
        Some(Arc::new(Self {
            unlocked: true,
            ..self.clone()
        }))
    }

    fn tracking(&self, tracking: &Tracking) -> Option<Arc<dyn Opener>> {
        Some(Arc::new(Self {
            tracking: tracking.clone(),
            ..self.clone()
        }))
    }

    async fn format(&self) -> Option<Format> {
        match self.format {
            None => Dataset::format_held(self.bucket().ok()?).await.ok()?,
            asked => asked,
        }
    }

    async fn create(
        &self,
        identity: &Identity,
        encoding: &Encoding,
    ) -> Result<Box<dyn Sink>, SinkError> {
        let dataset = Dataset::writer(self.bucket()?, identity, encoding, &self.tracking)?;
        Ok(Box::new(Incremental::create(dataset, identity).await?))
    }

    async fn open_to_forget(&self) -> Result<Box<dyn Forget>, SinkError> {
        Ok(Box::new(Dataset::reader(self.bucket()?)))
    }

    async fn open(&self, identity: Option<&Identity>) -> Result<Box<dyn Sink>, SinkError> {
        let dataset = Dataset::reader(self.bucket()?);
        Ok(Box::new(Incremental::open(dataset, identity).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed() {
        for (text, shown) in [
            ("s3://crm", "s3://crm/"),
            ("s3://crm/", "s3://crm/"),
            ("gs://crm-1/all/customers", "gs://crm-1/all/customers/"),
            (
                "az://crm/all/?endpoint=https://store.example.com/a",
                "az://crm/all/",
            ),
            ("s3://crm/?endpoint=http://127.0.0.1:9000", "s3://crm/"),
            ("s3://crm/?endpoint=http://[::1]:9000", "s3://crm/"),
        ] {
            let url = BucketUrl::parse(text, None).unwrap();
            assert_eq!(url.to_string(), shown, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_without_a_secret() {
        for (text, reason) in [
            ("s3://", "no bucket"),
            ("s3:///all/", "no bucket"),
            ("s3://key:secret@crm/", "credentials"),
            ("s3://crm/customers.parquet", "end it in /"),
            ("s3://crm/a//b/", "empty part"),
            ("s3://crm/?region=secret", "other than endpoint"),
            ("s3://crm/?endpoint=secret", "no URL"),
            ("s3://crm/?endpoint=http://192.0.2.1/", "plain http"),
            (
                "s3://crm/?endpoint=http://localhost.secret.example/",
                "plain http",
            ),
            ("s3://crm/?endpoint=https://me:secret@h/", "credentials"),
            ("s3://crm/?endpoint=ftp://localhost/", "no URL of https"),
        ] {
            let error = BucketUrl::parse(text, None).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
