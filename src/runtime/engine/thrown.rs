//! Errors on their way through a script, as the host makes them: maps of one shape.

use rhai::{Dynamic, EvalAltResult, Map, Position};

/// An error on its way through a script.
pub(crate) type ScriptError = Box<EvalAltResult>;

/// What a function that scripts call gives back.
pub(crate) type ScriptResult = Result<Dynamic, ScriptError>;

/// An error of this name, to be caught in the one shape.
pub(crate) fn thrown(code: i64, name: &str, message: &str, command: Option<&str>) -> ScriptError {
    EvalAltResult::ErrorRuntime(map(code, name, message, command).into(), Position::NONE).into()
}

/// The map that a script catches.
pub(super) fn map(code: i64, name: &str, message: &str, command: Option<&str>) -> Map {
    Map::from_iter([
        ("code".into(), code.into()),
        ("name".into(), name.into()),
        ("message".into(), message.into()),
        ("command".into(), command.map_or(Dynamic::UNIT, Into::into)),
    ])
}

/// An error of a call that Hotline cannot work with.
pub(crate) fn error(message: impl AsRef<str>) -> ScriptError {
    named("BAD_ARGUMENT", message)
}

/// An error of a call that cannot be made where it stands.
pub(crate) fn misplaced(message: impl AsRef<str>) -> ScriptError {
    named("WRONG_PLACE", message)
}

/// An error of a name of [`names`](crate::language::errors::names).
pub(crate) fn named(name: &str, message: impl AsRef<str>) -> ScriptError {
    thrown(-1, name, message.as_ref(), None)
}

/// A failure of a command.
pub(crate) fn failure(code: i64, name: &str, message: &str, command: &str) -> ScriptError {
    thrown(code, name, message, Some(command))
}
