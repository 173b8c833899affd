//! Which lines of scripts are run: how often, counted by code that is put before the statements of a compiled file.
//!
//! Only tests count. Rhai's own way to follow a script, its debugger, would slow every bot down. Nothing that a script can observe
//! changes by it: what counts is no call, and stands where the statement stands that it counts.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rhai::{AST, CustomExpr, Dynamic, Engine, EvalContext, Expr, Module, Position, ScriptFuncDef, Stmt, StmtBlock};

use super::stages::evaluate;
use super::thrown::ScriptResult;
use crate::language::dialect;
use crate::language::source::Source;

/// The word that Rhai knows what counts by. No script has it.
const WORD: &str = "__covered__";

/// How often the lines of some files were run, by all who count in it.
#[derive(Clone, Debug, Default)]
pub struct Coverage(Arc<BTreeMap<String, CoveredFile>>);

#[derive(Debug)]
struct CoveredFile {
    text: Arc<str>,
    /// The lines on which statements begin.
    lines: Mutex<BTreeMap<usize, Counter>>,
}

#[derive(Clone, Debug, Default)]
struct Counter(Arc<AtomicU64>);

/// A function's body that counts. Rhai lets nobody replace the statements of a function, so a single one leads to these.
#[derive(Clone)]
struct CountingBody(Rc<StmtBlock>, Rc<Expr>);

impl Coverage {
    /// Counts in these files, as long as their text is this one.
    pub(crate) fn of<'a>(sources: impl IntoIterator<Item = &'a Source>) -> Self {
        let file = |source: &Source| CoveredFile { text: Arc::clone(&source.text), lines: Mutex::default() };
        Self(Arc::new(sources.into_iter().map(|source| (source.file.clone(), file(source))).collect()))
    }

    /// Each file with its lines on which something begins that can be run, and how often each was. A file that was never compiled has none.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, BTreeMap<usize, u64>)> {
        self.0.iter().map(|(file, covered)| {
            let lines = covered.lines.lock().unwrap_or_else(PoisonError::into_inner);
            (file.as_str(), lines.iter().map(|(line, counter)| (*line, counter.0.load(Ordering::Relaxed))).collect())
        })
    }

    /// A compiled file as one that counts, if it is to be counted in.
    pub(crate) fn instrument(&self, source: &Source, ast: AST) -> AST {
        let Some(file) = self.0.get(&source.file).filter(|file| file.text == source.text) else { return ast };
        let mut lines = file.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pass = Instrumenter { lines: &mut lines, taken: HashSet::new() };
        let top_level = pass.statements(ast.statements().to_vec());
        let mut functions: Vec<_> = ast.iter_fn_def().collect();
        // A line counts for what begins first on it, and a closure is within something else.
        functions.sort_by_key(|function| {
            let start = function.body.start_position();
            (function.name.starts_with("anon$"), start.line(), start.position())
        });
        let mut module = Module::new();
        for function in functions {
            let mut body = body_of(function);
            pass.block(&mut body);
            module.set_script_fn(counting(function, body));
        }
        let mut counting = AST::new(top_level, module);
        counting.set_source(source.file.as_str());
        counting
    }
}

/// Has an engine run what counts.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_custom_syntax_with_state_raw(
        WORD,
        |_, _, _| Ok(None),
        false,
        |context, _, state| run(context, state),
    );
}

fn run(context: &mut EvalContext<'_, '_, '_, '_, '_, '_>, state: &Dynamic) -> ScriptResult {
    if let Some(counter) = state.read_lock::<Counter>() {
        counter.0.fetch_add(1, Ordering::Relaxed);
        return Ok(Dynamic::UNIT);
    }
    let body = state.read_lock::<CountingBody>().map(|body| Rc::clone(&body.1));
    body.map_or(Ok(Dynamic::UNIT), |body| evaluate(context, &body, true))
}

/// The body of a function; of one that counts, what really is its body.
pub(super) fn body_of(function: &Rc<ScriptFuncDef>) -> StmtBlock {
    let statements = dialect::statements_of(function);
    if let [Stmt::Expr(only)] = statements.as_slice()
        && let Expr::Custom(counting, _) = &**only
        && let Some(body) = counting.state.read_lock::<CountingBody>()
    {
        return (*body.0).clone();
    }
    StmtBlock::new(statements, function.body.start_position(), function.body.end_position())
}

/// A function with another body.
fn counting(function: &ScriptFuncDef, body: StmtBlock) -> ScriptFuncDef {
    let whole = Expr::Stmt(Box::new(body.clone()));
    let state = RefCell::new(Dynamic::from(CountingBody(Rc::new(body), Rc::new(whole))));
    let mut engine = Engine::new_raw();
    let give = move |_: &[_], _: &str, given: &mut Dynamic| {
        *given = state.take();
        Ok(None)
    };
    engine.register_custom_syntax_with_state_raw(WORD, give, false, |_, _, _| Ok(Dynamic::UNIT));
    let compiled = engine.compile(format!("fn body() {{ {WORD} }}")).expect("it is a function");
    let leading = compiled.iter_fn_def().next().expect("it has one function");
    ScriptFuncDef { body: leading.body.clone(), ..function.clone() }
}

