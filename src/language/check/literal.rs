//! Arguments that are written out: durations, cron patterns, regular expressions and options are read as the host
//! will read them.

use regex::Regex;
use rhai::{Expr, Position};

use crate::language::bot_command;
use crate::language::calendar::{UNITS, check_format, time_of_day};
use crate::language::cron;
use crate::language::diagnostic::Severity;
use crate::language::duration::parse_duration;
use crate::language::functions::{ASK_OPTIONS, FIND_OPTIONS, FROM, MOST_CHOICES};
use crate::language::kind::Kind;
use crate::language::plain_text::plain_text;
use crate::language::spelling::closest;
use crate::language::web;
use crate::language::zone::Zone;
use crate::protocol::FieldKind;

/// What is wrong with an argument.
pub(crate) struct Wrong {
    pub(crate) severity: Severity,
    pub(crate) rule: &'static str,
    pub(crate) position: Position,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// Reads what a call is given; `of` is the kind of a method's object.
pub(crate) fn check(of: Option<Kind>, name: &str, arguments: &[Expr]) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    match (of, name, arguments) {
        (None, "sleep", [Expr::IntegerConstant(number, position)]) => wrong.extend(seconds(*number, *position)),
        (None, "sleep" | "after" | "every", [first, ..]) => wrong.extend(duration(name, first)),
        (None, "cron", [Expr::StringConstant(pattern, position), ..]) => {
            if let Err(message) = cron::check(pattern) {
                wrong.push(Wrong {
                    severity: Severity::Error,
                    rule: "bad-literal",
                    position: *position,
                    message,
                    help: None,
                });
            }
        }
        (None, "date" | "start_of_day" | "date_add" | "next_time" | "format_date" | "parse_date", _) => {
            wrong.extend(dates(name, arguments));
        }
        (None, "is_match" | "captures" | "find_all" | "replace_all", [_, second, ..]) => wrong.extend(pattern(second)),
        (Some(Kind::String | Kind::Unknown), "is_match" | "captures" | "find_all" | "replace_all", [first, ..]) => {
            wrong.extend(pattern(first));
        }
        (Some(Kind::Message), "ask", [_, options]) => wrong.extend(question("msg.ask", options)),
        (None, "ask", [_, _, options]) => wrong.extend(question("ask", options)),
        (Some(Kind::Store), "set" | "update", [_, _, options]) => {
            wrong.extend(option(&format!("store.{name}"), &["ttl"], options, lasting));
        }
        (None, "find_date", [_, options]) => wrong.extend(option(name, &FIND_OPTIONS, options, |of, name, value| {
            let Expr::StringConstant(text, position) = value else { return None };
            let message = match name {
                "time" => format!("{of}: {}", time_of_day(&plain_text(text)).err()?),
                "zone" => format!("{of}: found \"{text}\", expected {}", text.parse::<Zone>().err()?),
                _ => return None,
            };
            Some(Wrong { severity: Severity::Error, rule: "bad-literal", position: *position, message, help: None })
        })),
        (None, "bot_command", [name, rest @ ..]) => wrong.extend(bot_command(name, rest.get(1))),
        (None, "http", [options]) => wrong.extend(request(options)),
        (None, "http_get", [_, options]) | (None, "http_post", [_, _, options]) => {
            wrong.extend(option(name, &["headers"], options, |_, _, _| None));
        }
        _ => {}
    }
    wrong
}

/// Whether a field of a command can hold a value of this kind.
pub(crate) fn accepts(field: FieldKind, kind: Kind) -> bool {
    match kind.present().plain() {
        Kind::Unknown => true,
        Kind::String => field == FieldKind::Str,
        Kind::Bool => field == FieldKind::Bool,
        Kind::Int => matches!(field, FieldKind::Int | FieldKind::Float),
        Kind::Float => field == FieldKind::Float,
        Kind::Array => matches!(field, FieldKind::List | FieldKind::Maps),
        Kind::Map => field == FieldKind::Map,
        _ => false,
    }
}

