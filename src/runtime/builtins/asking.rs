//! Questions to people: `msg.ask` and `ask`, which wait for somebody's next message.
//!
//! Whose message answers which question is decided in `context::asks`, what becomes of an answer in `ask_options`.

use std::rc::Rc;
use std::time::Duration;

use rhai::{Dynamic, Engine, ImmutableString, Map, NativeCallContext};

use super::ask_options::{AnswerVerdict, AskOptions, LastWord, Why, last_word};
use super::delivery;
use crate::language::functions::FROM;
use crate::protocol::is_group;
use crate::runtime::context::asks::{AskedAs, NoReply, Reply};
use crate::runtime::context::services::Services;
use crate::runtime::engine::objects::ScriptMessage;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call;
use crate::runtime::run::long_wait::{detach, until};
use crate::runtime::run::suspension::EventVerdict;
use crate::runtime::run::wait::{CallSite, check};
use crate::runtime::run::{self, Run};
use crate::store::RunOutcome;

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
    let options = AskOptions::read(options)?;
    if options.from.is_some() {
        return Err(thrown::error(format!(
            "msg.ask asks who wrote the message; to ask another, write ask(msg.chat, text, #{{ {FROM}: mid }})"
        )));
    }
    if msg.sender().is_empty() {
        return Err(thrown::error("nobody can be asked: the network does not say who wrote this message"));
    }
    let question = Question { chat: msg.chat(), person: Some(msg.sender()), text, detail: text.to_owned() };
    question.ask(services, &options, context)
}

/// Asks a person in the chat with them, or in a group anyone, or one of its people.
fn ask_in(services: &Services, to: &str, text: &str, options: &Map, context: &NativeCallContext<'_>) -> ScriptResult {
    let options = AskOptions::read(options)?;
    let person = match (is_group(to), options.from.as_deref()) {
        _ if to.is_empty() => return Err(thrown::error("ask needs the mid of a person or a group; found \"\"")),
        (true, from) => from,
        (false, None) => Some(to),
        (false, Some(_)) => {
            return Err(thrown::error(format!(
                "ask: {FROM} says who of a group may answer; \"{to}\" is no group, and who is asked there is the person"
            )));
        }
    };
    let whom = options.from.as_deref().map(|mid| format!(" ({mid})")).unwrap_or_default();
    let question = Question { chat: to, person, text, detail: format!("{to}{whom}: {text}") };
    question.ask(services, &options, context)
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
    /// Sends the question, and waits for an answer that can be taken.
    fn ask(&self, services: &Services, options: &AskOptions, context: &NativeCallContext<'_>) -> ScriptResult {
        let place = CallSite::of(context);
        if let Some(run) = run::current().filter(|run| options.newest && !run.history.is_replaying()) {
            give_way(&run)?;
        }
        self.say(services, options, self.text, place)?;
        if options.is_plain() {
            return self.wait(services, options, place);
        }
        let mut attempts = 0;
        let why = loop {
            let came = self.wait(services, options, place.in_part())?;
            let is_late = came.is_unit();
            let Some(answer) = came.try_cast::<ScriptMessage>() else {
                break if is_late { Why::Timeout } else { Why::Command };
            };
            if options.is_cancelled_by(&answer) {
                break Why::Cancel;
            }
            let text = match self.judge(options, &answer, context)? {
                AnswerVerdict::Taken => return Ok(Dynamic::from(answer)),
                AnswerVerdict::Refused(text) => text,
            };
            attempts += 1;
            if options.attempts == Some(attempts) {
                break Why::Attempts;
            }
            if !text.is_empty() {
                self.say(services, options, &text, place)?;
            }
        };
        let last = match &options.ended {
            None => None,
            // The command is answered by itself.
            Some(LastWord::Text(text)) => Some(text.clone()).filter(|_| why != Why::Command),
            Some(LastWord::Function(function)) => last_word(&function.call_within_context(context, (why.text(),))?)?,
        };
        if let Some(text) = last {
            let _receipt = delivery::send_text(services, self.chat, &text, place.in_part())?;
        }
        Ok(Dynamic::UNIT)
    }

    /// What becomes of an answer.
    fn judge(
        &self,
        options: &AskOptions,
        answer: &ScriptMessage,
        context: &NativeCallContext<'_>,
    ) -> Result<AnswerVerdict, ScriptError> {
        match (options.verdict(answer, self.text), &options.check) {
            (AnswerVerdict::Taken, Some(check)) => {
                let gave: Dynamic = check.call_within_context(context, (answer.clone(),))?;
                options.verdict_of_check(&gave, self.text)
            }
            (verdict, _) => Ok(verdict),
        }
    }

    /// Says something in the chat, with what may be chosen.
    fn say(
        &self,
        services: &Services,
        options: &AskOptions,
        text: &str,
        place: CallSite<'_>,
    ) -> Result<(), ScriptError> {
        let _receipt = match &options.choices {
            Some(choices) => delivery::offer(services, self.chat, text, choices, place.in_part())?,
            None => delivery::send_text(services, self.chat, text, place.in_part())?,
        };
        Ok(())
    }

    /// Waits for the next message of whom the question is for; `()` where its time is over, or else a text where a command came and that
    /// makes a difference.
    fn wait(&self, services: &Services, options: &AskOptions, place: CallSite<'_>) -> ScriptResult {
        let (choices, gives_way) = (options.choices.clone(), options.newest);
        let interrupted = if options.is_plain() { Dynamic::UNIT } else { Why::Command.text().into() };
        let call = HostCall::new(Impact::Wait, "ask").with(self.detail.as_str()).letting_go(EventVerdict::Handled);
        host_call::pass_waiting(call, place, |run| {
            let session = run.session.clone().ok_or_else(|| thrown::misplaced("there is no session to ask in"))?;
            if gives_way {
                give_way(run)?;
            }
            let (timeout, clock) = (options.timeout.unwrap_or(run.limits().ask), services.clock.clone());
            let remaining = until(services, run, "ask", timeout);
            let since = run.history.waiting().map_or_else(|| clock.now(), |waiting| waiting.since);
            let whom = AskedAs { chat: self.chat, person: self.person, gives_way };
            let script = &run.generation.bundle.name;
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
                    Ok(Reply { message, entry, arrival }) => {
                        // The answer counts as handled when the record that this run has it is in the same batch.
                        asker.take_answer(arrival);
                        (Ok(choices.map_or(message.clone(), |choices| choices.note_in(&message))), Some(entry))
                    }
                    Err(why) => {
                        session.released(asker.generation.name()).await;
                        (Err(why), None)
                    }
                }
            });
            let asker = Rc::clone(run);
            Ok(async move {
                let message = match answer.await {
                    Ok(message) => message,
                    Err(NoReply::TooLate) => return Ok(Answer::Value(Dynamic::UNIT)),
                    Err(NoReply::Interrupted) => return Ok(Answer::Value(interrupted)),
                };
                asker.set_answered();
                if let Some(session) = &asker.session {
                    asker.tokens.bring(session.handle.network(), message.content(), Some(asker.now()));
                }
                Ok(Answer::Message(message))
            })
        })
    }
}

/// Ends a run that comes to such a question while a newer version of its script is there.
fn give_way(run: &Run) -> Result<(), ScriptError> {
    if run.generation.is_superseded() {
        run.end(RunOutcome::GaveWay, None);
        run.condemn("it gave way to a newer version of its script");
    }
    check(run)
}
