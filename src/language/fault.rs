//! Faults: what is wrong with a script, and where. How one is made of what Rhai says is in `trace` and `parse`, how it is
//! shown in `diagnostic`.

use std::fmt;

use rhai::Position;

/// A fault of a script, found while it was loaded or run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// The file that the place lies in, as it was named on the command line or in the configuration.
    pub file: String,
    /// The line, counted from 1, where one is known.
    pub line: Option<usize>,
    /// The column, counted from 1, where one is known.
    pub column: Option<usize>,
    /// What was found, and what was expected.
    pub message: String,
    /// The functions that led there, the innermost first, each with its file.
    pub calls: Vec<String>,
    /// What a script threw or a gateway refused, where it was more than text.
    pub thrown: Option<Thrown>,
    /// How to mend it, where that is known.
    pub help: Option<String>,
    /// The line of source that the place lies in, where it is at hand.
    pub excerpt: Option<Excerpt>,
    /// What was being handled: the event's subcommand, or what takes its place.
    pub event: Option<String>,
    /// The generation that ran.
    pub generation: Option<i64>,
    /// The function that a run looked for in vain, for the proposal of another one.
    pub missing: Option<Box<MissingFunction>>,
    /// How a run came to reach for a value that is in use, for the place of the call that holds it.
    pub race: Option<Box<Race>>,
}

/// A thrown `#{code, name, message, command}`, as plain values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thrown {
    /// The failure's code.
    pub code: Option<i64>,
    /// The failure's name, such as `NOT_FOUND`.
    pub name: Option<String>,
    /// The command that was refused.
    pub command: Option<String>,
}

/// A line of source with a place in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, without its end.
    pub text: String,
    /// How many characters from the fault's column on are meant, at least one.
    pub length: usize,
}

impl Excerpt {
    /// The line of `source` that a place lies in; lines and columns count from 1.
    pub fn of(source: &str, line: usize, column: Option<usize>) -> Option<Self> {
        Some(Self::of_line(source.lines().nth(line.checked_sub(1)?)?, column))
    }

    /// The excerpt for a place in a line.
    pub(crate) fn of_line(line: &str, column: Option<usize>) -> Self {
        let length = column.map_or(0, |column| word_length(line, column));
        Self { text: line.to_owned(), length: length.max(1) }
    }
}

/// A function that was looked for in vain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingFunction {
    /// Its name.
    pub name: String,
    /// The types of what it was called with, in Rhai's words; a method's object comes first.
    pub types: Vec<String>,
}

/// Where a run met a data race, as far as Rhai tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Race {
    /// The method whose closure has what the method works on, where Rhai names it.
    pub method: Option<String>,
    /// The calls that led there, the innermost first: what was called, and where.
    pub calls: Vec<(String, Position)>,
}

/// One line for logs, with the calls below it.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message)?;
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        for call in &self.calls {
            write!(f, "\n    in {call}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

impl Fault {
    /// A fault of a whole file.
    pub fn of_file(file: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { file: file.into(), message: message.to_string(), ..Self::default() }
    }

    /// A fault at a place in a file.
    pub(crate) fn at(file: impl Into<String>, position: Position, message: impl fmt::Display) -> Self {
        Self {
            file: file.into(),
            line: position.line(),
            column: position.position(),
            message: message.to_string(),
            ..Self::default()
        }
    }

    /// The fault with the line of its file's text that it lies in.
    #[must_use]
    pub(crate) fn with_excerpt(mut self, text: &str) -> Self {
        self.excerpt = self.line.and_then(|line| Excerpt::of(text, line, self.column));
        self
    }

    /// The place as `file:line:column`, as far as it is known.
    pub fn place(&self) -> String {
        let mut place = self.file.clone();
        for number in [self.line, self.column].into_iter().flatten() {
            place.push_str(&format!(":{number}"));
        }
        place
    }

    /// The fault as one of a run that handled `event` on a generation.
    #[must_use]
    pub(crate) fn while_handling(mut self, event: &str, generation: i64) -> Self {
        self.event = Some(event.to_owned());
        self.generation = Some(generation);
        self
    }
}

/// How many characters the word, number or string at a column of a line has; 1 for anything else.
fn word_length(line: &str, column: usize) -> usize {
    let rest: Vec<char> = line.chars().skip(column.saturating_sub(1)).collect();
    let while_word =
        |letters: &[char]| letters.iter().take_while(|&&letter| letter.is_alphanumeric() || letter == '_').count();
    match rest.first() {
        Some(quote @ ('"' | '`' | '\'')) => {
            let mut escaped = false;
            let close = rest.iter().skip(1).position(|letter| {
                let closes = letter == quote && !escaped;
                escaped = *letter == '\\' && !escaped;
                closes
            });
            close.map_or(1, |close| close + 2)
        }
        Some(letter) if letter.is_alphanumeric() || *letter == '_' => while_word(&rest),
        Some(letter) if "=!<>+-*/%&|.?".contains(*letter) => {
            rest.iter().take_while(|letter| "=!<>+-*/%&|.?".contains(**letter)).count()
        }
        _ => 1,
    }
}
