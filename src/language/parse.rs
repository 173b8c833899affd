//! Syntax errors in plain words: what Rhai's parser found, and what whoever knows another language probably meant.
//!
//! Where nothing is known that is plainer, Rhai's own words stay.

use rhai::{AST, Engine, LexError, ParseError, ParseErrorType, Scope};

use super::dialect::{GLOBALS, for_reading};
use super::fault::Fault;
use super::source::Source;
use crate::protocol::Network;

/// Compiles one file.
///
/// # Errors
/// With the first place that does not compile.
pub(crate) fn compile(engine: &Engine, source: &Source) -> Result<AST, Fault> {
    let mut scope = Scope::new();
    // Variables, since a constant's value would be folded into the code.
    for name in GLOBALS {
        scope.push(*name, ());
    }
    let mut ast = engine.compile_with_scope(&scope, &source.text).map_err(|error| fault(source, &error))?;
    ast.set_source(source.file.as_str());
    Ok(ast)
}

/// The fault that kept a file from compiling.
pub(crate) fn fault(source: &Source, error: &ParseError) -> Fault {
    let (message, help) = match error.err_type() {
        ParseErrorType::VariableUndefined(name) => undefined(name, &source.text),
        other => explain(other),
    };
    let mut fault = Fault { help, ..Fault::at(&source.file, error.position(), message) };
    settle(&mut fault, error.err_type(), &source.text);
    fault.with_excerpt(&source.text)
}

/// The message of a syntax error, and how to mend it where that is known.
pub(crate) fn explain(error: &ParseErrorType) -> (String, Option<String>) {
    let help = |text: &str| Some(text.to_owned());
    match error {
        ParseErrorType::UnexpectedEOF => {
            ("the file ends in the middle of something".into(), help("a closing `}`, `)` or `]` is missing"))
        }
        ParseErrorType::BadInput(error) => explain_token(error),
        ParseErrorType::UnknownOperator(operator) => {
            let message = format!("there is no operator `{operator}`");
            let help = match operator.as_str() {
                "++" => help("write `x += 1`"),
                "--" => help("write `x -= 1`"),
                "?" => help("write `if a { b } else { c }`, which has a value"),
                _ => None,
            };
            (message, help)
        }
        ParseErrorType::MissingToken(token, what) => missing(token, what),
        ParseErrorType::VariableUndefined(name) => (format!("no variable `{name}`"), None),
        ParseErrorType::ModuleUndefined(name) => {
            (format!("no module `{name}`"), Some(format!("import it at the top of the file: import \"…\" as {name};")))
        }
        ParseErrorType::Reserved(word) => reserved(word),
        ParseErrorType::MismatchedType(expected, found) => {
            let message = format!("expected {expected}, found {found}");
            let help = if expected.contains("boolean") {
                help("only true and false are conditions: compare, as in `x != 0`, `text != \"\"` or `value != ()`")
            } else if expected.contains("iterable") {
                help("to count, write `for i in 0..10`; otherwise go through an array")
            } else {
                None
            };
            (message, help)
        }
        ParseErrorType::AssignmentToConstant(name) => (
            format!("`{name}` is a constant and cannot be changed"),
            help("declare it with let, or keep it in `state`"),
        ),
        ParseErrorType::WrongFnDefinition => (
            "a function is defined inside a block or another function".into(),
            help(
                "a `}` may be missing before it; else define it at the top level, or use a closure: let double = |x| x * 2;",
            ),
        ),
        ParseErrorType::ExprExpected(what) => {
            (format!("expected {what} here").replace("a literal", "a value that is written out, or `_`,"), None)
        }
        ParseErrorType::AssignmentToInvalidLHS(_) => (
            "what a call gives cannot be assigned to where it stands".into(),
            help("name it first, as in `let own = state_of(id); own.count = 1;`"),
        ),
        ParseErrorType::VariableExpected => ("expected the name of a variable".into(), None),
        ParseErrorType::WrongExport => ("export only works at the top level of a module".into(), None),
        ParseErrorType::WrongDocComment => {
            ("a comment with three slashes stands before something that is no function".into(), help("use two slashes"))
        }
        ParseErrorType::LoopBreak => {
            ("break or continue outside a loop".into(), help("leave a function with return, also inside a closure"))
        }
        ParseErrorType::ExprTooDeep => {
            ("this expression is nested too deeply".into(), help("give parts of it names with let"))
        }
        ParseErrorType::FnDuplicatedDefinition(name, count) => {
            let count = match count {
                0 => "no parameters".to_owned(),
                1 => "1 parameter".to_owned(),
                count => format!("{count} parameters"),
            };
            (format!("there already is a function `{name}` with {count}"), help("rename one of them"))
        }
        other => (lower_first(&other.to_string()), None),
    }
}

