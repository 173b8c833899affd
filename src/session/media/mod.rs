//! Files over HTTP: a file of this machine goes up, or comes down, by the parameters that the gateway gives.
//!
//! Scripts know nothing of it: they send the same commands whether the gateway reads the path itself or not. Which
//! folders Hotline may open is decided in `folders`.

mod error;
mod transfer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, redirect};
use serde::Deserialize;
use serde_json::{Value, json};

use transfer::{SILENCE, UploadProgress, form};

use super::config::{Credentials, Proxy, ProxyKind, SessionConfig};
use super::folders::Folders;
use super::handle::Handle;
use super::line::LineApi;
use super::outbound::Outbound;
use super::published::Publisher;
use super::transport::{in_full, media_config};
use super::webhooks::Webhooks;
use crate::clock::{Clock, Timestamp};
use crate::protocol::line::{ApiOperation, BodyKind};
use crate::protocol::{Call, Content, commands};

pub use error::MediaError;
pub use transfer::Ready;

/// How files travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaMode {
    /// Paths go to the gateway as they are: it reads its own disk.
    Gateway,
    /// Hotline reads and writes the files and transfers them over HTTP.
    Upload,
    /// As `Gateway` where the gateway is on this machine, else as `Upload`.
    #[default]
    Auto,
}

impl MediaMode {
    /// Whether Hotline transfers the files of this session itself.
    pub fn uploads(self, config: &SessionConfig) -> bool {
        match self {
            Self::Gateway => false,
            Self::Upload => true,
            Self::Auto => !config.is_here(),
        }
    }
}

/// What carries the commands of a session that name files.
#[derive(Debug)]
pub struct Media {
    /// What transfers files; none where paths go to the gateway as they are.
    carrier: Option<Carrier>,
    folders: Folders,
    line: Option<Box<LineFiles>>,
}

/// What carries the files of a session on LINE, which come and go by operations and urls of its own.
#[derive(Debug)]
struct LineFiles {
    api: LineApi,
    /// What hands out urls, where something serves them.
    publisher: Option<Publisher>,
    outbound: Outbound,
}

/// What transfers files, each way by rules of its own: a client that bounds how long it waits for bytes begins to count
/// before an upload is done.
#[derive(Debug)]
struct Carrier {
    up: Client,
    down: Client,
    clock: Clock,
}

#[derive(Deserialize)]
struct Parameters {
    url: String,
    #[serde(default)]
    heads: BTreeMap<String, String>,
    #[serde(default)]
    params: String,
}

impl Media {
    /// Sets up the transfers of a session; `folders` are the ones whose files Hotline may open.
    ///
    /// # Errors
    /// When a folder is not there, or the proxy or the certificates cannot be used.
    pub async fn new(mode: MediaMode, config: &SessionConfig, folders: &[PathBuf]) -> Result<Self, MediaError> {
        let folders = Folders::new(folders)?;
        if matches!(config.login, Credentials::Channel { .. }) {
            let api =
                LineApi::new(config, Clock::system()).await.map_err(|error| MediaError::Setup(error.to_string()))?;
            let publisher = config.webhooks.as_ref().and_then(Webhooks::publisher);
            let line = LineFiles { api, publisher, outbound: config.outbound.clone() };
            return Ok(Self { carrier: None, folders, line: Some(Box::new(line)) });
        }
        if !mode.uploads(config) {
            return Ok(Self { carrier: None, folders, line: None });
        }
        let tls = media_config(config.root.clone()).await?;
        let builder = || {
            let builder = Client::builder()
                .tls_backend_preconfigured((*tls).clone())
                .no_proxy()
                // A file that is packed is meant so.
                .no_gzip()
                .no_deflate()
                .no_brotli()
                // The headers are secrets of one server: they are not carried to another.
                .redirect(redirect::Policy::none())
                .connect_timeout(SILENCE);
            match &config.proxy {
                Some(proxy) => client_proxy(proxy).map(|proxy| builder.proxy(proxy)),
                None => Ok(builder),
            }
        };
        let build = |builder: ClientBuilder| builder.build().map_err(|error| MediaError::Setup(in_full(&error)));
        let (up, down) = (build(builder()?)?, build(builder()?.read_timeout(SILENCE))?);
        Ok(Self { carrier: Some(Carrier { up, down, clock: Clock::system() }), folders, line: None })
    }

