//! `hotline repl`: a prompt against a live session.
//!
//! Each line is a piece of script, evaluated as if an event of the session were being handled. How, is the script
//! host's business.

mod editor;
mod syntax;

use std::collections::HashSet;
use std::io::{self, IsTerminal};

use anyhow::anyhow;
use tokio::sync::mpsc;

use self::editor::Prompt;
use super::exit::Exit;
use super::{account, frames, logging, output};
use crate::access::Access;
use crate::clock::Clock;
use crate::host::config::{Config, Session};
use crate::host::{PromptHost, PromptStorage};
use crate::language::diagnostic::{COLUMNS, CardStyle, Severity, card};
use crate::language::{Fault, Name, spelling};
use crate::protocol::{HOOKS, HookSpec};
use crate::runtime::PROMPT;
use crate::sandbox::{self, Sandbox, SandboxConfig};
use crate::session::{Credentials, Pacing, Secret};
use crate::session::{Ended, Phase, Signal};
use crate::visible;

/// How many signals may wait to be shown; one more is left out.
const SIGNALS: usize = 256;

/// How many letters of an event are shown.
const EVENT_LETTERS: usize = 400;

/// What begins with a colon, and what it does.
const COMMANDS: &[(&str, &str)] = &[
    (":events", ":events on|off shows events as they come, or does not"),
    (":functions", ":functions TEXT lists the functions whose names hold the text"),
    (":help", ":help NAME says what a function or a hook does, and shows it in use; alone, this list"),
    (":quit", "ends the prompt, as Ctrl-D does"),
    (":sessions", "the sessions, and how they are"),
    (":variables", "the variables so far"),
];

/// The arguments of `repl`.
#[derive(Debug, clap::Args)]
pub(super) struct ReplArgs {
    /// The session, where the configuration has several
    #[arg(long, value_name = "NAME")]
    session: Option<String>,

    #[command(flatten)]
    account: account::SessionFlags,
}

impl ReplArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        let given = self.account.configuration()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let outcome = runtime.block_on(self.serve(given));
        // The thread that reads the terminal may still wait for a key.
        runtime.shutdown_background();
        outcome
    }

    async fn serve(self, given: Option<Config>) -> Result<(), Exit> {
        let mut config = given.clone().unwrap_or_else(|| Config::without_file(std::path::Path::new("")));
        // A configuration that names no account yet is tried out like none at all, by its own scripts and limits.
        let sandbox = if config.sessions.is_empty() { Some(start_sandbox(config.access.clone()).await?) } else { None };
        let storage = match (&given, &sandbox) {
            (Some(_), None) if self.account.gateway.is_none() => PromptStorage::DataFolder,
            // What the sandbox forgets is not kept, and the data folder belongs to the bot that runs.
            (_, Some(_)) => PromptStorage::Nothing,
            _ => PromptStorage::Memory,
        };
        if let Some(sandbox) = &sandbox {
            config.sessions.push(demo(&sandbox.url())?);
            config.pacing = Pacing::Off;
        }
        let session = account::choose(&config, self.session.as_deref())?;
        let host = PromptHost::start(&config, session, storage).await?;
        let (heard, signals) = mpsc::channel(SIGNALS);
        host.prompt().listen(heard).await;
        let mut repl = Repl { host, signals, shows_events: true, has_failed: false };
        let outcome = repl.talk(sandbox.as_ref()).await;
        let has_failed = repl.has_failed;
        repl.host.stop().await;
        if let Some(sandbox) = sandbox {
            sandbox.stop().await;
        }
        outcome?;
        if has_failed { Err(Exit::Failed(anyhow!("some lines failed"))) } else { Ok(()) }
    }
}

/// Starts a sandbox of the prompt's own, on a free port.
async fn start_sandbox(access: Access) -> anyhow::Result<Sandbox> {
    let listen = std::net::SocketAddr::new(sandbox::DEFAULT_LISTEN.ip(), 0);
    let (clock, tap) = (Clock::system(), frames::tap());
    Ok(Sandbox::start(SandboxConfig { listen, access, clock, tap, ..SandboxConfig::default() }).await?)
}

/// The session of the sandbox's demo bot.
fn demo(gateway: &str) -> anyhow::Result<Session> {
    let login = Credentials::Email {
        email: format!("bot@{}", sandbox::DEMO_DOMAIN),
        password: Secret::new(sandbox::DEMO_PASSWORD),
    };
    account::by_flags(gateway, login)
}

