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

impl DryStart {
    /// A dry start with these limits.
    pub fn new(limits: Limits) -> Self {
        let limits = Rc::new(limits);
        Self { loader: Loader::new(&Rc::new(builtins::without_world(&limits)), &limits, None) }
    }

    /// Loads a script; gives its hooks, and how many timers it declares.
    ///
    /// # Errors
    /// With what is wrong with it, or what failed at its top level.
    pub(crate) fn load(&self, bundle: &Arc<Bundle>) -> Result<(Vec<Hook>, usize), Fault> {
        let generation = self.loader.load(bundle, 0).map_err(|fault| trace::with_source(fault, bundle))?;
        Ok((generation.hooks.iter().copied().collect(), generation.declared().len()))
    }

    /// What keeps a script from loading, if anything does.
    pub fn fault(&self, bundle: &Arc<Bundle>) -> Option<Fault> {
        // What the script logs meanwhile is no finding.
        let silence = tracing::subscriber::NoSubscriber::default();
        tracing::subscriber::with_default(silence, || self.load(bundle)).err()
    }
}
