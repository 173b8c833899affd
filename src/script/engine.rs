//! The Rhai engine as scripts meet it: its limits, what is taken out of the language, and what the host puts in.
//!
//! Each worker builds one. What the functions do is in `command`, `object`, `data`, `time`, `text` and `http`.

use std::rc::Rc;

use rhai::module_resolvers::DummyModuleResolver;
use rhai::{Engine, EvalAltResult, Module, ModuleResolver, OptimizationLevel, Position};

use super::Limits;
use super::caught;
use super::dialect::{EXPRESSION_DEPTH, language};
use super::live::Services;
use super::{command, data, http, object, run, text, time};

/// How many modules one script may load.
const MODULES: usize = 500;

/// Builds an engine for one thread.
pub(crate) fn build(services: &Rc<Services>) -> Engine {
    let mut engine = guest(&services.limits);
    engine.on_progress(|_| run::on_progress());
    engine.set_module_resolver(Resolver);
    time::register(&mut engine, services);
    data::register(&mut engine, services);
    object::register(&mut engine, services);
    command::register(&mut engine, services);
    http::register(&mut engine, services);
    engine
}

/// An engine with the language as scripts have it, and with nothing by which they reach the world.
pub(crate) fn guest(limits: &Limits) -> Engine {
    let mut engine = language();
    engine.set_optimization_level(OptimizationLevel::Simple);
    engine.set_strict_variables(true);
    engine.set_max_call_levels(limits.call_depth);
    engine.set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH);
    engine.set_max_string_size(limits.string);
    engine.set_max_array_size(limits.array);
    engine.set_max_map_size(limits.array);
    engine.set_max_modules(MODULES);
    // Code made at run time would escape every check that is made when a script is loaded.
    engine.disable_symbol("eval");
    engine.set_module_resolver(DummyModuleResolver::new());
    caught::register(&mut engine);
    text::register(&mut engine, limits);
    engine
}

/// Resolves imports to the modules that the running generation pinned.
struct Resolver;

impl ModuleResolver for Resolver {
    fn resolve(
        &self,
        engine: &Engine,
        source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Rc<Module>, Box<EvalAltResult>> {
        let run = run::current().ok_or_else(|| EvalAltResult::ErrorModuleNotFound(path.to_owned(), position))?;
        run.generation.module(engine, source, path, position)
    }
}
