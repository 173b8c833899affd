//! Where lines come from and where they go: a prompt on a terminal, or plain pipes. What they mean is not here.

use std::io::{self, BufRead, IsTerminal};
use std::thread;

use rustyline::error::ReadlineError;
use rustyline::{DefaultEditor, ExternalPrinter};
use tokio::sync::mpsc;

use crate::cli::logging::{self, AbovePrompt};
use crate::cli::output;
use crate::visible;

/// The lines that may wait to be worked on; a pipe that brings more is read later.
const LINES: usize = 64;

/// Both directions.
pub(super) struct Terminal {
    lines: mpsc::Receiver<String>,
    out: Out,
}

enum Out {
    /// Above the prompt.
    Prompt {
        printer: Box<dyn ExternalPrinter>,
        /// Asks for the next line.
        prompts: mpsc::Sender<String>,
        _log: AbovePrompt,
        _modes: Modes,
    },
    /// What arrives to standard output, notices to standard error.
    Pipe,
}

impl Terminal {
    /// A prompt where there is a terminal on both sides, else pipes.
    pub(super) fn open() -> io::Result<Self> {
        if io::stdin().is_terminal() && io::stdout().is_terminal() {
            // A terminal without the means for a prompt is written to like a pipe.
            if let Some(terminal) = Self::prompt() {
                return Ok(terminal);
            }
        }
        Self::pipe()
    }

    /// Whether a person sits there.
    pub(super) fn is_prompt(&self) -> bool {
        matches!(self.out, Out::Prompt { .. })
    }

    fn prompt() -> Option<Self> {
        let modes = Modes::save();
        let mut editor = DefaultEditor::new().ok()?;
        let printer = editor.create_external_printer().ok()?;
        let mut log_printer = editor.create_external_printer().ok()?;
        let log = logging::above_prompt(Box::new(move |line| log_printer.print(line).is_ok()));
        let (prompts, asked) = mpsc::channel(1);
        let (sender, lines) = mpsc::channel(1);
        // The thread ends with the process at the latest: nothing can call it back from the keyboard.
        thread::Builder::new().name("prompt".to_owned()).spawn(move || read_prompt(editor, asked, &sender)).ok()?;
        let out = Out::Prompt { printer: Box::new(printer), prompts, _log: log, _modes: modes };
        Some(Self { lines, out })
    }

    fn pipe() -> io::Result<Self> {
        let (sender, lines) = mpsc::channel(LINES);
        thread::Builder::new().name("input".to_owned()).spawn(move || {
            for line in io::stdin().lock().lines() {
                // What is no text ends the input as its end does.
                let Ok(line) = line else { break };
                if sender.blocking_send(line).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { lines, out: Out::Pipe })
    }

    /// Asks for the next line; a pipe needs no asking.
    pub(super) fn ask(&self, prompt: &str) {
        if let Out::Prompt { prompts, .. } = &self.out {
            // Only one line is asked for at a time; a reader that is gone shows as the end of the lines.
            let _ = prompts.try_send(visible::line(prompt));
        }
    }

    /// The next line; `None` is the end of the input. Dropping the future loses nothing.
    pub(super) async fn line(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// Prints something that arrived.
    pub(super) fn print(&mut self, text: &str) -> io::Result<()> {
        match &mut self.out {
            Out::Prompt { printer, .. } => print_above(printer, text),
            Out::Pipe => output::line(text),
        }
    }

    /// Tells something about the chat itself.
    pub(super) fn notice(&mut self, text: &str) -> io::Result<()> {
        match &mut self.out {
            Out::Prompt { printer, .. } => print_above(printer, text),
            Out::Pipe => {
                output::remark(tracing::Level::INFO, text);
                Ok(())
            }
        }
    }
}

fn print_above(printer: &mut Box<dyn ExternalPrinter>, text: &str) -> io::Result<()> {
    printer.print(format!("{}\n", visible::text(text))).map_err(io::Error::other)
}

fn read_prompt(mut editor: DefaultEditor, mut asked: mpsc::Receiver<String>, lines: &mpsc::Sender<String>) {
    while let Some(prompt) = asked.blocking_recv() {
        match editor.readline(&prompt) {
            Ok(line) => {
                // A history that is full or off is no reason to end.
                let _ = editor.add_history_entry(line.as_str());
                if lines.blocking_send(line).is_err() {
                    return;
                }
            }
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => return,
            Err(error) => {
                tracing::error!("the terminal cannot be read: {error}");
                return;
            }
        }
    }
}

/// The terminal's modes from before the prompt, which come back when the chat ends while a line is being typed.
struct Modes(#[cfg(unix)] Option<rustix::termios::Termios>);

impl Modes {
    #[cfg(unix)]
    fn save() -> Self {
        Self(rustix::termios::tcgetattr(io::stdin()).ok())
    }

    #[cfg(not(unix))]
    fn save() -> Self {
        Self()
    }
}

impl Drop for Modes {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(modes) = &self.0 {
            // Without the terminal there is nothing to mend.
            let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, modes);
        }
    }
}
