//! Webhooks on their way out: one POST at a time, each signed. Which comes next, and when one comes again, is decided in `line`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, redirect};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};

use super::account::check_webhook;
use super::call::{ApiAnswer, ApiCall, ApiResult};
use crate::protocol::line::{SIGNATURE_HEADER, sign};
use crate::sandbox::faults::WebhookTrouble;
use crate::sandbox::line::{LINE_CHANNEL, LineWebhook, NextWebhook, Refused, date_time, line_id};
use crate::sandbox::shared::{SandboxShared, stopped};

/// How much later a webhook comes that is to come after the next one.
const REORDERED: Duration = Duration::from_millis(200);

/// Sends webhooks until the sandbox stops.
pub(in crate::sandbox) async fn send_webhooks(shared: Arc<SandboxShared>) {
    let mut clients = Clients::default();
    let mut stopping = shared.stopping.subscribe();
    let bell = shared.with(|hub| Arc::clone(&hub.line.bell));
    loop {
        let due = match shared.with(|hub| hub.line.next_webhook()) {
            NextWebhook::Send(webhooks) => {
                tokio::select! {
                    () = send(&shared, &mut clients, webhooks) => {}
                    () = stopped(&mut stopping) => return,
                }
                continue;
            }
            NextWebhook::At(due) => Some(due),
            NextWebhook::Nothing => None,
        };
        let ripened = async {
            match due {
                Some(due) => shared.clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = bell.notified() => {}
            () = ripened => {}
            () = stopped(&mut stopping) => return,
        }
    }
}

/// Sends events together, and has those sent again that are not taken or that a fault wants to come again.
async fn send(shared: &Arc<SandboxShared>, clients: &mut Clients, webhooks: Vec<LineWebhook>) {
    let (url, destination, troubled) = shared.with(|hub| {
        let destination = hub.world.official().map(|mid| line_id(mid)).unwrap_or_default();
        let mut trouble = |webhook: &LineWebhook| hub.faults.webhook_trouble(webhook.kind());
        let troubled = webhooks.into_iter().map(|webhook| (trouble(&webhook), webhook)).collect::<Vec<_>>();
        (hub.line.webhook.clone(), destination, troubled)
    });
    let Some(url) = url else { return shared.with(|hub| hub.line.webhooks.settle()) };
    let is_missigned = troubled.iter().any(|(trouble, _)| *trouble == Some(WebhookTrouble::Missign));
    let secret = if is_missigned { "another" } else { LINE_CHANNEL };
    let comes = |(trouble, _): &&(_, _)| !matches!(trouble, Some(WebhookTrouble::Swallow | WebhookTrouble::Reorder));
    let events: Vec<_> = troubled.iter().filter(comes).map(|(_, webhook)| webhook.told()).collect();
    let taken = if events.is_empty() {
        true
    } else {
        let body = json!({ "destination": destination, "events": events });
        let posted = post(shared, clients, &url, secret, &body).await;
        if let Err(untaken) = &posted {
            tracing::warn!(events = events.len(), reason = untaken.detail, "the webhook was not taken");
        }
        posted.is_ok()
    };
    shared.with(|hub| {
        for (trouble, webhook) in troubled {
            match trouble {
                Some(WebhookTrouble::Swallow) => {}
                Some(WebhookTrouble::Reorder) => {
                    hub.line.webhooks.push_late(shared.clock.elapsed() + REORDERED, webhook);
                }
                Some(WebhookTrouble::Repeat) if taken => hub.line.redeliver(webhook, Duration::ZERO),
                _ if !taken => hub.line.retry_webhook(webhook),
                _ => {}
            }
        }
        hub.line.webhooks.settle();
    });
}

/// Sends a webhook without events to where webhooks go, or to another url, and tells what came of it.
pub(super) async fn test_webhook(shared: &Arc<SandboxShared>, call: &ApiCall) -> ApiResult {
    let (webhook, destination) =
        shared.with(|hub| (hub.line.webhook.clone(), hub.world.official().map(|mid| line_id(mid)).unwrap_or_default()));
    let url = match call.text("endpoint") {
        "" => webhook.ok_or_else(Refused::not_found)?,
        url => url.to_owned(),
    };
    check_webhook(&url)?;
    let body = json!({ "destination": destination, "events": [] });
    let posted = post(shared, &mut Clients::default(), &url, LINE_CHANNEL, &body).await;
    let (status, reason, detail) = match &posted {
        Ok(status) => (*status, "OK", status.to_string()),
        Err(failed) => (failed.status, failed.reason, failed.detail.clone()),
    };
    ApiAnswer::of(json!({
        "success": posted.is_ok(),
        "timestamp": date_time(shared.clock.now()),
        "statusCode": status,
        "reason": reason,
        "detail": detail,
    }))
}

/// Why a webhook was not taken.
struct Untaken {
    /// The status that was answered, 0 where none was.
    status: u16,
    /// LINE's name of the reason.
    reason: &'static str,
    detail: String,
}

async fn post(
    shared: &SandboxShared,
    clients: &mut Clients,
    url: &str,
    secret: &str,
    body: &Value,
) -> Result<u16, Untaken> {
    let unreached = |detail: String| Untaken { status: 0, reason: "COULD_NOT_CONNECT", detail };
    let client = clients.for_url(url).await.map_err(unreached)?;
    let body = body.to_string();
    let request = client
        .post(url)
        .header("content-type", "application/json; charset=utf-8")
        .header("user-agent", "LineBotWebhook/2.0")
        .header(SIGNATURE_HEADER, sign(secret.as_bytes(), body.as_bytes()))
        .body(body);
    let patience = shared.webhook_patience;
    let answered = tokio::select! {
        answered = request.send() => answered,
        () = shared.clock.sleep(patience) => {
            let detail = format!("no answer within {} s", patience.as_secs_f64());
            return Err(Untaken { status: 0, reason: "REQUEST_TIMEOUT", detail });
        }
    };
    match answered {
        Ok(answer) if answer.status().is_success() => Ok(answer.status().as_u16()),
        Ok(answer) => {
            let status = answer.status();
            Err(Untaken { status: status.as_u16(), reason: "ERROR_STATUS_CODE", detail: status.to_string() })
        }
        Err(error) => Err(unreached(error.to_string())),
    }
}

/// The clients for webhooks, made when they are first needed: for https it takes the system's certificates.
#[derive(Default)]
struct Clients(BTreeMap<bool, Client>);

impl Clients {
    async fn for_url(&mut self, url: &str) -> Result<Client, String> {
        let is_secure = url.starts_with("https:");
        if let Some(client) = self.0.get(&is_secure) {
            return Ok(client.clone());
        }
        let mut roots = RootCertStore::empty();
        if is_secure {
            let loading = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs);
            roots.add_parsable_certificates(loading.await.map_err(|error| error.to_string())?.certs);
        }
        let provider = CryptoProvider::get_default().map_or_else(|| Arc::new(ring::default_provider()), Arc::clone);
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider supports the usual versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            // Nothing is asked of what comes back but its status.
            .no_gzip()
            .no_deflate()
            .no_brotli()
            .redirect(redirect::Policy::none());
        let client = builder.build().map_err(|error| error.to_string())?;
        self.0.insert(is_secure, client.clone());
        Ok(client)
    }
}
