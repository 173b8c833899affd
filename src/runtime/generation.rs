//! Generations: a script compiled on one worker, with the environment that its top level left behind.
//!
//! A run holds on to its generation, so that it finishes on the code it began with whatever is saved meanwhile.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeSet;
use std::mem::replace;
use std::rc::Rc;
use std::sync::Arc;

use foldhash::HashMap;
use rhai::{
    AST, Caches, Dynamic, Engine, EvalAltResult, EvalContext, Expr, Expression, GlobalRuntimeState, Module, Position,
    Scope, StmtBlock,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::engine::body::Body;
use super::engine::coverage::Coverage;
use super::engine::stages::{Halt, Reached, Waiter};
use super::engine::thrown::ScriptResult;
use super::engine::unused::ValueUse;
use super::fiber::POOLED;
use super::timers::timer::Timer;
use crate::language::bot_command::BotCommand;
use crate::language::bundle::Bundle;
use crate::language::fault::Fault;
use crate::language::functions::{self, ticked};
use crate::language::headers::{Header, headers};
use crate::language::hook;
use crate::language::parse;
use crate::language::source::Source;
use crate::language::spelling::did_you_mean;
use crate::protocol::Hook;
use crate::store::{BundleHash, CallRecord};

/// How many environments are kept for further runs: as many as there are stacks. A fresh one has to find every function anew.
const SPARE: usize = POOLED;

/// A generation as it is kept for the runs that go on in another process.
#[derive(Serialize, Deserialize)]
pub(super) struct Pinned {
    #[serde(flatten)]
    pub(super) bundle: Arc<Bundle>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) observed: Vec<CallRecord>,
}

/// What a top level declares.
#[derive(Default)]
pub(crate) struct Declared {
    pub(crate) timers: Vec<Timer>,
    pub(crate) commands: Vec<BotCommand>,
}

/// How far a call has come.
pub(crate) enum Course {
    /// To its end.
    Ended(ScriptResult),
    /// It waits, and needs no stack until then.
    Paused(Box<PausedCall>),
}

/// A call that waits without a stack.
pub(crate) struct PausedCall {
    frame: Frame,
    /// Those that wait for it, the innermost last.
    callers: Vec<Frame>,
}

/// A function's body that runs.
struct Frame {
    body: Rc<Body>,
    scope: Scope<'static>,
    reached: Reached,
}

/// A compiled script.
pub(crate) struct Generation {
    /// The sources that it was compiled from.
    pub(crate) bundle: Arc<Bundle>,
    /// Counts the generations of all scripts of this process.
    pub(crate) number: i64,
    /// The hooks that it defines.
    pub(crate) hooks: BTreeSet<Hook>,
    engine: Rc<Engine>,
    ast: AST,
    bodies: HashMap<String, Vec<Rc<Body>>>,
    /// The calls in bodies whose value nothing uses.
    unused_calls: HashMap<Position, ValueUse>,
    module_asts: HashMap<String, AST>,
    modules: RefCell<HashMap<String, Rc<Module>>>,
    environment: OnceCell<GlobalRuntimeState>,
    /// What the top level observed: the time, chance, which sessions there are.
    observed: OnceCell<Vec<CallRecord>>,
    pin: OnceCell<BundleHash>,
    declared: OnceCell<Declared>,
    /// The places of the script's own file that have been named, by their lines.
    places: RefCell<HashMap<usize, Arc<str>>>,
    /// Environments with warm function caches, to be used again.
    #[expect(clippy::vec_box, reason = "each is hundreds of bytes, and would be moved twice for every run")]
    spare: RefCell<Vec<Box<(GlobalRuntimeState, Caches)>>>,
    superseded: Cell<bool>,
}

