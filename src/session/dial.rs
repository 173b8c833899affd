//! How a connection to a gateway comes about. When one is tried is decided in `machine`.

use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use url::Url;

use super::config::SessionConfig;
use crate::protocol::MAX_FRAME;

/// A connection to a gateway, ready for frames.
pub(super) type Socket = WebSocketStream<TcpStream>;

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    /// The url cannot be used.
    #[error("the gateway is given as ws://host:port or wss://host:port; found {0}")]
    Url(String),
    /// Nobody answers there.
    #[error("cannot connect to {0}: {1}")]
    Connect(String, std::io::Error),
    /// Whoever answers speaks no WebSocket.
    #[error("{0} answers, but not as a gateway: {1}")]
    Handshake(String, Box<WebSocketError>),
}

/// Connects to the gateway of a session.
pub(super) async fn dial(config: &SessionConfig) -> Result<Socket, DialError> {
    let url = Url::parse(&config.gateway).map_err(|error| DialError::Url(error.to_string()))?;
    let host = url.host_str().ok_or_else(|| DialError::Url("no host".to_owned()))?.trim_matches(['[', ']']);
    let port = url.port_or_known_default().ok_or_else(|| DialError::Url("no port".to_owned()))?;
    let place = format!("{host}:{port}");
    let stream = TcpStream::connect((host, port)).await.map_err(|error| DialError::Connect(place.clone(), error))?;
    // Frames are small and answers to them are awaited: Nagle's algorithm would hold them back.
    stream.set_nodelay(true).map_err(|error| DialError::Connect(place.clone(), error))?;
    let limits = WebSocketConfig::default().max_message_size(Some(MAX_FRAME)).max_frame_size(Some(MAX_FRAME));
    let (socket, _) = tokio_tungstenite::client_async_with_config(url.as_str(), stream, Some(limits))
        .await
        .map_err(|error| DialError::Handshake(place, Box::new(error)))?;
    Ok(socket)
}
