//! Commands as script functions, derived from their tables.
//!
//! Every common command is a function that takes its fields in order or one map, on the session whose event is handled, and
//! likewise a method of a session handle. A network's own are functions of its namespace. Arguments are checked for presence and
//! type, never for content.

use std::any::TypeId;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, FuncRegistration, ImmutableString, Map, Module, NativeCallContext, RhaiFunc};

use super::delivery::{self, CommandWay};
use super::outgoing::{self, Once, SentCommand, push_json};
use crate::language::functions::MAX_ARGUMENTS;
use crate::protocol::{COMMANDS, Command, Field, FieldKind, NETWORKS, Network, Presence, check_field_names};
use crate::runtime::context::services::Services;
use crate::runtime::engine::objects::SessionRef;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::run::wait::CallSite;

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
    match delivery::way(services, session.as_ref(), row, &fields) {
        CommandWay::AsItIs => outgoing::send(services, session, SentCommand::Known(row), fields, Once::Nothing, place),
        CommandWay::Keyed => delivery::send_keyed(services, session, row, fields, place),
        CommandWay::File(file) => delivery::deliver_file(services, session, &file, place),
        CommandWay::Messages { to, messages } => delivery::deliver(services, session, &to, messages, place),
    }
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
    match row {
        Some(row) => call(services, session, row, fields, place),
        None => outgoing::send(services, session, SentCommand::Other(name.to_owned()), fields, Once::Nothing, place),
    }
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
        && row.is_map_form(|name| map.contains_key(name))
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
