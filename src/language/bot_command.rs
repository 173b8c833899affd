//! Commands that people type, such as `/order tea 2`: what a script declares of one, how a text is read as one, and its arguments. What
//! becomes of it is the runtime's business.

use std::ops::Range;
use std::time::Duration;

use serde_json::{Map, Value};
use unicode_normalization::char::is_combining_mark;

use super::kind;
use super::moment::{self, Reckoning};
use super::plain_text::plain_text;
use super::spelling::did_you_mean;
use crate::protocol::{Mention, MidKind, mid_kind};

/// What `bot_command` can be told besides.
pub(crate) const OPTIONS: [&str; 5] = ["aliases", "args", "cooldown", "help", "who"];

/// The most letters of a command's name: what is longer is no command.
const LONGEST_NAME: usize = 32;

/// The most letters of what a person typed that they are answered with.
const LONGEST_QUOTE: usize = 40;

/// The kinds of arguments, each with what people are told to write.
const KINDS: [(&str, Kind, &str); 6] = [
    ("date", Kind::Date, "a time such as \"tomorrow 9:00\""),
    ("word", Kind::Word, "a word"),
    ("int", Kind::Int, "a whole number"),
    ("number", Kind::Number, "a number"),
    ("person", Kind::Person, "somebody, mentioned with @"),
    ("text", Kind::Text, "a text"),
];

/// Marks between which several words are one.
const QUOTES: [(char, char); 4] = [('"', '"'), ('“', '”'), ('「', '」'), ('„', '“')];

/// A command that a script declares.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BotCommand {
    /// Its name, as it was declared.
    pub(crate) name: String,
    /// Its other names.
    pub(crate) aliases: Vec<String>,
    /// The function that it calls.
    pub(crate) function: String,
    /// What it is for.
    pub(crate) help: Option<String>,
    /// What follows its name; `None` where that is the function's own business.
    pub(crate) parameters: Option<Vec<Parameter>>,
    /// The mids of those who may use it; `None` is everybody.
    pub(crate) who: Option<Vec<String>>,
    /// How long a person waits until they can use it again.
    pub(crate) cooldown: Option<Duration>,
}

/// One of the arguments of a command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parameter {
    name: String,
    kind: Kind,
    presence: Presence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Int,
    Number,
    Person,
    /// A point in time, of as many words as it takes.
    Date,
    /// All that is left.
    Text,
}

#[derive(Clone, Debug, PartialEq)]
enum Presence {
    Needed,
    Optional,
    Default(Value),
}

/// What is wrong with a declaration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeclarationError {
    /// A command cannot be typed by its name.
    #[error(
        "\"{0}\" cannot be a command's name, expected at most {LONGEST_NAME} letters, digits, hyphens and underscores without a slash, such as \"order\""
    )]
    Name(String),
    /// An argument's name cannot be written in a script.
    #[error("args: \"{0}\" is no name, expected one such as in \"item count:int=1 note:text?\"")]
    ParameterName(String),
    /// There is no such kind of argument.
    #[error("args: \"{kind}\" is no kind of argument, expected word, int, number, person, date or text{}", did_you_mean(.kind, KINDS.map(|(name, ..)| name)))]
    ParameterKind {
        /// What was found.
        kind: String,
    },
    /// A default is not of its kind.
    #[error("args: {name} cannot be \"{default}\" by default, expected {expected}")]
    Default {
        /// The argument's name.
        name: String,
        /// The default.
        default: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Two arguments have a name.
    #[error("args: {0} stands there twice")]
    Twice(String),
    /// Something follows what takes all that is left.
    #[error("args: {0} takes the rest of the line, so nothing can follow it")]
    AfterText(String),
    /// What must be given follows what need not.
    #[error("args: {0} must be given, but stands after an argument that can be left out")]
    AfterOptional(String),
}

/// What keeps the arguments of a command from being used, for the person who typed it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArgumentError {
    /// One is missing.
    #[error("{0} is missing.")]
    Missing(String),
    /// One is something else.
    #[error("{name} should be {expected}, not \"{}\".", quoted(.found))]
    Wrong {
        /// The argument's name.
        name: String,
        /// What was found.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// There are more than it takes.
    #[error("\"{}\" is more than it takes.", quoted(.0))]
    TooMany(String),
}