/// A variable that a text uses and does not define there.
fn undefined(name: &str, text: &str) -> (String, Option<String>) {
    let mut scope = Scope::new();
    for name in GLOBALS {
        scope.push(*name, ());
    }
    // Compiled without strict variables, the text shows whether its top level has one of that name.
    let ast = for_reading().compile_with_scope(&scope, text);
    let declared = ast.iter().flat_map(AST::statements).find_map(|statement| match statement {
        rhai::Stmt::Var(parts, flags, _) if parts.0.name == name => Some(flags.contains(rhai::ASTFlags::CONSTANT)),
        _ => None,
    });
    match declared {
        Some(constant) => {
            let (message, help) = outer_variable(name, constant);
            (message, Some(help))
        }
        None => {
            let is_function = ast.iter().flat_map(AST::iter_functions).any(|function| function.name == name);
            let as_value = is_function.then(|| format!("a function as a value is `Fn(\"{name}\")`"));
            (format!("no variable `{name}`"), as_value.or_else(|| foreign_name(name)))
        }
    }
}

/// What is wrong with a function that uses a constant or variable of the top level, and how to mend it.
pub(crate) fn outer_variable(name: &str, constant: bool) -> (String, String) {
    if constant {
        let message = format!("a function does not see the constant `{name}` by its bare name");
        return (message, format!("write `global::{name}`"));
    }
    let help = format!("make it a constant and write `global::{name}`, pass it as an argument, or keep it in `state`");
    (format!("a function does not see the variable `{name}` of the top level"), help)
}

/// What takes the place of a name that other languages and bot engines have.
pub(crate) fn foreign_name(name: &str) -> Option<String> {
    Some(match name {
        "msg" | "event" | "invite" => {
            format!("a function sees only its own parameters: pass `{name}` as an argument")
        }
        "console" | "logger" => "write to the log with log_info(value)".to_owned(),
        "Math" => "numbers have methods, such as `x.abs()`, `x.floor()`; chance is `random(1, 6)`".to_owned(),
        "JSON" => "write parse_json(text) and to_json(value)".to_owned(),
        "Date" => "the time is `now()`, in milliseconds since 1970".to_owned(),
        "bot" | "client" => {
            "commands are plain functions, such as `send_text(to, content)`; a session is session(\"name\")".to_owned()
        }
        "session" => "the session whose event is being handled is `session()`".to_owned(),
        "null" | "nil" | "None" | "undefined" => "nothing is `()`".to_owned(),
        "True" | "False" => format!("write `{}`", name.to_lowercase()),
        name => {
            let own = Network::named(name)?.own_commands().next()?;
            format!("the functions of `{name}` are called so: `{}`", own.signature())
        }
    })
}

/// Moves a fault to where a person would look: a missing semicolon to the end of the line before, the end of the file
/// to its last line.
fn settle(fault: &mut Fault, error: &ParseErrorType, text: &str) {
    let (Some(line), column) = (fault.line, fault.column.unwrap_or(1)) else { return };
    let lines: Vec<&str> = text.lines().collect();
    let here = lines.get(line - 1).copied().unwrap_or_default();
    let first_there = here.chars().take(column - 1).all(char::is_whitespace);
    if let Some(help) = foreign(here, column) {
        fault.help = Some(help.to_owned());
        return;
    }
    if unclosed(fault, error, &lines, (line, column)) {
        return;
    }
    let semicolon = matches!(error, ParseErrorType::MissingToken(token, _) if token == ";");
    let at_end = line > lines.len();
    if !(first_there && (semicolon || at_end)) {
        return;
    }
    let code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    let Some(before) = lines.iter().take(line - 1).rposition(code) else { return };
    fault.line = Some(before + 1);
    fault.column = Some(lines[before].trim_end().chars().count() + usize::from(semicolon));
    if semicolon {
        fault.help = Some("put a `;` at the end of this line".to_owned());
    }
}