/// The conversation between a person and a session.
struct Repl {
    host: PromptHost,
    signals: mpsc::Receiver<Signal>,
    shows_events: bool,
    has_failed: bool,
}

/// Whether the conversation goes on.
#[derive(PartialEq, Eq)]
enum Turn {
    Next,
    End,
}

impl Repl {
    async fn talk(&mut self, sandbox: Option<&Sandbox>) -> Result<(), Exit> {
        if io::stdin().is_terminal() && io::stdout().is_terminal() {
            let is_coloured = output::is_coloured(&io::stdout());
            let prompt = Prompt::open(is_coloured).map_err(|error| anyhow!("the terminal has no prompt: {error}"))?;
            self.at_terminal(prompt, sandbox, is_coloured).await
        } else {
            self.at_pipe().await
        }
    }

    async fn at_terminal(
        &mut self,
        mut prompt: Prompt,
        sandbox: Option<&Sandbox>,
        is_coloured: bool,
    ) -> Result<(), Exit> {
        output::line(":help says what there is, Ctrl-D ends")?;
        if let Some(sandbox) = sandbox {
            output::line(&format!("write to the bot from another terminal: hotline chat --gateway {}", sandbox.url()))?;
        }
        let paint = |text: &str| if is_coloured { syntax::paint(text) } else { text.to_owned() };
        prompt.know(self.host.prompt().names().await);
        prompt.ask();
        loop {
            tokio::select! {
                Some(signal) = self.signals.recv() => {
                    if let Some(text) = describe(&signal, self.shows_events) {
                        prompt.print(&text)?;
                    }
                }
                ended = self.host.over() => return Err(over(ended)),
                line = prompt.line() => {
                    let Some(line) = line else { return Ok(()) };
                    match self.work(line.trim(), |text| prompt.print(text)).await {
                        Ok((Turn::End, _)) => return Ok(()),
                        Ok((Turn::Next, text)) if text.is_empty() => {}
                        // What a command tells is no code.
                        Ok((Turn::Next, text)) if line.trim_start().starts_with(':') => output::line(&text)?,
                        Ok((Turn::Next, text)) => output::painted(&format!("{}\n", paint(&visible::text(&text))))?,
                        Err(fault) => output::painted(&drawn(&fault, is_coloured))?,
                    }
                    // What failed at a terminal was seen there.
                    self.has_failed = false;
                    prompt.know(self.host.prompt().names().await);
                    prompt.ask();
                }
            }
        }
    }

    /// Evaluates what a pipe brings, line by line, once the session is live; results alone go to standard output.
    async fn at_pipe(&mut self) -> Result<(), Exit> {
        while self.host.handle().status().phase != Phase::Live {
            tokio::select! {
                signal = self.signals.recv() => match signal {
                    Some(Signal::LoggedIn { .. }) => break,
                    Some(Signal::Refused(failure)) => return Err(over(Some(Ended::Refused(failure)))),
                    _ => {}
                },
                ended = self.host.over() => return Err(over(ended)),
            }
        }
        let text =
            tokio::task::spawn_blocking(|| io::read_to_string(io::stdin())).await.map_err(anyhow::Error::from)??;
        let mut piece = String::new();
        for line in text.lines() {
            piece.push_str(line);
            piece.push('\n');
            if syntax::goes_on(&piece) {
                continue;
            }
            let complete = std::mem::take(&mut piece);
            if self.work_at_pipe(complete.trim()).await? == Turn::End {
                return Ok(());
            }
        }
        self.work_at_pipe(piece.trim()).await.map(|_| ())
    }

    async fn work_at_pipe(&mut self, line: &str) -> Result<Turn, Exit> {
        match self.work(line, |_| Ok(())).await {
            Ok((turn, text)) => {
                if !text.is_empty() {
                    output::line(&text)?;
                }
                Ok(turn)
            }
            Err(fault) => {
                let is_coloured = !logging::is_json() && output::is_coloured(&io::stderr());
                output::painted_remark(tracing::Level::ERROR, &drawn(&fault, is_coloured));
                Ok(Turn::Next)
            }
        }
    }

