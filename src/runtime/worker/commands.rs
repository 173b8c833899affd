//! Messages that are commands: whose they are, and how the run of one begins. What such a run does is in the builtins' `bot_commands`.

use std::rc::Rc;
use std::sync::Arc;

use rhai::Dynamic;

use super::routing::{COMMAND_MARK, is_command};
use super::state::Worker;
use crate::language::bot_command::{self, Addressee, comparable};
use crate::protocol::is_group;
use crate::runtime::builtins::bot_commands::{self, HELP};
use crate::runtime::context::SessionContext;
use crate::runtime::engine::objects::ScriptMessage;
use crate::runtime::fiber::OutOfStacks;
use crate::runtime::generation::Generation;
use crate::runtime::run::Run;
use crate::runtime::run::driven::Driven;

/// A message that is a command.
pub(super) struct CommandCall {
    /// The script whose run it is.
    pub(super) script: Arc<str>,
    /// The name of the run's function.
    pub(super) function: Arc<str>,
    /// Whether it is declared, so that no `on_message` gets it.
    pub(super) is_declared: bool,
}

impl CommandCall {
    /// The command that a message is to a session, if its scripts declare any.
    pub(super) fn of(worker: &Worker, session: &Rc<SessionContext>, message: &ScriptMessage) -> Option<Self> {
        if !worker.has_commands.get() {
            return None;
        }
        let text = message.text()?;
        if !text.contains(['/', '／']) {
            return None;
        }
        let written = bot_command::read(&text, &message.mentions(), &session.me.borrow())?;
        let in_group = is_group(message.chat());
        if in_group && written.addressee == Addressee::Another {
            return None;
        }
        let call = |generation: &Generation, name: &str, is_declared| Self {
            script: Arc::clone(&generation.bundle.name),
            function: format!("{COMMAND_MARK}{name}").into(),
            is_declared,
        };
        let scripts = worker.scripts_of(session);
        let scripts: Vec<_> = scripts.filter(|generation| !generation.commands().is_empty()).collect();
        let name = written.name.as_str();
        let declared = scripts.iter().find_map(|generation| Some((generation, generation.command(name)?)));
        if let Some((generation, command)) = declared {
            return Some(call(generation, &comparable(&command.name), true));
        }
        let first = scripts.first()?;
        let is_meant = !in_group
            || name == HELP
            || matches!(written.addressee, Addressee::Me | Addressee::Named(_))
            || bot_commands::near(&scripts, name).is_some();
        is_meant.then(|| call(first, name, name == HELP))
    }
}

/// Says which commands of a script another one of the session declares as well, and comes first.
pub(super) fn warn_of_same_commands(worker: &Worker, session: &Rc<SessionContext>, generation: &Generation) {
    let (name, script) = (&*session.name, generation.name());
    for command in generation.commands() {
        let is_its = |other: &Rc<Generation>| command.names().any(|name| other.command(&comparable(name)).is_some());
        let first = worker.scripts_of(session).find(is_its).filter(|first| first.name() != script);
        if let Some(first) = first {
            tracing::warn!(
                target: "hotline::script",
                session = name, script, "the command /{} is declared by {} as well, which gets it", command.name, first.name()
            );
        }
    }
}

/// Begins a run: the call of its function, or what a command takes before that.
///
/// # Errors
/// When there is no stack for it.
pub(super) fn start(
    worker: &Worker,
    session: &Rc<SessionContext>,
    run: &Rc<Run>,
    arguments: Vec<Dynamic>,
) -> Result<Driven, OutOfStacks> {
    let message = arguments.first().filter(|_| is_command(&run.function));
    match message.and_then(|message| message.read_lock::<ScriptMessage>().map(|message| message.clone())) {
        Some(message) => bot_commands::start(&worker.services, run, message, worker.scripts_of(session).collect()),
        None => run.start(arguments),
    }
}
