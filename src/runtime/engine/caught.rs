//! What scripts get of errors. In `catch`, one shape for every error but what scripts throw themselves, which arrives as it was
//! thrown; in `on_error`, the map of a fault.
//!
//! Rhai gives its own errors as maps of another shape, and has no place where that could be changed. They are given ours when
//! the script looks at the variable for the first time. Errors of the host have it from the start: they are made here.

use std::cell::RefCell;

use rhai::{Dynamic, Engine, EvalAltResult, EvalContext, Map, NativeCallContext, Position, Token};

use super::thrown::{ScriptError, map};
use crate::language::diagnostic::{CardStyle, Severity, card};
use crate::language::errors::{CAUGHT_FIELDS, name};
use crate::language::fault::Fault;
use crate::language::trace;

thread_local! {
    /// The names of the variables of all `catch` that were compiled on this thread: few, since people call them alike.
    static VARIABLES: RefCell<Vec<String>> = RefCell::default();
}

/// The map of a fault that `on_error` gets.
pub(crate) fn of_fault(fault: &Fault) -> Map {
    let mut map = Map::new();
    let number = |value: Option<usize>| {
        value.and_then(|value| i64::try_from(value).ok()).map_or(Dynamic::UNIT, Dynamic::from_int)
    };
    map.insert("file".into(), fault.file.as_str().into());
    map.insert("line".into(), number(fault.line));
    map.insert("column".into(), number(fault.column));
    map.insert("message".into(), fault.message.as_str().into());
    let text = |value: Option<&String>| value.map_or(Dynamic::UNIT, |value| value.as_str().into());
    map.insert("help".into(), text(fault.help.as_ref()));
    map.insert("source".into(), text(fault.excerpt.as_ref().map(|excerpt| &excerpt.text)));
    map.insert("card".into(), card(fault, Severity::Error, CardStyle::PLAIN).into());
    map.insert("calls".into(), fault.calls.iter().map(|call| call.as_str().into()).collect::<Vec<Dynamic>>().into());
    let thrown = fault.thrown.clone().unwrap_or_default();
    let text = |value: Option<String>| value.map_or(Dynamic::UNIT, Dynamic::from);
    map.insert("code".into(), thrown.code.map_or(Dynamic::UNIT, Dynamic::from_int));
    map.insert("name".into(), text(thrown.name));
    map.insert("command".into(), text(thrown.command));
    map
}

/// A value as it is shown to people: an error as its message.
pub(crate) fn text(value: &Dynamic) -> String {
    let error = value.read_lock::<Map>().and_then(|map| message(&map));
    error.unwrap_or_else(|| trace::veiled(value))
}

/// The message of an error of the one shape, with the command that failed.
fn message(map: &Map) -> Option<String> {
    if !CAUGHT_FIELDS.iter().all(|(field, ..)| map.contains_key(*field)) {
        return None;
    }
    let text = |name: &str| map.get(name).and_then(|value| value.clone().into_string().ok());
    Some(match (text("command"), text("message")?) {
        (Some(command), message) => format!("{command}: {message}"),
        (None, message) => message,
    })
}

/// Lets an engine note the variables of `catch`, and show errors as their messages.
pub(crate) fn register(engine: &mut Engine) {
    let seen = RefCell::new(Seen::Other);
    #[expect(deprecated, reason = "marked so only for being volatile; the crate's version is pinned by the lock file")]
    engine.on_parse_token(move |token, _, _| {
        let next = match (*seen.borrow(), &token) {
            (_, Token::Catch) => Seen::Catch,
            (Seen::Catch, Token::LeftParen) => Seen::Parenthesis,
            (Seen::Parenthesis, Token::Identifier(name)) => {
                note(name);
                Seen::Other
            }
            _ => Seen::Other,
        };
        seen.replace(next);
        token
    });
    #[expect(deprecated, reason = "marked so only for being volatile; the crate's version is pinned by the lock file")]
    engine.on_var(|name, _, mut context| {
        look(name, &mut context);
        Ok(None)
    });
    for name in ["to_string", "print"] {
        engine.register_fn(name, |context: NativeCallContext<'_>, map: &mut Map| -> Result<String, ScriptError> {
            match message(map) {
                Some(message) => Ok(message),
                None => context.call_native_fn("to_debug", (map.clone(),)),
            }
        });
    }
}

