//! Bodies of functions, to be run without a call around them.
//!
//! Rhai gives an error that ends a run (a limit, a kill) the place of the call that led to it, function by function. A hook
//! is called by no code, so that its place would be gone; run as a block, it keeps the line within it. What calls it
//! is not decided here.

use std::collections::HashMap;

use rhai::{AST, Dynamic, EvalAltResult, EvalContext, Expr, Expression, ImmutableString, Position, StmtBlock};

use super::thrown::ScriptResult;
use crate::language::dialect;

/// A named function's body, by itself.
pub(crate) struct Body {
    name: ImmutableString,
    parameters: Vec<ImmutableString>,
    block: Expr,
}

impl Body {
    /// The bodies of a script's named functions, by their names.
    pub(crate) fn all(ast: &AST) -> HashMap<String, Vec<Self>> {
        let mut bodies: HashMap<String, Vec<Self>> = HashMap::new();
        for function in ast.iter_fn_def().filter(|function| !function.name.starts_with("anon$")) {
            let (start, end) = (function.body.start_position(), function.body.end_position());
            bodies.entry(function.name.to_string()).or_default().push(Self {
                name: function.name.clone(),
                parameters: function.params.iter().cloned().collect(),
                block: Expr::Stmt(Box::new(StmtBlock::new(dialect::statements_of(function), start, end))),
            });
        }
        bodies
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
                let file = context.global_runtime_state().source().unwrap_or_default().to_owned();
                Err(EvalAltResult::ErrorInFunctionCall(self.name.to_string(), file, error.into(), Position::NONE)
                    .into())
            }
        })
    }
}
