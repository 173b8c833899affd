//! Hooks: which functions of a script the host calls. A misspelt hook is a fault, since it would never run.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Expr};

use super::bundle::Bundle;
use super::dialect;
use super::fault::Fault;
use super::parse;
use crate::protocol::{HOOKS, Hook, HookSpec};

/// Finds the hooks that a script defines.
///
/// # Errors
/// For a hook with the wrong number of parameters, and for a function `on_…` that is no hook and that nobody calls or
/// names, or whose name is close to a hook's: the first one of the file.
pub(crate) fn find(bundle: &Bundle, ast: &AST) -> Result<BTreeSet<Hook>, Fault> {
    let mut hooks = BTreeSet::new();
    let mut functions: Vec<_> = ast.iter_fn_def().collect();
    // Rhai keeps them in no order.
    functions.sort_by_key(|function| (function.body.start_position(), function.params.len()));
    // What is named only matters to a function that looks like a hook and is none.
    let named = OnceCell::new();
    for function in functions {
        let place = |(message, help)| {
            // Rhai keeps the place of a function's body, whose brace stands on the line of its name.
            Fault { help, ..Fault::at(&bundle.script.file, function.body.start_position(), message) }
        };
        let is_named = |name: &str| named.get_or_init(|| names_in(bundle)).contains(name);
        hooks.extend(judge(&function.name, function.params.len(), is_named).map_err(place)?);
    }
    Ok(hooks)
}

/// The hook that a function of this name is, if any; else what is wrong with it, and how to mend it.
///
/// `is_named` tells whether the script, or a module of it, calls or mentions a name.
pub(crate) fn judge(
    name: &str,
    found: usize,
    is_named: impl Fn(&str) -> bool,
) -> Result<Option<Hook>, (String, Option<String>)> {
    if let Some(hook) = Hook::named(name) {
        if found == hook.spec().parameters.len() {
            return Ok(Some(hook));
        }
        let message = format!("`{name}` has {}, but the hook is `{}`", parameters(found), hook.spec().signature());
        return Err((message, Some("what the parameters are called is free".to_owned())));
    }
    if !name.starts_with("on_") {
        return match spelt_otherwise(name) {
            Some(spec) if !is_named(name) => {
                Err((format!("there is no hook `{name}`"), Some(format!("did you mean `{}`?", spec.signature()))))
            }
            _ => Ok(None),
        };
    }
    match closest(name) {
        // A function that something calls, such as `on_tick()` by a timer, is only taken for a slip of the pen where it
        // could be the hook.
        Some(spec) if spec.parameters.len() != found && is_named(name) => Ok(None),
        Some(spec) => {
            Err((format!("there is no hook `{name}`"), Some(format!("did you mean `{}`?", spec.signature()))))
        }
        None if !is_named(name) => {
            let hooks = HOOKS.iter().map(|spec| spec.name).collect::<Vec<_>>().join(", ");
            Err((format!("there is no hook `{name}`, and nothing calls it"), Some(format!("the hooks are {hooks}"))))
        }
        None => Ok(None),
    }
}

/// Whether a function's name is that of a hook, or what somebody took for one.
pub(crate) fn is_meant(name: &str) -> bool {
    name.starts_with("on_") || spelt_otherwise(name).is_some()
}

/// The hook that others spell so, such as `onMessage`.
fn spelt_otherwise(name: &str) -> Option<&'static HookSpec> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let wanted = plain(name);
    wanted.starts_with("on").then(|| HOOKS.iter().find(|spec| plain(spec.name) == wanted))?
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

/// The names that a script and its modules call or mention.
fn names_in(bundle: &Bundle) -> BTreeSet<String> {
    // The optimiser folds literals into constants and takes dead branches out, and what they name with them.
    let reader = dialect::for_reading();
    let sources = std::iter::once(&bundle.script).chain(bundle.modules.values());
    sources.filter_map(|source| parse::compile(&reader, source).ok()).flat_map(|ast| names_used(&ast)).collect()
}

/// The names of functions that a file calls, or names in a string or a function pointer.
///
/// The file must have been compiled without being optimised.
pub(crate) fn names_used(ast: &AST) -> BTreeSet<String> {
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
