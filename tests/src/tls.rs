//! A server over TLS and HTTP/2 on loopback, with certificates of an authority that only a test trusts.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use h2::server::SendResponse;
use http::{Request, Response};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::kapture;
use crate::scripted::{Asked, one_a_day};

/// The certificate of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// Valid, for a client that trusts the authority.
    Valid,
    /// Valid once, until 2021.
    Expired,
    /// Valid from 2100 on.
    Future,
    /// Issued for another host.
    OtherHost,
    /// Signed by itself.
    SelfSigned,
    /// Issued by an authority in between, whose certificate the server does not send.
    WithoutChain,
}

/// Serves one customer a day over HTTP/2 until the test ends.
#[derive(Debug)]
pub struct TlsServer {
    address: SocketAddr,
    folder: TempDir,
    connections: Arc<AtomicUsize>,
    _runtime: Runtime,
}

/// How the connections of a server behave.
#[derive(Debug, Clone, Copy, Default)]
pub struct Connections {
    /// A connection falls silent at its stream with this number, counted from 1, without closing.
    pub silent_from: Option<usize>,
    /// Whether streams are refused with `HTTP_1_1_REQUIRED`.
    pub http1_required: bool,
    /// Whether each stream is reset as by a broken gateway.
    pub reset: bool,
}

impl TlsServer {
    /// A server whose certificate and connections are like this.
    ///
    /// # Panics
    /// When no port can be had.
    pub fn new(certificate: Certificate, behaviour: Connections) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(certificate, &folder);
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        runtime.spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, count) = (acceptor.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    // Every failure of a connection is the client's doing, or meant.
                    let _ = serve(&acceptor, stream, behaviour, &count).await;
                });
            }
        });
        Self {
            address,
            folder,
            connections,
            _runtime: runtime,
        }
    }

    /// How many connections were made, handshake included.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Its port on this machine.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `kapture` with a connection to this server in its environment, which trusts its authority.
    pub fn kapture(&self, arguments: &[&str]) -> Command {
        let mut command = kapture(arguments);
        let port = self.port();
        command
            .env("SSL_CERT_FILE", self.folder.path().join("authority.pem"))
            .env("KAPTURE_BASE_URL", format!("https://localhost:{port}"))
            .env("KAPTURE_CM_ID", "424242")
            .env("KAPTURE_TOKEN", "U0VDUkVU");
        command
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn serve(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    behaviour: Connections,
    count: &AtomicUsize,
) -> Result<(), Failure> {
    let stream = acceptor.accept(stream).await?;
    count.fetch_add(1, Ordering::Relaxed);
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return serve_http1(stream).await;
    }
    let mut connection = h2::server::handshake(stream).await?;
    let mut streams = 0;
    while let Some(accepted) = connection.accept().await {
        streams += 1;
        if behaviour.silent_from.is_some_and(|first| streams >= first) {
            // Nothing is read or written from here on, and the connection stays open.
            std::future::pending::<()>().await;
        }
        let (request, mut respond) = accepted?;
        if behaviour.http1_required {
            respond.send_reset(h2::Reason::HTTP_1_1_REQUIRED);
        } else if behaviour.reset {
            respond.send_reset(h2::Reason::PROTOCOL_ERROR);
        } else {
            tokio::spawn(answer(request, respond));
        }
    }
    Ok(())
}

async fn answer(
    request: Request<h2::RecvStream>,
    mut respond: SendResponse<bytes::Bytes>,
) -> Result<(), Failure> {
    let mut body = request.into_body();
    let mut received = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        received.extend_from_slice(&chunk);
    }
    let mut stream = respond.send_response(Response::new(()), false)?;
    stream.send_data(customers(&received)?.into(), true)?;
    Ok(())
}

/// Answers requests over HTTP/1.1 with `content-length`.
async fn serve_http1(stream: tokio_rustls::server::TlsStream<TcpStream>) -> Result<(), Failure> {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            match line.split_once(": ") {
                Some(("content-length", value)) => length = value.trim().parse()?,
                Some(_) => {}
                None if line.trim().is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let answer = customers(&body)?;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&answer).await?;
        stream.flush().await?;
    }
}

fn customers(body: &[u8]) -> Result<Vec<u8>, Failure> {
    let body: Value = serde_json::from_slice(body)?;
    let (number, head) = (0, String::new());
    Ok(one_a_day(&Asked { number, body, head }))
}

/// The configuration of a server; the authority to trust is stored in the folder.
fn config(certificate: Certificate, folder: &TempDir) -> ServerConfig {
    let key = || KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(authority("Example Root"), key()).expect("signed");
    fs::write(folder.path().join("authority.pem"), authority.pem()).expect("it is written");

    let host = match certificate {
        Certificate::OtherHost => "other.example.com",
        _ => "localhost",
    };
    let mut params = CertificateParams::new([host.to_owned()]).expect("a host name");
    match certificate {
        Certificate::Expired => {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        Certificate::Future => params.not_before = date_time_ymd(2100, 1, 1),
        _ => {}
    }
    let own = key();
    let signed = match certificate {
        Certificate::SelfSigned => params.self_signed(&own),
        Certificate::WithoutChain => {
            let between = self::authority("Example Issuing");
            let between = CertifiedIssuer::signed_by(between, key(), &authority).expect("signed");
            params.signed_by(&own, &between)
        }
        _ => params.signed_by(&own, &authority),
    };
    let chain: Vec<CertificateDer<'static>> = vec![signed.expect("signed").der().clone()];
    let own = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(chain, own)
        .expect("a certificate with its key");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}
