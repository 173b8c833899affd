//! The line editor: history, completion, colours, and lines that go on. What a line means is not known here.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, ExternalPrinter, Helper};
use tokio::sync::mpsc;

use super::syntax::{self, TokenKind, goes_on, paint, tokens};
use crate::cli::logging::{self, AbovePrompt};
use crate::language::{Name, Names};
use crate::visible;

/// The prompt.
const PROMPT: &str = "> ";

/// How many characters of a possibility are shown.
const SHOWN: usize = 76;

/// How many lines the history keeps.
const HISTORY: usize = 1_000;

/// What can be completed; the prompt's thread reads it, the session's thread writes it.
pub(super) type CompletionNames = Arc<Mutex<Names>>;

/// A prompt on the terminal.
pub(super) struct Prompt {
    lines: mpsc::Receiver<String>,
    asks: mpsc::Sender<()>,
    printer: Box<dyn ExternalPrinter>,
    known: CompletionNames,
    _log: AbovePrompt,
}

impl Prompt {
    /// Opens it; nothing is asked yet.
    pub(super) fn open(is_coloured: bool) -> Result<Self, ReadlineError> {
        let config = Config::builder()
            .max_history_size(HISTORY)?
            .completion_type(CompletionType::List)
            .auto_add_history(true)
            .build();
        let mut editor: Editor<Assistant, FileHistory> = Editor::with_config(config)?;
        let known = CompletionNames::default();
        editor.set_helper(Some(Assistant { known: Arc::clone(&known), is_coloured }));
        let history = history();
        if let Some(path) = &history {
            // There is none at the first time.
            let _ = editor.load_history(path);
        }
        let printer = editor.create_external_printer()?;
        let mut log_printer = editor.create_external_printer()?;
        let log = logging::above_prompt(Box::new(move |line| log_printer.print(line).is_ok()));
        let (asks, mut asked) = mpsc::channel(1);
        let (sender, lines) = mpsc::channel(1);
        let body = move || {
            while asked.blocking_recv().is_some() {
                let line = match editor.readline(PROMPT) {
                    Ok(line) => line,
                    // Ctrl-C gives up what was typed so far.
                    Err(ReadlineError::Interrupted) => String::new(),
                    Err(ReadlineError::Eof) => break,
                    Err(error) => {
                        tracing::error!("the terminal cannot be read: {error}");
                        break;
                    }
                };
                if let Some(path) = &history {
                    // A history that cannot be kept is no reason to end.
                    let _ = editor.save_history(path);
                }
                if sender.blocking_send(line).is_err() {
                    break;
                }
            }
        };
        // It ends with the process at the latest: nothing can call it back from the keyboard.
        thread::Builder::new().name("prompt".to_owned()).spawn(body)?;
        Ok(Self { lines, asks, printer: Box::new(printer), known, _log: log })
    }

    /// Asks for the next line.
    pub(super) fn ask(&self) {
        // Only one line is asked for at a time.
        let _ = self.asks.try_send(());
    }

    /// The next line; `None` is the end of the input. Dropping the future loses nothing.
    pub(super) async fn line(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// Prints above the prompt.
    pub(super) fn print(&mut self, text: &str) -> io::Result<()> {
        self.printer.print(format!("{}\n", visible::text(text))).map_err(io::Error::other)
    }

    /// Takes over what can be completed.
    pub(super) fn know(&self, names: Names) {
        *lock(&self.known) = names;
    }
}

/// Where the history is kept: with the user's other state.
fn history() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    let folder = state.join("hotline");
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join("repl_history"))
}

fn lock(known: &CompletionNames) -> MutexGuard<'_, Names> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What helps while a line is typed.
struct Assistant {
    known: CompletionNames,
    is_coloured: bool,
}

impl Helper for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let is_open = goes_on(context.input()) && !context.input().starts_with(':');
        Ok(if is_open { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.is_coloured { Cow::Owned(paint(line)) } else { Cow::Borrowed(line) }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.is_coloured && kind != CmdKind::MoveCursor
    }
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok(complete(&lock(&self.known), &line[..position]))
    }
}

