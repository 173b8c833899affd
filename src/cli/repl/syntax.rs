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

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Keyword,
    Word,
    Number,
    Text,
    Comment,
    Open,
    Close,
    Other,
}

/// A piece of a text, of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) range: Range<usize>,
    /// Whether its end is in the text.
    pub(super) is_closed: bool,
}

/// Whether more lines have to follow before this is something to evaluate.
pub(super) fn goes_on(text: &str) -> bool {
    let mut depth = 0_usize;
    for token in tokens(text) {
        match token.kind {
            TokenKind::Open => depth += 1,
            // One bracket too many is for the compiler to complain about.
            TokenKind::Close => depth = depth.saturating_sub(1),
            // A text in double quotes ends on its line: what is missing there is for the compiler to say.
            _ if !token.is_closed => return !text[token.range].starts_with('"'),
            _ => {}
        }
    }
    depth > 0
}

/// A text with colours for a terminal.
pub(super) fn paint(text: &str) -> String {
    let mut painted = String::with_capacity(text.len() * 2);
    for token in tokens(text) {
        let style = match token.kind {
            TokenKind::Keyword => "35",
            TokenKind::Number => "36",
            TokenKind::Text => "32",
            TokenKind::Comment => "90",
            TokenKind::Word | TokenKind::Open | TokenKind::Close | TokenKind::Other => "",
        };
        let part = &text[token.range];
        if style.is_empty() {
            painted.push_str(part);
        } else {
            painted.push_str(&format!("\x1b[{style}m{part}\x1b[0m"));
        }
    }
    painted
}

/// The tokens of a text; together they are the whole of it.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        let rest = &text[start..];
        let (kind, length, is_closed) = match first {
            '"' => string(rest, '"'),
            '`' => string(rest, '`'),
            // A letter in quotes; a lone quote is no text.
            '\'' => match string(rest, '\'') {
                (_, _, false) => (TokenKind::Other, 1, true),
                letter => letter,
            },
            '/' if rest.starts_with("//") => (TokenKind::Comment, rest.find('\n').unwrap_or(rest.len()), true),
            '/' if rest.starts_with("/*") => match rest.find("*/") {
                Some(end) => (TokenKind::Comment, end + 2, true),
                None => (TokenKind::Comment, rest.len(), false),
            },
            '(' | '[' | '{' => (TokenKind::Open, 1, true),
            ')' | ']' | '}' => (TokenKind::Close, 1, true),
            letter if letter.is_ascii_digit() => {
                let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_');
                (TokenKind::Number, rest.find(|letter| !is_part(letter)).unwrap_or(rest.len()), true)
            }
            letter if letter.is_alphabetic() || letter == '_' => {
                let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
                let length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
                let kind = if KEYWORDS.contains(&&rest[..length]) { TokenKind::Keyword } else { TokenKind::Word };
                (kind, length, true)
            }
            other => (TokenKind::Other, other.len_utf8(), true),
        };
        tokens.push(Token { kind, range: start..start + length, is_closed });
        start += length;
    }
    tokens
}

fn string(text: &str, quote: char) -> (TokenKind, usize, bool) {
    let mut escaped = false;
    for (index, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            '\n' if quote == '\'' => break,
            letter if letter == quote => return (TokenKind::Text, index + 1, true),
            _ => {}
        }
    }
    (TokenKind::Text, text.len(), false)
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
        let plain: String = tokens(text).into_iter().map(|token| &text[token.range]).collect();
        assert_eq!(plain, text);
        assert_eq!(paint("let x = 1"), "\x1b[35mlet\x1b[0m x = \x1b[36m1\x1b[0m");
    }
}
