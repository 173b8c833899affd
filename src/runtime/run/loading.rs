//! How a script's generation comes to be: compiled, its top level run once.

use std::rc::Rc;
use std::sync::Arc;

use rhai::Engine;

use crate::language::bundle::Bundle;
use crate::language::fault::Fault;
use crate::language::trace;
use crate::runtime::engine::coverage::Coverage;
use crate::runtime::engine::thrown::ScriptResult;
use crate::runtime::fiber::Panic;
use crate::runtime::generation::{Generation, Pinned};
use crate::runtime::limits::Limits;
use crate::runtime::run::Run;
use crate::runtime::run::driven::Driven;
use crate::store::CallRecord;

/// What scripts are loaded with, on one thread.
#[derive(Clone)]
pub(crate) struct Loader {
    engine: Rc<Engine>,
    limits: Rc<Limits>,
    /// Where the lines that are run are counted.
    coverage: Option<Coverage>,
}

impl Loader {
    pub(crate) fn new(engine: &Rc<Engine>, limits: &Rc<Limits>, coverage: Option<Coverage>) -> Self {
        Self { engine: Rc::clone(engine), limits: Rc::clone(limits), coverage }
    }

    pub(crate) fn engine(&self) -> &Rc<Engine> {
        &self.engine
    }

    /// The limits that runs have.
    pub(crate) fn limits(&self) -> &Rc<Limits> {
        &self.limits
    }

    /// Compiles a bundle and runs its top level once.
    ///
    /// # Errors
    /// When something does not compile, a hook is misspelt, or the top level fails or does what it may not.
    pub(crate) fn load(&self, bundle: &Arc<Bundle>, number: i64) -> Result<Rc<Generation>, Fault> {
        self.load_again(bundle, number, Vec::new())
    }

    /// As [`load`](Self::load), beside everything else that the thread has to do: it lets others go on between two files, and
    /// while the top level computes.
    ///
    /// # Errors
    /// As `load`.
    pub(crate) async fn load_beside(&self, bundle: &Arc<Bundle>, number: i64) -> Result<Rc<Generation>, Fault> {
        let generation = Generation::compile(&self.engine, bundle, number, self.coverage.as_ref())?;
        tokio::task::yield_now().await;
        let top_level = self.top_level(&generation, Vec::new())?;
        let run = Rc::clone(top_level.run());
        keep(&run, Vec::new(), top_level.await)?;
        Ok(generation)
    }

    /// Compiles what [`pinned`](Generation::pinned) gave. Its constants have the values that they had.
    ///
    /// # Errors
    /// As [`load`](Self::load), and when the text cannot be read.
    pub(crate) fn load_pinned(&self, pinned: &str, number: i64) -> Result<Rc<Generation>, Fault> {
        let unreadable = |error| Fault { message: format!("they cannot be read: {error}"), ..Fault::default() };
        let Pinned { bundle, observed } = serde_json::from_str(pinned).map_err(unreadable)?;
        self.load_again(&bundle, number, observed)
    }

    fn load_again(
        &self,
        bundle: &Arc<Bundle>,
        number: i64,
        observed: Vec<CallRecord>,
    ) -> Result<Rc<Generation>, Fault> {
        let generation = Generation::compile(&self.engine, bundle, number, self.coverage.as_ref())?;
        let top_level = self.top_level(&generation, observed.clone())?;
        let run = Rc::clone(top_level.run());
        keep(&run, observed, top_level.finish())?;
        Ok(generation)
    }

    /// Prepares the run of the top level, which observes what was observed before.
    fn top_level(&self, generation: &Rc<Generation>, observed: Vec<CallRecord>) -> Result<Driven, Fault> {
        let run = Run::of_top_level(generation, &self.limits, observed);
        let code = Rc::clone(generation);
        let driven = run.drive(move || code.evaluate_top_level());
        driven.map_err(|error| Fault::of_file(&generation.bundle.script.file, error))
    }
}

/// Keeps what a top level left behind.
fn keep(run: &Run, mut observed: Vec<CallRecord>, finished: Result<ScriptResult, Panic>) -> Result<(), Fault> {
    let file = &run.generation.bundle.script.file;
    let result = finished.map_err(|_| Fault::of_file(file, "the engine panicked while it ran the top level"))?;
    let _ = result.map_err(|error| trace::of_run(file, &error))?;
    observed.extend(run.history.take_fresh().into_iter().map(|(_, entry)| entry));
    run.generation.keep(observed, run.declared.take())
}
