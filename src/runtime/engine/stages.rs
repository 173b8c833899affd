//! A function's body in stages: what it does between the calls that it may wait for, so that a run which waits there needs no stack.
//!
//! All that is kept between two stages are the variables and the number of the next one. Which bodies have stages, and where these
//! begin and end, is decided in [`cut`](super::cut).

use std::iter::Enumerate;
use std::mem::take;
use std::ops::{Range, RangeInclusive};

use rhai::{
    Array, Dynamic, EvalAltResult, EvalContext, Expr, Expression, ImmutableString, Position, Scope, Stmt, StmtBlock,
};

use super::thrown::{ScriptError, ScriptResult};
use super::unused::ValueUse;

/// What makes the calls that a body may wait for.
pub(crate) trait Waiter {
    /// From here on the call at this place need not be waited for: its value is taken up later; with none, no call.
    fn expect(&self, place: Option<Position>);

    /// Whether the expected call is to be waited for.
    fn is_waiting(&self) -> bool;

    /// Whether the run has gone on without an answer, which is still to come.
    fn is_ahead(&self) -> bool;

    /// A function of the script is called here, and this is what becomes of what it gives.
    fn enter(&self, function: ImmutableString, place: Position, value: ValueUse);

    /// The function that was called last is at its end.
    fn leave(&self);

    /// An error that came out of the functions that are under way, as Rhai gives it.
    fn failed(&self, error: ScriptError) -> ScriptError;
}

/// A call of a function of the same script.
pub(crate) struct OwnCall {
    pub(crate) function: ImmutableString,
    pub(crate) arguments: Vec<Dynamic>,
    pub(crate) place: Position,
    /// What becomes of what it gives.
    pub(crate) value: ValueUse,
}

/// How far a body has come.
pub(crate) enum Halt {
    /// To its end.
    Ended(Dynamic),
    /// To the end of all that is under way, since it exits.
    Exits(Dynamic),
    /// It waits.
    Waits,
    /// It calls another one, whose value it goes on with.
    Calls(OwnCall),
}

/// The stages of a body.
#[derive(Default)]
pub(super) struct Stages {
    pub(super) steps: Vec<Stage>,
    pub(super) loops: Vec<Loop>,
}

pub(super) enum Stage {
    /// Code that runs through.
    Through(Expr),
    /// Waits for what the run has gone on without.
    Settle,
    /// A call, whose value the next stage takes up.
    Call(Expr, Position),
    /// The same of a function of the script.
    CallOwn { function: ImmutableString, arguments: Vec<Expr>, place: Position, value: ValueUse },
    /// The value is that of the block.
    Value,
    /// A variable gets the value.
    Bind { name: ImmutableString, is_constant: bool },
    /// A statement with the value in its place.
    Filled(Stmt),
    /// Goes on with the stage that code which gives numbers tells, or else with the next one.
    Choose(Choice, Vec<usize>),
    /// A value is evaluated, which the next stage takes up.
    Evaluate(Expr),
    /// Each item of the value is gone through, where it is an array or a range; of other values the whole statement is run, and what
    /// comes then is at the given stage.
    Each { variable: ImmutableString, counter: Option<ImmutableString>, whole: Stmt, end: usize },
    /// The variables get the next item; where there is none, it goes on at the given stage.
    Next { variable: ImmutableString, counter: Option<ImmutableString>, exit: usize },
    /// No further item is gone through.
    Exit,
    /// Goes on elsewhere.
    Jump(usize),
    /// A block begins.
    Enter,
    /// A block ends, and its variables go.
    Leave,
}

pub(super) enum Choice {
    Through(Expr),
    /// With the value in its place.
    Filled(Stmt),
}

impl Choice {
    pub(super) fn of(which: Stmt, is_filled: bool) -> Self {
        if is_filled { Self::Filled(which) } else { Self::Through(code([which])) }
    }
}

/// The stages of a loop.
pub(super) struct Loop {
    /// Where it begins anew.
    pub(super) again: usize,
    /// The first one of its body.
    pub(super) first: usize,
    /// The stage behind its last one.
    pub(super) end: usize,
    /// How many blocks are around it.
    pub(super) depth: usize,
}

