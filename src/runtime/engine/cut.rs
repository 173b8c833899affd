//! Where a function's body is cut into [stages](super::stages).
//!
//! Cut are the statements of which a call that may wait is the first thing that they do, and whatever blocks, choices and loops
//! lead to them. Calls of the script's own functions are such calls where these may wait themselves. What stands anywhere else
//! (in a `try`, a `do`, a closure, a module's function) waits on the stack.

use std::mem::{replace, take};

use foldhash::{HashSet, HashSetExt as _};
use rhai::{
    ASTFlags, ASTNode, BinaryExpr, Expr, FlowControl, FnCallExpr, Ident, ImmutableString, Position, ScriptFuncDef,
    Stmt, StmtBlock,
};

use super::stages::{Choice, Loop, Stage, Stages, code, code_block, first, hole, is_inert, subject};
use super::unused::ValueUse;

/// The functions whose calls are waited for although they have no effect.
const LONG_WAITS: &[&str] = &["ask", "sleep", "wait_for_run"];

/// What may wait.
pub(crate) struct MayWait<'a> {
    /// Whether a function or, where told so, a method of the host does.
    host: &'a dyn Fn(&str, bool) -> bool,
    /// The functions of the script that do, with how many parameters they have.
    own: HashSet<(ImmutableString, usize)>,
}

impl<'a> MayWait<'a> {
    /// What may wait where functions have these bodies, and what of the `host` does is known.
    pub(crate) fn of(functions: &[(&ScriptFuncDef, StmtBlock)], host: &'a dyn Fn(&str, bool) -> bool) -> Self {
        let mut all = Self { host, own: HashSet::new() };
        loop {
            let known = all.own.len();
            for (function, body) in functions {
                if body.iter().any(|statement| all.is_in(statement)) {
                    all.own.insert((function.name.clone(), function.params.len()));
                }
            }
            if all.own.len() == known {
                return all;
            }
        }
    }

    /// Whether anything in a statement may wait.
    fn is_in(&self, statement: &Stmt) -> bool {
        let mut is_found = false;
        statement.walk(&mut Vec::new(), &mut |nodes: &[ASTNode<'_>]| {
            is_found |= match nodes.last() {
                Some(ASTNode::Expr(Expr::MethodCall(call, _))) => (self.host)(&call.name, true),
                Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => self.calls(call),
                _ => false,
            };
            !is_found
        });
        is_found
    }

    fn calls(&self, call: &FnCallExpr) -> bool {
        self.is_own(call)
            || match call.namespace.is_empty() {
                true => (self.host)(&call.name, false),
                false => (self.host)(&format!("{}::{}", call.namespace, call.name), false),
            }
    }

    fn is_own(&self, call: &FnCallExpr) -> bool {
        call.namespace.is_empty()
            && !call.capture_parent_scope
            && self.own.contains(&(call.name.clone(), call.args.len()))
    }
}

/// The stages of a body, where it is to be cut.
pub(super) fn cut(body: &[Stmt], may_wait: &MayWait<'_>) -> Option<Stages> {
    let mut cutter = Cutter { may_wait, stages: Stages::default(), depth: 0 };
    let is_cut = cutter.cuts_block(body, false);
    is_cut.then(|| {
        cutter.block(body, ValueUse::Given, false);
        cutter.stages
    })
}

/// What stands behind a call in a chain, and how it is linked to that.
type Tail = (Expr, ASTFlags);

struct Cutter<'a> {
    may_wait: &'a MayWait<'a>,
    stages: Stages,
    /// How many blocks there are around what is cut.
    depth: usize,
}

