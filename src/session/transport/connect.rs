//! How a connection to a gateway comes about: through a proxy or not, with TLS or not. When one is tried is decided in
//! `machine`.

use data_encoding::BASE64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_socks::tcp::Socks5Stream;
use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use url::Url;

use super::tls::{TlsError, client_config};
use crate::protocol::MAX_FRAME;
use crate::session::config::{ConnectVia, ProxyKind, SessionConfig};

/// A connection to a gateway, ready for frames.
pub(in crate::session) type GatewaySocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// So much is read from the connection at a time. The frames of several messages fit in it; every session has one, however idle.
const READ_BUFFER: usize = 4 * 1024;

/// The longest answer of an http proxy.
const PROXY_ANSWER: usize = 16 * 1024;

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub(in crate::session) enum ConnectError {
    #[error("the gateway is given as ws://host:port or wss://host:port; found {0}")]
    Url(String),
    #[error("cannot connect to {0}: {1}")]
    Connect(String, std::io::Error),
    #[error("the proxy {0} refuses the connection to {1}: {2}")]
    Proxy(String, String, String),
    #[error("{0} answers, but not as a gateway: {1}")]
    Handshake(String, Box<WebSocketError>),
    #[error("{0} cannot be trusted: {1}; where its certificate is your own, name it as \"root\" of the session")]
    Untrusted(String, rustls::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl ConnectError {
    /// Whether trying again would fail in the same way, as far as can be told: the address or the trust is wrong.
    pub(in crate::session) fn is_lasting(&self) -> bool {
        match self {
            Self::Url(_) | Self::Untrusted(..) | Self::Tls(_) => true,
            Self::Connect(..) | Self::Proxy(..) => false,
            Self::Handshake(_, error) => match &**error {
                // A busy server, or one whose gateway is away for a moment, says so with these.
                WebSocketError::Http(response) => {
                    let status = response.status().as_u16();
                    !(status >= 500 || matches!(status, 408 | 425 | 429))
                }
                WebSocketError::Protocol(error) => *error != ProtocolError::HandshakeIncomplete,
                WebSocketError::Io(error) => !matches!(tls_error(error), None | Some(rustls::Error::AlertReceived(_))),
                WebSocketError::Url(_) | WebSocketError::HttpFormat(_) | WebSocketError::Tls(_) => true,
                _ => false,
            },
        }
    }

    fn of_handshake(place: &HostPort, error: WebSocketError) -> Self {
        match &error {
            WebSocketError::Io(cause) => match tls_error(cause) {
                Some(error @ rustls::Error::InvalidCertificate(_)) => Self::Untrusted(place.text(), error.clone()),
                _ => Self::Handshake(place.text(), Box::new(error)),
            },
            _ => Self::Handshake(place.text(), Box::new(error)),
        }
    }
}

/// What TLS has against a connection, where it is that which broke it.
fn tls_error(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Where a gateway is.
struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    fn of(gateway: &str) -> Result<(Url, Self), ConnectError> {
        let url = Url::parse(gateway).map_err(|error| ConnectError::Url(error.to_string()))?;
        if !matches!(url.scheme(), "ws" | "wss") {
            return Err(ConnectError::Url(format!("the scheme \"{}\"", url.scheme())));
        }
        let host = url.host_str().ok_or_else(|| ConnectError::Url("no host".to_owned()))?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().ok_or_else(|| ConnectError::Url("no port".to_owned()))?;
        Ok((url, Self { host, port }))
    }

    /// As in urls and http headers: an IPv6 address stands in brackets.
    fn text(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Connects to the gateway of a session.
pub(in crate::session) async fn connect(config: &SessionConfig) -> Result<GatewaySocket, ConnectError> {
    let (url, place) = HostPort::of(&config.gateway)?;
    let connector = match url.scheme() {
        "wss" => Connector::Rustls(client_config(config.root.clone()).await?),
        _ => Connector::Plain,
    };
    let stream = match &config.connect_via {
        None => open(&place).await?,
        Some(via) => connect_via(via, &place).await?,
    };
    let limits = WebSocketConfig::default()
        // The buffer is cleared before each read, and every session has one.
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let socket = client_async_tls_with_config(url.as_str(), stream, Some(limits), Some(connector)).await;
    socket.map(|(socket, _)| socket).map_err(|error| ConnectError::of_handshake(&place, error))
}

async fn open(place: &HostPort) -> Result<TcpStream, ConnectError> {
    let failed = |error| ConnectError::Connect(place.text(), error);
    let stream = TcpStream::connect((place.host.as_str(), place.port)).await.map_err(failed)?;
    // Frames are small and answers to them are awaited: Nagle's algorithm would hold them back.
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}

async fn connect_via(via: &ConnectVia, place: &HostPort) -> Result<TcpStream, ConnectError> {
    let proxy = HostPort { host: via.host.clone(), port: via.port };
    let stream = open(&proxy).await?;
    let refused = |reason: String| ConnectError::Proxy(proxy.text(), place.text(), reason);
    match via.kind {
        ProxyKind::Socks5 => {
            // The proxy resolves the name: it may be known only there.
            let target = (place.host.as_str(), place.port);
            let connected = match (&via.username, &via.password) {
                (Some(username), password) => {
                    let password = password.as_ref().map_or("", |password| password.expose());
                    Socks5Stream::connect_with_password_and_socket(stream, target, username, password).await
                }
                (None, _) => Socks5Stream::connect_with_socket(stream, target).await,
            };
            connected.map(Socks5Stream::into_inner).map_err(|error| refused(error.to_string()))
        }
        ProxyKind::Http => tunnel(stream, via, place).await.map_err(refused),
    }
}

/// Asks an http proxy for a tunnel.
async fn tunnel(mut stream: TcpStream, via: &ConnectVia, place: &HostPort) -> Result<TcpStream, String> {
    let target = place.text();
    let authorization = via.username.as_ref().map(|username| {
        let password = via.password.as_ref().map_or("", |password| password.expose());
        let credentials = BASE64.encode(format!("{username}:{password}").as_bytes());
        format!("Proxy-Authorization: Basic {credentials}\r\n")
    });
    let authorization = authorization.unwrap_or_default();
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    let mut answer = Vec::with_capacity(256);
    // Byte by byte: what follows the empty line belongs to the gateway.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= PROXY_ANSWER {
            return Err(format!("its answer is longer than {PROXY_ANSWER} bytes"));
        }
        answer.push(stream.read_u8().await.map_err(|_| "it closed the connection".to_owned())?);
    }
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.lines().next().unwrap_or_default();
    let mut words = status.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some(version), Some(code)) if version.starts_with("HTTP/1.") && code.starts_with('2') => Ok(stream),
        _ => Err(format!("found \"{}\", expected an answer 200", status.chars().take(100).collect::<String>())),
    }
}