/// Where a body goes on.
#[derive(Default)]
pub(crate) struct Reached {
    stage: usize,
    /// How many variables there were where the blocks began that it is in.
    blocks: Vec<usize>,
    /// What is gone through, the innermost last.
    items: Vec<Items>,
    /// The value of the last statement.
    last: Dynamic,
    /// The value of the last call.
    value: Dynamic,
}

/// What is still to come of an array or a range, numbered.
type Items = Enumerate<Box<dyn Iterator<Item = Dynamic>>>;

/// The items of an array or a range.
fn items_of(value: Dynamic) -> Result<Items, Dynamic> {
    let items: Box<dyn Iterator<Item = Dynamic>> = if value.is::<Array>() {
        Box::new(value.cast::<Array>().into_iter().map(|item| writable(item.flatten())))
    } else if value.is::<Range<i64>>() {
        Box::new(value.cast::<Range<i64>>().map(Dynamic::from))
    } else if value.is::<RangeInclusive<i64>>() {
        Box::new(value.cast::<RangeInclusive<i64>>().map(Dynamic::from))
    } else {
        return Err(value);
    };
    Ok(items.enumerate())
}

impl Reached {
    /// Goes on with the value of the call that was waited for.
    pub(crate) fn take(&mut self, value: Dynamic) {
        self.value = writable(value);
    }
}

impl Stages {
    /// Runs a body on from where it has come to: to its end, or until it is to wait or calls another.
    ///
    /// # Errors
    /// Whatever it throws.
    pub(super) fn run(
        &self,
        context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
        reached: &mut Reached,
        waiter: &dyn Waiter,
    ) -> Result<Halt, ScriptError> {
        while let Some(stage) = self.steps.get(reached.stage) {
            reached.stage += 1;
            match self.step(stage, context, reached, waiter) {
                Ok(None) => {}
                Ok(Some(halt)) => return Ok(halt),
                Err(error) => match (*error, self.loop_around(reached.stage - 1)) {
                    (EvalAltResult::LoopBreak(ends, value, _), Some(around)) => {
                        if let Some(variables) = reached.blocks.drain(around.depth..).next() {
                            context.scope_mut().rewind(variables);
                        }
                        reached.stage = if ends { around.end } else { around.again };
                        reached.last = value;
                    }
                    (error, _) => return Err(error.into()),
                },
            }
        }
        Ok(Halt::Ended(take(&mut reached.last)))
    }

