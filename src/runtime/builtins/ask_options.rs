//! The options of a question, and what becomes of an answer by them.
//!
//! What a script's own check says of an answer is read here; the check is called in `asking`.

use std::time::Duration;

use rhai::{Dynamic, FnPtr, ImmutableString, Map};

use super::choices::{Choices, chosen};
use crate::language::duration::parse_duration;
use crate::language::functions::{ASK_OPTIONS, FROM};
use crate::language::plain_text::plain_answer;
use crate::language::spelling::closest;
use crate::runtime::engine::objects::ScriptMessage;
use crate::runtime::engine::thrown::{self, ScriptError};
use crate::runtime::engine::values;

/// How a question is asked.
#[derive(Default)]
pub(super) struct AskOptions {
    /// Whose answer counts, in a group.
    pub(super) from: Option<ImmutableString>,
    /// How long each answer is waited for.
    pub(super) timeout: Option<Duration>,
    pub(super) choices: Option<Choices>,
    /// What is called with each answer.
    pub(super) check: Option<FnPtr>,
    /// What is said to an answer that is not taken; the question again where there is none.
    pub(super) retry: Option<ImmutableString>,
    /// How many answers are looked at.
    pub(super) attempts: Option<i64>,
    /// Words that end the question, as they are compared.
    cancel: Vec<String>,
    pub(super) ended: Option<LastWord>,
    /// Whether the run ends here when a newer version of its script comes.
    pub(super) newest: bool,
}

/// What is said when a question ends without an answer.
pub(super) enum LastWord {
    Text(ImmutableString),
    /// What is called with why, and may give a text.
    Function(FnPtr),
}

/// Why a question ended without an answer, as scripts read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Timeout,
    Cancel,
    Attempts,
    Command,
}

impl Why {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Cancel => "cancel",
            Self::Attempts => "attempts",
            Self::Command => "command",
        }
    }
}

/// What becomes of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AnswerVerdict {
    Taken,
    /// It is not, and this is said; nothing where it is empty.
    Refused(ImmutableString),
}

impl AskOptions {
    /// Reads the options of a question.
    ///
    /// # Errors
    /// When there is no such option, or one is not what it should be.
    pub(super) fn read(options: &Map) -> Result<Self, ScriptError> {
        if let Some(unknown) = options.keys().find(|name| !ASK_OPTIONS.contains(&name.as_str())) {
            let meant = closest(unknown, ASK_OPTIONS).map(|meant| format!("did you mean {meant}?"));
            let meant = meant.unwrap_or_else(|| format!("it has {}", ASK_OPTIONS.join(", ")));
            return Err(thrown::error(format!("ask has no option {unknown}; {meant}")));
        }
        let read = Self {
            from: text(options, FROM, "the mid of a person")?,
            timeout: text(options, "timeout", "a duration such as \"10m\"")?.map(|text| duration(&text)).transpose()?,
            choices: Choices::of(options)?,
            check: options.get("check").map(check).transpose()?,
            retry: text(options, "retry", "a string")?,
            attempts: options.get("attempts").map(attempts).transpose()?,
            cancel: options.get("cancel").map(cancel).transpose()?.unwrap_or_default(),
            ended: options.get("ended").map(ended).transpose()?,
            newest: options.get("newest").map(newest).transpose()?.unwrap_or_default(),
        };
        // `attempts` is often among what several questions share, and does no harm where each answer is taken.
        if let (None, None, Some(_)) = (&read.check, &read.choices, &read.retry) {
            return Err(thrown::error("ask: retry is for answers that choices or check refuse; give one of them"));
        }
        Ok(read)
    }

    /// Whether the first answer ends the question, and nothing is said then.
    pub(super) fn is_plain(&self) -> bool {
        self.check.is_none() && self.cancel.is_empty() && self.ended.is_none() && !self.insists_on_choices()
    }

    /// Whether an answer that picks none of the choices is not taken.
    fn insists_on_choices(&self) -> bool {
        self.choices.is_some() && (self.retry.is_some() || self.attempts.is_some())
    }