/// Explains what is not closed, or closed twice; whether that is what is wrong.
fn unclosed(fault: &mut Fault, error: &ParseErrorType, lines: &[&str], (line, column): (usize, usize)) -> bool {
    let here = lines.get(line - 1).copied().unwrap_or_default();
    let end = here.char_indices().nth(column - 1).map_or(here.len(), |(at, _)| at);
    let (before, after) = here.split_at(end);
    let missing = |wanted: &str| matches!(error, ParseErrorType::MissingToken(token, _) if token == wanted);
    let count = |text: &str, wanted: &str| text.matches(wanted).count();
    if missing(";") && count(before, "${") > 0 && before.rfind("${") > before.rfind('}') {
        fault.message = "the `${` of this text is not closed".to_owned();
        fault.help = Some("close it with `}`: `Hello ${name}`".to_owned());
        return true;
    }
    if missing(";")
        && after.starts_with([')', ']'])
        && count(here, ")") + count(here, "]") > count(here, "(") + count(here, "[")
    {
        let bracket = &after[..1];
        fault.message = format!("this `{bracket}` closes nothing");
        fault.help = Some("remove it, or open it further left".to_owned());
        return true;
    }
    if missing(",") && count(here, "(") > count(here, ")") && (after.is_empty() || after.starts_with([';', '{', '}'])) {
        fault.message = "a `)` is missing".to_owned();
        fault.help = Some(format!("this line opens {} and closes {}", count(here, "("), count(here, ")")));
        return true;
    }
    if missing(",") && count(here, "[") > count(here, "]") && (after.is_empty() || after.starts_with([';', '}', ')'])) {
        fault.message = "a `]` is missing".to_owned();
        fault.help = Some(format!("this line opens {} and closes {}", count(here, "["), count(here, "]")));
        return true;
    }
    if let ParseErrorType::BadInput(LexError::UnterminatedString) = error
        && !after.starts_with('"')
        && let Some(tick) = before.rfind('`')
    {
        fault.message = "this text in backticks is not closed".to_owned();
        fault.column = Some(before[..tick].chars().count() + 1);
        fault.help = Some("close it with a backtick".to_owned());
        return true;
    }
    if let (ParseErrorType::ExprTooDeep, true) = (error, here.contains("else if")) {
        fault.help = Some("write a switch in place of many else if: `switch text { \"a\" => …, _ => … }`".to_owned());
        return true;
    }
    let rest = lines.iter().skip(line).any(|line| !line.trim().is_empty());
    let last = lines.iter().rposition(|line| !line.trim().is_empty()).unwrap_or_default();
    let open = lines.iter().map(|line| count(line, "{")).sum::<usize>();
    let closed = lines.iter().map(|line| count(line, "}")).sum::<usize>();
    if missing(";") && after.trim().is_empty() && !rest && open > closed {
        fault.message = "the file ends inside a block".to_owned();
        let end = lines.get(last).map_or(0, |line| line.trim_end().chars().count());
        (fault.line, fault.column) = (Some(last + 1), Some(end.max(1)));
        fault.help = Some("a `}` is missing".to_owned());
        return true;
    }
    false
}

/// What a line says that stumbles over a word of another language, at or before a column.
fn foreign(line: &str, column: usize) -> Option<&'static str> {
    let end = line.char_indices().nth(column - 1).map_or(line.len(), |(at, _)| at);
    let (before, after) = line.split_at(end);
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let word_after: String = after.chars().take_while(|letter| is_word(*letter)).collect();
    let words: Vec<&str> = before.split(|letter| !is_word(letter)).filter(|word| !word.is_empty()).collect();
    let last = words.last().copied().unwrap_or_default();
    match (last, word_after.as_str()) {
        (_, "and") | ("and", _) => Some("and is written `&&`"),
        (_, "or") | ("or", _) => Some("or is written `||`"),
        ("not", _) => Some("not is written `!`"),
        (_, "case") | ("case", _) => Some("a case is written `\"a\" => …`, and several are separated by commas"),
        (_, "default") | ("default", _) => Some("what is left over is the last case: `_ => …`"),
        _ if before.trim_end().ends_with('(') && words.last() == Some(&"for") => {
            Some("a loop over numbers is `for i in 0..10 { … }`, without parentheses")
        }
        ("catch", error) if !error.is_empty() => Some("the error stands in parentheses: `catch (error) { … }`"),
        (_, "finally") => Some("there is no finally: what stands after try and catch runs either way"),
        (_, "of") if words.first() == Some(&"for") => Some("a loop is written `for item in list { … }`"),
        _ if words.first() == Some(&"foreach") => Some("a loop is written `for item in list { … }`"),
        _ if ["let", "const"].contains(&last) && after.starts_with(['{', '[']) => {
            Some("take the parts out one by one: let name = value.name;")
        }
        ("export", "fn") => Some("a module's functions can be imported without export"),
        _ if words.iter().any(|word| ["function", "def", "func"].contains(word)) => {
            Some("functions are defined with fn: fn greet(name) { … }")
        }
        _ if words.iter().any(|word| ["elif", "elsif", "elseif"].contains(word)) => Some("write `else if`"),
        _ if words.first() == Some(&"var") => Some("declare variables with let, constants with const"),
        _ if after.starts_with("=>") => Some("a closure is written `|x| x + 1`"),
        _ if after.starts_with(':') && before.contains('{') => Some("a map is written `#{ name: value }`"),
        _ if after.starts_with("==") && words.first().is_some_and(|word| ["let", "const"].contains(word)) => {
            Some("`=` sets a variable; `==` compares")
        }
        _ => None,
    }
}

