//! The error card: a fault as a person sees it, with the line of source and the place marked in it.
//!
//! What is wrong, and where, is in `fault`; where a card is shown is up to whoever has it.

use std::sync::Arc;

use unicode_width::UnicodeWidthChar;

use super::fault::{Excerpt, Fault};
use crate::visible;

/// How wide a card is where nobody says otherwise.
pub const COLUMNS: usize = 80;

/// What a tab is shown as.
const TAB: &str = "    ";

/// How much of a long line stands before its mark at most, in columns.
const LEAD: usize = 40;

/// Whether a fault keeps a script from working.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The script fails, or would when it gets there.
    Error,
    /// The script works, but hardly as it was meant.
    Warning,
    /// The script works as it was meant, and something of it is not needed here.
    Note,
}

impl Severity {
    /// The word at the head of a card.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What a card is drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardStyle {
    /// How wide it may be.
    pub columns: usize,
    /// Whether it is coloured with ANSI sequences.
    pub colour: bool,
}

impl CardStyle {
    /// Without colour, 80 columns wide: for logs and files.
    pub const PLAIN: Self = Self { columns: COLUMNS, colour: false };
}

/// A text of which any line is at hand, for those who look at many.
#[derive(Debug)]
pub(crate) struct Lines {
    text: Arc<str>,
    ends: Vec<usize>,
}

impl Lines {
    pub(crate) fn of(text: Arc<str>) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at);
        let ends = ends.chain([text.len()]).collect();
        Self { text, ends }
    }

    /// A line, counted from 1, without its end.
    pub(crate) fn get(&self, line: usize) -> Option<&str> {
        let index = line.checked_sub(1)?;
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] + 1);
        let line = &self.text[start..end];
        Some(line.strip_suffix('\r').unwrap_or(line))
    }
}

/// Draws the card of a fault. It ends with a line break.
pub fn card(fault: &Fault, severity: Severity, look: CardStyle) -> String {
    let word = severity.word();
    let message = wrap(&visible::text(&fault.message), look.columns.saturating_sub(word.len() + 2), word.len() + 2);
    let number = fault.line.map(|line| line.to_string()).unwrap_or_default();
    let gutter = " ".repeat(number.len().max(1));
    let mut card = format!("{word}: {message}\n{gutter}--> {}\n", visible::line(&fault.place()));
    if let Some(excerpt) = &fault.excerpt {
        let (text, mark) = draw(excerpt, fault.column, look.columns.saturating_sub(number.len() + 3));
        card.push_str(format!("{gutter} |\n{number} | {text}").trim_end());
        card.push('\n');
        if let Some(mark) = mark {
            card.push_str(&format!("{gutter} | {mark}\n"));
        }
    }
    for (name, note) in notes(fault) {
        let indent = gutter.len() + 5 + name.len();
        let note = wrap(&visible::text(&note), look.columns.saturating_sub(indent), indent);
        card.push_str(&format!("{gutter} = {name}: {note}\n"));
    }
    if look.colour { paint(&card) } else { card }
}

/// The card of an error for logs and files, without a line break at its end.
pub fn plain_card(fault: &Fault) -> String {
    card(fault, Severity::Error, CardStyle::PLAIN).trim_end().to_owned()
}

/// Colours a card that was drawn without.
pub fn paint(card: &str) -> String {
    const BLUE: &str = "34;1";
    let head = match card {
        card if card.starts_with(Severity::Warning.word()) => "33;1",
        card if card.starts_with(Severity::Note.word()) => "36;1",
        _ => "31;1",
    };
    let ink =
        |code: &str, text: &str| if text.is_empty() { String::new() } else { format!("\x1b[{code}m{text}\x1b[0m") };
    let mut in_head = true;
    let mut painted = String::with_capacity(card.len() * 2);
    for (index, line) in card.lines().enumerate() {
        let start = line.len() - line.trim_start().len();
        let rest = &line[start..];
        in_head &= !rest.starts_with("-->");
        let line = if in_head {
            let (word, message) = if index == 0 { line.split_once(':').unwrap_or(("", line)) } else { ("", line) };
            let colon = if word.is_empty() { "" } else { ":" };
            [ink(head, word), ink("1", &format!("{colon}{message}"))].concat()
        } else if let Some(place) = rest.strip_prefix("-->") {
            format!("{}{}{place}", &line[..start], ink(BLUE, "-->"))
        } else if let Some(note) = rest.strip_prefix("= ") {
            let (name, text) = note.split_once(':').unwrap_or((note, ""));
            format!("{}{} {}{text}", &line[..start], ink(BLUE, "="), ink("1", &format!("{name}:")))
        } else if let Some((gutter, source)) = line.split_once('|').filter(|(gutter, _)| is_gutter(gutter)) {
            let is_mark = !source.is_empty() && source.chars().all(|letter| matches!(letter, ' ' | '^'));
            let source = if is_mark { ink(head, source) } else { source.to_owned() };
            [ink(BLUE, &format!("{gutter}|")), source].concat()
        } else {
            line.to_owned()
        };
        painted.push_str(&line);
        painted.push('\n');
    }
    painted
}

fn is_gutter(text: &str) -> bool {
    text.chars().all(|letter| letter == ' ' || letter.is_ascii_digit())
}

