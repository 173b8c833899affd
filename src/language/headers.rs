//! What the syntax tree does not tell: where the names of functions and parameters stand in a file.
//!
//! Only so much of the text is read as that takes; whether it compiles is the parser's business.

/// A place in a file: line and column, counted from 1.
pub(crate) type LineColumn = (usize, usize);

/// The head of a function definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The function's name.
    pub(crate) name: String,
    /// Where the name stands.
    pub(crate) place: LineColumn,
    /// The parameters and where they stand.
    pub(crate) parameters: Vec<(String, LineColumn)>,
    /// The lines of its documentation, without their slashes.
    pub(crate) doc: String,
    /// Whether only its own file can call it.
    pub(crate) private: bool,
}

impl Header {
    /// The signature, such as `parse(text)`.
    pub(crate) fn signature(&self) -> String {
        let names: Vec<_> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        format!("{}({})", self.name, names.join(", "))
    }
}

/// The heads of all functions that a text defines, in order.
pub(crate) fn headers(text: &str) -> Vec<Header> {
    let mut scanner = Scanner { letters: text.chars().peekable(), line: 1, column: 1 };
    let mut found = Vec::new();
    let (mut doc, mut private) = (Vec::new(), false);
    while let Some((piece, _)) = scanner.next_piece() {
        match piece {
            Piece::Word(word) if word == "fn" => {
                let header = scanner.header();
                found.extend(header.map(|header| Header { doc: doc.join("\n"), private, ..header }));
                (doc, private) = (Vec::new(), false);
            }
            Piece::Word(word) if word == "private" => private = true,
            Piece::Doc(line) => doc.push(line),
            Piece::Comment => {}
            Piece::Word(_) | Piece::Symbol(_) => (doc, private) = (Vec::new(), false),
        }
    }
    found
}

enum Piece {
    Word(String),
    Symbol(char),
    Doc(String),
    Comment,
}

struct Scanner<'a> {
    letters: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
    column: usize,
}

impl Scanner<'_> {
    fn advance(&mut self) -> Option<char> {
        let letter = self.letters.next()?;
        if letter == '\n' {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
        Some(letter)
    }

    /// The next word, symbol or comment; texts are passed over.
    fn next_piece(&mut self) -> Option<(Piece, LineColumn)> {
        loop {
            let place = (self.line, self.column);
            let letter = self.advance()?;
            let piece = match letter {
                letter if letter.is_whitespace() => continue,
                '/' if self.letters.peek() == Some(&'/') => self.line_comment(),
                '/' if self.letters.peek() == Some(&'*') => self.block_comment(),
                '"' | '\'' => {
                    self.quoted(letter);
                    continue;
                }
                '`' => {
                    self.template();
                    continue;
                }
                letter if letter.is_alphabetic() || letter == '_' => {
                    let mut word = letter.to_string();
                    while let Some(next) =
                        self.letters.peek().copied().filter(|next| next.is_alphanumeric() || *next == '_')
                    {
                        word.push(next);
                        self.advance();
                    }
                    Piece::Word(word)
                }
                symbol => Piece::Symbol(symbol),
            };
            return Some((piece, place));
        }
    }

    fn line_comment(&mut self) -> Piece {
        let mut text = String::new();
        while self.letters.peek().is_some_and(|letter| *letter != '\n') {
            text.extend(self.advance());
        }
        // `//` has been read up to its second slash: a third one makes it documentation, a fourth does not.
        match text.strip_prefix("//") {
            Some(doc) if !doc.starts_with('/') => {
                Piece::Doc(doc.strip_prefix(' ').unwrap_or(doc).trim_end().to_owned())
            }
            _ => Piece::Comment,
        }
    }

    fn block_comment(&mut self) -> Piece {
        self.advance();
        let mut depth = 1;
        while depth > 0 {
            match self.advance() {
                Some('*') if self.letters.peek() == Some(&'/') => {
                    self.advance();
                    depth -= 1;
                }
                Some('/') if self.letters.peek() == Some(&'*') => {
                    self.advance();
                    depth += 1;
                }
                Some(_) => {}
                None => break,
            }
        }
        Piece::Comment
    }

    fn quoted(&mut self, quote: char) {
        while let Some(letter) = self.advance() {
            match letter {
                '\\' => {
                    self.advance();
                }
                letter if letter == quote => break,
                _ => {}
            }
        }
    }

    /// A text between backticks, with the code that it may hold in `${…}`.
    fn template(&mut self) {
        while let Some(letter) = self.advance() {
            match letter {
                '`' => break,
                '$' if self.letters.peek() == Some(&'{') => self.interpolation(),
                _ => {}
            }
        }
    }

    fn interpolation(&mut self) {
        let mut depth = 0;
        while let Some((piece, _)) = self.next_piece() {
            match piece {
                Piece::Symbol('{') => depth += 1,
                Piece::Symbol('}') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }

    /// The rest of a function's head after the word `fn`.
    fn header(&mut self) -> Option<Header> {
        let mut name = None;
        let mut parameters = Vec::new();
        loop {
            match self.next_piece()? {
                // A method's type stands before its name: `fn int.double()`.
                (Piece::Word(word), place) => name = Some((word, place)),
                (Piece::Symbol('('), _) => break,
                (Piece::Symbol('.') | Piece::Comment | Piece::Doc(_), _) => {}
                (Piece::Symbol(_), _) => return None,
            }
        }
        loop {
            match self.next_piece()? {
                (Piece::Word(word), place) => parameters.push((word, place)),
                (Piece::Symbol(')'), _) => break,
                _ => {}
            }
        }
        let (name, place) = name?;
        Some(Header { name, place, parameters, doc: String::new(), private: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_found_wherever_they_stand() {
        let text = "// fn no(a)\n/// Doubles.\n/// Twice.\nprivate fn double(x, y) { \"fn no()\" }\n\
                    let t = `fn no() ${ \"}\" } fn no()`;\n/* fn no() */ fn int.half() {}\n";
        let found = headers(text);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!((found[0].signature().as_str(), found[0].place), ("double(x, y)", (4, 12)));
        assert_eq!((found[0].doc.as_str(), found[0].private), ("Doubles.\nTwice.", true));
        assert_eq!(found[0].parameters[1], ("y".to_owned(), (4, 22)));
        assert_eq!((found[1].signature().as_str(), found[1].place), ("half()", (6, 22)));
    }
}