/// What the functions of dates are given: times of day, formats, steps, and last a zone.
fn dates(name: &str, arguments: &[Expr]) -> Vec<Wrong> {
    let literal = |index: usize, fault: fn(&str) -> Option<String>| {
        let Some(Expr::StringConstant(text, position)) = arguments.get(index) else { return None };
        let message = format!("{name}: {}", fault(text)?);
        Some(Wrong { severity: Severity::Error, rule: "bad-literal", position: *position, message, help: None })
    };
    let format: fn(&str) -> Option<String> = |text| check_format(text).err().map(|error| error.to_string());
    let mut wrong = Vec::new();
    wrong.extend(match name {
        "next_time" => literal(0, |text| time_of_day(&plain_text(text)).err().map(|error| error.to_string())),
        "format_date" => literal(1, format),
        "parse_date" => literal(1, |text| check_format(&plain_text(text)).err().map(|error| error.to_string())),
        _ => None,
    });
    if let ("date_add", Some(step)) = (name, arguments.get(1)) {
        wrong.extend(option(name, &UNITS, step, |_, _, _| None));
    }
    let zone = |text: &str| {
        let expected = text.parse::<Zone>().err()?;
        Some(format!("found \"{text}\", expected {expected}"))
    };
    wrong.extend(literal(if matches!(name, "date" | "start_of_day") { 1 } else { 2 }, zone));
    wrong
}

fn duration(name: &str, argument: &Expr) -> Option<Wrong> {
    let Expr::StringConstant(text, position) = argument else { return None };
    let error = parse_duration(text).err()?;
    Some(Wrong {
        severity: Severity::Error,
        rule: "bad-literal",
        position: *position,
        message: format!("{name}: {error}"),
        help: None,
    })
}

/// A number of seconds that looks like one of milliseconds: a hundred or more that are no whole minutes, and round ones.
fn seconds(number: i64, position: Position) -> Option<Wrong> {
    let meant_in_seconds = number < 100 || (number % 60 == 0 && number % 500 != 0);
    (!meant_in_seconds).then(|| Wrong {
        severity: Severity::Warning,
        rule: "bare-number",
        position,
        message: format!("a number is in seconds: this sleeps for {number} seconds"),
        help: Some(format!("write `sleep(\"{number}ms\")` for milliseconds, `sleep(\"{number}s\")` for seconds")),
    })
}

fn pattern(argument: &Expr) -> Option<Wrong> {
    let Expr::StringConstant(text, position) = argument else { return None };
    let error = Regex::new(text).err()?;
    // The last line of the message says what is wrong, those before it draw the place.
    let reason = error.to_string();
    let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    Some(Wrong {
        severity: Severity::Error,
        rule: "bad-literal",
        position: *position,
        message: format!("this regular expression does not compile: {reason}"),
        help: Some("in backticks a backslash stands for itself: `\\d+`".to_owned()),
    })
}

/// Whether the value of an option, of a function, is in order.
type Value = fn(&str, &str, &Expr) -> Option<Wrong>;

