//! The errors that scripts can catch: what one has, and their names. How Rhai's own get this shape is not here.

use rhai::EvalAltResult;

use super::types::Type;
use crate::protocol::FailureCode;

/// The entries of a caught error: name, kind, documentation.
pub static CAUGHT_FIELDS: &[(&str, Type, &str)] = &[
    ("code", Type::Integer, "The gateway's code; -1 where no gateway has refused anything."),
    ("name", Type::String, "What kind of error it is, such as TIMEOUT: see the table of names."),
    ("message", Type::String, "What went wrong, for people."),
    ("command", Type::StringOrUnit, "The command, or the function of the web, that failed."),
];

/// The names of errors that no gateway's code has, with what each means.
pub static ERROR_NAMES: &[(&str, &str)] = &[
    (
        "BAD_ARGUMENT",
        "A function of Hotline cannot work with what it was called with: its kind, its range, a duration, a cron pattern.",
    ),
    ("BAD_PATTERN", "A regular expression does not compile."),
    ("NOT_JSON", "The text that parse_json was given, or the answer that json was, is no JSON."),
    ("NOT_A_NUMBER", "The text that parse_int or parse_float was given is no number."),
    ("WRONG_PLACE", "The function cannot be used here: at the top level of a script, or where no session is at hand."),
    ("LIMIT", "A limit is reached, such as the number of timers."),
    ("UNKNOWN_SETTING", "The configuration has no setting of that name. `settings.get` takes a value in its place."),
    ("STORE_FAILED", "The store cannot be read or written."),
    ("TIMEOUT", "No answer came in time."),
    ("IN_DOUBT", "It was sent, and nothing is known of what came of it: it may have been done."),
    ("DISCONNECTED", "The connection is lost, and nothing was sent."),
    ("QUEUE_FULL", "Too many commands wait already."),
    ("STOPPED", "The session ends."),
    ("NO_GATEWAY", "The session has no gateway that it could use."),
    ("LOGIN_REFUSED", "The gateway refused the session's login."),
    ("FAILED", "The gateway refused with a code that is not known, and gave no name."),
    ("UNSUPPORTED", "The network, the gateway or this way to it cannot do that."),
    ("QUOTA_EXCEEDED", "On LINE: this month's messages are used up. Answers go on."),
    ("INVALID_REPLY_TOKEN", "On LINE: a reply token is unknown, was used, or is too old."),
    ("FORBIDDEN", "On LINE: the account may not do that."),
    ("GONE", "On LINE: it was there, and is no more."),
    ("UNAVAILABLE", "On LINE: its servers failed, however often they were asked."),
    ("FILE", "A file cannot be read or written, or lies where a script may not go."),
    ("TRANSFER_FAILED", "A file could not be transferred."),
    ("HTTP_FAILED", "A request to the web failed before there was an answer."),
    ("TOO_LARGE", "The answer of the web is, unpacked, longer than `limits.string`."),
    (
        "UNKNOWN_CHARSET",
        "The answer of the web names a charset that nobody knows. `http` takes the right one as `charset`.",
    ),
    ("NOT_ALLOWED", "The configuration does not allow requests to that host."),
    ("FUNCTION_NOT_FOUND", "No function of that name takes these arguments."),
    ("VARIABLE_NOT_FOUND", "There is no variable of that name."),
    ("PROPERTY_NOT_FOUND", "The value has no such property."),
    ("MODULE_NOT_FOUND", "There is no such module."),
    ("OUT_OF_BOUNDS", "An array, a text or a number's bits have no item at that place."),
    ("WRONG_TYPE", "The value is of another kind than expected."),
    ("DIVISION_BY_ZERO", "A number is divided by zero."),
    ("ARITHMETIC", "A sum cannot be computed, such as one that is too large."),
    ("CONSTANT", "What cannot be changed was to be changed."),
    ("DATA_RACE", "A variable is being changed elsewhere at the same time."),
    ("THROWN", "A function of the language itself threw a text."),
    ("UNMET", "In a scenario test: an expectation was not met."),
];

