//! What stands in the place of a socket: frames with commands go in, answers and events come out.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use url::Url;

use super::api::{ApiError, LineApi};
use super::common::{Sightings, carry_out};
use crate::clock::Clock;
use crate::protocol::commands::Login;
use crate::protocol::line::{ApiOperation, endpoint, quota, quota_of, set_endpoint};
use crate::protocol::{Call, Content, Failure, encode_login};
use crate::session::calls::CallError;
use crate::session::config::SessionConfig;
use crate::session::webhooks::{WebhookDelivery, Webhooks};

/// After so many messages that cost it is looked at how many are left.
const LOOK_AFTER: u32 = 50;

/// Something that comes over the connection.
pub(in crate::session) enum LineNews {
    /// A frame of the login.
    Frame(String),
    /// The answer to the call of this number.
    Answer(i64, Result<Content, CallError>),
    /// A webhook.
    WebhookDelivery(WebhookDelivery),
}

type Answering = Pin<Box<dyn Future<Output = (i64, Result<Content, CallError>)>>>;

/// A channel that is reached and authorised.
pub(in crate::session) struct LineConnection {
    api: Rc<LineApi>,
    /// The account, as its own information has it; or why LINE does not give that.
    account: Result<Value, Failure>,
    session: String,
    /// Whether LINE is played by a server of this machine.
    is_here: bool,
    webhooks: Option<Webhooks>,
    /// The answer to the login, until it is taken.
    login: Option<String>,
    deliveries: Option<mpsc::Receiver<WebhookDelivery>>,
    answers: FuturesUnordered<Answering>,
    seen: Rc<Sightings>,
    quota: QuotaWatch,
    /// What is looked at beside the calls.
    errands: FuturesUnordered<Errand>,
}

type Errand = Pin<Box<dyn Future<Output = ()>>>;

/// Warns before a month's messages are used up.
#[derive(Default)]
struct QuotaWatch {
    /// How many messages were sent since it looked last.
    sent: u32,
    has_warned: Rc<Cell<bool>>,
}

impl QuotaWatch {
    /// Counts a message that costs; whether it is time to look again.
    fn is_due(&mut self) -> bool {
        self.sent += 1;
        self.sent >= LOOK_AFTER
    }

    fn look(&mut self, api: &Rc<LineApi>, session: &str) -> Errand {
        self.sent = 0;
        let (api, session, has_warned) = (Rc::clone(api), session.to_owned(), Rc::clone(&self.has_warned));
        Box::pin(async move {
            let Some((limit, used)) = used_up(&api).await else { return };
            let is_low = used.saturating_mul(10) >= limit.saturating_mul(9);
            if is_low && !has_warned.replace(true) {
                tracing::warn!(
                    session,
                    "{used} of this month's {limit} messages are used: answers still cost none, and what else is sent is soon refused"
                );
            }
            has_warned.set(is_low);
        })
    }
}

/// Looks whether LINE delivers a session's webhooks to where they are taken. A server of this machine, such as the sandbox, is told; what
/// the world's has is its owner's to change.
async fn check_endpoint(api: Rc<LineApi>, session: String, wanted: Url, is_here: bool) {
    let Some(operation) = ApiOperation::named(endpoint().name) else { return };
    let known = match api.call(operation, &Map::new()).await {
        Ok(content) => content.value(),
        // There may be none yet.
        Err(CallError::Refused(_)) => Value::Null,
        Err(_) => return,
    };
    let is_there = known["endpoint"] == wanted.as_str();
    let session = session.as_str();
    match known["endpoint"].as_str() {
        Some(_) if is_there && known["active"] != false => {}
        _ if is_here => {
            let (row, fields) = set_endpoint(wanted.as_str());
            let Some(operation) = ApiOperation::named(row.name) else { return };
            if let Err(error) = api.call(operation, &fields).await {
                tracing::warn!(session, "its webhooks cannot be set to {wanted}: {error}");
            }
        }
        Some(_) if is_there => {
            tracing::warn!(
                session,
                "LINE delivers no webhooks: switch \"Use webhook\" on in the LINE Developers Console"
            );
        }
        Some(other) => tracing::warn!(
            session,
            "LINE delivers webhooks to {other}, and they are taken at {wanted}: set that in the LINE Developers Console, or [webhook] \
             public_url here if a proxy stands before it"
        ),
        None => {
            tracing::warn!(
                session,
                "LINE does not know where to deliver webhooks: set {wanted} in the LINE Developers Console"
            );
        }
    }
}

