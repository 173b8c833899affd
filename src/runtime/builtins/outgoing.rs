//! Commands on their way out: one host call each, prepared, recorded and sent.
//!
//! Which command a script's call is, is decided in `commands`; which of a network's operations a message is, in `delivery`.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::Either;
use rhai::Dynamic;

use super::sessions;
use crate::clock::{Clock, Timestamp};
use crate::protocol::{self, Command, Content, Damages, Safety};
use crate::runtime::context::SessionContext;
use crate::runtime::context::directory::Member;
use crate::runtime::context::services::Services;
use crate::runtime::engine::objects::SessionRef;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call::{self, Sending};
use crate::runtime::run::pending::ReadResult;
use crate::runtime::run::wait::{CallSite, wait};
use crate::runtime::run::{self, Run};
use crate::session::{CallError, Handle, Holdup, Media, MediaError, Permit, Ready};

/// How a network calls a token that cannot be used, or not any more.
pub(super) const SPENT_TOKEN: &str = "INVALID_REPLY_TOKEN";
/// A token that is refused before this age, in milliseconds, was used and is not merely old.
const SURELY_ALIVE: Timestamp = 30_000;
/// For so long after a key was chosen, in milliseconds, LINE takes nothing else under it; an hour is left for what is on its way.
const KEY_LIFE: Timestamp = 23 * 3_600 * 1_000;
/// What a call comes to of which nobody can tell whether it happened.
const IN_DOUBT: CallError = CallError::Disconnected { sent: true };
/// An answer of which nothing is known is sent again so often, after so long.
const ANSWER_ATTEMPTS: usize = 3;
const ANSWER_AGAIN: Duration = Duration::from_millis(500);

/// A command that is to be sent.
pub(super) enum SentCommand {
    /// One of the table.
    Known(&'static Command),
    Other(String),
}

impl SentCommand {
    fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Known(row) => row.name.into(),
            Self::Other(name) => name.clone().into(),
        }
    }

    fn row(&self) -> Option<&'static Command> {
        match self {
            Self::Known(row) => Some(row),
            Self::Other(_) => None,
        }
    }

    /// How it may be repeated. Nothing is known of one that is not in the table, so it counts as an effect.
    fn safety(&self) -> Safety {
        match self {
            Self::Known(row) => row.safety,
            Self::Other(_) => Safety::Effect,
        }
    }

    fn try_reserve(&self, handle: &Handle) -> Result<Option<Permit>, CallError> {
        match self {
            Self::Known(row) => handle.try_reserve_known(row),
            Self::Other(name) => handle.try_reserve(name),
        }
    }
}

/// What a command is sent with so that it happens once however often it is sent.
#[derive(Clone)]
pub(super) enum Once {
    /// Nothing.
    Nothing,
    /// A field with a key under which the network takes it once, chosen then.
    Key { key: String, since: Timestamp },
    /// A token that can be used once, and lived since then as this run's alone; `None` where that is not known.
    Token { since: Option<Timestamp> },
}