/// A text that is a command, whether anybody declares it or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypedCommand {
    /// Its name, as names are compared.
    pub(crate) name: String,
    /// Whom it is meant for.
    pub(crate) addressee: Addressee,
    /// The byte of the text from which its arguments stand.
    pub(crate) rest: usize,
}

/// Whom a command names as the one that it is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Addressee {
    /// Nobody.
    Anybody,
    /// This account.
    Me,
    /// Somebody else.
    Another,
    /// Whoever has this name.
    Named(String),
}

impl BotCommand {
    /// Whether it is called by a name, as names are compared.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.names().any(|own| comparable(own) == name)
    }

    /// All its names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }

    /// Whether somebody may use it; not who the network does not name.
    pub(crate) fn may_be_used_by(&self, sender: &str) -> bool {
        self.who.as_ref().is_none_or(|who| !sender.is_empty() && who.iter().any(|mid| mid == sender))
    }

    /// How it is typed, such as `/order item [count]`.
    pub(crate) fn usage(&self) -> String {
        let mut usage = format!("/{}", self.name);
        for Parameter { name, presence, .. } in self.parameters.iter().flatten() {
            let shown = if *presence == Presence::Needed { format!(" {name}") } else { format!(" [{name}]") };
            usage.push_str(&shown);
        }
        usage
    }

    /// With how many arguments its function may be called, the most first.
    pub(crate) fn arities(&self) -> &'static [usize] {
        if self.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty()) { &[2] } else { &[2, 1] }
    }

    /// The arguments that stand in a text from a byte on, by their names. A person is given as a mid.
    ///
    /// # Errors
    /// When one is missing, is of another kind, or there are too many.
    pub(crate) fn arguments(
        &self,
        text: &str,
        from: usize,
        mentions: &[Mention],
        reckoning: &Reckoning<'_>,
    ) -> Result<Value, ArgumentError> {
        let mut rest = Rest { text, at: from, mentions };
        let Some(parameters) = &self.parameters else {
            return Ok(Map::from_iter([("text".to_owned(), rest.all().into())]).into());
        };
        let mut arguments = Map::new();
        for Parameter { name, kind, presence } in parameters {
            let value = match (rest.take(*kind, reckoning), presence) {
                (Taken::Nothing, Presence::Needed) => return Err(ArgumentError::Missing(name.clone())),
                (Taken::Nothing, Presence::Optional) => Value::Null,
                (Taken::Nothing, Presence::Default(value)) => value.clone(),
                (Taken::Value(value), _) => value,
                (Taken::Other(found), _) => {
                    return Err(ArgumentError::Wrong { name: name.clone(), found, expected: kind.expected() });
                }
            };
            arguments.insert(name.clone(), value);
        }
        match rest.all() {
            "" => Ok(arguments.into()),
            // A command that takes nothing is meant also where somebody goes on talking.
            _ if parameters.is_empty() => Ok(arguments.into()),
            more => Err(ArgumentError::TooMany(more.to_owned())),
        }
    }

    /// The names of the arguments that are people.
    pub(crate) fn people(&self) -> impl Iterator<Item = &str> {
        let people = self.parameters.iter().flatten().filter(|parameter| parameter.kind == Kind::Person);
        people.map(|parameter| parameter.name.as_str())
    }
}

impl Parameter {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The kind of what a script gets for it.
    pub(crate) fn script_kind(&self) -> kind::Kind {
        let given = match self.kind {
            Kind::Word | Kind::Text => kind::Kind::String,
            Kind::Int | Kind::Date => kind::Kind::Int,
            Kind::Number => kind::Kind::Float,
            Kind::Person => kind::Kind::Person,
        };
        match (&self.presence, given) {
            (Presence::Optional, kind::Kind::String) => kind::Kind::MaybeString,
            (Presence::Optional, _) => kind::Kind::Maybe,
            _ => given,
        }
    }
}

impl Kind {
    fn expected(self) -> &'static str {
        KINDS.iter().find(|(_, kind, _)| *kind == self).map_or("", |(_, _, expected)| expected)
    }

    /// What a word means as an argument of this kind.
    fn read(self, word: &str) -> Option<Value> {
        match self {
            Self::Word | Self::Text => Some(word.into()),
            Self::Int => plain_text(word).parse::<i64>().ok().map(Into::into),
            Self::Number => {
                let number = plain_text(word).parse::<f64>().ok().filter(|number| number.is_finite())?;
                Some(number.into())
            }
            // A time is read of several words, and only when it is said.
            Self::Date => None,
            Self::Person => (mid_kind(&word.to_lowercase()) == Some(MidKind::User)).then(|| word.into()),
        }
    }
}