    /// Does what one stage does.
    fn step(
        &self,
        stage: &Stage,
        context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
        reached: &mut Reached,
        waiter: &dyn Waiter,
    ) -> Result<Option<Halt>, ScriptError> {
        match stage {
            Stage::Through(code) => reached.last = evaluate(context, code, false)?,
            Stage::Settle => return Ok(waiter.is_ahead().then_some(Halt::Waits)),
            Stage::Call(call, place) => {
                waiter.expect(Some(*place));
                let value = evaluate(context, call, false);
                waiter.expect(None);
                reached.value = value?;
                return Ok(waiter.is_waiting().then_some(Halt::Waits));
            }
            Stage::CallOwn { function, arguments, place, value } => {
                let arguments = evaluate_arguments(context, arguments)?;
                let (function, place, value) = (function.clone(), *place, *value);
                return Ok(Some(Halt::Calls(OwnCall { function, arguments, place, value })));
            }
            Stage::Value => reached.last = take(&mut reached.value),
            Stage::Bind { name, is_constant } => {
                let value = take(&mut reached.value).flatten();
                match is_constant {
                    true => context.scope_mut().push_constant_dynamic(name.clone(), value),
                    false => context.scope_mut().push_dynamic(name.clone(), value),
                };
                reached.last = Dynamic::UNIT;
            }
            Stage::Filled(statement) => reached.last = run_filled(context, statement, reached)?,
            Stage::Choose(choice, stages) => {
                let chosen = match choice {
                    Choice::Through(code) => evaluate(context, code, false)?,
                    Choice::Filled(statement) => run_filled(context, statement, reached)?,
                };
                reached.last = Dynamic::UNIT;
                let chosen = chosen.as_int().ok().and_then(|number| usize::try_from(number).ok());
                if let Some(stage) = chosen.and_then(|number| stages.get(number)) {
                    reached.stage = *stage;
                }
            }
            Stage::Evaluate(code) => reached.value = evaluate(context, code, true)?,
            Stage::Each { variable, counter, whole, end } => match items_of(take(&mut reached.value).flatten()) {
                Ok(items) => {
                    reached.items.push(items);
                    for name in counter.iter().chain([variable]) {
                        context.scope_mut().push_dynamic(name.clone(), Dynamic::UNIT);
                    }
                }
                Err(other) => {
                    reached.value = other;
                    reached.last = run_filled(context, whole, reached)?;
                    reached.stage = *end;
                }
            },
            Stage::Next { variable, counter, exit } => match reached.items.last_mut().and_then(Iterator::next) {
                Some((number, item)) => {
                    if let Some(counter) = counter {
                        set(context.scope_mut(), counter, i64::try_from(number).unwrap_or(i64::MAX).into());
                    }
                    set(context.scope_mut(), variable, item);
                }
                None => {
                    reached.last = Dynamic::UNIT;
                    reached.stage = *exit;
                }
            },
            Stage::Exit => drop(reached.items.pop()),
            Stage::Jump(stage) => reached.stage = *stage,
            Stage::Enter => reached.blocks.push(context.scope().len()),
            Stage::Leave => {
                if let Some(variables) = reached.blocks.pop() {
                    context.scope_mut().rewind(variables);
                }
            }
        }
        Ok(None)
    }

    fn loop_around(&self, stage: usize) -> Option<&Loop> {
        self.loops.iter().filter(|around| (around.first..around.end).contains(&stage)).max_by_key(|around| around.first)
    }
}

/// What a function of the script is called with.
fn evaluate_arguments(
    context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    arguments: &[Expr],
) -> Result<Vec<Dynamic>, ScriptError> {
    let mut evaluate = |argument| evaluate(context, argument, true).map(|value| writable(value.flatten()));
    match arguments {
        // Rhai looks a variable that comes first up last.
        [first @ Expr::Variable(..), others @ ..] => {
            let mut values = vec![Dynamic::UNIT];
            for other in others {
                values.push(evaluate(other)?);
            }
            values[0] = evaluate(first)?;
            Ok(values)
        }
        _ => arguments.iter().map(evaluate).collect(),
    }
}

/// A value that may be changed, also where it is that of a constant.
fn writable(value: Dynamic) -> Dynamic {
    if value.is_read_only() { value.clone() } else { value }
}

/// Gives a variable a value, also where a closure has it too.
fn set(scope: &mut Scope<'_>, name: &str, value: Dynamic) {
    if let Some(mut place) = scope.get_mut(name).and_then(|place| place.write_lock::<Dynamic>()) {
        *place = value;
    }
}

/// Runs a statement with the value of the last call in its place.
fn run_filled(
    context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    statement: &Stmt,
    reached: &mut Reached,
) -> ScriptResult {
    let mut statement = statement.clone();
    if let Some(first) = subject(&mut statement).map(|subject| first(subject, &|_| false)) {
        let place = first.position();
        *first = Expr::DynamicConstant(Box::new(take(&mut reached.value)), place);
    }
    evaluate(context, &code([statement]), false)
}

/// Evaluates code. The variables that a block declares go with it where it `drops_variables`, and stay otherwise.
pub(super) fn evaluate(
    context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    code: &Expr,
    drops_variables: bool,
) -> ScriptResult {
    #[expect(deprecated, reason = "marked so only for being volatile; the crate's version is pinned by the lock file")]
    context.eval_expression_tree_raw(&Expression::from(code), drops_variables)
}

pub(super) fn code(statements: impl IntoIterator<Item = Stmt>) -> Expr {
    Expr::Stmt(Box::new(code_block(statements)))
}