fn explain_token(error: &LexError) -> (String, Option<String>) {
    match error {
        LexError::UnterminatedString => (
            "this string does not end on its line".into(),
            Some("close it with `\"`; a text of several lines stands between backticks".into()),
        ),
        LexError::MalformedChar(text) => {
            (format!("'{text}' is no single character"), Some(format!("texts stand between double quotes: \"{text}\"")))
        }
        LexError::ImproperSymbol(symbol, hint) => {
            let help = match symbol.as_str() {
                "=" => Some("`=` sets a variable; `==` compares".to_owned()),
                "===" => Some("write `==`".to_owned()),
                "!==" => Some("write `!=`".to_owned()),
                _ if hint.is_empty() => None,
                _ => Some(hint.clone()),
            };
            (format!("`{symbol}` does not belong here"), help)
        }
        LexError::MalformedEscapeSequence(sequence) => {
            let letter = sequence.chars().nth(1).unwrap_or_default();
            let help = match letter {
                'u' | 'U' | 'x' => "such as `\\x41` or `\\u0041`: hexadecimal digits follow".to_owned(),
                _ => format!("in backticks a backslash stands for itself, as in `\\{letter}+`; in quotes write `\\\\`"),
            };
            (format!("`{sequence}` is no escape sequence"), Some(help))
        }
        LexError::UnexpectedInput(input) => unexpected(input),
        other => (lower_first(&other.to_string()), None),
    }
}

/// A character that no word or sign of the language begins with.
fn unexpected(input: &str) -> (String, Option<String>) {
    let letter = input.chars().next().unwrap_or_default();
    let code = format!("U+{:04X}", u32::from(letter));
    match letter {
        '“' | '”' | '„' | '‟' | '«' | '»' | '‘' | '’' | '‚' | '＂' | '＇' => (
            format!("`{letter}` is a typographic quotation mark"),
            Some("texts stand between straight ones: \"…\"".to_owned()),
        ),
        '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}' => {
            (format!("an invisible character ({code}) stands here"), Some("delete it".to_owned()))
        }
        letter if letter.is_whitespace() || letter == '\u{a0}' => (
            format!("a space of another kind ({code}) stands here"),
            Some("type a plain space in its place".to_owned()),
        ),
        '；' | '，' | '（' | '）' | '：' | '｛' | '｝' => {
            (format!("`{letter}` is a wide character ({code})"), Some("type the narrow one in its place".to_owned()))
        }
        _ => (format!("`{input}` does not belong here"), None),
    }
}

fn missing(token: &str, what: &str) -> (String, Option<String>) {
    let help = match (token, what) {
        (";", _) => Some(
            "a semicolon may be missing before this place, or a word is not Rhai's: it has fn, if, else if, for … in, &&, \
             ||, #{…} for maps and |x| … for closures"
                .to_owned(),
        ),
        ("}", _) => Some("a block that begins with `{` is not closed".to_owned()),
        ("in", _) => Some("a loop over numbers is `for i in 0..10 { … }`".to_owned()),
        ("{", _) => {
            Some("the body of if, for, while and fn stands in braces; and, or, not are &&, ||, !".to_owned())
        }
        _ => None,
    };
    (format!("expected `{token}` {what}"), help)
}

fn reserved(word: &str) -> (String, Option<String>) {
    let help = match word {
        "null" | "nil" | "undefined" | "None" => "nothing is `()`",
        "await" | "async" => "leave it out: a function that waits simply returns when it is done",
        "var" => "declare variables with let, constants with const",
        "match" | "case" => "write `switch value { \"a\" => …, _ => … }`",
        "new" => "values are made without it: #{…}, […]",
        "print" | "debug" | "call" | "curry" | "type_of" | "Fn" | "eval" => {
            "it is one of Rhai's own functions: call it with its arguments in parentheses; eval is switched off"
        }
        _ => "choose another name",
    };
    (format!("`{word}` is a reserved word"), Some(help.to_owned()))
}

/// The text with a small letter at its beginning, as messages have it.
pub(crate) fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}