    /// Counts how long servers are silent by this clock instead of the machine's own.
    #[must_use]
    pub fn timed_by(mut self, clock: Clock) -> Self {
        if let Some(line) = &mut self.line {
            line.api.set_clock(clock.clone());
        }
        if let Some(carrier) = &mut self.carrier {
            carrier.clock = clock;
        }
        self
    }

    /// Whether a command names a file, so that it has to go through [`call`](Self::call).
    pub fn concerns(command: &str) -> bool {
        FILE_COMMANDS.contains(&command) || ApiOperation::with_file(command).is_some()
    }

    /// The url under which a file of this machine can be had for some days, and its size in bytes.
    ///
    /// # Errors
    /// When nothing serves files, or this one may not be opened.
    pub(crate) async fn publish(&self, path: &str, now: Timestamp) -> Result<(String, u64), MediaError> {
        let line = self.line.as_ref().ok_or(MediaError::Unpublished)?;
        let publisher = line.publisher.as_ref().ok_or(MediaError::Unpublished)?;
        let _under_way = line.outbound.begin();
        let (url, size) = publisher.publish(path, now).await?;
        Ok((url.into(), size))
    }

    /// Sends a command, transferring the file that it names where that is this machine's business.
    ///
    /// A message that was uploaded has the content that the command itself would have: `{id, to, timestamp}`, with the
    /// id that Hotline gave it and `now`. A download gives `{path}`: where the file was saved.
    ///
    /// # Errors
    /// See [`MediaError`].
    pub async fn call(
        &self,
        handle: &Handle,
        command: &str,
        fields: String,
        now: Timestamp,
    ) -> Result<Content, MediaError> {
        self.ready(handle, command, fields, now).await?.send(handle).await
    }

    /// Does everything that comes before a command is sent: its turn, or the parameters of the transfer.
    ///
    /// # Errors
    /// See [`MediaError`]; nothing has been sent then.
    pub async fn ready(
        &self,
        handle: &Handle,
        command: &str,
        fields: String,
        now: Timestamp,
    ) -> Result<Ready, MediaError> {
        if let Some(line) = self.line.as_ref().filter(|_| Self::concerns(command)) {
            return self.ready_on_line(line, command, &fields).await;
        }
        let Some(carrier) = self.carrier.as_ref().filter(|_| Self::concerns(command)) else {
            return Ok(Ready::call(handle.reserve(command).await?, fields));
        };
        let msg_id = || (rand::random::<u64>() >> 1).to_string();
        match command {
            _ if is::<commands::SendImage>(command) => {
                let commands::SendImage { to, path } = read(&fields)?;
                let ask = commands::GetSendImageParam { to, path, msg_id: msg_id() };
                self.upload(carrier, handle, &ask, [&ask.to, &ask.path, &ask.msg_id], now).await
            }
            _ if is::<commands::SendFile>(command) => {
                let commands::SendFile { to, path } = read(&fields)?;
                let ask = commands::GetSendFileParam { to, path, msg_id: msg_id() };
                self.upload(carrier, handle, &ask, [&ask.to, &ask.path, &ask.msg_id], now).await
            }
            _ if is::<commands::SendVideo>(command) => {
                let commands::SendVideo { to, path, duration } = read(&fields)?;
                let ask = commands::GetSendVideoParam { to, path, duration, msg_id: msg_id() };
                self.upload(carrier, handle, &ask, [&ask.to, &ask.path, &ask.msg_id], now).await
            }
            _ if is::<commands::SendAudio>(command) => {
                let commands::SendAudio { to, path, duration } = read(&fields)?;
                let ask = commands::GetSendAudioParam { to, path, duration, msg_id: msg_id() };
                self.upload(carrier, handle, &ask, [&ask.to, &ask.path, &ask.msg_id], now).await
            }
            _ if is::<commands::DownloadFile>(command) => {
                let commands::DownloadFile { msg_id, path } = read(&fields)?;
                self.download(carrier, handle, commands::GetDownloadFileParam { msg_id, path }).await
            }
            _ if is::<commands::UpdateProfilePicture>(command) => Err(unsupported::<commands::UpdateProfilePicture>()),
            _ if is::<commands::UpdateGroupPicture>(command) => Err(unsupported::<commands::UpdateGroupPicture>()),
            _ => Ok(Ready::call(handle.reserve(command).await?, fields)),
        }
    }

