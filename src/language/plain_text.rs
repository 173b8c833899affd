//! Texts as they are meant, however they were typed. What is read from them is not here.

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

/// A text as it is meant, however it was typed: wide letters, signs and spaces are narrow, and the digits of every script, with
/// their separators, are those of a keyboard.
pub(crate) fn plain_text(text: &str) -> String {
    text.nfkc().map(|letter| digit(letter).unwrap_or(letter)).collect()
}

/// A short answer as answers are compared: in whatever width and case it is written, with or without a mark behind it.
pub(crate) fn plain_answer(text: &str) -> String {
    let plain = plain_text(text).to_lowercase();
    plain.trim_matches(|letter: char| letter.is_whitespace() || ".!。".contains(letter)).to_owned()
}

/// The plain form of a digit, or of a sign that stands in numbers.
fn digit(letter: char) -> Option<char> {
    thread_local! {
        static DIGIT: Regex = Regex::new(r"\A\p{Nd}\z").expect("the pattern is right");
    }
    match letter {
        _ if letter.is_ascii() => None,
        '٫' => Some('.'),
        '٬' => Some(','),
        '−' | '‐' | '‑' => Some('-'),
        // Digits come in rows of ten, from zero to nine, which may follow each other.
        _ => DIGIT.with(|digit| {
            let is_digit =
                |code: u32| char::from_u32(code).is_some_and(|letter| digit.is_match(letter.encode_utf8(&mut [0; 4])));
            let code = u32::from(letter);
            if !is_digit(code) {
                return None;
            }
            let before = (1..code).take_while(|step| is_digit(code - step)).count();
            char::from_digit(u32::try_from(before % 10).ok()?, 10)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_of_every_script_are_digits() {
        assert_eq!(plain_text("２ ٣ १२ ๙ ᠗ 𝟜 ③ ｙｅｓ！　−５٫٢"), "2 3 12 9 7 4 3 yes! -5.2");
        assert_eq!(plain_text("naïve 日本 5"), "naïve 日本 5");
    }
}