impl Generation {
    /// Compiles a bundle, in tests as one that counts its lines. Nothing of it can be called before its top level was [evaluated](Self::evaluate_top_level).
    ///
    /// # Errors
    /// When something does not compile, or a hook is misspelt.
    pub(crate) fn compile(
        engine: &Rc<Engine>,
        bundle: &Arc<Bundle>,
        number: i64,
        coverage: Option<&Coverage>,
    ) -> Result<Rc<Self>, Fault> {
        let counting = |source: &Source, ast| match coverage {
            Some(coverage) => coverage.instrument(source, ast),
            None => ast,
        };
        let ast = parse::compile(engine, &bundle.script)?;
        let hooks = hook::find(bundle, &ast)?;
        let ast = counting(&bundle.script, ast);
        let module_asts = bundle
            .modules
            .values()
            .map(|source: &Source| Ok((source.file.clone(), counting(source, parse::compile(engine, source)?))))
            .collect::<Result<_, Fault>>()?;
        let bodies = Body::all(&ast, &functions::may_wait);
        Ok(Rc::new(Self {
            bundle: Arc::clone(bundle),
            number,
            hooks,
            engine: Rc::clone(engine),
            unused_calls: bodies.values().flatten().flat_map(|body| body.unused_calls()).collect(),
            bodies,
            ast,
            module_asts,
            modules: RefCell::default(),
            environment: OnceCell::new(),
            observed: OnceCell::new(),
            pin: OnceCell::new(),
            declared: OnceCell::new(),
            places: RefCell::default(),
            spare: RefCell::default(),
            superseded: Cell::default(),
        }))
    }

    /// Says that a newer generation of its script is there.
    pub(crate) fn supersede(&self) {
        self.superseded.set(true);
    }

    /// Whether a newer generation of its script is there.
    pub(crate) fn is_superseded(&self) -> bool {
        self.superseded.get()
    }

    /// What tells it apart from every generation that has other sources or other constants.
    pub(crate) fn pin(&self) -> BundleHash {
        *self.pin.get_or_init(|| match self.observed() {
            [] => BundleHash(self.bundle.hash),
            _ => BundleHash(Sha256::digest(self.pinned()).into()),
        })
    }

    /// All that makes it, as a text.
    pub(crate) fn pinned(&self) -> String {
        let pinned = Pinned { bundle: Arc::clone(&self.bundle), observed: self.observed().to_vec() };
        serde_json::to_string(&pinned).expect("a bundle holds only texts")
    }

    fn observed(&self) -> &[CallRecord] {
        self.observed.get().map_or(&[], Vec::as_slice)
    }

    /// The script's name.
    pub(crate) fn name(&self) -> &str {
        &self.bundle.name
    }

    /// The timers that the top level declares.
    pub(crate) fn declared(&self) -> &[Timer] {
        self.declared.get().map_or(&[], |declared| &declared.timers)
    }

    /// The commands that the top level declares.
    pub(crate) fn commands(&self) -> &[BotCommand] {
        self.declared.get().map_or(&[], |declared| &declared.commands)
    }

    /// The command of a name, as names are compared.
    pub(crate) fn command(&self, name: &str) -> Option<&BotCommand> {
        self.commands().iter().find(|command| command.is_called(name))
    }

    /// Whether the script defines a function with this many parameters.
    pub(crate) fn has_function(&self, name: &str, parameters: usize) -> bool {
        self.body(name, parameters).is_some()
    }

    /// What becomes of the value of the call at a place of the script's own file, where it stands in a function's body and nothing of the
    /// body uses it.
    pub(crate) fn unused_call(&self, place: Position) -> Option<ValueUse> {
        self.unused_calls.get(&place).copied()
    }

    fn body(&self, name: &str, arguments: usize) -> Option<&Rc<Body>> {
        self.bodies.get(name)?.iter().find(|body| body.takes(arguments))
    }

    /// A line of a file as people write it, `file:line`; without a file it is one of the script's own.
    pub(crate) fn place(&self, file: Option<&str>, line: usize) -> Arc<str> {
        let own = &self.bundle.script.file;
        match file {
            Some(file) if file != own => format!("{file}:{line}").into(),
            _ => Arc::clone(self.places.borrow_mut().entry(line).or_insert_with(|| format!("{own}:{line}").into())),
        }
    }