/// Checks the name of a command.
///
/// # Errors
/// When nobody could type it.
pub(crate) fn check_name(name: &str) -> Result<(), DeclarationError> {
    let is_typed = read(&format!("/{name}"), &[], "").is_some_and(|written| written.name == comparable(name));
    is_typed.then_some(()).ok_or_else(|| DeclarationError::Name(name.to_owned()))
}

/// Reads what a declaration says of arguments: `item count:int=1 note:text?`.
///
/// # Errors
/// With what is wrong about it.
pub(crate) fn parameters(text: &str) -> Result<Vec<Parameter>, DeclarationError> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for written in text.split_whitespace() {
        let parameter = parameter(written)?;
        let name = &parameter.name;
        if let Some(before) = parameters.last() {
            if before.kind == Kind::Text {
                return Err(DeclarationError::AfterText(before.name.clone()));
            }
            if before.presence != Presence::Needed && parameter.presence == Presence::Needed {
                return Err(DeclarationError::AfterOptional(name.clone()));
            }
        }
        if parameters.iter().any(|other| other.name == *name) {
            return Err(DeclarationError::Twice(name.clone()));
        }
        parameters.push(parameter);
    }
    Ok(parameters)
}

fn parameter(written: &str) -> Result<Parameter, DeclarationError> {
    let (written, default) = match written.split_once('=') {
        Some((written, default)) => (written, Some(default)),
        None => (written, None),
    };
    let (written, is_optional) = match written.strip_suffix('?') {
        Some(written) => (written, true),
        None => (written, false),
    };
    let (name, kind) = written.split_once(':').unwrap_or((written, "word"));
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if !is_name {
        return Err(DeclarationError::ParameterName(name.to_owned()));
    }
    let known = KINDS.iter().find(|(known, ..)| *known == kind);
    let (_, kind, expected) = *known.ok_or_else(|| DeclarationError::ParameterKind { kind: kind.to_owned() })?;
    let presence = match default {
        Some(default) => Presence::Default(kind.read(default).ok_or_else(|| DeclarationError::Default {
            name: name.to_owned(),
            default: default.to_owned(),
            expected,
        })?),
        None if is_optional => Presence::Optional,
        None => Presence::Needed,
    };
    Ok(Parameter { name: name.to_owned(), kind, presence })
}

/// Reads a text as a command to the account `me`: a slash, wide or not, and a name of letters, digits, hyphens and underscores. Mentions may
/// stand before it or right after.
pub(crate) fn read(text: &str, mentions: &[Mention], me: &str) -> Option<TypedCommand> {
    let mut reading = Rest { text, at: 0, mentions };
    let mut addressee = Addressee::Anybody;
    reading.skip_space();
    loop {
        let mention = reading.mention();
        match mention {
            Some(mention) => addressee = addressee.or_mentioned(mention, me),
            None if reading.left().starts_with(['@', '＠']) => {
                let mention = &reading.left()[..reading.left().find(['/', '／'])?];
                mention.ends_with(char::is_whitespace).then_some(())?;
                addressee = Addressee::Named(name_in(mention));
                reading.at += mention.len();
            }
            None => break,
        }
        reading.skip_space();
    }
    reading.at += reading.left().strip_prefix(['/', '／']).map(|left| reading.left().len() - left.len())?;
    let name = reading.left().split(|letter| !is_of_name(letter)).next().filter(|name| !name.is_empty())?;
    if name.starts_with(is_hyphen) || name.chars().count() > LONGEST_NAME {
        return None;
    }
    reading.at += name.len();
    if let Some(mention) = reading.mention() {
        addressee = addressee.or_mentioned(mention, me);
    } else if reading.left().starts_with(['@', '＠']) {
        let word = reading.left().split(char::is_whitespace).next().unwrap_or_default();
        addressee = Addressee::Named(name_in(word));
        reading.at += word.len();
    }
    let left = reading.left().trim_start_matches(['!', '！', '.', '。', ',', '，', '、', ':', '：']);
    reading.at = text.len() - left.len();
    if !(left.is_empty() || left.starts_with(char::is_whitespace) || reading.is_at_mention()) {
        return None;
    }
    reading.skip_space();
    // Who picks a name from a list gets a space before it.
    let before = reading.at;
    match reading.mention() {
        Some(mention) if mention.is_of(me) => addressee = Addressee::Me,
        _ => reading.at = before,
    }
    reading.skip_space();
    Some(TypedCommand { name: comparable(name), addressee, rest: reading.at })
}