/// How far the beginning of a `catch` has been read.
#[derive(Clone, Copy)]
enum Seen {
    Other,
    Catch,
    Parenthesis,
}

fn note(name: &str) {
    VARIABLES.with_borrow_mut(|known| {
        if !known.iter().any(|known| known == name) {
            known.push(name.to_owned());
        }
    });
}

/// Gives an error of Rhai's own our shape, if `name` is that of a variable that holds one. To be called before it is read.
pub(crate) fn look(name: &str, context: &mut EvalContext<'_, '_, '_, '_, '_, '_>) {
    if !VARIABLES.with_borrow(|known| known.iter().any(|known| known == name)) {
        return;
    }
    let Some(value) = context.scope_mut().get_mut(name) else { return };
    let Some(mut map) = value.write_lock::<Map>() else { return };
    let is_rhais = |map: &Map| {
        let error =
            map.get("error").and_then(|error| error.as_immutable_string_ref().ok().map(|error| error.to_string()));
        error.is_some_and(|error| error.starts_with("Error")) && !map.contains_key("name")
    };
    if is_rhais(&map)
        && let Some(message) = map.get("message").and_then(|message| message.clone().into_string().ok())
    {
        *map = of_rhai(&message);
    }
}

/// An error of Rhai's own in the one shape, from the text that Rhai makes of it.
fn of_rhai(text: &str) -> Map {
    let error = parse(text);
    map(-1, name(&error).unwrap_or("WRONG_TYPE"), &trace::of_run("", &error).message, None)
}

