//! The Rhai engine as scripts meet it: its limits, what is taken out of the language, and what the host puts in.
//!
//! Each worker builds one. What the functions do is in `command`, `object`, `data`, `time`, `text` and `http`.

use std::rc::Rc;

use rhai::module_resolvers::DummyModuleResolver;
use rhai::packages::{
    BasicArrayPackage, BasicBlobPackage, BasicMapPackage, BasicMathPackage, BitFieldPackage, CorePackage, LogicPackage,
    MoreStringPackage, Package,
};
use rhai::{
    AST, ASTNode, Engine, EvalAltResult, Module, ModuleResolver, OptimizationLevel, Position, Scope, ScriptFuncDef,
    Stmt,
};

use super::Limits;
use super::bundle::Source;
use super::caught;
use super::fault::Fault;
use super::live::Services;
use super::{command, data, http, object, run, text, time};

/// How deeply expressions may be nested.
///
/// One decision with the size of the stacks that they are compiled and run on: see `generation` and `worker`.
const EXPRESSION_DEPTH: usize = 64;

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

/// The language by itself, without anything of the host.
pub(crate) fn language() -> Engine {
    let mut engine = Engine::new_raw();
    // The standard packages, but for the one that tells the time past the one clock.
    CorePackage::new().register_into_engine(&mut engine);
    BitFieldPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicBlobPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    engine
}

/// An engine that only compiles, to find what a script imports.
pub(crate) fn for_reading() -> Engine {
    let mut engine = Engine::new_raw();
    engine.set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH);
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_module_resolver(DummyModuleResolver::new());
    engine
}

/// Compiles one file.
///
/// # Errors
/// With the first place that does not compile.
pub(crate) fn compile(engine: &Engine, source: &Source) -> Result<AST, Fault> {
    let mut scope = Scope::new();
    // Variables, since a constant's value would be folded into the code.
    for name in data::GLOBALS {
        scope.push(*name, ());
    }
    let mut ast = engine.compile_with_scope(&scope, &source.text).map_err(|error| Fault::of_parse(source, &error))?;
    ast.set_source(source.file.as_str());
    Ok(ast)
}

/// The statements of a function. Rhai gives no other way to them than a walk over a program that has no other.
pub(crate) fn statements_of(function: &Rc<ScriptFuncDef>) -> Vec<Stmt> {
    let mut only = Module::new();
    only.set_script_fn(Rc::clone(function));
    let mut statements = Vec::new();
    AST::new([], only).walk(&mut |nodes: &[ASTNode<'_>]| {
        if let [ASTNode::Stmt(statement)] = nodes {
            statements.push((*statement).clone());
        }
        true
    });
    statements
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