    async fn ready_on_line(&self, line: &LineFiles, command: &str, fields: &str) -> Result<Ready, MediaError> {
        let under_way = line.outbound.begin();
        let (operation, fields) = match ApiOperation::with_file(command) {
            Some(operation) => (operation, read_object(operation.command.name, fields)?),
            None if is::<commands::DownloadFile>(command) => {
                let commands::DownloadFile { msg_id, path } = read(fields)?;
                let operation = ApiOperation::with_file("getMessageContent").expect("it stands in the table");
                let fields = [("messageId".to_owned(), msg_id.into()), ("path".to_owned(), path.into())];
                (operation, fields.into_iter().collect())
            }
            // A message with the url of a file is no transfer.
            None => return Err(MediaError::Unpublished),
        };
        let path = fields.get("path").and_then(Value::as_str).unwrap_or_default();
        if operation.body == BodyKind::File {
            let source = self.folders.open(path).await?;
            let kind = mime_guess::from_path(path).first_or_octet_stream();
            let request = line.api.prepared(operation, &fields).await?.header(CONTENT_TYPE, kind.as_ref());
            let request = request.header(CONTENT_LENGTH, source.size).body(reqwest::Body::from(source.file));
            let flow = UploadProgress::new(line.api.clock().clone());
            return Ok(Ready::upload(request, flow, Content::new("{}"), Some(under_way)));
        }
        let target = self.folders.create(path).await?;
        Ok(Ready::download(line.api.prepared(operation, &fields).await?, target, Some(under_way)))
    }

    async fn upload<C: Call>(
        &self,
        carrier: &Carrier,
        handle: &Handle,
        ask: &C,
        [to, path, msg_id]: [&str; 3],
        now: Timestamp,
    ) -> Result<Ready, MediaError> {
        // Opened first: a file that is not there costs the gateway nothing.
        let source = self.folders.open(path).await?;
        let parameters = parameters::<C>(&handle.request(ask).await?)?;
        let request = carrier.up.post(&parameters.url).headers(headers::<C>(&parameters)?);
        let flow = UploadProgress::new(carrier.clock.clone());
        let request = request.multipart(form(source, parameters.params, flow.clone()));
        let content = Content::new(json!({"id": msg_id, "to": to, "timestamp": now}).to_string());
        Ok(Ready::upload(request, flow, content, None))
    }

    async fn download(
        &self,
        carrier: &Carrier,
        handle: &Handle,
        ask: commands::GetDownloadFileParam,
    ) -> Result<Ready, MediaError> {
        let target = self.folders.create(&ask.path).await?;
        let parameters = parameters::<commands::GetDownloadFileParam>(&handle.request(&ask).await?)?;
        let headers = headers::<commands::GetDownloadFileParam>(&parameters)?;
        // Written out: there are servers that insist on it.
        let request = carrier.down.post(&parameters.url).headers(headers).header(CONTENT_LENGTH, 0);
        Ok(Ready::download(request, target, None))
    }
}

/// The commands whose `path` is a file to read or to write.
const FILE_COMMANDS: &[&str] = &[
    commands::SendImage::COMMAND.name,
    commands::SendVideo::COMMAND.name,
    commands::SendAudio::COMMAND.name,
    commands::SendFile::COMMAND.name,
    commands::DownloadFile::COMMAND.name,
    commands::UpdateProfilePicture::COMMAND.name,
    commands::UpdateGroupPicture::COMMAND.name,
];

fn is<C: Call>(command: &str) -> bool {
    command == C::COMMAND.name
}

fn unsupported<C: Call>() -> MediaError {
    MediaError::Unsupported { command: C::COMMAND.name }
}

fn read_object(command: &'static str, fields: &str) -> Result<serde_json::Map<String, Value>, MediaError> {
    serde_json::from_str(fields).map_err(|error| MediaError::Fields { command, reason: error.to_string() })
}

fn read<C: Call + for<'de> Deserialize<'de>>(fields: &str) -> Result<C, MediaError> {
    let reason = |error: serde_json::Error| MediaError::Fields { command: C::COMMAND.name, reason: error.to_string() };
    serde_json::from_str(fields).map_err(reason)
}

fn parameters<C: Call>(content: &Content) -> Result<Parameters, MediaError> {
    let wrong = |reason: String| MediaError::Parameters { command: C::COMMAND.name, reason };
    let mut value = content.value();
    // Some gateways write `params` as JSON text, some as the object itself.
    if let Some(params) = value.get_mut("params")
        && !params.is_string()
    {
        *params = if params.is_null() { Value::from("") } else { Value::from(params.to_string()) };
    }
    if let Some(heads) = value.get_mut("heads") {
        *heads = texts(heads);
    }
    serde_json::from_value(value).map_err(|error| wrong(error.to_string()))
}

