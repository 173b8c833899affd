//! Questions to people: `msg.ask` and `ask`, which wait for somebody's next message.
//!
//! Whose message answers which question is decided in `context::asks`.

use std::rc::Rc;
use std::time::Duration;

use rhai::{Dynamic, Engine, ImmutableString, Map, NativeCallContext};

use super::choices::Choices;
use super::delivery;
use crate::language::duration::parse_duration;
use crate::language::functions::{ASK_OPTIONS, FROM};
use crate::language::spelling::closest;
use crate::protocol::is_group;
use crate::runtime::context::asks::Reply;
use crate::runtime::context::services::Services;
use crate::runtime::engine::objects::ScriptMessage;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call;
use crate::runtime::run::long_wait::{detach, until};
use crate::runtime::run::suspension::EventVerdict;
use crate::runtime::run::wait::CallSite;

/// So long after the disk takes writes again every event that was held has come to its lane.
const HELD: Duration = Duration::from_secs(1);

/// Registers the functions.
pub(crate) fn register(engine: &mut Engine, services: &Rc<Services>) {
    let own = Rc::clone(services);
    engine.register_fn("ask", move |context: NativeCallContext, msg: &mut ScriptMessage, text: ImmutableString| {
        ask_writer(&own, msg, &text, &Map::new(), &context)
    });
    let own = Rc::clone(services);
    engine.register_fn(
        "ask",
        move |context: NativeCallContext, msg: &mut ScriptMessage, text: ImmutableString, options: Map| {
            ask_writer(&own, msg, &text, &options, &context)
        },
    );
    let own = Rc::clone(services);
    engine.register_fn("ask", move |context: NativeCallContext, to: ImmutableString, text: ImmutableString| {
        ask_in(&own, &to, &text, &Map::new(), &context)
    });
    let own = Rc::clone(services);
    engine.register_fn(
        "ask",
        move |context: NativeCallContext, to: ImmutableString, text: ImmutableString, options: Map| {
            ask_in(&own, &to, &text, &options, &context)
        },
    );
}

/// Asks who wrote a message, in its chat.
fn ask_writer(
    services: &Services,
    msg: &ScriptMessage,
    text: &str,
    options: &Map,
    context: &NativeCallContext<'_>,
) -> ScriptResult {
    if options.contains_key(FROM) {
        return Err(thrown::error(format!(
            "msg.ask asks who wrote the message; to ask another, write ask(msg.chat, text, #{{ {FROM}: mid }})"
        )));
    }
    let options = Options::read(options)?;
    if msg.sender().is_empty() {
        return Err(thrown::error("nobody can be asked: the network does not say who wrote this message"));
    }
    let question = Question { chat: msg.chat(), person: Some(msg.sender()), text, detail: text.to_owned() };
    question.ask(services, options, CallSite::of(context))
}

/// Asks a person in the chat with them, or in a group anyone, or one of its people.
fn ask_in(services: &Services, to: &str, text: &str, options: &Map, context: &NativeCallContext<'_>) -> ScriptResult {
    let from = match options.get(FROM) {
        None => None,
        Some(mid) => Some(mid.clone().into_immutable_string().map_err(|_| {
            let found = values::noun(mid);
            thrown::error(format!("ask needs {FROM}, the mid of a person; found {found}"))
        })?),
    };
    let options = Options::read(options)?;
    let person = match (is_group(to), &from) {
        _ if to.is_empty() => return Err(thrown::error("ask needs the mid of a person or a group; found \"\"")),
        (true, from) => from.as_deref(),
        (false, None) => Some(to),
        (false, Some(_)) => {
            return Err(thrown::error(format!(
                "ask: {FROM} says who of a group may answer; \"{to}\" is no group, and who is asked there is the person"
            )));
        }
    };
    let whom = from.as_deref().map(|mid| format!(" ({mid})")).unwrap_or_default();
    let question = Question { chat: to, person, text, detail: format!("{to}{whom}: {text}") };
    question.ask(services, options, CallSite::of(context))
}