/// A name as names are compared: however wide its letters are, and however large.
pub(crate) fn comparable(name: &str) -> String {
    plain_text(name).to_lowercase()
}

impl Addressee {
    fn or_mentioned(self, mention: &Mention, me: &str) -> Self {
        match self {
            Self::Me => Self::Me,
            _ if mention.is_of(me) => Self::Me,
            _ => Self::Another,
        }
    }
}

/// The name in a mention that was typed by hand.
fn name_in(mention: &str) -> String {
    let is_sign = |letter: char| "!！.。,，、:：".contains(letter) || letter.is_whitespace();
    mention.trim_start_matches(['@', '＠']).trim_matches(is_sign).to_owned()
}

/// What a person typed, as an answer to them quotes it: of a long text the start, since what is too long to be sent would not answer.
fn quoted(typed: &str) -> String {
    match typed.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{}…", typed[..end].trim_end()),
        None => typed.to_owned(),
    }
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || is_hyphen(letter) || is_combining_mark(letter)
}

fn is_hyphen(letter: char) -> bool {
    matches!(letter, '-' | '－' | '‐')
}

/// What is still to be read of a text.
struct Rest<'a> {
    text: &'a str,
    at: usize,
    mentions: &'a [Mention],
}

/// What was read as an argument.
enum Taken {
    Nothing,
    Value(Value),
    /// Something of another kind.
    Other(String),
}

impl<'a> Rest<'a> {
    fn left(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.left().trim_start().len();
    }