/// The error that Rhai made a text of: inside a function that the script called, no more is left of it.
fn parse(text: &str) -> EvalAltResult {
    const NONE: Position = Position::NONE;
    let text = text.split("\nin ").next().unwrap_or(text);
    let text = text.rfind(" (line ").filter(|_| text.ends_with(')')).map_or(text, |end| &text[..end]);
    let text = text.rfind(" @ '").filter(|_| text.ends_with('\'')).map_or(text, |end| &text[..end]);
    let after = |start: &str| text.strip_prefix(start).map(str::to_owned);
    let types = |start: &str| {
        let rest = text.strip_prefix(start)?;
        let rest = rest.strip_prefix(": ").unwrap_or(rest);
        let (found, wanted) = rest.split_once(" (expecting ").unwrap_or((rest, ""));
        let wanted = found.strip_prefix(", expecting ").unwrap_or(wanted.trim_end_matches(')'));
        Some((wanted.to_owned(), if found.starts_with(", expecting ") { String::new() } else { found.to_owned() }))
    };
    // `index -1 out of bounds: only 3 elements in array`, or: `array is empty`.
    let bounds = |start: &str| {
        let (index, rest) = text.strip_prefix(start)?.split_once(" out of bounds: ")?;
        let size = rest.strip_prefix("only ").and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap_or(0);
        Some((size, index.parse().ok()?))
    };
    if let Some(signature) = after("Function not found: ") {
        EvalAltResult::ErrorFunctionNotFound(signature, NONE)
    } else if let Some(name) = after("Variable not found: ") {
        EvalAltResult::ErrorVariableNotFound(name, NONE)
    } else if let Some(name) = after("Property not found: ") {
        EvalAltResult::ErrorPropertyNotFound(name, NONE)
    } else if let Some(name) = after("Module not found: ") {
        EvalAltResult::ErrorModuleNotFound(name, NONE)
    } else if let Some(index) = after("Invalid index: ") {
        EvalAltResult::ErrorIndexNotFound(index.into(), NONE)
    } else if let Some((size, index)) = bounds("Array index ") {
        EvalAltResult::ErrorArrayBounds(size, index, NONE)
    } else if let Some((size, index)) = bounds("String index ") {
        EvalAltResult::ErrorStringBounds(size, index, NONE)
    } else if let Some((size, index)) = bounds("Bit-field index ") {
        EvalAltResult::ErrorBitFieldBounds(size, index, NONE)
    } else if let Some((wanted, found)) = types("Data type incorrect") {
        EvalAltResult::ErrorMismatchDataType(wanted, found, NONE)
    } else if let Some((wanted, found)) = types("Output type incorrect") {
        EvalAltResult::ErrorMismatchOutputType(wanted, found, NONE)
    } else if let Some(what) = after("Indexer unavailable: ") {
        EvalAltResult::ErrorIndexingType(what, NONE)
    } else if text == "'this' not bound" {
        EvalAltResult::ErrorUnboundThis(NONE)
    } else if text == "For loop expects iterable type" {
        EvalAltResult::ErrorFor(NONE)
    } else if let Some(name) = after("Data race detected") {
        EvalAltResult::ErrorDataRace(name.trim_start_matches(" on ").to_owned(), NONE)
    } else if let Some(name) = after("Cannot modify constant ") {
        EvalAltResult::ErrorAssignmentToConstant(name, NONE)
    } else if let Some(name) = after("Variable already defined: ") {
        EvalAltResult::ErrorVariableExists(name, NONE)
    } else if let Some(name) = after("Forbidden variable name: ") {
        EvalAltResult::ErrorForbiddenVariable(name, NONE)
    } else if text.starts_with("Non-pure ") || text.starts_with("Cannot ") {
        EvalAltResult::ErrorAssignmentToConstant(text.rsplit(' ').next().unwrap_or(text).to_owned(), NONE)
    } else if let Some(text) = after("Runtime error: ") {
        EvalAltResult::ErrorRuntime(text.into(), NONE)
    } else if text.starts_with("Unknown property")
        || text.starts_with("No writable property")
        || text.contains("dot expression")
    {
        EvalAltResult::ErrorDotExpr(text.to_owned(), NONE)
    } else {
        EvalAltResult::ErrorArithmetic(text.to_owned(), NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::errors;

    const NONE: Position = Position::NONE;

    #[test]
    fn an_error_of_the_language_is_known_by_its_text_as_by_itself() {
        let place = Position::new(3, 7);
        for error in [
            EvalAltResult::ErrorFunctionNotFound("f (i64)".into(), place),
            EvalAltResult::ErrorVariableNotFound("x".into(), place),
            EvalAltResult::ErrorPropertyNotFound("x".into(), place),
            EvalAltResult::ErrorModuleNotFound("x".into(), place),
            EvalAltResult::ErrorIndexNotFound("x".into(), place),
            EvalAltResult::ErrorArrayBounds(0, 5, place),
            EvalAltResult::ErrorArrayBounds(3, -5, place),
            EvalAltResult::ErrorStringBounds(1, 5, place),
            EvalAltResult::ErrorBitFieldBounds(64, 99, place),
            EvalAltResult::ErrorMismatchDataType("bool".into(), "i64".into(), place),
            EvalAltResult::ErrorMismatchDataType("bool".into(), String::new(), place),
            EvalAltResult::ErrorMismatchOutputType("bool".into(), "i64".into(), place),
            EvalAltResult::ErrorIndexingType("() [i64]".into(), place),
            EvalAltResult::ErrorUnboundThis(place),
            EvalAltResult::ErrorFor(place),
            EvalAltResult::ErrorDataRace("variable 'x'".into(), place),
            EvalAltResult::ErrorAssignmentToConstant("X".into(), place),
            EvalAltResult::ErrorDotExpr(
                "Unknown property 'x' - a getter is not registered for type '()'".into(),
                place,
            ),
            EvalAltResult::ErrorArithmetic("Division by zero: 1 / 0".into(), place),
            EvalAltResult::ErrorArithmetic("Addition overflow: 1 + 9".into(), place),
            EvalAltResult::ErrorArithmetic("Error parsing integer number 'x': invalid digit".into(), place),
        ] {
            let shown = |error: &EvalAltResult| trace::of_run("", error).message;
            let (known, message) = (name(&error), shown(&error));
            let inside =
                EvalAltResult::ErrorInFunctionCall("g".into(), "bot.rhai".into(), Box::new(error), Position::new(9, 1));
            let found = parse(&inside.to_string());
            assert_eq!((name(&found), shown(&found)), (known, message), "{inside}");
            assert!(errors::names().any(|(name, ..)| Some(name) == known), "{known:?}");
        }
    }

    #[test]
    fn an_error_reads_as_its_message() {
        let value = Dynamic::from(map(5, "NOT_FOUND", "no such group", Some("LeaveGroup")));
        assert_eq!(text(&value), "LeaveGroup: no such group");
        assert_eq!(text(&Dynamic::from(map(-1, "LIMIT", "too many", None))), "too many");
        assert_eq!(name(&EvalAltResult::ErrorFor(NONE)), Some("WRONG_TYPE"));
    }
}