    /// Does what a line asks for and gives what is to be shown.
    ///
    /// Events that come meanwhile are handed to `show`.
    async fn work(
        &mut self,
        line: &str,
        mut show: impl FnMut(&str) -> io::Result<()>,
    ) -> Result<(Turn, String), Fault> {
        if line.is_empty() {
            return Ok((Turn::Next, String::new()));
        }
        if let Some(command) = self.as_command(line).await {
            return Ok(self.command(command).await);
        }
        let prompt = self.host.prompt();
        let mut evaluating = std::pin::pin!(prompt.evaluate(line.to_owned()));
        let mut given_up = std::pin::pin!(tokio::signal::ctrl_c());
        let result = loop {
            tokio::select! {
                // Ctrl-C is listened for before the line begins.
                biased;
                _ = &mut given_up => break Err(Fault::of_file(PROMPT, "given up")),
                Some(signal) = self.signals.recv() => {
                    if let Some(text) = describe(&signal, self.shows_events) {
                        // Whoever cannot be shown an event will not see the result either, which is noticed then.
                        let _ = show(&text);
                    }
                }
                result = &mut evaluating => break result,
            }
        };
        self.has_failed |= result.is_err();
        result.map(|text| (Turn::Next, text))
    }

    /// The command that a line is. Other prompts begin theirs with a slash or with nothing, which is no script here.
    async fn as_command<'a>(&self, line: &'a str) -> Option<&'a str> {
        if let Some(command) = line.strip_prefix(':') {
            return Some(command);
        }
        let word = line.strip_prefix('/').unwrap_or(line);
        if !matches!(word, "help" | "h" | "?" | "quit" | "q" | "exit") {
            return None;
        }
        let is_variable =
            word == line && self.host.prompt().names().await.variables.iter().any(|(name, _)| name == word);
        (!is_variable).then_some(word)
    }

    async fn command(&mut self, command: &str) -> (Turn, String) {
        let (name, rest) = command.split_once(' ').map_or((command, ""), |(name, rest)| (name, rest.trim()));
        let text = match (name, rest) {
            ("quit" | "q" | "exit", _) => return (Turn::End, String::new()),
            ("help" | "h" | "?", "") => help(),
            ("help" | "h" | "?", name) => self.explain(name).await,
            ("sessions", _) => self.sessions(),
            ("variables" | "vars", _) => {
                let names = self.host.prompt().names().await;
                names.variables.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join("\n")
            }
            ("functions", text) => self.functions(text).await,
            ("events", "on") => {
                self.shows_events = true;
                "events are shown".to_owned()
            }
            ("events", "off") => {
                self.shows_events = false;
                "events are not shown".to_owned()
            }
            ("events", _) => "expected :events on or :events off".to_owned(),
            _ => {
                let known = COMMANDS.iter().map(|(name, _)| name.trim_start_matches(':'));
                let hint = spelling::closest(name, known).map(|name| format!("; did you mean :{name}?"));
                format!("there is no :{name}{}", hint.unwrap_or_else(|| "; :help lists what there is".to_owned()))
            }
        };
        (Turn::Next, text)
    }

    fn sessions(&self) -> String {
        let directory = self.host.directory();
        let line = |name: String| {
            let status = directory.get(&name)?.handle.status();
            let phase = match status.phase {
                Phase::Connecting => "connecting".to_owned(),
                Phase::LoggingIn => "logging in".to_owned(),
                Phase::AwaitingPin => "waiting for its PIN".to_owned(),
                Phase::Live => "live".to_owned(),
                Phase::Lost { attempts } => format!("not connected, {attempts} attempts"),
                Phase::Refused(failure) => format!("refused: {failure}"),
                Phase::Unusable(reason) => reason,
                Phase::Stopped => "stopped".to_owned(),
            };
            let who = [status.display_name, status.mid].into_iter().flatten().collect::<Vec<_>>().join(", ");
            Some(format!("{name}: {phase}{}", if who.is_empty() { who } else { format!(" ({who})") }))
        };
        directory.names().into_iter().filter_map(line).collect::<Vec<_>>().join("\n")
    }

    async fn functions(&self, text: &str) -> String {
        let names = self.host.prompt().names().await;
        let is_meant = |name: &&Name| name.name.contains(text);
        let mut lines: Vec<_> =
            names.functions.iter().chain(&names.methods).filter(is_meant).map(|name| described(name, "")).collect();
        for (module, functions) in &names.modules {
            lines.extend(functions.iter().filter(is_meant).map(|name| described(name, &format!("{module}::"))));
        }
        // Every session has the commands as methods too.
        let mut seen = HashSet::new();
        lines.retain(|line| seen.insert(line.clone()));
        if lines.is_empty() { format!("no function is named like \"{text}\"") } else { lines.join("\n") }
    }

    /// What is called so, however it was written: `reply`, `msg.reply`, `words::is_yes(text)`.
    async fn explain(&self, text: &str) -> String {
        let called = text.split('(').next().unwrap_or(text);
        let wanted = called.rsplit(['.', ':']).next().unwrap_or(called).trim();
        let names = self.host.prompt().names().await;
        let mut found: Vec<_> = HOOKS.iter().filter(|hook| hook.name == wanted).map(of_hook).collect();
        found.extend(names.functions.iter().filter(|name| name.name == wanted).map(|name| explained(name, "")));
        // Every session has the commands as methods too.
        let is_command = |name: &Name| names.functions.iter().any(|known| known.signature == name.signature);
        let mut methods: Vec<_> =
            names.methods.iter().filter(|name| name.name == wanted && !is_command(name)).collect();
        // What was asked for to the letter comes first.
        methods.sort_by_key(|name| !text.ends_with(&name.signature));
        let methods = methods.into_iter();
        found.extend(methods.map(|name| explained(name, ".")));
        let of_modules = names.modules.values().flatten().filter(|name| name.name == wanted);
        found.extend(of_modules.map(|name| explained(name, "::")));
        if !found.is_empty() {
            return found.join("\n\n");
        }
        let known = names.functions.iter().chain(&names.methods).map(|name| name.name.as_str());
        let close = spelling::closest(wanted, known.chain(HOOKS.iter().map(|hook| hook.name)));
        let hint = close.map(|name| format!("; did you mean {name}?")).unwrap_or_default();
        format!("nothing is called {wanted}{hint}")
    }
}