    /// The module that an import of this generation's code means.
    pub(crate) fn module(
        &self,
        engine: &Engine,
        importer: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Rc<Module>, Box<EvalAltResult>> {
        let not_found = || EvalAltResult::ErrorModuleNotFound(path.to_owned(), position);
        let importer = importer.unwrap_or(&self.bundle.script.file);
        let file = self.bundle.imports.get(importer).and_then(|paths| paths.get(path)).ok_or_else(not_found)?;
        if let Some(module) = self.modules.borrow().get(file) {
            return Ok(Rc::clone(module));
        }
        let ast = self.module_asts.get(file).ok_or_else(not_found)?;
        let wrap = |error| EvalAltResult::ErrorInModule(file.clone(), error, position);
        let module = Rc::new(Module::eval_ast_as_new(Scope::new(), ast, engine).map_err(wrap)?);
        self.modules.borrow_mut().insert(file.clone(), Rc::clone(&module));
        Ok(module)
    }

    /// Calls one of the script's functions.
    pub(crate) fn call(&self, function: &str, arguments: Vec<Dynamic>, waiter: &dyn Waiter) -> Course {
        let Some(body) = self.body(function, arguments.len()) else {
            let mut environment = self.environment();
            let (global, caches) = &mut *environment;
            let mut scope = Scope::new();
            let mut context = EvalContext::new(&self.engine, global, caches, &mut scope, None);
            return Course::Ended(context.call_fn::<Dynamic>(function, arguments));
        };
        let frame = Frame { body: Rc::clone(body), scope: body.scope(arguments), reached: Reached::default() };
        self.go_on_in(PausedCall { frame, callers: Vec::new() }, waiter)
    }

    /// Goes on with a call, with the value that it has waited for.
    pub(crate) fn go_on(&self, mut paused: PausedCall, value: Dynamic, waiter: &dyn Waiter) -> Course {
        paused.frame.reached.take(value);
        self.go_on_in(paused, waiter)
    }

    fn go_on_in(&self, mut call: PausedCall, waiter: &dyn Waiter) -> Course {
        let mut environment = self.environment();
        let (global, caches) = &mut *environment;
        let course = loop {
            let PausedCall { frame, callers } = &mut call;
            // What Rhai calls from here on is as deep as if it had made these calls too.
            global.level = callers.len();
            let mut context = EvalContext::new(&self.engine, global, caches, &mut frame.scope, None);
            match frame.body.run(&mut context, &mut frame.reached, waiter) {
                Ok(Halt::Ended(value)) => match callers.pop() {
                    Some(caller) => {
                        let ended = replace(frame, caller);
                        ended.body.give_back(ended.scope);
                        waiter.leave();
                        frame.reached.take(value);
                    }
                    None => {
                        call.frame.body.give_back(call.frame.scope);
                        break Course::Ended(Ok(value));
                    }
                },
                Ok(Halt::Exits(value)) => {
                    callers.iter().for_each(|_| waiter.leave());
                    break Course::Ended(Ok(value));
                }
                Ok(Halt::Waits) => break Course::Paused(Box::new(call)),
                Ok(Halt::Calls(own)) => {
                    if callers.len() >= self.engine.max_call_levels() {
                        let error = EvalAltResult::ErrorStackOverflow(own.place).into();
                        return Course::Ended(Err(waiter.failed(error)));
                    }
                    let body = self.body(&own.function, own.arguments.len()).expect("a body's own calls are of bodies");
                    waiter.enter(own.function, own.place, own.value);
                    let scope = body.scope(own.arguments);
                    let called = Frame { body: Rc::clone(body), scope, reached: Reached::default() };
                    callers.push(replace(frame, called));
                }
                // It can have left the environment in any state, and the scopes too.
                Err(error) => return Course::Ended(Err(waiter.failed(error))),
            }
        };
        if self.spare.borrow().len() < SPARE {
            global.level = 0;
            global.num_operations = 0;
            // Rhai counts the imports that functions make, and never takes one back.
            global.num_modules_loaded = self.environment.get().map_or(0, |environment| environment.num_modules_loaded);
            self.spare.borrow_mut().push(environment);
        }
        course
    }

    fn environment(&self) -> Box<(GlobalRuntimeState, Caches)> {
        let spare = self.spare.borrow_mut().pop();
        spare.unwrap_or_else(|| {
            let fresh = self.environment.get().expect("the top level ran when it was loaded").clone();
            Box::new((fresh, Caches::new()))
        })
    }

    /// Evaluates the top level, once.
    ///
    /// # Errors
    /// With what it throws.
    pub(crate) fn evaluate_top_level(&self) -> ScriptResult {
        let mut global = self.engine.new_global_runtime_state();
        global.source = self.ast.source().map(Into::into);
        global.lib.push(self.ast.shared_lib().clone());
        let mut caches = Caches::new();
        let mut scope = Scope::new();
        let statements = self.ast.statements().iter().cloned();
        let block = Expr::Stmt(Box::new(StmtBlock::new(statements, Position::NONE, Position::NONE)));
        let mut context = EvalContext::new(&self.engine, &mut global, &mut caches, &mut scope, None);
        // The imports and constants of the top level must stay in `global`: they are what the hooks will see.
        #[expect(
            deprecated,
            reason = "marked so only for being volatile; the crate's version is pinned by the lock file"
        )]
        let result = context.eval_expression_tree_raw(&Expression::from(&block), false);
        match result.map_err(|error| *error) {
            Ok(_) | Err(EvalAltResult::Return(..) | EvalAltResult::Exit(..)) => {}
            Err(error) => return Err(error.into()),
        }
        // Imports inside functions are resolved now too, so that a module's fault shows when the script is loaded.
        for (importer, paths) in &self.bundle.imports {
            for path in paths.keys() {
                self.module(&self.engine, Some(importer), path, Position::NONE)?;
            }
        }
        global.num_operations = 0;
        let fresh = self.environment.set(global).is_ok();
        debug_assert!(fresh, "the top level runs once");
        Ok(Dynamic::UNIT)
    }

    /// Keeps what the top level observed and what it declared.
    ///
    /// # Errors
    /// When a timer or a command names a function that is not there.
    pub(crate) fn keep(&self, observed: Vec<CallRecord>, declared: Declared) -> Result<(), Fault> {
        let fresh = self.observed.set(observed).is_ok();
        debug_assert!(fresh, "the top level runs once");
        let has = |name: &str, count: usize| self.has_function(name, count);
        for timer in &declared.timers {
            timer.check(&self.bundle, has)?;
        }
        for command in &declared.commands {
            self.check_command(command)?;
        }
        let fresh = self.declared.set(declared).is_ok();
        debug_assert!(fresh, "the top level runs once");
        Ok(())
    }
    /// Checks that the script has the function of a command.
    fn check_command(&self, command: &BotCommand) -> Result<(), Fault> {
        let BotCommand { name, function, .. } = command;
        if command.arities().iter().any(|count| self.has_function(function, *count)) {
            return Ok(());
        }
        let headers = headers(&self.bundle.script.text);
        let known: Vec<_> = headers.iter().filter(|header| header.name == *function).map(Header::signature).collect();
        let message = match known.as_slice() {
            [] => format!("the command /{name} names the function \"{function}\", which this script does not define"),
            known => format!("the command /{name} calls `{function}(msg, args)`, but it is {}", ticked(known)),
        };
        let help = match known.as_slice() {
            [] => did_you_mean(function, headers.iter().map(|header| header.name.as_str()))
                .strip_prefix("; ")
                .map(str::to_owned),
            _ => Some("its function takes (msg, args), or (msg) alone where it has no arguments".to_owned()),
        };
        Err(Fault { help, ..self.bundle.fault_of_name(function, message) })
    }
}
