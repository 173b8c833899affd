//! Points in time as people say them: "in 10 minutes", "tomorrow 9:00", "Friday 18:30", "明天9点", "来週の金曜日 18時半". How they are reckoned is in
//! `calendar`; dates in a format of their own are read there too.

mod letters;
mod meant;
#[cfg(test)]
mod tests;
mod words;

use std::ops::Range;

use self::letters::Letters;
pub(crate) use self::meant::Reckoning;
use crate::clock::Timestamp;

/// A point in time in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SaidMoment {
    /// When.
    pub(crate) at: Timestamp,
    /// Where the text says so, in bytes.
    pub(crate) range: Range<usize>,
}

impl SaidMoment {
    /// What a text says besides; nothing where that is no letter and no digit.
    pub(crate) fn rest(&self, text: &str) -> String {
        let rest = format!("{} {}", text[..self.range.start].trim_end(), text[self.range.end..].trim_start());
        if rest.contains(char::is_alphanumeric) { rest.trim().to_owned() } else { String::new() }
    }
}

/// Finds the first point in time that a text names.
pub(crate) fn find(text: &str, reckoning: &Reckoning<'_>) -> Option<SaidMoment> {
    let letters = Letters::of(text);
    let mut start = 0;
    while start < letters.plain.len() {
        if letters.begins_a_word(start)
            && let Some((parts, end)) = letters.expression(start)
        {
            let covers_all = letters.is_blank(0..start) && letters.is_blank(end..letters.plain.len());
            if (covers_all || parts.is_plain())
                && let Some(at) = parts.resolve(reckoning)
            {
                return Some(SaidMoment { at, range: letters.places[start]..letters.places[end] });
            }
        }
        start += 1;
    }
    None
}

/// Reads the point in time that a text begins with.
pub(crate) fn leading(text: &str, reckoning: &Reckoning<'_>) -> Option<SaidMoment> {
    let letters = Letters::of(text);
    let start = letters.skip_space(0);
    let (parts, end) = letters.expression(start)?;
    let at = parts.resolve(reckoning)?;
    Some(SaidMoment { at, range: letters.places[start]..letters.places[end] })
}
