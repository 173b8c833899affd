//! Bodies of functions, to be run without a call around them.
//!
//! Rhai gives an error that ends a run (a limit, a kill) the place of the call that led to it, function by function. A hook
//! is called by no code, so that its place would be gone; run as a block, it keeps the line within it. What calls it
//! is not decided here.

use std::cell::RefCell;
use std::rc::Rc;

use foldhash::{HashMap, HashMapExt as _};
use rhai::{AST, Dynamic, EvalAltResult, EvalContext, Expr, ImmutableString, Position, Scope};

use super::coverage::body_of;
use super::cut::{MayWait, cut};
use super::stages::{Halt, Reached, Stages, Waiter, evaluate};
use super::thrown::ScriptError;
use super::unused::{ValueUse, unused_calls};
use crate::runtime::fiber::POOLED;

/// How many scopes are kept for further calls: as many as there are stacks.
const SPARE: usize = POOLED;

/// A named function's body, by itself.
pub(crate) struct Body {
    parameters: Vec<ImmutableString>,
    block: Expr,
    stages: Option<Stages>,
    unused_calls: HashMap<Position, ValueUse>,
    /// Scopes that have its parameters, without values, for further calls.
    spare: RefCell<Vec<Scope<'static>>>,
}

impl Body {
    /// The bodies of a script's named functions that are no methods, by their names; `may_wait` tells whether a function or method of a name may wait.
    pub(crate) fn all(ast: &AST, may_wait: &dyn Fn(&str, bool) -> bool) -> HashMap<String, Vec<Rc<Self>>> {
        let functions: Vec<_> = ast
            .iter_fn_def()
            .filter(|function| !function.name.starts_with("anon$") && function.this_type.is_none())
            .map(|function| (&**function, body_of(function)))
            .collect();
        let may_wait = MayWait::of(&functions, may_wait);
        let mut bodies: HashMap<String, Vec<Rc<Self>>> = HashMap::new();
        for (function, block) in functions {
            bodies.entry(function.name.to_string()).or_default().push(Rc::new(Self {
                parameters: function.params.iter().cloned().collect(),
                unused_calls: unused_calls(block.statements()),
                stages: cut(block.statements(), &may_wait),
                block: Expr::Stmt(Box::new(block)),
                spare: RefCell::default(),
            }));
        }
        bodies
    }

    /// The calls in it whose value it does not use, by their places.
    pub(crate) fn unused_calls(&self) -> impl Iterator<Item = (Position, ValueUse)> {
        self.unused_calls.iter().map(|(place, value)| (*place, *value))
    }

    /// Whether it takes so many arguments.
    pub(crate) fn takes(&self, count: usize) -> bool {
        self.parameters.len() == count
    }

    /// A scope for a call with these arguments.
    pub(crate) fn scope(&self, arguments: Vec<Dynamic>) -> Scope<'static> {
        let spare = self.spare.borrow_mut().pop();
        let mut scope = spare.unwrap_or_else(|| {
            let mut scope = Scope::new();
            for parameter in &self.parameters {
                scope.push_dynamic(parameter.clone(), Dynamic::UNIT);
            }
            scope
        });
        self.set(&mut scope, arguments);
        scope
    }

    /// Takes the scope of a call that has come to its end back.
    pub(crate) fn give_back(&self, mut scope: Scope<'static>) {
        scope.rewind(self.parameters.len());
        self.set(&mut scope, std::iter::repeat_n(Dynamic::UNIT, self.parameters.len()));
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE {
            spare.push(scope);
        }
    }

    fn set(&self, scope: &mut Scope<'_>, values: impl IntoIterator<Item = Dynamic>) {
        for (parameter, value) in self.parameters.iter().zip(values) {
            if let Some(place) = scope.get_mut(parameter) {
                *place = value;
            }
        }
    }

    /// Runs the body on from where it has come to, in a [scope](Self::scope) of its own: to its end, or until it is to wait without a
    /// stack or calls another.
    ///
    /// # Errors
    /// Whatever it throws.
    pub(crate) fn run(
        &self,
        context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
        reached: &mut Reached,
        waiter: &dyn Waiter,
    ) -> Result<Halt, ScriptError> {
        let result = match &self.stages {
            Some(stages) => {
                // What a body declares is no constant of the script.
                context.global_runtime_state_mut().scope_level = 1;
                let result = stages.run(context, reached, waiter);
                context.global_runtime_state_mut().scope_level = 0;
                result
            }
            None => evaluate(context, &self.block, true).map(Halt::Ended),
        };
        result.or_else(|error| match *error {
            EvalAltResult::Return(value, _) => Ok(Halt::Ended(value)),
            EvalAltResult::Exit(value, _) => Ok(Halt::Exits(value)),
            error => Err(error.into()),
        })
    }
}

/// An error that came out of a function's body, as from a call of the function.
pub(crate) fn failed(function: &str, file: &str, error: ScriptError) -> ScriptError {
    EvalAltResult::ErrorInFunctionCall(function.to_owned(), file.to_owned(), error, Position::NONE).into()
}
