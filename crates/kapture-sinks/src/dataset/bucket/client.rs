//! The clients of object stores, over our own HTTP client.

use std::sync::{Arc, Once};
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService,
};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use super::address::{BucketUrl, Scheme, endpoint};
use super::error::StoreError;

/// How long a request is repeated while the store fails.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// A store that sends nothing for this long has failed.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client for the store at an address. Credentials, region and endpoint are those of the
/// environment, as the tools of each cloud find them.
pub(super) fn connect(url: &BucketUrl) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let connections = Connections::new()?;
    match url.scheme {
        Scheme::S3 => s3(url, connections),
        Scheme::Gs => google(url, connections),
        Scheme::Az => azure(url, connections),
    }
}

fn retry() -> RetryConfig {
    RetryConfig {
        retry_timeout: RETRY_TIMEOUT,
        ..RetryConfig::default()
    }
}

fn settings(error: &object_store::Error) -> StoreError {
    // The text of such an error names the setting. Its value could be a secret.
    let text = error.to_string();
    match text.contains("Missing") || text.contains("missing") {
        true => StoreError::Settings("one is missing, such as the name of the account".into()),
        false => StoreError::Settings("a variable of the environment is malformed".into()),
    }
}

/// Checks an endpoint that the environment names.
fn check(named: Option<String>) -> Result<(), StoreError> {
    match named.as_deref().map(endpoint) {
        Some(Err(reason)) => Err(StoreError::Settings(reason.to_owned())),
        _ => Ok(()),
    }
}

fn s3(url: &BucketUrl, connections: Connections) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(&url.bucket)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_allow_http(true)
        .with_retry(retry())
        .with_http_connector(connections);
    if let Some(endpoint) = &url.endpoint {
        let endpoint = endpoint.as_str().trim_end_matches('/');
        builder = builder
            .with_endpoint(endpoint)
            .with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
    }
    check(builder.get_config_value(&AmazonS3ConfigKey::Endpoint))?;
    check(builder.get_config_value(&AmazonS3ConfigKey::S3Endpoint))?;
    let store = builder.build().map_err(|error| settings(&error))?;
    Ok(Arc::new(store))
}

fn google(url: &BucketUrl, connections: Connections) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let mut builder = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(&url.bucket)
        .with_retry(retry())
        .with_http_connector(connections);
    if let Some(endpoint) = &url.endpoint {
        let endpoint = endpoint.as_str().trim_end_matches('/');
        builder = builder.with_config(GoogleConfigKey::BaseUrl, endpoint);
    }
    check(builder.get_config_value(&GoogleConfigKey::BaseUrl))?;
    let store = builder.build().map_err(|error| settings(&error))?;
    Ok(Arc::new(store))
}

fn azure(url: &BucketUrl, connections: Connections) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let mut builder = MicrosoftAzureBuilder::from_env()
        .with_container_name(&url.bucket)
        .with_allow_http(true)
        .with_retry(retry())
        .with_http_connector(connections);
    if let Some(endpoint) = &url.endpoint {
        let endpoint = endpoint.as_str().trim_end_matches('/');
        builder = builder.with_endpoint(endpoint.to_owned());
    }
    check(builder.get_config_value(&AzureConfigKey::Endpoint))?;
    let store = builder.build().map_err(|error| settings(&error))?;
    Ok(Arc::new(store))
}

/// The connections of a store. The proxy that the environment names is used for `https` alone, as
/// for the CRM; certificates are those of this machine; redirects are not followed.
#[derive(Debug, Clone)]
struct Connections {
    secure: reqwest::Client,
    /// For this machine, and for the addresses at which a cloud gives credentials to its machines.
    plain: reqwest::Client,
}

impl Connections {
    fn new() -> Result<Self, StoreError> {
        install_crypto_provider();
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("kapture/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                // The ETag of a body that is unpacked is not that of the object.
                .no_gzip()
        };
        let plain = builder().no_proxy().tls_certs_only([]).build();
        let no_certificates =
            |_| StoreError::Settings("the certificates of this machine cannot be read".into());
        Ok(Self {
            secure: builder().build().map_err(no_certificates)?,
            plain: plain.map_err(no_certificates)?,
        })
    }
}

/// Installs ring as the crypto provider of the process, unless the program has installed another
/// one. reqwest is built without a default provider, so that aws-lc-rs is not linked.
fn install_crypto_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

impl HttpConnector for Connections {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Connections {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        match request.uri().scheme_str() {
            Some("http") => self.plain.call(request).await,
            _ => self.secure.call(request).await,
        }
    }
}
