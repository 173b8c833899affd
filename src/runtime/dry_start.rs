//! The dry start: a script is loaded as it would be to run it, without a session and with no way to the world.

use std::rc::Rc;
use std::sync::Arc;

use super::builtins;
use super::run::loading::Loader;
use crate::language::bundle::Bundle;
use crate::language::fault::Fault;
use crate::language::trace;
use crate::protocol::Hook;
use crate::runtime::limits::Limits;

/// Tries scripts, on the thread that it was made on.
pub struct DryStart {
    loader: Loader,
}

/// What the host calls in a script.
#[derive(Clone, Debug, Default)]
pub struct Called {
    /// The hooks that it defines.
    pub hooks: Vec<Hook>,
    /// The commands that its top level declares, such as `/order`.
    pub commands: Vec<String>,
    /// How many timers its top level declares.
    pub timers: usize,
}

impl Called {
    /// Whether there is anything.
    pub fn is_any(&self) -> bool {
        !self.hooks.is_empty() || !self.commands.is_empty() || self.timers > 0
    }

    /// The names of hooks and commands.
    pub fn names(&self) -> Vec<String> {
        let hooks = self.hooks.iter().map(|hook| hook.name().to_owned());
        hooks.chain(self.commands.iter().cloned()).collect()
    }
}

impl DryStart {
    /// A dry start with these limits.
    pub fn new(limits: Limits) -> Self {
        let limits = Rc::new(limits);
        Self { loader: Loader::new(&Rc::new(builtins::without_world(&limits)), &limits, None) }
    }

    /// Loads a script; gives what the host calls in it.
    ///
    /// # Errors
    /// With what is wrong with it, or what failed at its top level.
    pub(crate) fn load(&self, bundle: &Arc<Bundle>) -> Result<Called, Fault> {
        let generation = self.loader.load(bundle, 0).map_err(|fault| trace::with_source(fault, bundle))?;
        Ok(Called {
            hooks: generation.hooks.iter().copied().collect(),
            commands: generation.commands().iter().map(|command| format!("/{}", command.name)).collect(),
            timers: generation.declared().len(),
        })
    }

    /// What keeps a script from loading, if anything does.
    pub fn fault(&self, bundle: &Arc<Bundle>) -> Option<Fault> {
        // What the script logs meanwhile is no finding.
        let silence = tracing::subscriber::NoSubscriber::default();
        tracing::subscriber::with_default(silence, || self.load(bundle)).err()
    }
}