/// Every name that a caught error can have, with what it means; those of gateways have their codes.
pub fn names() -> impl Iterator<Item = (&'static str, Option<i64>, &'static str)> {
    let own = ERROR_NAMES.iter().map(|(name, doc)| (*name, None, *doc));
    let codes = FailureCode::ALL.iter().map(|code| (code.name(), Some(code.number()), ""));
    own.chain(codes)
}

/// The name of an error of Rhai's own that a script can catch.
pub(crate) fn name(error: &EvalAltResult) -> Option<&'static str> {
    Some(match error {
        // A signature has parentheses: what has none says what a function of the language cannot work with.
        EvalAltResult::ErrorFunctionNotFound(text, _) if !text.contains(" (") => "WRONG_TYPE",
        EvalAltResult::ErrorFunctionNotFound(..) => "FUNCTION_NOT_FOUND",
        EvalAltResult::ErrorVariableNotFound(..) => "VARIABLE_NOT_FOUND",
        EvalAltResult::ErrorPropertyNotFound(..) | EvalAltResult::ErrorDotExpr(..) => "PROPERTY_NOT_FOUND",
        EvalAltResult::ErrorModuleNotFound(..) => "MODULE_NOT_FOUND",
        EvalAltResult::ErrorArrayBounds(..)
        | EvalAltResult::ErrorStringBounds(..)
        | EvalAltResult::ErrorBitFieldBounds(..)
        | EvalAltResult::ErrorIndexNotFound(..) => "OUT_OF_BOUNDS",
        EvalAltResult::ErrorMismatchDataType(..)
        | EvalAltResult::ErrorMismatchOutputType(..)
        | EvalAltResult::ErrorIndexingType(..)
        | EvalAltResult::ErrorUnboundThis(..)
        | EvalAltResult::ErrorFor(..) => "WRONG_TYPE",
        EvalAltResult::ErrorArithmetic(text, _) if text.contains("ivision by zero") => "DIVISION_BY_ZERO",
        EvalAltResult::ErrorArithmetic(text, _) if text.starts_with("Error parsing") => "NOT_A_NUMBER",
        EvalAltResult::ErrorArithmetic(..) => "ARITHMETIC",
        EvalAltResult::ErrorVariableExists(..)
        | EvalAltResult::ErrorForbiddenVariable(..)
        | EvalAltResult::ErrorNonPureMethodCallOnConstant(..)
        | EvalAltResult::ErrorAssignmentToConstant(..) => "CONSTANT",
        EvalAltResult::ErrorDataRace(..) => "DATA_RACE",
        EvalAltResult::ErrorRuntime(value, _) if value.is_string() => "THROWN",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_the_sources_give_an_error_is_in_the_table() {
        // Its tables have words of LINE's, and no errors.
        const LINE: &str = "protocol/line";
        let giving = r#"(?:(?:named|Refusal::new|thrown|failure)\(\s*(?:-1,\s*)?|=>\s*(?:\{\s*)?|"name"\.into\(\), )"([A-Z_]{4,})""#;
        let giving = regex::Regex::new(giving).expect("it compiles");
        let (mut given, mut folders) = (Vec::new(), vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
                let is_part = ["language", "runtime", "session", "protocol", "testing"]
                    .iter()
                    .any(|part| entry.iter().any(|name| name == *part));
                if entry.is_dir() {
                    folders.push(entry);
                } else if is_part && entry.extension().is_some_and(|end| end == "rs") && !folder.ends_with(LINE) {
                    let text = std::fs::read_to_string(&entry).expect("a source");
                    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
                    given.extend(giving.captures_iter(text).map(|found| found[1].to_owned()));
                }
            }
        }
        let known: Vec<_> = names().map(|(name, ..)| name).collect();
        for name in &given {
            assert!(known.contains(&name.as_str()), "{name} is in no table");
        }
        for (name, _) in ERROR_NAMES {
            assert!(given.iter().any(|given| given == name), "nothing gives an error the name {name}");
        }
    }
}