/// The headers whose values can be texts: one of another type costs itself.
fn texts(heads: &Value) -> Value {
    let text = |(name, value): (&String, &Value)| match value {
        Value::String(_) => Some((name.clone(), value.clone())),
        Value::Number(_) | Value::Bool(_) => Some((name.clone(), value.to_string().into())),
        _ => None,
    };
    heads.as_object().into_iter().flatten().filter_map(text).collect::<serde_json::Map<_, _>>().into()
}

/// The headers that go with the transfer: all but those that tell of the body, which has its own.
fn headers<C: Call>(parameters: &Parameters) -> Result<HeaderMap, MediaError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &parameters.heads {
        // The value may be a secret, so only the name is told.
        let wrong = || MediaError::Parameters {
            command: C::COMMAND.name,
            reason: format!("the header \"{name}\" cannot be sent"),
        };
        let header = HeaderName::from_str(name).map_err(|_| wrong())?;
        if header != CONTENT_TYPE && header != CONTENT_LENGTH {
            headers.append(header, HeaderValue::from_str(value).map_err(|_| wrong())?);
        }
    }
    Ok(headers)
}

fn client_proxy(proxy: &Proxy) -> Result<reqwest::Proxy, MediaError> {
    let host = if proxy.server.contains(':') { format!("[{}]", proxy.server) } else { proxy.server.clone() };
    let scheme = match proxy.kind {
        // The name is resolved by the proxy: it may be known only there.
        ProxyKind::Socks5 => "socks5h",
        ProxyKind::Http => "http",
    };
    let made = reqwest::Proxy::all(format!("{scheme}://{host}:{}", proxy.port));
    let made = made.map_err(|error| MediaError::Setup(in_full(&error)))?;
    Ok(match &proxy.username {
        Some(username) => made.basic_auth(username, proxy.password.as_ref().map_or("", |password| password.expose())),
        None => made,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::COMMANDS;
    use crate::session::{Credentials, Secret};

    #[test]
    fn auto_uploads_only_to_other_machines() {
        let at = |gateway: &str| {
            SessionConfig::new("main", gateway, Credentials::Token { phone: "1".into(), auth_token: Secret::new("t") })
        };
        assert!(!MediaMode::Auto.uploads(&at("ws://127.0.0.1:16089")));
        assert!(MediaMode::Auto.uploads(&at("wss://gateway.example.com")));
        assert!(MediaMode::Upload.uploads(&at("ws://127.0.0.1:16089")));
        assert!(!MediaMode::Gateway.uploads(&at("wss://gateway.example.com")));
        let connect_via = Some("socks5://proxy.example.com".parse().expect("a proxy"));
        assert!(MediaMode::Auto.uploads(&SessionConfig { connect_via, ..at("ws://127.0.0.1:16089") }));
    }

    #[test]
    fn every_command_with_a_path_on_the_gateways_disk_is_concerned() {
        for command in COMMANDS.iter().filter(|command| !command.name.starts_with("Get")) {
            let has_path = command.fields.iter().any(|field| field.name == "path");
            assert_eq!(Media::concerns(command.name), has_path, "{}", command.name);
        }
    }

    #[test]
    fn the_content_type_of_the_parameters_is_left_out() {
        let parameters: Parameters = serde_json::from_value(json!({
            "url": "http://x", "heads": {"X-Token": "t", "content-type": "image/png"}, "path": "p"
        }))
        .expect("parameters");
        let headers = headers::<commands::GetSendImageParam>(&parameters).expect("headers");
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["x-token"], "t");
    }

    #[test]
    fn params_may_be_text_or_an_object() {
        let params =
            |content: &str| parameters::<commands::GetSendImageParam>(&Content::new(content)).map(|found| found.params);
        assert_eq!(params(r#"{"url": "http://x", "params": "{\"a\":1}"}"#).expect("text"), r#"{"a":1}"#);
        assert_eq!(params(r#"{"url": "http://x", "params": {"a":1}}"#).expect("an object"), r#"{"a":1}"#);
        assert_eq!(params(r#"{"url": "http://x", "params": null}"#).expect("nothing"), "");
        assert!(params(r#"{"heads": {}}"#).is_err());
    }
}
