//! Bodies of functions, to be run without a call around them.
//!
//! Rhai gives an error that ends a run (a limit, a kill) the place of the call that led to it, function by function. A hook
//! is called by no code, so that its place would be gone; run as a block, it keeps the line within it. Which functions a
//! script has is not decided here: one that cannot be run this way is called as usual.

use std::rc::Rc;

use rhai::{
    AST, Dynamic, Engine, EvalAltResult, EvalContext, Expr, Expression, ImmutableString, Module, Position, Scope,
    StmtBlock,
};

use super::data;
use super::door::ScriptResult;

/// A named function's body, compiled by itself.
pub(super) struct Body {
    name: ImmutableString,
    parameters: Vec<ImmutableString>,
    block: Expr,
    /// The closures that are written in it.
    pub(super) closures: Rc<Module>,
}

impl Body {
    /// The bodies of a script's named functions.
    pub(super) fn all(engine: &Engine, ast: &AST, text: &str) -> Vec<Self> {
        let mut bodies = Vec::new();
        for function in ast.iter_fn_def().filter(|function| !function.name.starts_with("anon$")) {
            let (start, end) = (function.body.start_position(), function.body.end_position());
            let Some(text) = cut(text, start, end) else { continue };
            let mut scope = Scope::new();
            for name in data::GLOBALS.iter().copied().chain(function.params.iter().map(ImmutableString::as_str)) {
                scope.push(name, ());
            }
            // What names another function as a value does not compile by itself.
            let Ok(body) = engine.compile_with_scope(&scope, text) else { continue };
            let statements = body.statements().iter().cloned();
            bodies.push(Self {
                name: function.name.clone(),
                parameters: function.params.iter().cloned().collect(),
                block: Expr::Stmt(Box::new(StmtBlock::new(statements, start, end))),
                closures: Rc::clone(body.shared_lib()),
            });
        }
        bodies
    }

    /// Whether this is the function of this name with so many parameters.
    pub(super) fn is(&self, name: &str, parameters: usize) -> bool {
        self.name == name && self.parameters.len() == parameters
    }

    /// Runs the body.
    ///
    /// # Errors
    /// Whatever it throws, as from a call of the function.
    pub(super) fn run(
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

/// The text from `start` to `end`, both included, with everything before it blank, so that all places stay the same.
fn cut(text: &str, start: Position, end: Position) -> Option<String> {
    let place = |position: Position| Some((position.line()?, position.position()?));
    let (start, end) = (place(start)?, place(end)?);
    let mut cut = String::with_capacity(text.len());
    let (mut line, mut column) = (1, 1);
    for letter in text.chars() {
        match letter {
            '\n' => cut.push('\n'),
            _ if (line, column) < start => cut.push(' '),
            _ => cut.push(letter),
        }
        if (line, column) == end {
            return (letter == '}').then_some(cut);
        }
        if letter == '\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_cut_out_in_its_place() {
        let text = "let ü = 1;\nfn f(a) { a\n}\nfn g() {}";
        let cut = cut(text, Position::new(2, 9), Position::new(3, 1));
        assert_eq!(cut.as_deref(), Some("          \n        { a\n}"));
    }
}
