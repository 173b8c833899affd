//! A test file, compiled on one thread. Which of its functions are tests is decided in `find`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use rhai::{AST, CallFnOptions, Dynamic, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope};

use super::context::{TestOutcome, error, world};
use super::{allowance, functions};
use crate::language::dialect::for_reading;
use crate::language::suggest::in_tests::NO_SLEEP;
use crate::language::{Bundle, Fault, Source, parse};
use crate::runtime::Limits;
use crate::runtime::guest::{self, Fiber, Timepiece};

/// The address space of a test's stack, in bytes. Only what is touched costs memory.
const STACK: usize = if cfg!(debug_assertions) { 16 << 20 } else { 4 << 20 };

thread_local! {
    /// The file whose imports are resolved.
    static IMPORTER: RefCell<Option<Rc<Suite>>> = const { RefCell::new(None) };
}

/// A test file with its modules.
pub(super) struct Suite {
    pub(super) bundle: Bundle,
    ast: AST,
    module_asts: HashMap<String, AST>,
    modules: RefCell<HashMap<String, Rc<Module>>>,
}

/// The engine that tests are compiled with and run on.
pub(super) fn engine(limits: &Limits) -> Engine {
    let mut engine = guest::language(limits);
    let around: Timepiece = Rc::new(|| world().map(|world| (world.clock.now(), world.setting.setup.zone.clone())));
    guest::register_calendar(&mut engine, &around);
    functions::register(&mut engine);
    // Rhai's own would keep the thread waiting, and no bot would go on meanwhile.
    engine.register_fn("sleep", |_: i64| -> TestOutcome<()> { Err(error(NO_SLEEP)) });
    engine.register_fn("sleep", |_: f64| -> TestOutcome<()> { Err(error(NO_SLEEP)) });
    engine.on_print(note);
    engine.on_debug(|text, _, _| note(text));
    engine.set_module_resolver(Resolver);
    engine.on_progress(allowance::look);
    engine
}

/// Keeps what a test prints; where none runs there is nobody to show it to.
fn note(text: &str) {
    if let Ok(world) = world() {
        world.print(text);
    }
}

impl Suite {
    /// Reads a test file and everything that it imports, and compiles both.
    ///
    /// # Errors
    /// For the first file that cannot be read or does not compile.
    pub(super) fn load(engine: &Engine, disk: &crate::language::disk::Disk, file: &Path) -> Result<Rc<Self>, Fault> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let bundle = Bundle::read(&for_reading(), disk, file, folder)?;
        let ast = compile(engine, &bundle.script)?;
        let modules = bundle.modules.values();
        let module_asts =
            modules.map(|source| Ok((source.file.clone(), compile(engine, source)?))).collect::<Result<_, Fault>>()?;
        Ok(Rc::new(Self { bundle, ast, module_asts, modules: RefCell::default() }))
    }

    /// The functions of the file: their names, how many parameters they have, and their lines.
    pub(super) fn functions(&self) -> Vec<(String, usize, Position)> {
        let mut functions: Vec<_> = self
            .ast
            .iter_fn_def()
            .map(|function| (function.name.to_string(), function.params.len(), function.body.start_position()))
            .collect();
        functions.sort_by_key(|(_, _, position)| (position.line(), position.position()));
        functions
    }

    /// Whether the top level does anything.
    pub(super) fn has_statements(&self) -> bool {
        !self.ast.statements().is_empty()
    }

    /// Runs the top level, then the function of this name where there is one.
    ///
    /// # Errors
    /// With what the test threw, or why it was ended.
    pub(super) async fn run(
        self: &Rc<Self>,
        engine: &Rc<Engine>,
        function: Option<String>,
        deadline: Instant,
    ) -> Result<(), Box<EvalAltResult>> {
        let (suite, engine) = (Rc::clone(self), Rc::clone(engine));
        let fiber =
            Fiber::new(STACK, Limits::default().nesting_reserve(), move || suite.call(&engine, function.as_deref()));
        let fiber = fiber.map_err(|error| terminated(error.to_string()))?;
        allowance::set(Some((fiber.bounds(), deadline)));
        IMPORTER.set(Some(Rc::clone(self)));
        let result = fiber.await;
        allowance::set(None);
        IMPORTER.set(None);
        result.unwrap_or_else(|_| Err(terminated("the engine panicked: this is a bug of Hotline".to_owned())))
    }

    fn call(&self, engine: &Engine, function: Option<&str>) -> Result<(), Box<EvalAltResult>> {
        let mut scope = Scope::new();
        let Some(function) = function else { return engine.run_ast_with_scope(&mut scope, &self.ast) };
        let options = CallFnOptions::new().eval_ast(true);
        engine.call_fn_with_options::<Dynamic>(options, &mut scope, &self.ast, function, ()).map(|_| ())
    }

    fn module(&self, engine: &Engine, importer: &str, path: &str) -> Option<Result<Rc<Module>, Box<EvalAltResult>>> {
        let file = self.bundle.imports.get(importer)?.get(path)?;
        if let Some(module) = self.modules.borrow().get(file) {
            return Some(Ok(Rc::clone(module)));
        }
        let ast = self.module_asts.get(file)?;
        Some(Module::eval_ast_as_new(Scope::new(), ast, engine).map(|module| {
            let module = Rc::new(module);
            self.modules.borrow_mut().insert(file.clone(), Rc::clone(&module));
            module
        }))
    }
}

fn compile(engine: &Engine, source: &Source) -> Result<AST, Fault> {
    let mut scope = Scope::new();
    for name in functions::GLOBALS {
        scope.push(*name, ());
    }
    let mut ast = engine.compile_with_scope(&scope, &*source.text).map_err(|error| parse::fault(source, &error))?;
    ast.set_source(source.file.as_str());
    Ok(ast)
}

fn terminated(reason: String) -> Box<EvalAltResult> {
    EvalAltResult::ErrorTerminated(reason.into(), Position::NONE).into()
}

/// Resolves imports to the modules that were compiled with the test file.
struct Resolver;

impl ModuleResolver for Resolver {
    fn resolve(
        &self,
        engine: &Engine,
        importer: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Rc<Module>, Box<EvalAltResult>> {
        let suite = IMPORTER.with_borrow(Clone::clone);
        let module = suite.and_then(|suite| {
            let importer = importer.unwrap_or(&suite.bundle.script.file).to_owned();
            suite.module(engine, &importer, path)
        });
        module.unwrap_or_else(|| Err(EvalAltResult::ErrorModuleNotFound(path.to_owned(), position).into()))
    }
}