/// Sends a command.
///
/// # Errors
/// With the gateway's failure, or the reason why there is no answer.
pub(super) fn send(
    services: &Services,
    session: Option<SessionRef>,
    sent: SentCommand,
    fields: String,
    once: Once,
    place: CallSite<'_>,
) -> ScriptResult {
    let name = sent.name();
    let safety = match once {
        Once::Nothing => sent.safety(),
        Once::Key { .. } | Once::Token { .. } => Safety::Idempotent,
    };
    let impact = if safety == Safety::Read { Impact::Wait } else { Impact::Effect(safety) };
    // Only what is recorded is needed once more.
    let is_recorded = run::current().is_some_and(|run| run.is_recorded());
    let detail: Arc<str> = if is_recorded { fields.as_str().into() } else { Arc::default() };
    let is_secret = sent.row().is_some_and(|row| row.is_secret);
    let call = HostCall::new(impact, name.clone()).with(detail).secret(is_secret);
    let fields = match &once {
        // It has a record of its own.
        Once::Key { key, .. } => keyed(fields, key),
        Once::Nothing | Once::Token { .. } => fields,
    };
    let prepare = |run: &Rc<Run>, waits: &dyn Fn(Option<&str>)| {
        let command = &*name;
        let other = session.map(|session| sessions::member(&session, services)).transpose()?;
        let own = run.session.as_ref().ok_or_else(|| thrown::misplaced("there is no session to send this from"));
        let handle = match &other {
            Some(member) => &member.handle,
            None => &own?.handle,
        };
        if let Some(reason) = sent.row().and_then(|row| handle.network().refusal(row, handle.name())) {
            return Err(thrown::failure(-1, "UNSUPPORTED", &reason, command));
        }
        if services.dry_run && impact != Impact::Wait {
            tracing::info!(session = handle.name(), command, %fields, "dry run: not sent");
            return Ok(Outgoing::Nothing);
        }
        if !matches!(once, Once::Nothing) {
            let (handle, clock) = (handle.clone(), services.clock.clone());
            return Ok(Outgoing::Once(Box::new(SentOnce { handle, name, fields, once, is_doubtful: false, clock })));
        }
        let permit = match Media::concerns(command) {
            true => None,
            false => sent.try_reserve(handle).map_err(|error| thrown(error.into(), command))?,
        };
        let ready = match permit {
            Some(permit) => Ready::call(permit, fields),
            None => {
                waits(handle.holdup().map(Holdup::words));
                let member = other.clone().map_or_else(|| own_member(run), Ok)?;
                let ready = member.ready(command, fields, run.now());
                // What is recorded can wait for its turn in the next process too.
                let ready = if run.is_recorded() { wait(command, run.aside(ready)) } else { wait(command, ready) };
                ready?.map_err(|error| thrown(error, command))?
            }
        };
        Ok(match other {
            Some(member) => Outgoing::ByOther(member, ready, name),
            None => Outgoing::ByOwn(ready, name),
        })
    };
    host_call::pass_sending(call, place, prepare)
}