/// How a question is asked.
struct Options {
    timeout: Option<Duration>,
    choices: Option<Choices>,
}

impl Options {
    fn read(options: &Map) -> Result<Self, ScriptError> {
        if let Some(unknown) = options.keys().find(|name| !ASK_OPTIONS.contains(&name.as_str())) {
            let meant = closest(unknown, ASK_OPTIONS).map(|meant| format!("did you mean {meant}?"));
            let meant = meant.unwrap_or_else(|| format!("it has {}", ASK_OPTIONS.join(", ")));
            return Err(thrown::error(format!("ask has no option {unknown}; {meant}")));
        }
        Ok(Self { timeout: timeout_of(options)?, choices: Choices::of(options)? })
    }
}

fn timeout_of(options: &Map) -> Result<Option<Duration>, ScriptError> {
    let Some(timeout) = options.get("timeout") else { return Ok(None) };
    let text = timeout.as_immutable_string_ref().map_err(|_| {
        thrown::error(format!("ask needs timeout, a duration such as \"10m\"; found {}", values::noun(timeout)))
    })?;
    parse_duration(&text).map(Some).map_err(|error| thrown::error(format!("ask: timeout: {error}")))
}

/// A question to somebody.
struct Question<'a> {
    chat: &'a str,
    /// Whose answer counts; nobody in particular where anyone's does.
    person: Option<&'a str>,
    text: &'a str,
    /// What the record says of it.
    detail: String,
}

impl Question<'_> {
    /// Sends the question and waits for the next message of whom it is for.
    fn ask(self, services: &Services, options: Options, place: CallSite<'_>) -> ScriptResult {
        let Options { timeout, choices } = options;
        let _receipt = match &choices {
            Some(choices) => delivery::offer(services, self.chat, self.text, choices, place.in_part())?,
            None => delivery::send_text(services, self.chat, self.text, place.in_part())?,
        };
        let call = HostCall::new(Impact::Wait, "ask").with(self.detail.clone()).letting_go(EventVerdict::Handled);
        host_call::pass_waiting(call, place, |run| {
            let session = run.session.clone().ok_or_else(|| thrown::misplaced("there is no session to ask in"))?;
            let (timeout, clock) = (timeout.unwrap_or(run.limits().ask), services.clock.clone());
            let remaining = until(services, run, "ask", timeout);
            let since = run.history.waiting().map_or_else(|| clock.now(), |waiting| waiting.since);
            let (whom, script) = ((self.chat, self.person), &run.generation.bundle.name);
            let asking = session.asks.ask(whom, run.id(), script, since, &session.drain);
            let asker = Rc::clone(run);
            let answer = detach(run, EventVerdict::Handled, async move {
                let too_late = Box::pin(async {
                    clock.sleep(remaining).await;
                    // An answer that came in time may be among the events that are held.
                    while session.journal.is_held() {
                        session.journal.released().await;
                        clock.sleep(HELD).await;
                    }
                });
                match asking.wait(too_late).await {
                    Some(Reply { message, entry, arrival }) => {
                        // The answer counts as handled when the record that this run has it is in the same batch.
                        asker.take_answer(arrival);
                        (Some(choices.map_or(message.clone(), |choices| choices.note_in(&message))), Some(entry))
                    }
                    None => {
                        session.released(asker.generation.name()).await;
                        (None, None)
                    }
                }
            });
            let asker = Rc::clone(run);
            Ok(async move {
                let answer = answer.await;
                if let Some(message) = &answer {
                    asker.suspension.set_answered();
                    if let Some(session) = &asker.session {
                        asker.tokens.bring(session.handle.network(), message.content(), Some(asker.now()));
                    }
                }
                Ok(answer.map_or(Answer::Value(Dynamic::UNIT), Answer::Message))
            })
        })
    }
}