    /// Whether an answer is a word that ends the question.
    pub(super) fn is_cancelled_by(&self, answer: &ScriptMessage) -> bool {
        !self.cancel.is_empty() && answer.text().is_some_and(|text| self.cancel.contains(&plain_answer(&text)))
    }

    /// What the choices say of an answer.
    pub(super) fn verdict(&self, answer: &ScriptMessage, question: &str) -> AnswerVerdict {
        match self.insists_on_choices() && chosen(answer.content()).is_unit() {
            true => self.refused(question),
            false => AnswerVerdict::Taken,
        }
    }

    /// What the check says of an answer, by what it gave.
    ///
    /// # Errors
    /// When it gave what says nothing.
    pub(super) fn verdict_of_check(&self, gave: &Dynamic, question: &str) -> Result<AnswerVerdict, ScriptError> {
        if let Ok(text) = gave.as_immutable_string_ref() {
            return Ok(AnswerVerdict::Refused(text.clone()));
        }
        match gave.as_bool() {
            Ok(true) => Ok(AnswerVerdict::Taken),
            Ok(false) => Ok(self.refused(question)),
            Err(_) if gave.is_unit() => Ok(AnswerVerdict::Taken),
            Err(_) => Err(thrown::error(format!(
                "ask: check gives true or () to take an answer, and false or a text, which is sent, to ask again; found {}",
                values::noun(gave)
            ))),
        }
    }

    fn refused(&self, question: &str) -> AnswerVerdict {
        AnswerVerdict::Refused(self.retry.clone().unwrap_or_else(|| question.into()))
    }
}

/// What is said at the end, by what a function gave for it.
///
/// # Errors
/// When that is no text.
pub(super) fn last_word(gave: &Dynamic) -> Result<Option<ImmutableString>, ScriptError> {
    match gave.as_immutable_string_ref() {
        Ok(text) => Ok(Some(text.clone())),
        Err(_) if gave.is_unit() => Ok(None),
        Err(_) => Err(thrown::error(format!(
            "ask: ended gives a text, which is sent, or nothing; found {}",
            values::noun(gave)
        ))),
    }
}

/// An option that is a text.
fn text(options: &Map, name: &str, expected: &str) -> Result<Option<ImmutableString>, ScriptError> {
    let Some(value) = options.get(name) else { return Ok(None) };
    let text = value.as_immutable_string_ref();
    text.map(|text| Some(text.clone())).map_err(|_| wrong(name, expected, value))
}

fn wrong(name: &str, expected: &str, found: &Dynamic) -> ScriptError {
    thrown::error(format!("ask needs {name}, {expected}; found {}", values::noun(found)))
}

fn duration(text: &str) -> Result<Duration, ScriptError> {
    parse_duration(text).map_err(|error| thrown::error(format!("ask: timeout: {error}")))
}

fn check(value: &Dynamic) -> Result<FnPtr, ScriptError> {
    if let Ok(name) = value.as_immutable_string_ref() {
        return FnPtr::new(name.as_str());
    }
    value.clone().try_cast().ok_or_else(|| {
        wrong("check", "a function of the answer such as |answer| answer.text.len < 20, or the name of one", value)
    })
}

fn attempts(value: &Dynamic) -> Result<i64, ScriptError> {
    value.as_int().ok().filter(|attempts| *attempts > 0).ok_or_else(|| wrong("attempts", "a number from 1 on", value))
}

fn newest(value: &Dynamic) -> Result<bool, ScriptError> {
    value.as_bool().map_err(|_| wrong("newest", "true or false", value))
}

fn cancel(value: &Dynamic) -> Result<Vec<String>, ScriptError> {
    let expected = "words such as [\"cancel\", \"取消\"]";
    let word = |value: &Dynamic| match value.as_immutable_string_ref() {
        Ok(text) if !text.trim().is_empty() => Ok(plain_answer(&text)),
        Ok(_) => Err(thrown::error(format!("ask needs cancel, {expected}; found an empty one"))),
        Err(_) => Err(wrong("cancel", expected, value)),
    };
    match value.as_array_ref() {
        Ok(words) => words.iter().map(word).collect(),
        Err(_) => Ok(vec![word(value)?]),
    }
}