/// Where the word before the cursor begins, and what it can become.
fn complete(known: &Names, before: &str) -> (usize, Vec<Pair>) {
    if before.starts_with(':') {
        let commands = super::COMMANDS.iter().map(|(name, _)| *name).filter(|name| name.starts_with(before));
        return (0, commands.map(|name| pair(name, name)).collect());
    }
    let (start, word) = match tokens(before).last() {
        Some(token) if matches!(token.kind, TokenKind::Word | TokenKind::Keyword) => {
            (token.range.start, &before[token.range.clone()])
        }
        // Nothing is completed within a text or a comment.
        Some(token) if matches!(token.kind, TokenKind::Text | TokenKind::Comment) => return (before.len(), Vec::new()),
        _ => (before.len(), ""),
    };
    let rest = before[..start].trim_end();
    if let Some(owner) = rest.strip_suffix("::") {
        let module = tokens(owner).last().map(|token| owner[token.range.clone()].to_owned()).unwrap_or_default();
        let functions = known.modules.get(&module).map(Vec::as_slice).unwrap_or_default();
        return (start, functions.iter().filter(|name| name.name.starts_with(word)).map(entry).collect());
    }
    if let Some(owner) = rest.strip_suffix('.') {
        // A number's point is no dot before a method.
        let owner = tokens(owner).last().map(|token| owner[token.range.clone()].to_owned()).unwrap_or_default();
        let of = known.variables.iter().find(|(name, _)| *name == owner).map(|(_, of)| of.as_str());
        let fits = |name: &&Name| of.is_none() || name.of.as_deref() == of;
        let methods = known.methods.iter().filter(|name| name.name.starts_with(word)).filter(fits);
        let mut pairs: Vec<_> = methods.map(entry).collect();
        pairs.dedup_by(|later, first| later.replacement == first.replacement);
        return (start, pairs);
    }
    if word.is_empty() {
        return (start, Vec::new());
    }
    let mut pairs: Vec<_> = known.functions.iter().filter(|name| name.name.starts_with(word)).map(entry).collect();
    pairs.dedup_by(|later, first| later.replacement == first.replacement);
    let variables = known.variables.iter().map(|(name, _)| name.as_str());
    let modules = known.modules.keys().map(String::as_str);
    let others = variables.chain(modules).chain(syntax::KEYWORDS.iter().copied());
    pairs.extend(others.filter(|name| name.starts_with(word)).map(|name| pair(name, name)));
    (start, pairs)
}

/// A function, method or property: what is written, and what is shown of it.
fn entry(name: &Name) -> Pair {
    let is_property = name.signature == name.name;
    let replacement = if is_property { name.name.clone() } else { format!("{}(", name.name) };
    let sentence = name.doc.split_inclusive(". ").next().unwrap_or_default().trim();
    let display = if sentence.is_empty() { name.signature.clone() } else { format!("{}  {sentence}", name.signature) };
    // A list that does not fit the screen is no help.
    let display = display.chars().take(SHOWN).collect::<String>();
    pair(&replacement, display.trim_end())
}

fn pair(replacement: &str, display: &str) -> Pair {
    Pair { display: display.to_owned(), replacement: replacement.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(before: &str) -> Vec<String> {
        let name = |name: &str, of: Option<&str>, signature: &str| Name {
            name: name.to_owned(),
            signature: signature.to_owned(),
            doc: "Does it.".to_owned(),
            of: of.map(str::to_owned),
            ..Name::default()
        };
        let known = Names {
            functions: vec![name("send_image", None, "send_image(…)"), name("send_text", None, "send_text(…)")],
            methods: vec![
                name("to_upper", Some("string"), "to_upper()"),
                name("text", Some("Message"), "text"),
                name("keys", Some("State"), "keys()"),
            ],
            modules: [("words".to_owned(), vec![name("is_yes", Some("words"), "is_yes(text)")])].into(),
            variables: vec![("sender".to_owned(), "string".to_owned()), ("state".to_owned(), "State".to_owned())],
        };
        let (start, pairs) = complete(&known, before);
        pairs.into_iter().map(|pair| format!("{}{}", &before[..start], pair.replacement)).collect()
    }

    #[test]
    fn functions_variables_and_commands_are_completed() {
        assert_eq!(completed("let x = send"), ["let x = send_image(", "let x = send_text(", "let x = sender"]);
        assert_eq!(completed("text.to_u"), ["text.to_upper("]);
        // What is known of a variable is all that is offered after it.
        assert_eq!(completed("sender."), ["sender.to_upper("]);
        assert_eq!(completed("state.k"), ["state.keys("]);
        assert_eq!(completed("f(msg.te"), ["f(msg.text"]);
        assert_eq!(completed("words::"), ["words::is_yes("]);
        assert_eq!(completed("wor"), ["words"]);
        assert_eq!(completed(":q"), [":quit"]);
        assert!(completed("\"send").is_empty());
        assert!(completed("f(").is_empty());
    }
}