/// A command that is ready to be sent.
enum Outgoing {
    /// In a dry run nothing is.
    Nothing,
    /// The run's own session sends it.
    ByOwn(Ready, Cow<'static, str>),
    ByOther(Member, Ready, Cow<'static, str>),
    /// It happens once, however often it is sent.
    Once(Box<SentOnce>),
}

/// What is sent so that it happens once.
struct SentOnce {
    handle: Handle,
    name: Cow<'static, str>,
    fields: String,
    once: Once,
    /// Whether it may have been sent already.
    is_doubtful: bool,
    clock: Clock,
}

impl Sending for Outgoing {
    fn post(self, run: &Run) -> Result<ReadResult, Self> {
        match (self, &run.session, run.listing.get()) {
            (Self::ByOwn(ready, name), Some(session), Some(key)) => {
                ready.post(&session.handle, key).map_err(|ready| Self::ByOwn(ready, name))?;
                Ok(|session, name, result| answer(&session.handle, name, result.map_err(MediaError::Call)))
            }
            (other, ..) => Err(other),
        }
    }

    fn may_have_been_sent(&mut self) {
        if let Self::Once(sending) = self {
            sending.is_doubtful = true;
        }
    }

    fn send(self, run: &Run) -> impl Future<Output = Result<Answer, ScriptError>> + 'static {
        if let Self::Once(sending) = self {
            // Boxed: most calls are none of this kind, and would have room for it.
            return Either::Right(Box::pin(sending.send()));
        }
        let sent = match self {
            Self::Nothing | Self::Once(_) => None,
            Self::ByOwn(ready, name) => run.session.as_ref().map(|session| (session.handle.clone(), ready, name)),
            Self::ByOther(member, ready, name) => Some((member.handle, ready, name)),
        };
        Either::Left(async move {
            let Some((handle, ready, name)) = sent else { return Ok(Answer::content(Content::new("{}"))) };
            answer(&handle, &name, ready.send(&handle).await)
        })
    }
}

impl SentOnce {
    /// Sends it until it is known to have been sent, or not.
    async fn send(self: Box<Self>) -> Result<Answer, ScriptError> {
        let Self { handle, name, fields, once, is_doubtful, clock } = *self;
        let sent = match once {
            Once::Nothing => send_to(&handle, &name, fields).await,
            Once::Key { since, .. } => {
                let is_known = clock.now() < since.saturating_add(KEY_LIFE);
                if is_doubtful && !is_known { Err(IN_DOUBT) } else { send_to(&handle, &name, fields).await }
            }
            Once::Token { since } => send_with_token(&handle, &name, fields, since, is_doubtful, &clock).await,
        };
        answer(&handle, &name, sent.map_err(MediaError::Call))
    }
}

/// Sends what uses a token up, until it is known to have been sent, or not.
///
/// A token that is refused while it lives, and that nobody else has, has been used: what was sent with it has arrived. Whether one that
/// may be over was used cannot be told.
async fn send_with_token(
    handle: &Handle,
    name: &str,
    fields: String,
    since: Option<Timestamp>,
    mut is_doubtful: bool,
    clock: &Clock,
) -> Result<Content, CallError> {
    let mut attempts = 0;
    loop {
        match send_to(handle, name, fields.clone()).await {
            Err(CallError::Refused(failure)) if failure.name() == SPENT_TOKEN && is_doubtful => {
                let lives = since.is_some_and(|since| clock.now() < since.saturating_add(SURELY_ALIVE));
                return if lives { Ok(Content::new("{}")) } else { Err(IN_DOUBT) };
            }
            Err(CallError::Disconnected { sent: true } | CallError::Timeout { sent: true, .. })
                if attempts < ANSWER_ATTEMPTS =>
            {
                (is_doubtful, attempts) = (true, attempts + 1);
                clock.sleep(ANSWER_AGAIN).await;
            }
            sent => return sent,
        }
    }
}

async fn send_to(handle: &Handle, name: &str, fields: String) -> Result<Content, CallError> {
    let permit = handle.reserve(name).await?;
    handle.send(permit, fields).await
}

/// A request with its key.
fn keyed(mut fields: String, key: &str) -> String {
    fields.pop();
    if fields.len() > 1 {
        fields.push(',');
    }
    fields.push_str(r#""retryKey":"#);
    push_json(&mut fields, key);
    fields.push('}');
    fields
}

/// What came of a command, for the script.
fn answer(handle: &Handle, command: &str, result: Result<Content, MediaError>) -> Result<Answer, ScriptError> {
    let content = result.map_err(|error| thrown(error, command))?;
    let value = read(handle, command, &content);
    Ok(Answer::Content(content, value))
}

fn thrown(error: MediaError, command: &str) -> ScriptError {
    thrown::failure(error.code(), error.name(), &refusal(&error), command)
}

/// Sends a command that only reads, in the middle of another host call.
///
/// # Errors
/// As the command itself.
pub(crate) fn ask_gateway<C: protocol::Call>(session: &SessionContext, request: &C) -> ScriptResult {
    ask(session, C::COMMAND.name, protocol::fields_of(request))
}

/// As [`ask_gateway`], by the command's name.
///
/// # Errors
/// As the command itself.
pub(super) fn ask(session: &SessionContext, name: &str, fields: String) -> ScriptResult {
    match wait(name, session.handle.call(name, fields))? {
        Ok(content) => Ok(read(&session.handle, name, &content)),
        Err(error) => Err(thrown(MediaError::Call(error), name)),
    }
}

/// The value of an answer; what was wrong with it is noted.
fn read(handle: &Handle, command: &str, content: &Content) -> Dynamic {
    let mut damages = Damages::default();
    let value = values::from_content_noting(content.as_str(), &mut damages);
    if !damages.is_empty() {
        let row = handle.network().command(command);
        let what = row.map_or("an answer".to_owned(), |row| format!("the answer to {}", row.name));
        handle.note_damages(&what, damages);
    }
    value
}

/// What a script is told: the gateway's own words where it refused.
fn refusal(error: &MediaError) -> String {
    match error {
        MediaError::Call(CallError::Refused(failure)) => failure.content.clone(),
        other => other.to_string(),
    }
}

pub(super) fn own_member(run: &Run) -> Result<Member, ScriptError> {
    let session = run.session.as_ref().ok_or_else(|| thrown::misplaced("there is no session to send this from"))?;
    Ok(Member { handle: session.handle.clone(), media: Arc::clone(&session.media.borrow()) })
}

/// Writes a text as a JSON string.
pub(super) fn push_json(text: &mut String, string: &str) {
    // Most need no escape, and are copied as they are.
    let is_plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..=0x1f);
    if string.as_bytes().iter().all(is_plain) {
        text.push('"');
        text.push_str(string);
        text.push('"');
    } else {
        text.push_str(&serde_json::to_string(string).expect("a string is JSON"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_field_beside_the_others() {
        assert_eq!(keyed(r#"{"to":"U1"}"#.to_owned(), "k"), r#"{"to":"U1","retryKey":"k"}"#);
        assert_eq!(keyed("{}".to_owned(), "k"), r#"{"retryKey":"k"}"#);
    }
}