fn ended(value: &Dynamic) -> Result<LastWord, ScriptError> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(LastWord::Text(text.clone()));
    }
    let function = value.clone().try_cast().map(LastWord::Function);
    function.ok_or_else(|| wrong("ended", "a text, or a function of why it ended that gives one", value))
}

#[cfg(test)]
mod tests {
    use rhai::Engine;

    use super::*;
    use crate::protocol::{Content, Damages};

    fn read(options: &str) -> Result<AskOptions, String> {
        let options: Map = Engine::new().eval(options).expect("it is a map");
        AskOptions::read(&options).map_err(|error| error.to_string())
    }

    fn message(text: &str) -> ScriptMessage {
        let content = Content::new(serde_json::json!({ "text": text }).to_string());
        ScriptMessage::read(content, "", &mut Damages::default()).expect("it is one")
    }

    #[test]
    fn a_word_that_cancels_counts_in_any_width_and_case_and_alone() {
        let options = read(r#"#{ cancel: ["Cancel", "取消"] }"#).expect("they are right");
        for (text, expected) in [
            ("cancel", true),
            (" ＣＡＮＣＥＬ! ", true),
            ("取消。", true),
            ("cancel it", false),
            ("do not cancel", false),
            ("", false),
        ] {
            assert_eq!(options.is_cancelled_by(&message(text)), expected, "{text}");
        }
    }

    #[test]
    fn what_a_check_gives_takes_or_refuses() {
        let options = read(r#"#{ check: |answer| true, retry: "A number." }"#).expect("they are right");
        let refused = |text: &str| Ok(AnswerVerdict::Refused(text.into()));
        for (gave, expected) in [
            (true.into(), Ok(AnswerVerdict::Taken)),
            (Dynamic::UNIT, Ok(AnswerVerdict::Taken)),
            (false.into(), refused("A number.")),
            ("Too long.".into(), refused("Too long.")),
            ("".into(), refused("")),
            (5_i64.into(), Err(())),
        ] {
            assert_eq!(options.verdict_of_check(&gave, "How many?").map_err(|_| ()), expected, "{gave}");
        }
        let again = read("#{ check: |answer| true }").expect("they are right");
        let verdict = again.verdict_of_check(&false.into(), "How many?").map_err(|_| ());
        assert_eq!(verdict, refused("How many?"));
    }

    #[test]
    fn choices_are_insisted_on_where_it_is_said_what_else_happens() {
        for (options, insists) in [
            (r#"#{ choices: ["tea"] }"#, false),
            (r#"#{ choices: ["tea"], cancel: "stop" }"#, false),
            (r#"#{ choices: ["tea"], retry: "Tea?" }"#, true),
            (r#"#{ choices: ["tea"], attempts: 2 }"#, true),
        ] {
            let options = read(options).expect("they are right");
            let verdict = options.verdict(&message("milk"), "What?");
            assert_eq!(matches!(verdict, AnswerVerdict::Refused(_)), insists);
        }
    }

    #[test]
    fn an_option_that_is_none_says_what_it_should_be() {
        for (options, expected) in [
            (r#"#{ chek: 1 }"#, "ask has no option chek; did you mean check?"),
            (r#"#{ check: 1 }"#, "ask needs check, a function of the answer"),
            (r#"#{ attempts: 0, check: |a| true }"#, "ask needs attempts, a number from 1 on; found the integer 0"),
            (r#"#{ cancel: [""] }"#, "ask needs cancel, words such as"),
            (r#"#{ cancel: [1] }"#, "ask needs cancel, words such as"),
            (r#"#{ newest: 1 }"#, "ask needs newest, true or false; found the integer 1"),
            (r#"#{ ended: 1 }"#, "ask needs ended, a text, or a function"),
            (r#"#{ retry: "Again" }"#, "ask: retry is for answers that choices or check refuse"),
        ] {
            let error = read(options).err().unwrap_or_default();
            assert!(error.contains(expected), "{options}: {error}");
        }
    }
}