impl Cutter<'_> {
    fn cuts_block(&self, statements: &[Stmt], is_looped: bool) -> bool {
        // What is imported in a block goes with it.
        if statements.iter().any(|statement| matches!(statement, Stmt::Import(..))) {
            return false;
        }
        let mut follows_call = is_looped && self.makes_call(statements);
        statements.iter().any(|statement| match self.called(statement) {
            Some(call) => replace(&mut follows_call, true) || self.is_long(call),
            None => self.cuts(statement),
        })
    }

    /// Whether one of these is such a call: in a loop, the first statement then comes after it.
    fn makes_call(&self, statements: &[Stmt]) -> bool {
        statements.iter().any(|statement| self.called(statement).is_some())
    }

    /// Whether a call is not only an effect, whose answer nobody waits for where it stands.
    fn is_long(&self, call: &FnCallExpr) -> bool {
        LONG_WAITS.contains(&&*call.name) || self.may_wait.is_own(call)
    }

    /// Whether a statement is to be cut that is no call itself.
    fn cuts(&self, statement: &Stmt) -> bool {
        let mut copy = statement.clone();
        if subject(&mut copy).is_some_and(|subject| self.take_call(subject).is_some()) {
            return true;
        }
        match statement {
            Stmt::Block(inner) => self.cuts_block(inner.statements(), false),
            Stmt::If(choice, _) => {
                [&choice.body, &choice.branch].iter().any(|block| self.cuts_block(block.statements(), false))
            }
            Stmt::Switch(choice, _) => {
                choice.1.expressions.iter().any(|case| self.cuts_block(&statements_of(&case.rhs), false))
            }
            Stmt::While(looped, _) => self.cuts_block(looped.body.statements(), true),
            Stmt::For(looped, _) => self.cuts_block(looped.2.body.statements(), true),
            _ => false,
        }
    }

    /// The call that may wait, where a statement is that and nothing else.
    fn called<'s>(&self, statement: &'s Stmt) -> Option<&'s FnCallExpr> {
        let last = match statement {
            Stmt::FnCall(call, _) => return Some(&**call).filter(|call| self.may_wait.calls(call)),
            Stmt::Expr(expression) => last_link(expression),
            _ => return None,
        };
        match last {
            Expr::FnCall(call, _) => Some(&**call).filter(|call| self.may_wait.calls(call)),
            Expr::MethodCall(call, _) => Some(&**call).filter(|call| (self.may_wait.host)(&call.name, true)),
            _ => None,
        }
    }

    /// Takes the call that an expression makes before all else, where that may wait, with its place.
    fn take_call(&self, expression: &mut Expr) -> Option<(Expr, Position)> {
        let first = first(expression, &|part| self.begins_with_call(part));
        if !self.begins_with_call(first) {
            return None;
        }
        let (tail, place) = match &mut *first {
            Expr::Dot(link, ..) => self.cut_chain(&mut link.rhs)?,
            call => (None, call.position()),
        };
        // What is wrong with the value of all of it is told at the place of all of it.
        let whole = first.position();
        let value = match tail {
            Some((tail, flags)) => Expr::Dot(Box::new(BinaryExpr { lhs: hole(place), rhs: tail }), flags, whole),
            None => hole(whole),
        };
        Some((replace(first, value), place))
    }

    /// Whether a call that may wait is what an expression is, or what its chain of links begins with.
    fn begins_with_call(&self, expression: &Expr) -> bool {
        match expression {
            Expr::FnCall(call, _) => self.may_wait.calls(call),
            Expr::Dot(link, flags, _) => {
                matches!(link.lhs, Expr::Variable(..))
                    && !flags.contains(ASTFlags::NEGATED)
                    && self.cut_chain(&mut link.rhs.clone()).is_some()
            }
            _ => false,
        }
    }

    /// Cuts a chain behind its first call, where that may wait: gives what stands behind it, and its place.
    fn cut_chain(&self, chain: &mut Expr) -> Option<(Option<Tail>, Position)> {
        match chain {
            Expr::MethodCall(call, place) if (self.may_wait.host)(&call.name, true) => Some((None, *place)),
            Expr::Dot(link, flags, _) => match &mut link.lhs {
                Expr::MethodCall(call, place) if (self.may_wait.host)(&call.name, true) && is_inert(&link.rhs) => {
                    let (place, unit) = (*place, || Expr::Unit(Position::NONE));
                    let tail = (replace(&mut link.rhs, unit()), *flags);
                    *chain = replace(&mut link.lhs, unit());
                    Some((Some(tail), place))
                }
                Expr::Property(..) if !flags.contains(ASTFlags::NEGATED) => self.cut_chain(&mut link.rhs),
                _ => None,
            },
            _ => None,
        }
    }

    fn add(&mut self, stage: Stage) -> usize {
        self.stages.steps.push(stage);
        self.stages.steps.len() - 1
    }

    fn next(&self) -> usize {
        self.stages.steps.len()
    }

    /// Has a jump lead to the next stage.
    fn land(&mut self, jump: usize) {
        let next = self.next();
        self.stages.steps[jump] = Stage::Jump(next);
    }

    fn block(&mut self, statements: &[Stmt], value: ValueUse, is_looped: bool) {
        if !self.cuts_block(statements, is_looped) {
            if !statements.is_empty() {
                self.add(Stage::Through(code(statements.iter().cloned())));
            }
            return;
        }
        let mut follows_call = is_looped && self.makes_call(statements);
        let mut through = Vec::new();
        for (index, statement) in statements.iter().enumerate() {
            let value = if index + 1 == statements.len() { value } else { ValueUse::Dropped };
            let called = self.called(statement);
            let is_call = called.is_some();
            let is_cut = called.map_or_else(|| self.cuts(statement), |call| self.is_long(call));
            if is_cut || is_call && follows_call {
                self.through(&mut through);
            }
            if follows_call && (is_cut || is_call) {
                self.add(Stage::Settle);
            }
            follows_call = is_call || follows_call && !is_cut;
            match is_cut {
                true => self.statement(statement, value),
                false => through.push(statement.clone()),
            }
        }
        self.through(&mut through);
    }

    fn through(&mut self, statements: &mut Vec<Stmt>) {
        if !statements.is_empty() {
            self.add(Stage::Through(code(take(statements))));
        }
    }

    fn inner_block(&mut self, statements: &[Stmt], value: ValueUse, is_looped: bool) {
        self.add(Stage::Enter);
        self.depth += 1;
        self.block(statements, value, is_looped);
        self.depth -= 1;
        self.add(Stage::Leave);
    }

    /// A statement that is cut.
    fn statement(&mut self, statement: &Stmt, value: ValueUse) {
        let mut statement = match statement {
            Stmt::FnCall(call, place) => Stmt::Expr(Box::new(Expr::FnCall(call.clone(), *place))),
            other => other.clone(),
        };
        let again = self.next();
        let call = subject(&mut statement).and_then(|subject| self.take_call(subject));
        let is_filled = call.is_some();
        if let Some((call, place)) = call {
            let is_all = matches!(&statement, Stmt::Expr(value) if matches!(**value, Expr::DynamicConstant(..)));
            let value = if is_all { value } else { ValueUse::Kept };
            self.add(match call {
                Expr::FnCall(call, _) if self.may_wait.is_own(&call) => {
                    Stage::CallOwn { function: call.name, arguments: call.args.into_vec(), place, value }
                }
                call => Stage::Call(call, place),
            });
        }
        match statement {
            Stmt::If(mut choice, place) => {
                let mut blocks = Vec::new();
                number(&mut choice, &mut blocks);
                self.choice(Stmt::If(choice, place), is_filled, &blocks, value);
            }
            Stmt::Switch(mut choice, place) => {
                let mut blocks = Vec::new();
                for case in &mut choice.1.expressions {
                    let constant = numbered(blocks.len());
                    blocks.push(statements_of(&replace(&mut case.rhs, constant)));
                }
                self.choice(Stmt::Switch(choice, place), is_filled, &blocks, value);
            }
            Stmt::Block(inner) => self.inner_block(inner.statements(), value, false),
            Stmt::While(looped, place) => self.looped(*looped, place, again, is_filled),
            Stmt::For(looped, place) => self.each(*looped, place, is_filled),
            Stmt::Expr(value) if matches!(*value, Expr::DynamicConstant(..)) => drop(self.add(Stage::Value)),
            Stmt::Var(variable, flags, _)
                if matches!(variable.1, Expr::DynamicConstant(..)) && variable.2.is_none() =>
            {
                let is_constant = flags.contains(ASTFlags::CONSTANT);
                self.add(Stage::Bind { name: variable.0.name, is_constant });
            }
            other => drop(self.add(Stage::Filled(other))),
        }
    }

    fn choice(&mut self, which: Stmt, is_filled: bool, blocks: &[Vec<Stmt>], value: ValueUse) {
        let choose = self.add(Stage::Choose(Choice::of(which, is_filled), Vec::new()));
        let mut jumps = vec![self.add(Stage::Jump(0))];
        let mut firsts = Vec::new();
        for block in blocks {
            firsts.push(self.next());
            self.inner_block(block, value, false);
            jumps.push(self.add(Stage::Jump(0)));
        }
        if let Stage::Choose(_, stages) = &mut self.stages.steps[choose] {
            *stages = firsts;
        }
        jumps.into_iter().for_each(|jump| self.land(jump));
    }

    /// A loop over items.
    fn each(&mut self, looped: (Ident, Option<Ident>, FlowControl), place: Position, is_filled: bool) {
        let (variable, counter) = (looped.0.name.clone(), looped.1.as_ref().map(|counter| counter.name.clone()));
        let body = looped.2.body.clone();
        let mut whole = Stmt::For(Box::new(looped), place);
        if !is_filled && let Some(items) = subject(&mut whole) {
            let items = replace(items, hole(items.start_position()));
            self.add(Stage::Evaluate(items));
        }
        self.add(Stage::Enter);
        self.depth += 1;
        let each = self.add(Stage::Jump(0));
        let again = self.add(Stage::Jump(0));
        let first = self.next();
        self.inner_block(body.statements(), ValueUse::Dropped, true);
        self.add(Stage::Jump(again));
        let exit = self.add(Stage::Exit);
        let end = self.next();
        self.stages.loops.push(Loop { again, first, end: exit, depth: self.depth });
        self.stages.steps[each] = Stage::Each { variable: variable.clone(), counter: counter.clone(), whole, end };
        self.stages.steps[again] = Stage::Next { variable, counter, exit };
        self.depth -= 1;
        self.add(Stage::Leave);
    }

    /// A loop, whose condition begins `again`.
    fn looped(&mut self, looped: FlowControl, place: Position, again: usize, is_filled: bool) {
        let exit = match &looped.expr {
            Expr::Unit(_) | Expr::BoolConstant(true, _) => None,
            _ => {
                let (one, none) = (code_block([Stmt::Expr(Box::new(numbered(0)))]), code_block([]));
                let which =
                    Stmt::If(Box::new(FlowControl { expr: looped.expr.clone(), body: one, branch: none }), place);
                let exit = self.next() + 1;
                let stages = vec![exit + 1];
                self.add(Stage::Choose(Choice::of(which, is_filled), stages));
                Some(self.add(Stage::Jump(0)))
            }
        };
        let first = self.next();
        self.inner_block(looped.body.statements(), ValueUse::Dropped, true);
        self.add(Stage::Jump(again));
        let end = self.next();
        self.stages.loops.push(Loop { again, first, end, depth: self.depth });
        exit.into_iter().for_each(|jump| self.land(jump));
    }
}

