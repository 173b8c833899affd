//! Expectations that were not met: how they travel through a test, and how they are shown.

use rhai::{Dynamic, EvalAltResult, Map, Position};
use similar::{ChangeTag, TextDiff};

use crate::language::diagnostic::text_width;

/// An error on its way through a test.
pub(super) type TestError = Box<EvalAltResult>;

/// The names of what an unmet expectation carries through a script.
const EXPECTED: &str = "expected";
const CAME: &str = "came";
const MESSAGE: &str = "message";

/// What was expected, and what came instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What was expected.
    pub expected: String,
    /// What came; `None` is nothing.
    pub came: Option<String>,
}

/// Somebody got another message than they expected, or none; `why` says why there may be none.
pub(super) fn message(reader: &str, expected: &str, came: Option<String>, why: &str) -> TestError {
    let message = match &came {
        Some(_) => format!("{reader} got another message than expected"),
        None => format!("{reader} got no message: {why}"),
    };
    thrown(message, expected, came)
}

/// A value is another one than expected.
pub(super) fn values(expected: &str, came: String) -> TestError {
    thrown("the values differ".to_owned(), expected, Some(came))
}

/// A text is another one than the file that it was compared with.
pub(super) fn text(message: String, expected: &str, came: String) -> TestError {
    thrown(message, expected, Some(came))
}

/// The same error with words of the test's author.
pub(super) fn with_message(mut thrown: TestError, message: &str) -> TestError {
    if let EvalAltResult::ErrorRuntime(value, _) = &mut *thrown
        && let Some(mut map) = value.write_lock::<Map>()
    {
        map.insert(MESSAGE.into(), message.into());
    }
    thrown
}

fn thrown(message: String, expected: &str, came: Option<String>) -> TestError {
    let map = Map::from_iter([
        ("code".into(), (-1).into()),
        ("name".into(), "UNMET".into()),
        ("command".into(), Dynamic::UNIT),
        (MESSAGE.into(), message.into()),
        (EXPECTED.into(), expected.into()),
        (CAME.into(), came.map_or(Dynamic::UNIT, Into::into)),
    ]);
    EvalAltResult::ErrorRuntime(map.into(), Position::NONE).into()
}

impl Difference {
    /// The difference that an error carries, if it is an unmet expectation.
    pub(super) fn of(error: &EvalAltResult) -> Option<Self> {
        match error {
            EvalAltResult::ErrorInFunctionCall(_, _, inner, _) | EvalAltResult::ErrorInModule(_, inner, _) => {
                Self::of(inner)
            }
            EvalAltResult::ErrorRuntime(value, _) => {
                let map = value.read_lock::<Map>()?;
                let expected = map.get(EXPECTED)?.clone().into_string().ok()?;
                let came = map.get(CAME)?.clone().into_string().ok();
                Some(Self { expected, came })
            }
            _ => None,
        }
    }

    /// The difference for people, each line indented by four spaces.
    pub fn lines(&self) -> Vec<String> {
        let Some(came) = &self.came else {
            return self.expected.lines().map(|line| format!("    expected  {line}")).collect();
        };
        if self.expected.lines().count() <= 1 && came.lines().count() <= 1 {
            let mut lines = vec![format!("    expected  {}", self.expected), format!("    came      {came}")];
            lines.extend(marker(&self.expected, came));
            return lines;
        }
        let diff = TextDiff::from_lines(self.expected.as_str(), came.as_str());
        let line = |change: similar::Change<&str>| {
            let sign = match change.tag() {
                ChangeTag::Delete => "- expected  ",
                ChangeTag::Insert => "+ came      ",
                ChangeTag::Equal => "            ",
            };
            format!("  {sign}{}", change.value().trim_end_matches(['\n', '\r'])).trim_end().to_owned()
        };
        diff.iter_all_changes().map(line).collect()
    }
}

/// Points at the first letter that differs, where the texts have a beginning in common.
fn marker(expected: &str, came: &str) -> Option<String> {
    let common = expected.chars().zip(came.chars()).take_while(|(one, other)| one == other).count();
    let before: String = expected.chars().take(common).collect();
    (common > 0).then(|| format!("              {}^", " ".repeat(text_width(&before))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(expected: &str, came: Option<&str>) -> String {
        Difference { expected: expected.to_owned(), came: came.map(str::to_owned) }.lines().join("\n")
    }

    #[test]
    fn one_line_points_at_the_first_letter_that_differs() {
        insta::assert_snapshot!(lines("Hello, Alice!", Some("Hello, alice!")), @r"
            expected  Hello, Alice!
            came      Hello, alice!
                             ^
        ");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        insta::assert_snapshot!(lines("日本語!", Some("日本人!")), @r"
            expected  日本語!
            came      日本人!
                          ^
        ");
    }

    #[test]
    fn many_lines_are_a_diff() {
        insta::assert_snapshot!(lines("one\ntwo\nthree", Some("one\n2\nthree")), @r"
                      one
          - expected  two
          + came      2
                      three
        ");
    }
}