    /// All that is left.
    fn all(&self) -> &'a str {
        self.left().trim()
    }

    fn is_at_mention(&self) -> bool {
        self.mentions.iter().any(|mention| mention.range.start == self.at)
    }

    /// Takes the mention that stands here.
    fn mention(&mut self) -> Option<&'a Mention> {
        let mention = self.mentions.iter().find(|mention| mention.range.start == self.at)?;
        self.at = mention.range.end;
        Some(mention)
    }

    fn take(&mut self, kind: Kind, reckoning: &Reckoning<'_>) -> Taken {
        self.skip_space();
        if self.left().is_empty() {
            return Taken::Nothing;
        }
        if kind == Kind::Text {
            let text = self.all();
            self.at = self.text.len();
            return Taken::Value(text.into());
        }
        if kind == Kind::Date
            && let Some(moment) = moment::leading(self.left(), reckoning)
        {
            self.at += moment.range.end;
            return Taken::Value(moment.at.into());
        }
        if kind == Kind::Person
            && let Some(mention) = self.mention()
        {
            let everybody = || Taken::Other(self.text[mention.range.clone()].to_owned());
            return mention.mid.as_ref().map_or_else(everybody, |mid| Taken::Value(mid.as_str().into()));
        }
        let word = &self.text[self.word()];
        kind.read(word).map_or_else(|| Taken::Other(word.to_owned()), Taken::Value)
    }

    /// Takes the next word, or what stands in quotation marks, or a mention.
    fn word(&mut self) -> Range<usize> {
        if let Some(mention) = self.mention() {
            return mention.range.clone();
        }
        let left = self.left();
        let first = left.chars().next().unwrap_or_default();
        for (open, close) in QUOTES.iter().filter(|(open, _)| *open == first) {
            let quoted = self.at + open.len_utf8();
            if let Some(length) = self.text[quoted..].find(*close) {
                self.at = quoted + length + close.len_utf8();
                return quoted..quoted + length;
            }
        }
        let start = self.at;
        let end = left.find(char::is_whitespace).map_or(self.text.len(), |length| start + length);
        self.at = end;
        start..end
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use jiff::civil::Time;
    use serde_json::json;

    use super::*;
    use crate::language::zone::Zone;

    const BOB: &str = "u0123456789abcdef0123456789abcdef";

    fn mention(text: &str, shown: &str, mid: &str) -> Mention {
        let start = text.find(shown).expect("it stands there");
        Mention { mid: Some(mid.to_owned()), is_self: false, range: start..start + shown.len() }
    }

    /// The name that a text calls, whom it is meant for, and what follows.
    fn command(text: &str, mentions: &[Mention]) -> Option<(String, Addressee, String)> {
        let written = read(text, mentions, "me")?;
        Some((written.name, written.addressee, text[written.rest..].to_owned()))
    }

    fn plain(name: &str, rest: &str) -> Option<(String, Addressee, String)> {
        Some((name.to_owned(), Addressee::Anybody, rest.to_owned()))
    }

    /// Half past midnight, UTC, on the first of January 2024.
    fn monday() -> Reckoning<'static> {
        static UTC: LazyLock<Zone> = LazyLock::new(Zone::default);
        Reckoning { now: 1_704_069_000_000, zone: &UTC, time: Time::midnight() }
    }

    fn arguments(spec: &str, text: &str) -> Result<Value, String> {
        let command = BotCommand { parameters: Some(parameters(spec).expect(spec)), ..BotCommand::default() };
        command.arguments(text, 0, &[], &monday()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_slash_and_a_name_are_a_command_however_they_are_typed() {
        for text in ["/order tea", "  /ORDER  tea", "／ｏｒｄｅｒ　tea", "/order: tea", "/Order！ tea"] {
            assert_eq!(command(text, &[]), plain("order", "tea"), "{text}");
        }
        assert_eq!(command("/set-age", &[]), plain("set-age", ""));
        assert_eq!(command("/set－age", &[]), plain("set-age", ""));
        assert_eq!(command("/註冊 王小明", &[]), plain("註冊", "王小明"));
        assert_eq!(command("/สั่ง ชา", &[]), plain("สั่ง", "ชา"));
        for text in [
            "order tea",
            "/",
            "/ order",
            "//order",
            "/a/b",
            "/usr/bin",
            "/-x",
            "1/2",
            "/order:tea",
            "",
            "@bot",
            "@bob and/or",
        ] {
            assert_eq!(command(text, &[]), None, "{text}");
        }
        assert_eq!(command(&format!("/{}", "x".repeat(LONGEST_NAME + 1)), &[]), None);
    }

    #[test]
    fn a_command_says_whom_it_is_meant_for() {
        for (text, shown) in [
            ("@Tea Bot /order tea", "@Tea Bot"),
            ("/order@Tea Bot tea", "@Tea Bot"),
            ("/order @Tea Bot tea", "@Tea Bot"),
        ] {
            let expected = |addressee| Some(("order".to_owned(), addressee, "tea".to_owned()));
            assert_eq!(command(text, &[mention(text, shown, "me")]), expected(Addressee::Me), "{text}");
        }
        for text in ["@Bob /order tea", "/order@Bob tea"] {
            let meant = command(text, &[mention(text, "@Bob", BOB)]).map(|(_, addressee, _)| addressee);
            assert_eq!(meant, Some(Addressee::Another), "{text}");
        }
        for text in ["@teabot /order tea", "/order@teabot tea", "/order＠teabot: tea"] {
            let named = Addressee::Named("teabot".to_owned());
            assert_eq!(command(text, &[]), Some(("order".to_owned(), named, "tea".to_owned())), "{text}");
        }
        let text = "/kick @Bob";
        assert_eq!(command(text, &[mention(text, "@Bob", BOB)]), plain("kick", "@Bob"), "an argument");
    }

    #[test]
    fn arguments_are_read_by_their_kinds() {
        let order = "item count:int=1 note:text?";
        assert_eq!(arguments(order, "tea"), Ok(json!({ "item": "tea", "count": 1, "note": null })));
        assert_eq!(
            arguments(order, " 「green tea」　２  no sugar, please "),
            Ok(json!({ "item": "green tea", "count": 2, "note": "no sugar, please" }))
        );
        assert_eq!(arguments("rate:number", "2.5"), Ok(json!({ "rate": 2.5 })));
        assert_eq!(arguments("who:person", BOB), Ok(json!({ "who": BOB })));
        let remind = "when:date what:text";
        assert_eq!(
            arguments(remind, "tomorrow at 9:00 call mum"),
            Ok(json!({ "when": 1_704_186_000_000_i64, "what": "call mum" }))
        );
        assert_eq!(arguments("", "whatever"), Ok(json!({})));
        let free = BotCommand::default().arguments("/say  hello you ", 4, &[], &monday());
        assert_eq!(free, Ok(json!({ "text": "hello you" })));
    }

    #[test]
    fn a_person_is_mentioned() {
        let text = "@Bob Smith for a day";
        let ban = BotCommand {
            parameters: Some(parameters("who:person why:text?").expect("a spec")),
            ..BotCommand::default()
        };
        let mentions = [mention(text, "@Bob Smith", BOB)];
        assert_eq!(ban.arguments(text, 0, &mentions, &monday()), Ok(json!({ "who": BOB, "why": "for a day" })));
        assert_eq!(ban.people().collect::<Vec<_>>(), ["who"]);
    }

    #[test]
    fn what_is_wrong_with_an_argument_is_said_to_the_person() {
        let wrong = |spec: &str, text: &str| arguments(spec, text).expect_err(text);
        assert_eq!(wrong("item count:int", ""), "item is missing.");
        assert_eq!(wrong("item count:int", "tea two"), "count should be a whole number, not \"two\".");
        assert_eq!(wrong("who:person", "bob"), "who should be somebody, mentioned with @, not \"bob\".");
        assert_eq!(wrong("when:date", "soon"), "when should be a time such as \"tomorrow 9:00\", not \"soon\".");
        assert_eq!(wrong("item", "green tea"), "\"tea\" is more than it takes.");
        assert_eq!(wrong("rate:number", "inf"), "rate should be a number, not \"inf\".");
    }

    #[test]
    fn of_what_a_person_typed_an_answer_quotes_the_start() {
        let long = "é".repeat(9_990);
        let start = format!("{}…", "é".repeat(LONGEST_QUOTE));
        assert_eq!(arguments("n:int", &long), Err(format!("n should be a whole number, not \"{start}\".")));
        assert_eq!(arguments("a", &format!("x {long}")), Err(format!("\"{start}\" is more than it takes.")));
        let just = "é".repeat(LONGEST_QUOTE);
        assert_eq!(arguments("n:int", &just), Err(format!("n should be a whole number, not \"{just}\".")));
    }

    #[test]
    fn a_list_of_who_may_lets_in_those_who_stand_on_it() {
        let by = |who: Option<&[&str]>, sender: &str| {
            let who = who.map(|who| who.iter().map(|mid| (*mid).to_owned()).collect());
            BotCommand { who, ..BotCommand::default() }.may_be_used_by(sender)
        };
        assert!(by(None, "u1") && by(None, ""), "no list is everybody");
        assert!(by(Some(&["u1", "u2"]), "u2") && !by(Some(&["u1"]), "u2"));
        assert!(!by(Some(&[]), "u1"), "an empty one is nobody");
        assert!(!by(Some(&[""]), ""), "nobody has no mid");
    }

    #[test]
    fn a_declaration_that_cannot_be_meant_is_refused() {
        let wrong = |spec: &str| parameters(spec).expect_err(spec).to_string();
        let texts = [
            wrong("item count:integer"),
            wrong("count:nit"),
            wrong("größe"),
            wrong("count:int=many"),
            wrong("a a"),
            wrong("note:text item"),
            wrong("item? count:int"),
            check_name("/order").expect_err("a slash").to_string(),
        ];
        insta::assert_snapshot!(texts.join("\n"), @r#"
        args: "integer" is no kind of argument, expected word, int, number, person, date or text
        args: "nit" is no kind of argument, expected word, int, number, person, date or text; did you mean "int"?
        args: "größe" is no name, expected one such as in "item count:int=1 note:text?"
        args: count cannot be "many" by default, expected a whole number
        args: a stands there twice
        args: note takes the rest of the line, so nothing can follow it
        args: count must be given, but stands after an argument that can be left out
        "/order" cannot be a command's name, expected at most 32 letters, digits, hyphens and underscores without a slash, such as "order"
        "#);
        assert_eq!(check_name("set-age"), Ok(()));
        assert_eq!(check_name("註冊"), Ok(()));
    }

    #[test]
    fn the_usage_shows_what_can_be_left_out() {
        let order = BotCommand {
            name: "order".to_owned(),
            parameters: Some(parameters("item count:int=1 note:text?").expect("a spec")),
            ..BotCommand::default()
        };
        assert_eq!(order.usage(), "/order item [count] [note]");
    }
}
