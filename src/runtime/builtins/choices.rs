//! The choices of a question: how they are offered, and which of them an answer picks.

use rhai::{Dynamic, Map};
use serde_json::{Value, json};

use crate::language::functions::MOST_CHOICES;
use crate::language::plain_text::plain_answer;
use crate::protocol::{Content, Damages, read_value};
use crate::runtime::engine::objects::ScriptMessage;
use crate::runtime::engine::thrown::{self, ScriptError};
use crate::runtime::engine::values;

/// The most characters on one.
const LABEL: usize = 20;
/// The field of an answer that holds what was chosen.
const CHOICE: &str = "choice";

/// What a person may choose from.
#[derive(Clone)]
pub(super) struct Choices(Vec<String>);

impl Choices {
    /// The choices among the options of a question, where there are any.
    ///
    /// # Errors
    /// When they are no texts, or too many or too few.
    pub(super) fn of(options: &Map) -> Result<Option<Self>, ScriptError> {
        let Some(choices) = options.get("choices") else { return Ok(None) };
        let expected = "ask needs choices, an array of strings such as [\"tea\", \"coffee\"]";
        let wrong = |found: String| thrown::error(format!("{expected}; found {found}"));
        let items = choices.clone().into_array().map_err(|_| wrong(values::noun(choices)))?;
        if items.is_empty() || items.len() > MOST_CHOICES {
            return Err(thrown::error(format!("ask takes 1 to {MOST_CHOICES} choices; found {}", items.len())));
        }
        let text = |item: Dynamic| match item.as_immutable_string_ref() {
            Ok(text) if !text.trim().is_empty() => Ok(text.to_string()),
            Ok(_) => Err(wrong("an empty one in it".to_owned())),
            Err(_) => Err(wrong(format!("an array with {} in it", values::noun(&item)))),
        };
        items.into_iter().map(text).collect::<Result<_, _>>().map(|choices| Some(Self(choices)))
    }

    /// The question with its choices as a numbered list.
    pub(super) fn listed(&self, question: &str) -> String {
        let lines = self.0.iter().enumerate().map(|(index, choice)| format!("\n{}. {choice}", index + 1));
        lines.fold(question.to_owned(), |text, line| text + line.as_str())
    }

    /// They as the buttons below a message of LINE.
    pub(super) fn quick_reply(&self) -> Value {
        let button = |choice: &String| {
            let label = match choice.chars().count() > LABEL {
                true => choice.chars().take(LABEL - 1).chain(['…']).collect(),
                false => choice.clone(),
            };
            json!({ "type": "action", "action": { "type": "message", "label": label, "text": choice } })
        };
        json!({ "items": self.0.iter().map(button).collect::<Vec<_>>() })
    }

    /// The answer with what it picks noted in it.
    pub(super) fn note_in(&self, answer: &ScriptMessage) -> ScriptMessage {
        let text = answer.text().unwrap_or_default();
        let Some(choice) = self.picked(&text) else { return answer.clone() };
        let mut content = answer.content().value();
        content[CHOICE] = choice.into();
        answer.with_content(Content::new(content.to_string()))
    }

    /// The choice that a text picks: by itself as it is written or in another way, or by its number.
    fn picked(&self, text: &str) -> Option<&str> {
        let (written, plain) = (text.trim(), plain_answer(text));
        let as_written = self.0.iter().find(|choice| choice.trim() == written);
        let same = |choice: &&String| !plain.is_empty() && plain_answer(choice) == plain;
        let number = || plain.trim_end_matches(['.', ')']).parse::<usize>().ok()?.checked_sub(1);
        let picked = as_written.or_else(|| self.0.iter().find(same)).or_else(|| self.0.get(number()?));
        picked.map(String::as_str)
    }
}

/// What an answer has chosen; `()` where that was none of the choices, or there were none.
pub(super) fn chosen(content: &Content) -> Dynamic {
    let value = content.as_str().contains(CHOICE).then(|| read_value(content.as_str(), &mut Damages::default()));
    let choice = value.flatten().and_then(|value| Some(value[CHOICE].as_str()?.to_owned()));
    choice.map_or(Dynamic::UNIT, Dynamic::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(of: &[&str]) -> Choices {
        Choices(of.iter().map(|choice| (*choice).to_owned()).collect())
    }

    #[test]
    fn a_choice_is_picked_by_itself_or_by_its_number() {
        let drinks = choices(&["Tea", "Coffee", "3"]);
        for (text, expected) in [
            (" tea ", Some("Tea")),
            ("2", Some("Coffee")),
            ("2.", Some("Coffee")),
            ("3", Some("3")),
            ("0", None),
            ("4", None),
            ("milk", None),
        ] {
            assert_eq!(drinks.picked(text), expected, "{text}");
        }
    }

    #[test]
    fn a_choice_is_picked_in_any_width_case_and_script_with_a_mark_behind_it() {
        let drinks = choices(&["tea", "ｃｏｆｆｅｅ", "OK!", "OK?", "ok", "…", "!"]);
        for (text, expected) in [
            ("ｔｅａ", Some("tea")),
            ("Tea!", Some("tea")),
            ("tea。", Some("tea")),
            ("Coffee", Some("ｃｏｆｆｅｅ")),
            ("２", Some("ｃｏｆｆｅｅ")),
            ("١", Some("tea")),
            ("１）", Some("tea")),
            ("②", Some("ｃｏｆｆｅｅ")),
            ("ok?", Some("OK?")),
            ("ok", Some("ok")),
            ("Ok", Some("OK!")),
            ("!", Some("!")),
            ("。", None),
            ("tea please", None),
        ] {
            assert_eq!(drinks.picked(text), expected, "{text}");
        }
    }

    #[test]
    fn choices_are_a_list_or_buttons() {
        let drinks = choices(&["Tea", "A very long coffee with milk"]);
        assert_eq!(drinks.listed("What?"), "What?\n1. Tea\n2. A very long coffee with milk");
        let buttons = drinks.quick_reply();
        assert_eq!(buttons["items"][1]["action"]["label"], "A very long coffee …");
        assert_eq!(buttons["items"][1]["action"]["text"], "A very long coffee with milk");
    }
}
