//! The language that scripts are written in, by itself: what Rhai brings, and how it is read. What the host puts in is data in
//! `functions`.

use std::any::TypeId;
use std::rc::Rc;
use std::sync::OnceLock;

use rhai::module_resolvers::DummyModuleResolver;
use rhai::packages::{
    BasicArrayPackage, BasicBlobPackage, BasicMapPackage, BasicMathPackage, BitFieldPackage, CorePackage, LogicPackage,
    MoreStringPackage, Package,
};
use rhai::{AST, ASTNode, Engine, Module, OptimizationLevel, ScriptFuncDef, Stmt};

/// The names that every function of every script sees.
pub(crate) const GLOBALS: &[&str] = &["state", "store", "settings"];

/// How deeply expressions may be nested.
///
/// One decision with the size of the stacks that they are compiled and run on: see `generation` and `worker`.
pub(crate) const EXPRESSION_DEPTH: usize = 64;

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

/// The names of the functions that Rhai itself brings, each with the type of its first parameter.
pub(crate) fn functions() -> &'static [(String, TypeId)] {
    static STANDARD: OnceLock<Vec<(String, TypeId)>> = OnceLock::new();
    STANDARD.get_or_init(|| {
        let entry = |function: rhai::FuncInfo<'_>| {
            let name = function.metadata.name.to_string();
            let is_word = name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
            is_word.then(|| (name, function.metadata.param_types.first().copied().unwrap_or(TypeId::of::<()>())))
        };
        let mut all = language().collect_fn_metadata(None, entry, true);
        all.sort();
        all.dedup();
        all
    })
}

/// An engine that only compiles, to find what a script imports.
pub(crate) fn for_reading() -> Engine {
    let mut engine = Engine::new_raw();
    engine.set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH);
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_module_resolver(DummyModuleResolver::new());
    engine
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