fn option(of: &str, known: &[&'static str], options: &Expr, value_of: Value) -> Vec<Wrong> {
    let Expr::Map(entries, _) = options else { return Vec::new() };
    let mut wrong = Vec::new();
    for (name, value) in &entries.0 {
        if known.contains(&name.name.as_str()) {
            wrong.extend(value_of(of, &name.name, value));
        } else {
            let help = match closest(&name.name, known.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!(
                    "it has {}",
                    known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(" and ")
                ),
            };
            wrong.push(Wrong {
                severity: Severity::Error,
                rule: "wrong-arguments",
                position: name.pos,
                message: format!("{of} has no option `{}`", name.name),
                help: Some(help),
            });
        }
    }
    wrong
}

/// The options of a question.
fn question(of: &str, options: &Expr) -> Vec<Wrong> {
    option(of, &ASK_OPTIONS, options, |of, name, value| match name {
        "timeout" => lasting(of, name, value),
        "choices" => choices(of, value),
        FROM if of != "ask" => Some(Wrong {
            severity: Severity::Error,
            rule: "wrong-arguments",
            position: value.position(),
            message: format!("{of} asks who wrote the message, so it has no option `{FROM}`"),
            help: Some(format!("ask another with `ask(msg.chat, text, #{{ {FROM}: mid }})`")),
        }),
        "newest" if !matches!(value, Expr::BoolConstant(..)) && value.is_constant() => {
            let message = format!("{of} needs newest, true or false");
            Some(Wrong {
                severity: Severity::Error,
                rule: "wrong-type",
                position: value.position(),
                message,
                help: None,
            })
        }
        "check" | "retry" | "attempts" | "cancel" | "ended" => {
            let expected = match (name, value) {
                ("attempts", Expr::IntegerConstant(1.., _)) => return None,
                ("attempts", _) => "a number from 1 on",
                ("check", _) => "a function of the answer such as `|answer| answer.text.len < 20`, or the name of one",
                ("cancel", _) => "words such as `[\"cancel\", \"取消\"]`",
                (_, _) => "a text",
            };
            let is_other = name == "attempts" && matches!(value, Expr::StringConstant(..) | Expr::Array(..));
            let is_wrong = is_other
                || matches!(value, Expr::IntegerConstant(..) | Expr::FloatConstant(..) | Expr::BoolConstant(..));
            let message = format!("{of} needs {name}, {expected}");
            is_wrong.then(|| Wrong {
                severity: Severity::Error,
                rule: "wrong-type",
                position: value.position(),
                message,
                help: None,
            })
        }
        _ => None,
    })
}

/// What a question offers.
fn choices(of: &str, value: &Expr) -> Option<Wrong> {
    let wrong = |rule, position, message| Wrong { severity: Severity::Error, rule, position, message, help: None };
    let other = |position| {
        let expected = "an array of strings such as [\"tea\", \"coffee\"]";
        wrong("wrong-type", position, format!("{of} needs choices, {expected}"))
    };
    match value {
        Expr::Array(items, position) if items.is_empty() || items.len() > MOST_CHOICES => {
            let message = format!("{of} takes 1 to {MOST_CHOICES} choices; found {}", items.len());
            Some(wrong("wrong-arguments", *position, message))
        }
        Expr::Array(items, _) => {
            let is_blank = |item: &Expr| matches!(item, Expr::StringConstant(text, _) if text.trim().is_empty());
            items.iter().find(|item| is_no_text(item) || is_blank(item)).map(|item| other(item.position()))
        }
        Expr::StringConstant(_, position) => Some(other(*position)),
        _ => is_no_text(value).then(|| other(value.position())),
    }
}

/// The names and the options of a command.
fn bot_command(name: &Expr, options: Option<&Expr>) -> Vec<Wrong> {
    let mut wrong: Vec<_> = typed(name).into_iter().collect();
    let Some(options) = options else { return wrong };
    wrong.extend(option("bot_command", &bot_command::OPTIONS, options, |of, name, value| match (name, value) {
        ("cooldown", _) => lasting(of, name, value),
        ("aliases", Expr::Array(items, _)) => items.iter().find_map(typed),
        ("aliases", _) => typed(value),
        ("who", Expr::Array(items, _)) => items.iter().find_map(mid),
        ("who", _) => mid(value),
        ("args", Expr::StringConstant(text, position)) => {
            let message = format!("{of}: {}", bot_command::parameters(text).err()?);
            Some(Wrong { severity: Severity::Error, rule: "bad-literal", position: *position, message, help: None })
        }
        _ => None,
    }));
    wrong
}

/// What stands for who may use a command.
fn mid(who: &Expr) -> Option<Wrong> {
    if let Expr::StringConstant(text, position) = who {
        // Gateways are not held to how long a mid is, but people's begin with this letter and have no name in them.
        let rest = text.strip_prefix(['u', 'U']).unwrap_or("name");
        let is_name =
            rest.is_empty() || rest.contains(|letter: char| letter.is_alphabetic() && !letter.is_ascii_hexdigit());
        return is_name.then(|| Wrong {
            severity: Severity::Warning,
            rule: "no-mid",
            position: *position,
            message: format!("`who` of `bot_command` are mids of people; found \"{text}\""),
            help: Some("a person's mid is `msg.sender.mid`, such as \"u1…\"".to_owned()),
        });
    }
    is_no_text(who).then(|| Wrong {
        severity: Severity::Error,
        rule: "wrong-type",
        position: who.position(),
        message: "bot_command needs who, the mids of those who may use it".to_owned(),
        help: None,
    })
}

/// What people type as a command's name.
fn typed(name: &Expr) -> Option<Wrong> {
    let Expr::StringConstant(text, position) = name else { return None };
    let message = format!("bot_command: {}", bot_command::check_name(text).err()?);
    Some(Wrong { severity: Severity::Error, rule: "bad-literal", position: *position, message, help: None })
}

/// The options of a request: each by itself, and those that go together.
fn request(options: &Expr) -> Vec<Wrong> {
    let Expr::Map(entries, position) = options else { return Vec::new() };
    let mut wrong = option("http", &web::OPTIONS, options, |of, name, value| {
        if name == "timeout"
            && let Some(wrong) = lasting(of, name, value)
        {
            return Some(wrong);
        }
        let Expr::StringConstant(text, position) = value else { return None };
        let reason = match name {
            "method" => web::method(text).err(),
            "timeout" => web::timeout(text).err(),
            "charset" => web::charset(text).err(),
            _ => None,
        }?;
        let message = format!("{of}: {name}: {reason}");
        Some(Wrong { severity: Severity::Error, rule: "bad-literal", position: *position, message, help: None })
    });
    let given = |wanted: &str| entries.0.iter().find(|(name, _)| name.name == wanted);
    let mut refuse = |position, message: String| {
        wrong.push(Wrong { severity: Severity::Error, rule: "wrong-arguments", position, message, help: None });
    };
    if given("url").is_none() {
        refuse(*position, "http needs the option `url`".to_owned());
    }
    let bodies: Vec<_> = web::BODIES.into_iter().filter_map(given).collect();
    if let [(first, _), (second, _), ..] = bodies.as_slice() {
        refuse(second.pos, format!("http has one body: found `{}` and `{}`", first.name, second.name));
    }
    let method = match given("method") {
        None => Some("GET"),
        Some((_, Expr::StringConstant(text, _))) => web::method(text).ok(),
        Some(_) => None,
    };
    if let (Some(method), Some((body, _))) = (method.filter(|method| web::only_looks(method)), bodies.first()) {
        refuse(body.pos, format!("http: {}", web::no_body_for(method)));
    }
    wrong
}

/// Whether something is written out that is no text.
fn is_no_text(value: &Expr) -> bool {
    matches!(
        value,
        Expr::BoolConstant(..)
            | Expr::IntegerConstant(..)
            | Expr::FloatConstant(..)
            | Expr::CharConstant(..)
            | Expr::Unit(..)
            | Expr::Array(..)
            | Expr::Map(..)
    )
}

/// An option that is a duration.
fn lasting(of: &str, name: &str, value: &Expr) -> Option<Wrong> {
    let (Expr::IntegerConstant(_, position) | Expr::FloatConstant(_, position)) = value else {
        return duration(&format!("{of}: {name}"), value);
    };
    let message = format!("{of} needs {name}, a duration such as \"10m\"; found a number");
    Some(Wrong { severity: Severity::Error, rule: "wrong-type", position: *position, message, help: None })
}