/// How many messages a month has, and how many of them are used.
async fn used_up(api: &LineApi) -> Option<(i64, i64)> {
    let [quota, consumption] = quota().map(|row| ApiOperation::named(row.name));
    let (quota, consumption) = (api.call(quota?, &Map::new()).await, api.call(consumption?, &Map::new()).await);
    quota_of(&quota.ok()?.value(), &consumption.ok()?.value())
}

impl LineConnection {
    /// Asks LINE who the session's account is.
    pub(in crate::session) async fn open(config: &SessionConfig, clock: Clock) -> Result<Self, ApiError> {
        let api = LineApi::new(config, clock).await?;
        let own = ApiOperation::named("getBotInfo").expect("it stands in the table");
        let account = api.ask(own).await?.map(|content| content.value());
        Ok(Self {
            api: Rc::new(api),
            account,
            session: config.name.clone(),
            is_here: config.is_here(),
            webhooks: config.webhooks.clone(),
            login: None,
            deliveries: None,
            answers: FuturesUnordered::new(),
            seen: Rc::default(),
            quota: QuotaWatch::default(),
            errands: FuturesUnordered::new(),
        })
    }

    /// Takes a frame on its way out.
    pub(in crate::session) fn send(&mut self, frame: &str) {
        let Ok(Value::Object(mut fields)) = serde_json::from_str(frame) else { return };
        let command = fields.remove("command").and_then(|name| Some(name.as_str()?.to_owned())).unwrap_or_default();
        match fields.remove("task_id").and_then(|number| number.as_i64()) {
            Some(task_id) => {
                let (api, seen) = (Rc::clone(&self.api), Rc::clone(&self.seen));
                if ApiOperation::named(&command).is_some_and(ApiOperation::takes_retry_key) && self.quota.is_due() {
                    self.errands.push(self.quota.look(&api, &self.session));
                }
                let answer = async move { (task_id, carry_out(&api, &seen, &command, &fields).await) };
                self.answers.push(Box::pin(answer));
            }
            None if command == Login::COMMAND.name => {
                let content =
                    |account: &Value| json!({ "mid": account["userId"], "displayName": account["displayName"] });
                self.login = Some(encode_login(&self.account.as_ref().map(content).map_err(Failure::clone)));
            }
            // A heartbeat: http needs none.
            None => {}
        }
    }

    /// Whether every call has its answer.
    pub(in crate::session) fn is_idle(&self) -> bool {
        self.answers.is_empty()
    }

    /// What comes next; with `takes_events`, webhooks too.
    pub(in crate::session) fn poll_news(&mut self, context: &mut Context<'_>, takes_events: bool) -> Poll<LineNews> {
        if let Some(login) = self.login.take() {
            if let (Some(webhooks), Ok(account)) = (&self.webhooks, &self.account) {
                self.deliveries = Some(webhooks.open(&self.session, account["userId"].as_str().unwrap_or_default()));
                if let Some(wanted) = webhooks.url(&self.session) {
                    let (api, session) = (Rc::clone(&self.api), self.session.clone());
                    self.errands.push(Box::pin(check_endpoint(api, session, wanted, self.is_here)));
                }
                self.errands.push(self.quota.look(&self.api, &self.session));
            }
            return Poll::Ready(LineNews::Frame(login));
        }
        while let Poll::Ready(Some(())) = self.errands.poll_next_unpin(context) {}
        if let Poll::Ready(Some((task_id, answer))) = self.answers.poll_next_unpin(context) {
            return Poll::Ready(LineNews::Answer(task_id, answer));
        }
        let Some(deliveries) = self.deliveries.as_mut().filter(|_| takes_events) else { return Poll::Pending };
        match deliveries.poll_recv(context) {
            Poll::Ready(Some(delivery)) => {
                delivery.events.iter().for_each(|event| self.seen.note(event));
                Poll::Ready(LineNews::WebhookDelivery(delivery))
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}
