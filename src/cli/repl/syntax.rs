//! Rhai as a prompt sees it: words, strings, brackets. Just enough to colour a line and to know whether it goes on.

use std::ops::Range;

/// The words of the language.
pub(super) const KEYWORDS: &[&str] = &[
    "if",
    "else",
    "switch",
    "while",
    "loop",
    "for",
    "in",
    "do",
    "until",
    "break",
    "continue",
    "return",
    "throw",
    "try",
    "catch",
    "let",
    "const",
    "fn",
    "private",
    "import",
    "export",
    "as",
    "global",
    "this",
    "true",
    "false",
    "is_shared",
    "type_of",
];

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Keyword,
    Word,
    Number,
    Text,
    Comment,
    Open,
    Close,
    Other,
}

/// A piece of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
    /// Whether its end is in the text.
    pub(super) is_closed: bool,
}

/// Whether more lines have to follow before this is something to evaluate.
pub(super) fn goes_on(text: &str) -> bool {
    let mut depth = 0_usize;
    for piece in pieces(text) {
        match piece.kind {
            Kind::Open => depth += 1,
            // One bracket too many is for the compiler to complain about.
            Kind::Close => depth = depth.saturating_sub(1),
            // A text in double quotes ends on its line: what is missing there is for the compiler to say.
            _ if !piece.is_closed => return !text[piece.range].starts_with('"'),
            _ => {}
        }
    }
    depth > 0
}

/// A text with colours for a terminal.
pub(super) fn paint(text: &str) -> String {
    let mut painted = String::with_capacity(text.len() * 2);
    for piece in pieces(text) {
        let style = match piece.kind {
            Kind::Keyword => "35",
            Kind::Number => "36",
            Kind::Text => "32",
            Kind::Comment => "90",
            Kind::Word | Kind::Open | Kind::Close | Kind::Other => "",
        };
        let part = &text[piece.range];
        if style.is_empty() {
            painted.push_str(part);
        } else {
            painted.push_str(&format!("\x1b[{style}m{part}\x1b[0m"));
        }
    }
    painted
}

/// The pieces of a text; together they are the whole of it.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        let rest = &text[start..];
        let (kind, length, is_closed) = match first {
            '"' => string(rest, '"'),
            '`' => string(rest, '`'),
            // A letter in quotes; a lone quote is no text.
            '\'' => match string(rest, '\'') {
                (_, _, false) => (Kind::Other, 1, true),
                letter => letter,
            },
            '/' if rest.starts_with("//") => (Kind::Comment, rest.find('\n').unwrap_or(rest.len()), true),
            '/' if rest.starts_with("/*") => match rest.find("*/") {
                Some(end) => (Kind::Comment, end + 2, true),
                None => (Kind::Comment, rest.len(), false),
            },
            '(' | '[' | '{' => (Kind::Open, 1, true),
            ')' | ']' | '}' => (Kind::Close, 1, true),
            letter if letter.is_ascii_digit() => {
                let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_');
                (Kind::Number, rest.find(|letter| !is_part(letter)).unwrap_or(rest.len()), true)
            }
            letter if letter.is_alphabetic() || letter == '_' => {
                let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
                let length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
                let kind = if KEYWORDS.contains(&&rest[..length]) { Kind::Keyword } else { Kind::Word };
                (kind, length, true)
            }
            other => (Kind::Other, other.len_utf8(), true),
        };
        pieces.push(Piece { kind, range: start..start + length, is_closed });
        start += length;
    }
    pieces
}

fn string(text: &str, quote: char) -> (Kind, usize, bool) {
    let mut escaped = false;
    for (index, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            '\n' if quote == '\'' => break,
            letter if letter == quote => return (Kind::Text, index + 1, true),
            _ => {}
        }
    }
    (Kind::Text, text.len(), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_brackets_strings_and_comments_go_on() {
        for text in ["fn f() {", "send_text(", "[1,", "`half\n", "/* half", "f(\"}\"", "{ ')' "] {
            assert!(goes_on(text), "{text}");
        }
        for text in
            ["", "\"half", "print(\"half)", "1 + 2", "f(\"{\")", "`}`", "// {", "x }", "'{'", "\"a\\\"{\"", "#{a: [1]}"]
        {
            assert!(!goes_on(text), "{text}");
        }
    }

    #[test]
    fn colours_change_no_letter() {
        let text = "let ü = \"str\"; // 12\nif x { 1.5 } else { 'c' }";
        let plain: String = pieces(text).into_iter().map(|piece| &text[piece.range]).collect();
        assert_eq!(plain, text);
        assert_eq!(paint("let x = 1"), "\x1b[35mlet\x1b[0m x = \x1b[36m1\x1b[0m");
    }
}
