//! Bodies of functions, to be run without a call around them.
//!
//! Rhai gives an error that ends a run (a limit, a kill) the place of the call that led to it, function by function. A hook
//! is called by no code, so that its place would be gone; run as a block, it keeps the line within it. What calls it
//! is not decided here.

use std::collections::HashMap;

use rhai::{AST, Dynamic, EvalAltResult, EvalContext, Expr, Expression, ImmutableString, Position, StmtBlock};

use super::thrown::{ScriptError, ScriptResult};
use super::unused::{ValueUse, unused_calls};
use crate::language::dialect;

/// A named function's body, by itself.
pub(crate) struct Body {
    name: ImmutableString,
    parameters: Vec<ImmutableString>,
    block: Expr,
    unused_calls: HashMap<Position, ValueUse>,
}

impl Body {
    /// The bodies of a script's named functions, by their names.
    pub(crate) fn all(ast: &AST) -> HashMap<String, Vec<Self>> {
        let mut bodies: HashMap<String, Vec<Self>> = HashMap::new();
        for function in ast.iter_fn_def().filter(|function| !function.name.starts_with("anon$")) {
            let (start, end) = (function.body.start_position(), function.body.end_position());
            let statements = dialect::statements_of(function);
            bodies.entry(function.name.to_string()).or_default().push(Self {
                name: function.name.clone(),
                parameters: function.params.iter().cloned().collect(),
                unused_calls: unused_calls(&statements),
                block: Expr::Stmt(Box::new(StmtBlock::new(statements, start, end))),
            });
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

    /// Runs the body.
    ///
    /// # Errors
    /// Whatever it throws, as from a call of the function.
    pub(crate) fn run(
        &self,
        context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
        arguments: Vec<Dynamic>,
    ) -> ScriptResult {
        for (parameter, argument) in self.parameters.iter().zip(arguments) {
            context.scope_mut().push_dynamic(parameter.clone(), argument);
        }
        #[expect(
            deprecated,
            reason = "marked so only for being volatile; the crate's version is pinned by the lock file"
        )]
        let result = context.eval_expression_tree_raw(&Expression::from(&self.block), true);
        result.or_else(|error| match *error {
            EvalAltResult::Return(value, _) | EvalAltResult::Exit(value, _) => Ok(value),
            error => {
                let file = context.global_runtime_state().source().unwrap_or_default();
                Err(failed(&self.name, file, error.into()))
            }
        })
    }
}

/// An error that came out of a function's body, as from a call of the function.
pub(crate) fn failed(function: &str, file: &str, error: ScriptError) -> ScriptError {
    EvalAltResult::ErrorInFunctionCall(function.to_owned(), file.to_owned(), error, Position::NONE).into()
}
