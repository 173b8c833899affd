//! Commands as script functions, derived from their tables.
//!
//! Every common command is a function that takes its fields in order or one map, on the session whose event is handled, and
//! likewise a method of a session handle. A network's own are functions of its namespace. Arguments are checked for presence and
//! type, never for content.

use std::any::TypeId;
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, FuncRegistration, ImmutableString, Map, Module, NativeCallContext, RhaiFunc};

use super::sessions;
use crate::language::functions::MAX_ARGUMENTS;
use crate::protocol::{
    self, COMMANDS, Command, Content, Damages, Field, FieldKind, NETWORKS, Network, Presence, Safety, check_field_names,
};
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

/// Registers every command, the namespaces of networks, `command`, and the methods of session handles.
pub(crate) fn register(engine: &mut Engine, services: &Rc<Services>) {
    let any = TypeId::of::<Dynamic>();
    let handle = TypeId::of::<SessionRef>();
    for row in COMMANDS.iter().filter(|row| !row.is_login()) {
        // The exact types first: Rhai finds them at once, where it would try many combinations for arguments of any type.
        let exact: Vec<_> = row.positional().map(|field| type_of(field.kind)).collect();
        let own = {
            let services = Rc::clone(services);
            move |context: NativeCallContext<'_>, arguments: &mut [&mut Dynamic]| -> ScriptResult {
                call(&services, None, row, fields(row, arguments)?, CallSite::of(&context))
            }
        };
        let of_handle = {
            let services = Rc::clone(services);
            move |context: NativeCallContext<'_>, arguments: &mut [&mut Dynamic]| -> ScriptResult {
                let (session, arguments) = split_session(arguments)?;
                call(&services, Some(session), row, fields(row, arguments)?, CallSite::of(&context))
            }
        };
        if !exact.is_empty() {
            engine.register_raw_fn(row.function, &exact, own.clone());
            engine.register_raw_fn(row.function, [&[handle], exact.as_slice()].concat(), of_handle.clone());
        }
        for count in 0..=MAX_ARGUMENTS {
            let types = vec![any; count];
            engine.register_raw_fn(row.function, &types, own.clone());
            engine.register_raw_fn(row.function, [&[handle], types.as_slice()].concat(), of_handle.clone());
        }
    }
    for network in NETWORKS {
        let operations = namespace(network, services);
        if !operations.is_empty() {
            engine.register_static_module(network.name, operations.into());
        }
    }
    let own = Rc::clone(services);
    engine.register_fn("command", move |context: NativeCallContext, name: &str, fields: Map| {
        any_command(&own, None, name, fields, CallSite::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn("command", move |context: NativeCallContext, name: &str| {
        any_command(&own, None, name, Map::new(), CallSite::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn(
        "command",
        move |context: NativeCallContext, session: &mut SessionRef, name: &str, fields: Map| {
            any_command(&own, Some(session.clone()), name, fields, CallSite::of(&context))
        },
    );
    let own = Rc::clone(services);
    engine.register_fn("command", move |context: NativeCallContext, session: &mut SessionRef, name: &str| {
        any_command(&own, Some(session.clone()), name, Map::new(), CallSite::of(&context))
    });
}

/// The operations that only one network has.
fn namespace(network: &Network, services: &Rc<Services>) -> Module {
    let mut module = Module::new();
    for row in network.own_commands() {
        let services = Rc::clone(services);
        let own = Rc::new(move |context: Option<NativeCallContext<'_>>, arguments: &mut [&mut Dynamic]| {
            let context = context.expect("it is registered as one that has a context");
            // Where a function of a module fails, Rhai leaves it to that to say where.
            fields(row, arguments)
                .and_then(|fields| call(&services, None, row, fields, CallSite::of(&context)))
                .map_err(|error| at(error, &context))
        });
        let exact: Vec<_> = row.positional().map(|field| type_of(field.kind)).collect();
        let any = (0..=MAX_ARGUMENTS).map(|count| vec![TypeId::of::<Dynamic>(); count]);
        for types in any.chain((!exact.is_empty()).then_some(exact)) {
            let func = RhaiFunc::Method { func: own.clone(), has_context: true, is_pure: true, is_volatile: true };
            FuncRegistration::new(row.function).set_into_module_raw(&mut module, types, func);
        }
    }
    module
}

fn at(mut error: ScriptError, context: &NativeCallContext<'_>) -> ScriptError {
    if error.position().is_none() {
        error.set_position(context.call_position());
    }
    error
}

/// Sends a text, as `msg.reply` does.
///
/// # Errors
/// As the command itself.
pub(crate) fn send_text(services: &Services, to: &str, content: &str, place: CallSite<'_>) -> ScriptResult {
    // What needs to be escaped is rare and small.
    let mut fields = String::with_capacity(to.len() + content.len() + 32);
    fields.push_str(r#"{"to":"#);
    push_json(&mut fields, to);
    fields.push_str(r#","content":"#);
    push_json(&mut fields, content);
    fields.push('}');
    let row = <protocol::commands::SendText as protocol::Call>::COMMAND;
    send(services, None, Sent::Known(row), fields, place)
}

/// Sends a command of the table.
///
/// # Errors
/// With the gateway's failure, or the reason why there is no answer.
pub(crate) fn call(
    services: &Services,
    session: Option<SessionRef>,
    row: &'static Command,
    fields: String,
    place: CallSite<'_>,
) -> ScriptResult {
    send(services, session, Sent::Known(row), fields, place)
}

/// A command that is to be sent.
enum Sent {
    /// One of the table.
    Known(&'static Command),
    Other(String),
}

impl Sent {
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

/// Why a command cannot be sent on a session's network.
fn lacking(row: &Command, handle: &Handle) -> Option<String> {
    let (network, session) = (handle.network(), handle.name());
    match Network::of(row) {
        Some(other) if other.name != network.name => {
            Some(format!("{} is {}'s; session \"{session}\" is on {}", row.call_name(), other.title, network.title))
        }
        Some(_) => None,
        None => network.lack(row.function).map(|lack| {
            format!("{} is not to be had on {}: {} (session \"{session}\")", row.function, network.title, lack.instead)
        }),
    }
}

fn send(
    services: &Services,
    session: Option<SessionRef>,
    sent: Sent,
    fields: String,
    place: CallSite<'_>,
) -> ScriptResult {
    let (name, safety) = (sent.name(), sent.safety());
    let impact = if safety == Safety::Read { Impact::Wait } else { Impact::Effect(safety) };
    // Only what is recorded is needed once more.
    let is_recorded = run::current().is_some_and(|run| run.is_recorded());
    let detail: Arc<str> = if is_recorded { fields.as_str().into() } else { Arc::default() };
    let call = HostCall::new(impact, name.clone()).with(detail);
    let prepare = |run: &Rc<Run>, waits: &dyn Fn(Option<&str>)| {
        let command = &*name;
        let other = session.map(|session| sessions::member(&session, services)).transpose()?;
        let own = run.session.as_ref().ok_or_else(|| thrown::misplaced("there is no session to send this from"));
        let handle = match &other {
            Some(member) => &member.handle,
            None => &own?.handle,
        };
        if let Some(reason) = sent.row().and_then(|row| lacking(row, handle)) {
            return Err(thrown::failure(-1, "UNSUPPORTED", &reason, command));
        }
        if services.dry_run && impact != Impact::Wait {
            tracing::info!(session = handle.name(), command, %fields, "dry run: not sent");
            return Ok(Outgoing::Nothing);
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

    fn send(self, run: &Run) -> impl Future<Output = Result<Answer, ScriptError>> + 'static {
        let sent = match self {
            Self::Nothing => None,
            Self::ByOwn(ready, name) => run.session.as_ref().map(|session| (session.handle.clone(), ready, name)),
            Self::ByOther(member, ready, name) => Some((member.handle, ready, name)),
        };
        async move {
            let Some((handle, ready, name)) = sent else { return Ok(Answer::content(Content::new("{}"))) };
            answer(&handle, &name, ready.send(&handle).await)
        }
    }
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
    let name = C::COMMAND.name;
    match wait(name, session.handle.call(name, protocol::fields_of(request)))? {
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

fn own_member(run: &Run) -> Result<Member, ScriptError> {
    let session = run.session.as_ref().ok_or_else(|| thrown::misplaced("there is no session to send this from"))?;
    Ok(Member { handle: session.handle.clone(), media: Arc::clone(&session.media.borrow()) })
}

fn any_command(
    services: &Services,
    session: Option<SessionRef>,
    name: &str,
    fields: Map,
    place: CallSite<'_>,
) -> ScriptResult {
    check_field_names(name, fields.keys().map(rhai::Identifier::as_str))
        .map_err(|error| thrown::error(error.to_string()))?;
    let fields =
        values::to_json(&fields.into()).map_err(|error| thrown::error(format!("command(\"{name}\", …): {error}")))?;
    let row = Network::any_command(name);
    if row.is_some_and(Command::is_login) {
        return Err(thrown::error(format!("{name} cannot be sent by a script: Hotline itself logs its sessions in")));
    }
    let sent = row.map_or_else(|| Sent::Other(name.to_owned()), Sent::Known);
    send(services, session, sent, fields, place)
}

fn split_session<'a, 'b>(
    arguments: &'a mut [&'b mut Dynamic],
) -> Result<(SessionRef, &'a mut [&'b mut Dynamic]), ScriptError> {
    let (first, rest) =
        arguments.split_first_mut().ok_or_else(|| thrown::misplaced("there is no session to send this from"))?;
    let session = first.read_lock::<SessionRef>().map(|session| session.clone());
    Ok((session.ok_or_else(|| thrown::misplaced("there is no session to send this from"))?, rest))
}

/// The fields of a request as JSON text, from the arguments of the positional or the map form.
fn fields(row: &Command, arguments: &[&mut Dynamic]) -> Result<String, ScriptError> {
    if let [argument] = arguments
        && let Some(map) = argument.read_lock::<Map>()
    {
        return fields_of_map(row, &map);
    }
    let expected: Vec<_> = row.positional().collect();
    if arguments.len() != expected.len() {
        let count = match expected.len() {
            0 => "no argument".to_owned(),
            1 => "1 argument".to_owned(),
            count => format!("{count} arguments"),
        };
        return Err(thrown::error(format!("{} takes {count}, found {}", row.signature(), arguments.len())));
    }
    let mut text = String::from("{");
    for (field, argument) in expected.into_iter().zip(arguments) {
        // The argument of an either-or goes to the field whose type it has.
        let choice = row.choices().find(|field| has_type(field.kind, argument));
        let field = if field.presence == Presence::Either { choice.unwrap_or(field) } else { field };
        push_field(&mut text, row, field, argument)?;
    }
    text.push('}');
    Ok(text)
}

fn fields_of_map(row: &Command, map: &Map) -> Result<String, ScriptError> {
    if let Some(unknown) = map.keys().find(|name| !row.fields.iter().any(|field| field.name == name.as_str())) {
        let close = row.fields.iter().min_by_key(|field| strsim::damerau_levenshtein(field.name, unknown));
        let names: Vec<_> = row.fields.iter().map(|field| field.name).collect();
        let hint = match close {
            Some(close) if strsim::damerau_levenshtein(close.name, unknown) <= 2 => {
                format!("did you mean {}?", close.name)
            }
            Some(_) => format!("it has {}", names.join(", ")),
            None => "it has none".to_owned(),
        };
        return Err(thrown::error(format!("{} has no field {unknown}; {hint}", row.call_name())));
    }
    let choices: Vec<_> = row.choices().map(|field| field.name).collect();
    if !choices.is_empty() && choices.iter().filter(|name| map.contains_key(**name)).count() != 1 {
        return Err(thrown::error(format!("{} needs exactly one of {}", row.call_name(), choices.join(" and "))));
    }
    let mut text = String::from("{");
    for field in row.fields {
        match map.get(field.name) {
            Some(value) => push_field(&mut text, row, field, value)?,
            None if field.presence == Presence::Required => {
                let noun = field.kind.noun();
                return Err(thrown::error(format!("{} needs {}, {noun}; found nothing", row.call_name(), field.name)));
            }
            None => {}
        }
    }
    text.push('}');
    Ok(text)
}

fn push_field(text: &mut String, row: &Command, field: &Field, value: &Dynamic) -> Result<(), ScriptError> {
    if !has_type(field.kind, value) {
        let (function, name, noun) = (row.call_name(), field.name, field.kind.noun());
        let is_strange =
            |item: &&Dynamic| if field.kind == FieldKind::Maps { !item.is_map() } else { !item.is_string() };
        let found = match value.read_lock::<Array>().and_then(|items| items.iter().find(is_strange).cloned()) {
            Some(item) => format!("an array with {} in it", values::noun(&item)),
            None => values::noun(value),
        };
        return Err(thrown::error(format!("{function} needs {name}, {noun}; found {found}")));
    }
    if text.len() > 1 {
        text.push(',');
    }
    push_json(text, field.name);
    text.push(':');
    match (field.kind, value.as_int()) {
        #[expect(clippy::cast_precision_loss, reason = "a whole number that stands for a float is small")]
        (FieldKind::Float, Ok(number)) => text.push_str(&serde_json::json!(number as f64).to_string()),
        _ => match value.as_immutable_string_ref() {
            Ok(string) => push_json(text, &string),
            Err(_) => text.push_str(&values::to_json(value).map_err(|error| thrown::error(error.to_string()))?),
        },
    }
    Ok(())
}

fn push_json(text: &mut String, string: &str) {
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

fn type_of(kind: FieldKind) -> TypeId {
    match kind {
        FieldKind::Str => TypeId::of::<ImmutableString>(),
        FieldKind::Bool => TypeId::of::<bool>(),
        FieldKind::Int => TypeId::of::<i64>(),
        FieldKind::Float => TypeId::of::<f64>(),
        FieldKind::List | FieldKind::Maps => TypeId::of::<Array>(),
        FieldKind::Map => TypeId::of::<Map>(),
    }
}

fn has_type(kind: FieldKind, value: &Dynamic) -> bool {
    match kind {
        FieldKind::Str => value.is_string(),
        FieldKind::Bool => value.is_bool(),
        FieldKind::Int => value.is_int(),
        FieldKind::Float => value.is_float() || value.is_int(),
        FieldKind::List => value.read_lock::<Array>().is_some_and(|items| items.iter().all(Dynamic::is_string)),
        FieldKind::Map => value.is_map(),
        FieldKind::Maps => value.read_lock::<Array>().is_some_and(|items| items.iter().all(Dynamic::is_map)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{ChannelToken, Credentials, Secret, SessionConfig, channel};

    #[test]
    fn what_a_session_s_network_lacks_is_told_with_what_there_is_instead() {
        let token = ChannelToken::Given(Secret::new("token"));
        let login = Credentials::channel(Secret::new("secret"), token);
        let (shop, _inbox) = channel(&SessionConfig::new("shop", "https://api.line.me", login));
        let told = |name: &str| lacking(Network::any_command(name).expect("a command"), &shop);
        assert_eq!(
            told("InviteIntoGroup").as_deref(),
            Some(
                "invite_into_group is not to be had on LINE's Messaging API: people are invited by members (session \"shop\")"
            )
        );
        for name in ["SendText", "pushMessage", "LeaveGroup", "leaveGroup"] {
            assert_eq!(told(name), None);
        }
    }
}
