//! Hooks: which functions of a script the host calls. A misspelt hook is a fault, since it would never run.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Expr, Position};

use super::fault::Fault;
use crate::protocol::{HOOKS, Hook, HookSpec};

/// Finds the hooks that a script defines.
///
/// # Errors
/// For a hook with the wrong number of parameters, and for a function `on_…` that is no hook and that nobody calls or
/// names, or whose name is close to a hook's.
pub(crate) fn find(file: &str, ast: &AST) -> Result<BTreeSet<Hook>, Fault> {
    let mut hooks = BTreeSet::new();
    let named = names_used(ast);
    for function in ast.iter_fn_def() {
        let name = function.name.as_str();
        let position = function.body.start_position();
        if let Some(hook) = Hook::named(name) {
            let expected = hook.spec().parameters.len();
            let found = function.params.len();
            if found != expected {
                let signature = signature(hook.spec());
                let message = format!("{name} has {}, but the hook is {signature}", parameters(found));
                return Err(fault(file, position, message));
            }
            hooks.insert(hook);
        } else if name.starts_with("on_") {
            let close = closest(name);
            match close {
                Some(spec) => {
                    let message = format!("there is no hook {name}; did you mean {}?", signature(spec));
                    return Err(fault(file, position, message));
                }
                None if !named.contains(name) => {
                    let message = format!(
                        "there is no hook {name}, and nothing calls it; the hooks are {}",
                        HOOKS.iter().map(|spec| spec.name).collect::<Vec<_>>().join(", ")
                    );
                    return Err(fault(file, position, message));
                }
                None => {}
            }
        }
    }
    Ok(hooks)
}

/// The hook as a script declares it, such as `on_message(msg)`.
pub fn signature(spec: &HookSpec) -> String {
    format!("{}({})", spec.name, spec.parameters.join(", "))
}

fn fault(file: &str, body: Position, message: String) -> Fault {
    // Rhai keeps the place of a function's body, whose brace stands on the line of its name.
    Fault::at(file, body, message)
}

fn parameters(count: usize) -> String {
    match count {
        0 => "no parameter".to_owned(),
        1 => "1 parameter".to_owned(),
        _ => format!("{count} parameters"),
    }
}

fn closest(name: &str) -> Option<&'static HookSpec> {
    let distance = |spec: &&'static HookSpec| strsim::damerau_levenshtein(name, spec.name);
    let spec = HOOKS.iter().min_by_key(distance)?;
    // Two slips in a short name would join names that have nothing in common, such as on_red and on_pin.
    let allowed = if spec.name.len() > 8 { 2 } else { 1 };
    (distance(&spec) <= allowed).then_some(spec)
}

/// The names of functions that the script calls, or names in a string or a function pointer.
fn names_used(ast: &AST) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        match nodes.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))) => {
                names.insert(call.name.to_string());
            }
            Some(ASTNode::Stmt(rhai::Stmt::FnCall(call, _))) => {
                names.insert(call.name.to_string());
            }
            Some(ASTNode::Expr(Expr::StringConstant(text, _))) => {
                names.insert(text.to_string());
            }
            Some(ASTNode::Expr(Expr::Variable(variable, ..))) => {
                names.insert(variable.1.to_string());
            }
            Some(ASTNode::Expr(Expr::DynamicConstant(value, _))) => {
                if let Some(pointer) = value.read_lock::<rhai::FnPtr>() {
                    names.insert(pointer.fn_name().to_owned());
                }
            }
            _ => {}
        }
        true
    });
    names
}