/// What stands below the source, each with its name.
fn notes(fault: &Fault) -> Vec<(&'static str, String)> {
    let mut notes: Vec<(&str, String)> = fault
        .calls
        .iter()
        .enumerate()
        .map(|(index, call)| (if index == 0 { "in" } else { "called by" }, call.clone()))
        .collect();
    if let Some(event) = &fault.event {
        notes.push(("while handling", event.clone()));
    }
    if let Some(generation) = fault.generation {
        notes.push(("generation", generation.to_string()));
    }
    if let Some(help) = &fault.help {
        notes.push(("help", help.clone()));
    }
    notes
}

/// The line as it is shown, cut to `room` columns around its mark, and the marks below it.
fn draw(excerpt: &Excerpt, column: Option<usize>, room: usize) -> (String, Option<String>) {
    let letters: Vec<(String, usize)> = excerpt.text.chars().map(shown).collect();
    let start = column.map_or(0, |column| column.saturating_sub(1)).min(letters.len());
    let end = (start + excerpt.length).min(letters.len()).max(start);
    let width = |letters: &[(String, usize)]| letters.iter().map(|(_, width)| width).sum::<usize>();
    let mut first = 0;
    if width(&letters) > room {
        let mut lead = width(&letters[..start]);
        while lead > LEAD.min(room / 2) {
            lead -= letters[first].1;
            first += 1;
        }
    }
    let cut_before = first > 0;
    let mut last = letters.len();
    let budget = room.saturating_sub(usize::from(cut_before));
    let mut all = width(&letters[first..]);
    if all > budget {
        while last > first && all > budget.saturating_sub(1) {
            last -= 1;
            all -= letters[last].1;
        }
    }
    let mut text: String = if cut_before { "…".to_owned() } else { String::new() };
    text.extend(letters[first..last].iter().map(|(letter, _)| letter.as_str()));
    if last < letters.len() {
        text.push('…');
    }
    let mark = column.map(|_| {
        let lead = usize::from(cut_before) + width(&letters[first..start.min(last)]);
        let length = width(&letters[start.min(last)..end.min(last)]).max(1);
        format!("{}{}", " ".repeat(lead), "^".repeat(length))
    });
    (text.trim_end().to_owned(), mark)
}

/// A character as a terminal shows it, and how many columns it takes.
fn shown(letter: char) -> (String, usize) {
    match letter {
        '\t' => (TAB.to_owned(), TAB.len()),
        letter if visible::steers(letter) => ("\u{fffd}".to_owned(), 1),
        letter => (letter.to_string(), letter.width().unwrap_or(0)),
    }
}

/// How wide a text is on a terminal, in columns.
pub(crate) fn text_width(text: &str) -> usize {
    text.chars().map(|letter| letter.width().unwrap_or(0)).sum()
}

/// Breaks a text at its spaces, so that no line is wider than `room` columns; further lines are indented.
fn wrap(text: &str, room: usize, indent: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && text_width(&line) + 1 + text_width(word) > room {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str, column: usize) -> Fault {
        Fault {
            file: "scripts/a.rhai".into(),
            line: Some(7),
            column: Some(column),
            message: "no function `send_txt`".into(),
            excerpt: Excerpt::of(&format!("{}{text}", "\n".repeat(6)), 7, Some(column)),
            help: Some("did you mean `send_text(to, content)`?".into()),
            ..Fault::default()
        }
    }

    #[test]
    fn a_mark_stands_below_its_word_whatever_stands_before_it() {
        for (text, column, expected) in [
            ("    send_txt(1);", 5, "        ^^^^^^^^"),
            ("\tsend_txt(1);", 2, "        ^^^^^^^^"),
            ("\"日本\"; send_txt(1);", 7, "            ^^^^^^^^"),
            ("x = 1", 3, "      ^"),
            ("f(\"a b\")", 3, "      ^^^^^"),
        ] {
            let card = card(&fault(text, column), Severity::Error, CardStyle::PLAIN);
            let mark = card.lines().find(|line| line.contains('^')).expect("a mark");
            assert_eq!(mark.replacen("  |", "   ", 1).trim_end(), expected, "{card}");
        }
    }

    #[test]
    fn no_line_of_a_card_is_wider_than_its_look() {
        let long = format!("let x = \"{}\"; send_txt(x); // {}", "話".repeat(60), "y".repeat(100));
        let card = card(&fault(&long, 72), Severity::Warning, CardStyle::PLAIN);
        assert!(card.lines().all(|line| text_width(line) <= COLUMNS), "{card}");
        assert!(card.contains("…") && card.contains("send_txt"), "{card}");
    }

    #[test]
    fn any_line_of_a_text_is_at_hand() {
        for text in ["", "a", "a\n", "a\r\n\nü\n", "\n\nb"] {
            let lines = Lines::of(text.into());
            let found: Vec<_> = (1..).map_while(|line| lines.get(line)).collect();
            let known: Vec<_> = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
            assert_eq!(found, known, "{text:?}");
        }
    }

    #[test]
    fn colour_changes_nothing_but_the_colour() {
        let fault = fault("send_txt(1)", 1);
        let coloured = card(&fault, Severity::Error, CardStyle { colour: true, ..CardStyle::PLAIN });
        let plain = card(&fault, Severity::Error, CardStyle::PLAIN);
        let pattern = regex::Regex::new("\x1b\\[[0-9;]*m").expect("a pattern");
        assert_eq!(pattern.replace_all(&coloured, ""), plain);
    }
}