/// The last link of a chain, or else the expression itself.
fn last_link(expression: &Expr) -> &Expr {
    match expression {
        Expr::Dot(link, ..) => last_link(&link.rhs),
        other => other,
    }
}

/// Puts numbers in the place of the blocks of a choice.
fn number(choice: &mut FlowControl, blocks: &mut Vec<Vec<Stmt>>) {
    let constant = Stmt::Expr(Box::new(numbered(blocks.len())));
    blocks.push(replace(&mut choice.body, code_block([constant])).statements().to_vec());
    match choice.branch.statements_mut().as_mut_slice() {
        [] => {}
        [Stmt::If(inner, _)] => number(inner, blocks),
        _ => {
            let constant = Stmt::Expr(Box::new(numbered(blocks.len())));
            blocks.push(replace(&mut choice.branch, code_block([constant])).statements().to_vec());
        }
    }
}

fn numbered(number: usize) -> Expr {
    Expr::IntegerConstant(i64::try_from(number).unwrap_or(i64::MAX), Position::NONE)
}

fn statements_of(case: &Expr) -> Vec<Stmt> {
    match case {
        Expr::Stmt(block) => block.statements().to_vec(),
        other => vec![Stmt::Expr(Box::new(other.clone()))],
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};
    use rhai::{Caches, Dynamic, Engine, EvalAltResult, EvalContext, NativeCallContext, Scope};

    use super::super::coverage::{self, Coverage, body_of};
    use super::super::stages::{Halt, Reached, Waiter, evaluate};
    use super::super::thrown::{ScriptError, ScriptResult};
    use super::*;
    use crate::language::source::Source;

    /// A run of a body, with the calls that it has made.
    #[derive(Default)]
    struct Probe {
        calls: RefCell<Vec<i64>>,
        expected: Cell<Option<Position>>,
        /// The value of the call that is to be waited for.
        waiting: RefCell<Option<Dynamic>>,
        waits: Cell<usize>,
    }

    impl Waiter for Probe {
        fn expect(&self, place: Option<Position>) {
            self.expected.set(place);
        }

        fn is_waiting(&self) -> bool {
            self.waiting.borrow().is_some()
        }

        fn is_ahead(&self) -> bool {
            false
        }

        fn enter(&self, _: ImmutableString, _: Position, _: ValueUse) {}

        fn leave(&self) {}

        fn failed(&self, error: ScriptError) -> ScriptError {
            error
        }
    }

    /// What comes of a body, the calls that it makes, and how often it waits without a stack; each with `ask(n)`, which gives n, and throws
    /// where n is negative.
    fn run(body: &str, is_cut: bool) -> (Result<String, String>, Vec<i64>, usize) {
        run_counted(body, is_cut, false)
    }

    /// The same, with code before the statements that counts their lines.
    fn run_counted(body: &str, is_cut: bool, is_counted: bool) -> (Result<String, String>, Vec<i64>, usize) {
        let probe = Rc::new(Probe::default());
        let mut engine = Engine::new();
        engine.set_optimization_level(rhai::OptimizationLevel::Simple);
        engine.set_max_expr_depths(64, 64);
        let answer = |probe: &Probe, place: Position, n: i64| -> ScriptResult {
            probe.calls.borrow_mut().push(n);
            if n < 0 {
                return Err(format!("{n}").into());
            }
            match probe.expected.get() == Some(place) {
                true => drop(probe.waiting.replace(Some(n.into()))),
                false => return Ok(n.into()),
            }
            Ok(Dynamic::UNIT)
        };
        let own = Rc::clone(&probe);
        engine.register_fn("ask", move |context: NativeCallContext, n: i64| answer(&own, context.call_position(), n));
        let own = Rc::clone(&probe);
        engine.register_fn("ask_for", move |context: NativeCallContext, _: rhai::Map, n: i64| {
            answer(&own, context.call_position(), n)
        });
        // A line for each statement, as far as that can be had.
        let text = format!("fn hook(m) {{\n{} }}", body.replace("; ", ";\n").replace("{ ", "{\n"));
        let ast = engine.compile(&text).expect("it is a script");
        let source = Source { file: "hook.rhai".to_owned(), path: None, text: text.into() };
        let coverage = Coverage::of([&source]);
        coverage::register(&mut engine);
        let ast = if is_counted { coverage.instrument(&source, ast) } else { ast };
        let hook = ast.iter_fn_def().find(|function| function.name == "hook").expect("there is a hook");
        let statements = body_of(hook).statements().to_vec();
        let mut scope = Scope::new();
        scope.push_dynamic("m", rhai::Map::new().into());
        let mut global = engine.new_global_runtime_state();
        global.lib.push(ast.shared_lib().clone());
        let mut caches = Caches::new();
        let may_wait = |name: &str, is_method| name == if is_method { "ask_for" } else { "ask" };
        let Some(stages) = cut(&statements, &MayWait::of(&[], &may_wait)).filter(|_| is_cut) else {
            let mut context = EvalContext::new(&engine, &mut global, &mut caches, &mut scope, None);
            let result = evaluate(&mut context, &code(statements), true);
            return (told(result), probe.calls.take(), probe.waits.get());
        };
        let mut reached = Reached::default();
        let result = loop {
            global.scope_level = 1;
            let mut context = EvalContext::new(&engine, &mut global, &mut caches, &mut scope, None);
            match stages.run(&mut context, &mut reached, &*probe) {
                Ok(Halt::Ended(value) | Halt::Exits(value)) => break Ok(value),
                Ok(Halt::Calls(_)) => unreachable!("there is no other function"),
                Ok(Halt::Waits) => {
                    probe.waits.set(probe.waits.get() + 1);
                    reached.take(probe.waiting.take().unwrap_or_default());
                }
                Err(error) => break Err(error),
            }
        };
        (told(result), probe.calls.take(), probe.waits.get())
    }

    fn told(result: ScriptResult) -> Result<String, String> {
        match result.map_err(|error| *error) {
            Ok(value) | Err(EvalAltResult::Return(value, _)) => Ok(format!("{value:?}")),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_body_that_waits_without_a_stack_does_what_it_does_with_one() {
        for (body, waits) in [
            ("let a = ask(1); let b = ask(2); a * 10 + b", 2),
            ("let a = 5; let b = ask(1); let a = a + b; a", 1),
            ("const a = ask(1); let f = || a + 1; f.call()", 1),
            ("let n = 0; n = ask(4); n += ask(3); n", 2),
            ("m.n = ask(4); m.n", 1),
            ("let a = [1, 2]; a[1] = ask(7); a", 1),
            ("ask(1); ask(2)", 2),
            ("ask(1);", 1),
            ("return ask(1);", 1),
            ("throw ask(1);", 1),
            ("let a = m.ask_for(1); a", 1),
            ("let a = m.ask_for(1).to_string().len(); a", 1),
            ("let a = ask(1).to_string(); `${a}!`", 1),
            ("`a ${ask(1)} b ${ask(2)}`", 1),
            ("if ask(1) == 1 { \"yes\" } else { \"no\" }", 1),
            ("if !(ask(1) == 1) { \"yes\" } else { \"no\" }", 1),
            ("if ask(1) == 2 { 1 } else if ask(2) == 2 { let x = ask(3); x } else { 4 }", 2),
            ("let x = 1; if x == 2 { ask(1); } else if x == 1 { let y = ask(2); x = y + 1; } x", 1),
            ("if ask(1) == 1 && ask(2) == 2 { ask(3) }", 2),
            ("let x = 1; { let y = ask(2); x += y; } x", 1),
            ("let x = 1; { let x = ask(2); } x", 1),
            ("switch ask(2) { 1 => \"one\", 2 => { let y = ask(3); y } _ => 0 }", 2),
            ("switch 2 { 1 => 1, 2 if ask(1) == 1 => { let y = ask(3); y } _ => 0 }", 1),
            ("switch 9 { 1 => { ask(1); 1 } _ => ask(5) }", 1),
            ("switch 9 { 1 => { ask(1); } }", 0),
            ("let n = 0; while n < 3 { let x = ask(n); n += 1; } n", 3),
            ("let n = 0; while ask(n) < 3 { n += 1; } n", 4),
            ("let n = 0; while 3 > n { n += ask(1); if n == 2 { break; } } n", 2),
            ("let n = 0; loop { let x = ask(n); n += 1; if x == 1 { continue; } if x > 2 { break x * 2; } }", 4),
            (
                "let n = 0; let r = 0; loop { n += 1; let i = 0; while i < 2 { i += 1; r += ask(i); if n == 2 { break; } } if n == 3 { break; } } r",
                5,
            ),
            ("let n = 0; while n < 2 { n += 1; if ask(n) == 1 { let z = ask(9); continue; } return ask(7); }", 4),
            ("let n = 3; let f = |x| x + n; let a = ask(1); n = 10; f.call(a)", 1),
            ("for x in [1, 2] { let y = ask(x); } 5", 2),
            ("let r = 0; for (x, n) in [4, 5] { r += ask(x) * n; let x = 3; } r", 2),
            (
                "let r = 0; for x in 0..3 { for y in 1..=x { if y == 2 { break; } r += ask(y); } if x == 1 { continue; } r += 10; } r",
                2,
            ),
            ("for x in [1, 2, 3] { if ask(x) == 2 { break \"two\"; } }", 2),
            ("let x = 9; for x in [1] { ask(x); let x = ask(7); } x", 2),
            ("let f = []; for x in 0..3 { ask(x); f.push(|| x); let y = ask(x); } f[0].call() + f[2].call()", 6),
            ("for x in ask(3) { }", 1),
            ("for x in [ask(3)] { let y = ask(x); }", 1),
            ("for c in \"ab\".chars() { let y = ask(1); }", 0),
            ("let n = 5; for x in n { let y = ask(1); }", 0),
            ("for x in [1, 2] { return ask(x); }", 1),
            ("const A = [1, 2, 3]; let r = 0; for x in A { if x == 2 { continue; } r += ask(x); } r", 2),
            ("const A = [[1, 2], [3]]; let r = 0; for (row, n) in A { for x in row { r += ask(x) * n; x = 9; } } r", 3),
            ("let a = [1, 2]; for x in a { a.push(ask(x)); } a", 2),
            ("let a = []; a.push(m.ask_for(1)); a.insert(0, ask(2)); a", 2),
            ("let a = m.ask_for(1).max(ask(2)); a", 0),
            ("let a = ask(1).max(ask(2)); a", 0),
            ("let a = [1, 2][ask(1)]; a", 0),
            ("let a = [ask(1), 2][0]; a", 1),
            ("let a = [[ask(1), 2]][0][1]; a", 1),
            ("let a = m.ask_for(1).max(2).min(7); a", 1),
            ("let a = max(1, ask(2)); let b = max(ask(1), ask(3)); a + b", 2),
            ("let a = m.ask_for(ask(1)); a", 1),
            ("let f = |x| x + 1; let a = f.call(ask(1)); a", 0),
            ("if m.ask_for(1) { 1 }", 1),
            ("while m.ask_for(1) { 1 }", 1),
            ("do { let y = ask(1); } while false; 5", 0),
            ("try { let y = ask(-1); } catch (e) { let z = ask(2); }", 0),
            ("let y = ask(1); try { ask(-1); } catch (e) { y += 1; } y", 1),
            ("let f = || ask(1); let y = f.call(); y", 0),
            ("let y = ask(-1); ask(2);", 0),
            ("let y = ask(1); y.nothing()", 1),
            ("if ask(1) { 1 }", 1),
            ("let a = 1 + ask(2); a", 1),
            ("let a = m.len() + ask(2); a", 0),
            ("let a = ask(ask(1)); a", 1),
            ("let n = if true { let q = ask(1); q } else { 0 }; n", 0),
            ("let a = ask(1) ?? ask(2); a", 1),
            ("let x = 1; if x == 1 { } else { ask(1); }", 0),
        ] {
            let (straight, cut) = (run(body, false), run(body, true));
            assert_eq!((&straight.0, &straight.1), (&cut.0, &cut.1), "{body}");
            assert_eq!(cut.2, waits, "{body}");
        }
    }

    /// Writes bodies at random.
    struct Author {
        random: StdRng,
        text: String,
        /// How many loops there are around what is written, and variables so far.
        loops: usize,
        names: usize,
    }

    impl Author {
        fn value(&mut self, depth: usize) -> String {
            let number = self.random.random_range(0..4_i64);
            match self.random.random_range(0..if depth == 0 { 4 } else { 10 }) {
                0 => number.to_string(),
                1 => format!("x{number}"),
                2 => format!("ask({number})"),
                3 => format!("ask(x{number})"),
                4 => format!("m.ask_for({})", self.value(depth - 1)),
                5 => format!("({} + {})", self.value(depth - 1), self.value(depth - 1)),
                6 => format!("({} * {})", self.value(depth - 1), self.value(depth - 1)),
                7 => format!("`${{{}}}${{{}}}`.len()", self.value(depth - 1), self.value(depth - 1)),
                8 if self.random.random_bool(0.3) => format!("m.ask_for({number}).max({})", self.value(depth - 1)),
                8 => format!("m.ask_for({number}).to_string().len()"),
                _ => format!("[{}, 7][{} % 2]", self.value(depth - 1), self.value(depth - 1)),
            }
        }

        fn condition(&mut self) -> String {
            let (left, right) = (self.value(1), self.value(1));
            match self.random.random_range(0..4) {
                0 => format!("{left} < {right}"),
                1 => format!("{left} == {right} || {left} > 2"),
                2 => format!("!({left} > {right})"),
                _ => format!("{left} % 2 == 0 && {right} < 3"),
            }
        }

        fn block(&mut self, depth: usize) {
            self.text.push_str("{ ");
            for _ in 0..self.random.random_range(0..4) {
                self.statement(depth);
            }
            self.text.push_str("} ");
        }

        fn statement(&mut self, depth: usize) {
            let (value, other, number) = (self.value(2), self.value(1), self.random.random_range(0..4_i64));
            let (condition, another) = (self.condition(), self.condition());
            self.names += 1;
            let name = self.names;
            match self.random.random_range(0..if depth == 0 { 9 } else { 18 }) {
                0 | 1 => self.text.push_str(&format!("let x{number} = {value}; ")),
                2 => self.text.push_str(&format!("x{number} = {value}; ")),
                3 => self.text.push_str(&format!("x{number} += {value}; ")),
                4 => self.text.push_str(&format!("ask({value}); ")),
                5 => self.text.push_str(&format!("const c{name} = {value}; x{number} += c{name}; ")),
                6 => {
                    self.text.push_str(&format!("let f{name} = |y| y + x{number}; x{number} = f{name}.call({value}); "))
                }
                7 if self.loops > 0 => {
                    let word = ["break", "continue"][self.random.random_range(0..2)];
                    self.text.push_str(&format!("if {condition} {{ {word}; }} "));
                }
                8 if self.random.random_range(0..4) == 0 => self.text.push_str(&format!("return {value}; ")),
                7 | 8 => self.text.push_str(&format!("m.n = {value}; x{number} = m.n; ")),
                9 | 10 => {
                    self.text.push_str(&format!("if {condition} "));
                    self.block(depth - 1);
                    if self.random.random_bool(0.5) {
                        self.text.push_str(&format!("else if {another} "));
                        self.block(depth - 1);
                    }
                    if self.random.random_bool(0.5) {
                        self.text.push_str("else ");
                        self.block(depth - 1);
                    }
                }
                11 => {
                    self.text.push_str(&format!("switch {value} % 3 {{ 0 => "));
                    self.block(depth - 1);
                    self.text.push_str(&format!(", 1 if {condition} => "));
                    self.block(depth - 1);
                    self.text.push_str(&format!(", _ => {other} }} "));
                }
                12 | 13 => {
                    self.loops += 1;
                    self.text.push_str(&format!("let i{name} = 0; while i{name} < {} {{ i{name} += 1; ", number - 1));
                    self.block(depth - 1);
                    self.statement(depth - 1);
                    self.text.push_str("} ");
                    self.loops -= 1;
                }
                14 => {
                    self.loops += 1;
                    self.text.push_str(&format!(
                        "let i{name} = 0; loop {{ i{name} += 1; if i{name} > {number} {{ break; }} "
                    ));
                    self.statement(depth - 1);
                    self.statement(depth - 1);
                    self.text.push_str("} ");
                    self.loops -= 1;
                }
                15 => {
                    self.text.push_str("try ");
                    self.block(depth - 1);
                    self.text.push_str(&format!("catch (e) {{ x{number} += 1; }} "));
                }
                16 => {
                    let constant = format!("C{name}");
                    self.text.push_str(&format!("const {constant} = [{number}, {other}, 2]; "));
                    let items =
                        [format!("0..{number}"), format!("[{value}, {other}]"), "\"ab\".chars()".to_owned(), constant];
                    let items = &items[self.random.random_range(0..4)];
                    self.loops += 1;
                    self.text.push_str(&format!(
                        "for (z, n) in {items} {{ x{number} += n; ask(n); x{number} += z.to_string().len(); "
                    ));
                    self.block(depth - 1);
                    self.statement(depth - 1);
                    self.text.push_str("} ");
                    self.loops -= 1;
                }
                _ => self.block(depth - 1),
            }
        }
    }

    #[test]
    fn bodies_at_random_do_the_same_without_a_stack_as_with_one() {
        let mut waits = 0;
        for seed in 0..2_000 {
            let mut author = Author { random: StdRng::seed_from_u64(seed), text: String::new(), loops: 0, names: 0 };
            author.text.push_str("let x0 = 0; let x1 = 1; let x2 = 2; let x3 = 3; m.n = 0; ");
            for _ in 0..4 {
                author.statement(3);
            }
            let body = author.text + "[x0, x1, x2, x3, m.n]";
            let (straight, cut) = (run(&body, false), run(&body, true));
            assert_eq!((&straight.0, &straight.1), (&cut.0, &cut.1), "{body}");
            waits += cut.2;
            if seed % 8 > 0 {
                continue;
            }
            let (counted, counted_cut) = (run_counted(&body, false, true), run_counted(&body, true, true));
            assert_eq!((&straight.0, &straight.1), (&counted.0, &counted.1), "counted: {body}");
            assert_eq!(cut, counted_cut, "counted: {body}");
        }
        assert!(waits > 2_000, "{waits}");
    }
}