pub(super) fn code_block(statements: impl IntoIterator<Item = Stmt>) -> StmtBlock {
    StmtBlock::new(statements, Position::NONE, Position::NONE)
}

/// The expression that a statement evaluates before all else.
pub(super) fn subject(statement: &mut Stmt) -> Option<&mut Expr> {
    match statement {
        Stmt::Var(variable, ..) => Some(&mut variable.1),
        // What is assigned to is looked at last.
        Stmt::Assignment(assigned) => Some(&mut assigned.1.rhs),
        Stmt::Return(Some(value), ..) | Stmt::Expr(value) => Some(value),
        Stmt::If(choice, _) | Stmt::While(choice, _) => Some(&mut choice.expr),
        Stmt::Switch(choice, _) => Some(&mut choice.0),
        Stmt::For(looped, _) => Some(&mut looped.2.expr),
        _ => None,
    }
}

/// Rhai's own functions that do not evaluate what they are called with as others do.
const SPECIAL: &[&str] = &["Fn", "call", "curry", "eval", "is_def_fn", "is_def_var", "is_shared"];

/// The part of an expression that is evaluated before all else that could do something; no deeper than where it `is_it`.
pub(super) fn first<'a>(expression: &'a mut Expr, is_it: &dyn Fn(&Expr) -> bool) -> &'a mut Expr {
    if is_it(expression) {
        return expression;
    }
    let is_open = |part: &Expr| !is_constant(part);
    let inner = match expression {
        Expr::FnCall(call, _) if SPECIAL.contains(&&*call.name) || call.capture_parent_scope => None,
        Expr::FnCall(call, _) => call.args.iter().position(is_open),
        Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => parts.iter().position(is_open),
        Expr::And(..) | Expr::Or(..) | Expr::Coalesce(..) => Some(0),
        Expr::Dot(link, ..) | Expr::Index(link, ..) => match (&link.lhs, &link.rhs) {
            // The arguments are evaluated before what the method is called on is looked up.
            (Expr::Variable(..), Expr::MethodCall(call, _)) if !SPECIAL.contains(&&*call.name) => {
                call.args.iter().position(is_open)
            }
            (Expr::Variable(..), _) => None,
            (_, rest) => is_inert(rest).then_some(0),
        },
        _ => None,
    };
    let Some(index) = inner else { return expression };
    let inner = match expression {
        Expr::FnCall(call, _) => &mut call.args[index],
        Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => &mut parts[index],
        Expr::And(operands, _) | Expr::Or(operands, _) | Expr::Coalesce(operands, _) => &mut operands[index],
        Expr::Dot(link, ..) | Expr::Index(link, ..) => match &mut link.rhs {
            Expr::MethodCall(call, _) if matches!(link.lhs, Expr::Variable(..)) => &mut call.args[index],
            _ => &mut link.lhs,
        },
        _ => unreachable!("only these have an inner part"),
    };
    first(inner, is_it)
}

/// Whether the arguments and indexes of a chain do nothing: they are evaluated before all of it.
pub(super) fn is_inert(chain: &Expr) -> bool {
    let is_plain = |argument: &Expr| argument.is_constant() || matches!(argument, Expr::Variable(..));
    match chain {
        Expr::Property(..) => true,
        Expr::MethodCall(call, _) => call.args.iter().all(is_plain),
        Expr::Dot(link, ..) | Expr::Index(link, ..) => is_inert(&link.lhs) && is_inert(&link.rhs),
        index => is_plain(index),
    }
}

/// Whether this gives the same at any time.
fn is_constant(expression: &Expr) -> bool {
    matches!(
        expression,
        Expr::BoolConstant(..)
            | Expr::IntegerConstant(..)
            | Expr::FloatConstant(..)
            | Expr::CharConstant(..)
            | Expr::StringConstant(..)
            | Expr::Unit(..)
    )
}

/// What stands for a value that is still to come.
pub(super) fn hole(place: Position) -> Expr {
    Expr::DynamicConstant(Box::new(Dynamic::UNIT), place)
}