struct Instrumenter<'a> {
    lines: &'a mut BTreeMap<usize, Counter>,
    /// The lines that count already.
    taken: HashSet<usize>,
}

impl Instrumenter<'_> {
    /// What counts a line, if it is the first that begins there.
    fn counter(&mut self, place: Position) -> Option<Stmt> {
        let line = place.line().filter(|line| self.taken.insert(*line))?;
        let counter = self.lines.entry(line).or_default().clone();
        let count = CustomExpr {
            inputs: [].into_iter().collect(),
            tokens: [WORD.into()].into_iter().collect(),
            state: Dynamic::from(counter),
            scope_may_be_changed: false,
            self_terminated: false,
        };
        Some(Stmt::Expr(Box::new(Expr::Custom(Box::new(count), place))))
    }

    fn block(&mut self, block: &mut StmtBlock) {
        let (start, end) = (block.position(), block.end_position());
        *block = StmtBlock::new(self.statements(block.statements().to_vec()), start, end);
    }

    fn statements(&mut self, statements: Vec<Stmt>) -> Vec<Stmt> {
        let mut counting = Vec::with_capacity(2 * statements.len());
        // This is how Rhai writes a closure that has variables from around it.
        let is_closure = matches!(statements.first(), Some(Stmt::Share(..)));
        for mut statement in statements {
            if !is_closure && !statement.is_noop() {
                counting.extend(self.counter(statement.position()));
            }
            self.statement(&mut statement);
            counting.push(statement);
        }
        counting
    }

    fn statement(&mut self, statement: &mut Stmt) {
        match statement {
            Stmt::Expr(value) | Stmt::Return(Some(value), ..) | Stmt::BreakLoop(Some(value), ..) => {
                self.expression(value);
            }
            Stmt::Var(variable, ..) => self.expression(&mut variable.1),
            Stmt::Assignment(assigned) => {
                self.expression(&mut assigned.1.lhs);
                self.expression(&mut assigned.1.rhs);
            }
            Stmt::FnCall(call, _) => call.args.iter_mut().for_each(|argument| self.expression(argument)),
            Stmt::Block(block) => self.block(block),
            Stmt::If(choice, _) => {
                self.expression(&mut choice.expr);
                self.block(&mut choice.body);
                match choice.branch.statements_mut().as_mut_slice() {
                    // An `else if` stays one.
                    [other @ Stmt::If(..)] => self.statement(other),
                    _ => self.block(&mut choice.branch),
                }
            }
            Stmt::Switch(choice, _) => {
                self.expression(&mut choice.0);
                for case in &mut choice.1.expressions {
                    self.expression(&mut case.lhs);
                    self.case(&mut case.rhs);
                }
            }
            Stmt::While(looped, _) | Stmt::Do(looped, ..) => {
                self.expression(&mut looped.expr);
                self.block(&mut looped.body);
            }
            Stmt::For(looped, _) => {
                self.expression(&mut looped.2.expr);
                self.block(&mut looped.2.body);
            }
            Stmt::TryCatch(caught, _) => {
                self.block(&mut caught.body);
                self.block(&mut caught.branch);
            }
            _ => {}
        }
    }

    /// What a case of a `switch` gives, which may stand on a line of its own.
    fn case(&mut self, value: &mut Expr) {
        if matches!(value, Expr::Stmt(_)) {
            return self.expression(value);
        }
        let place = value.start_position();
        let counter = self.counter(place);
        self.expression(value);
        if let Some(counter) = counter {
            let given = Stmt::Expr(Box::new(std::mem::take(value)));
            *value = Expr::Stmt(Box::new(StmtBlock::new([counter, given], place, Position::NONE)));
        }
    }

    fn expression(&mut self, expression: &mut Expr) {
        match expression {
            Expr::Stmt(block) => self.block(block),
            Expr::FnCall(call, _) | Expr::MethodCall(call, _) => {
                call.args.iter_mut().for_each(|argument| self.expression(argument));
            }
            Expr::Dot(link, ..) | Expr::Index(link, ..) => {
                self.expression(&mut link.lhs);
                self.expression(&mut link.rhs);
            }
            Expr::And(operands, _) | Expr::Or(operands, _) | Expr::Coalesce(operands, _) => {
                operands.iter_mut().for_each(|operand| self.expression(operand));
            }
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                parts.iter_mut().for_each(|part| self.expression(part));
            }
            Expr::Map(entries, _) => entries.0.iter_mut().for_each(|(_, value)| self.expression(value)),
            _ => {}
        }
    }
}