/// What a function or a property does, below how it is written, and an example.
fn explained(name: &Name, after_owner: &str) -> String {
    let owner = name.of.as_ref().map(|of| format!("{of}{after_owner}")).unwrap_or_default();
    explanation(&format!("{owner}{}", name.signature), &name.doc, &name.example)
}

fn of_hook(hook: &HookSpec) -> String {
    explanation(&hook.signature(), &format!("A hook: {}.", hook.doc), &hook.example.text())
}

fn explanation(signature: &str, doc: &str, example: &str) -> String {
    let indented =
        |text: &str| text.lines().map(|line| format!("    {line}").trim_end().to_owned()).collect::<Vec<_>>();
    let parts = [doc, example].into_iter().filter(|text| !text.is_empty()).map(|text| indented(text).join("\n"));
    format!("{signature}\n{}", parts.collect::<Vec<_>>().join("\n\n"))
}

/// A function in a line or two: how it is called, and what it does.
fn described(name: &Name, module: &str) -> String {
    let sentence = name.doc.lines().next().unwrap_or_default();
    let signature = format!("{module}{}", name.signature);
    match signature.chars().count() + 2 + sentence.chars().count() {
        _ if sentence.is_empty() => signature,
        width if width <= COLUMNS => format!("{signature}  {sentence}"),
        _ => format!("{signature}\n    {sentence}"),
    }
}

/// What is shown of a signal, if anything. Logins and losses are in the log already.
fn describe(signal: &Signal, shows_events: bool) -> Option<String> {
    let Signal::Event(event) = signal else { return None };
    if !shows_events {
        return None;
    }
    let content = event.content.as_str();
    let shown: String = content.chars().take(EVENT_LETTERS).collect();
    let rest = if shown.len() < content.len() { "…" } else { "" };
    Some(visible::line(&format!("← {} {shown}{rest}", event.subcommand)))
}

fn help() -> String {
    let mut lines = vec![
        "A line is a piece of script, such as 1 + 2, or let ids = get_all_contact_ids()".to_owned(),
        "Commands act on this session. Variables, functions and imports stay.".to_owned(),
        "Open brackets and backticks go on over lines.".to_owned(),
    ];
    lines.extend(COMMANDS.iter().map(|(name, what)| format!("{name:<12} {what}")));
    lines.join("\n")
}

/// A fault of a line as its card; where no place is known, in one line.
fn drawn(fault: &Fault, colour: bool) -> String {
    match fault.line {
        None if fault.file.starts_with(PROMPT) => visible::text(&format!("error: {}\n", fault.message)).into_owned(),
        _ => card(fault, Severity::Error, CardStyle { colour, ..CardStyle::PLAIN }),
    }
}

fn over(ended: Option<Ended>) -> Exit {
    Exit::Failed(match ended {
        Some(Ended::Refused(failure)) => anyhow!("the login was refused: {failure}"),
        Some(Ended::Unusable(reason)) => anyhow!("{reason}"),
        _ => anyhow!("the session has ended"),
    })
}
