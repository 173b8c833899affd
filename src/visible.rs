//! What a terminal shows of a text that somebody else wrote: nothing in it steers the terminal, hides, or turns the line
//! around. Pure; how wide a terminal is, is not known here.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands for a character that is not shown.
const REPLACEMENT: char = '\u{fffd}';

/// Whether a character must not reach a terminal: control characters, line and paragraph separators, marks that change the
/// direction, and what has no look of its own.
pub fn steers(letter: char) -> bool {
    matches!(letter,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
}

/// Whether a character joins its neighbours or chooses their look: of use in emoji and many scripts, a disguise elsewhere.
fn joins(letter: char) -> bool {
    matches!(letter, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

fn is_joiner(letter: char) -> bool {
    matches!(letter, '\u{200c}' | '\u{200d}')
}

/// Each character with whether it is to be shown.
fn judged(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut before = ' ';
    let mut letters = text.chars().peekable();
    std::iter::from_fn(move || {
        let letter = letters.next()?;
        let after = letters.peek().copied().unwrap_or(' ');
        let is_among_others = !before.is_ascii() && !is_joiner(before) && !steers(before);
        let is_shown = match letter {
            letter if is_joiner(letter) => is_among_others && !after.is_ascii() && !steers(after) && !joins(after),
            // The digits of key caps take one too.
            letter if joins(letter) => is_among_others && !joins(before) || before.is_ascii_digit(),
            letter => !steers(letter),
        };
        before = letter;
        Some((letter, is_shown))
    })
}

/// A text over lines as it may be shown; line breaks and tabs stay.
pub fn text(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| matches!(byte, b'\n' | b'\t' | b' '..=b'~');
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let shown = judged(text).map(|(letter, is_shown)| match letter {
        '\n' | '\t' => letter,
        letter if is_shown => letter,
        '\r' => '\r',
        _ => REPLACEMENT,
    });
    let shown: String = shown.collect();
    // What is left of them is no end of a line.
    Cow::Owned(shown.replace("\r\n", "\n").replace('\r', "\u{fffd}"))
}

/// A text as one line: what breaks a line is a space.
pub fn line(text: &str) -> String {
    let text = text.replace("\r\n", " ");
    let shown = judged(&text).map(|(letter, is_shown)| match letter {
        '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        letter if is_shown => letter,
        _ => REPLACEMENT,
    });
    shown.collect()
}

/// JSON as it may be shown: the same JSON, in which nothing steers.
pub fn json(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.contains('\u{7f}') {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for (letter, is_shown) in judged(text) {
        // Between its texts JSON has line breaks of its own; within them it escapes these itself.
        if is_shown || matches!(letter, '\n' | '\t' | '\r') {
            escaped.push(letter);
        } else {
            letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}")));
        }
    }
    Cow::Owned(escaped)
}

/// How wide a text is on a terminal, in columns.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The start of a line, at most so many columns wide; "…" stands for what is missing.
pub fn cut(line: &str, columns: usize) -> String {
    if width(line) <= columns {
        return line.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let fits = |letter: &char| {
        let width = letter.width().unwrap_or(0);
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    let mut start: String = line.chars().take_while(fits).collect();
    start.truncate(start.trim_end().len());
    if columns > 0 {
        start.push('…');
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_hides_or_turns_is_shown() {
        for (given, expected) in [
            ("\u{1b}[2J\u{7}\u{9b}1m", "\u{fffd}[2J\u{fffd}\u{fffd}1m"),
            ("a\u{202e}b\u{2066}c\u{200f}d\u{61c}", "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}"),
            (
                "a\u{200b}b\u{feff}c\u{ad}d\u{2060}e\u{3164}f\u{e0041}",
                "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}f\u{fffd}",
            ),
            ("pay\u{200d}pal pay\u{fe0f}", "pay\u{fffd}pal pay\u{fffd}"),
            ("a\r\nb\rc\n\td", "a\nb\u{fffd}c\n\td"),
            ("a\u{85}b\u{2028}c\u{2029}d\u{b}e", "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e"),
        ] {
            assert_eq!(text(given), expected, "{given:?}");
        }
        assert_eq!(line("a\r\nb\rc\nd\te\u{85}f\u{2028}g\u{2029}h\u{b}i\0"), "a b c d e f g h i\u{fffd}");
    }

    #[test]
    fn what_other_scripts_and_emoji_need_stays() {
        for given in [
            "日本語 größer 한국어",
            "👨\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}\u{200d}🔥",
            "1\u{fe0f}\u{20e3}",
            "می\u{200c}خواهم",
            "葛\u{e0100}",
        ] {
            assert_eq!((text(given).as_ref(), line(given).as_str(), json(given).as_ref()), (given, given, given));
        }
        assert_eq!(text("می\u{200c}\u{200c}\u{200d}x"), "می\u{fffd}\u{fffd}\u{fffd}x");
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({"a": "\u{9b}1m\u{202e}\u{e0041}\u{7f}é", "b\u{2028}": ["\u{1b}\n"]});
        for given in [value.to_string(), format!("{value:#}")] {
            let shown = json(&given);
            assert!(shown.chars().all(|letter| letter == '\n' || !steers(letter)), "{shown}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
        }
    }

    #[test]
    fn a_line_is_cut_at_a_column() {
        for (given, columns, expected) in [
            ("größer", 6, "größer"),
            ("größer", 4, "grö…"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("a b", 2, "a…"),
            ("ab", 0, ""),
        ] {
            assert_eq!(cut(given, columns), expected);
        }
    }
}
