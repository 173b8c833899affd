//! Data races: which call holds the value that a closure reaches for. Rhai names no place where it finds one.
//!
//! What is said about it is in `explain`.

use std::ops::Range;

use rhai::{AST, ASTNode, Expr, Position, Stmt};

use super::chain::{ChainLink, closure_of, closures_in, links_of};
use super::fault::Race;
use super::headers::headers;
use super::source::Source;
use super::{dialect, parse};

/// The call of a method on a variable, or on what belongs to one.
pub(crate) struct Use {
    pub(crate) method: String,
    pub(crate) root: String,
    pub(crate) position: Position,
    /// The names of the closure, or of the variables, among the arguments.
    arguments: Vec<String>,
}

/// A closure, what it has captured, and the variable that it was put in.
struct Capture {
    name: String,
    variable: Option<String>,
    captured: Vec<String>,
}

impl Race {
    /// What Rhai says of a data race: nothing, or such as `argument #1 of function 'map'`.
    pub(crate) fn of(what: &str) -> Self {
        let method = what.split_once(" of function '").map(|(_, name)| name.trim_end_matches('\'').to_owned());
        Self { method, calls: Vec::new() }
    }

    /// The call that holds the value, or those that may, in several lines.
    pub(crate) fn holders(&self, source: &Source) -> Vec<Use> {
        let Ok(ast) = parse::compile(&dialect::for_reading(), source) else { return Vec::new() };
        let (uses, closures) = read(&ast);
        match &self.method {
            Some(method) => {
                let lines = self.calls.first().and_then(|(function, _)| lines_of(function, &source.text));
                let is_within = |call: &Use| {
                    let line = call.position.line().unwrap_or(0);
                    lines.as_ref().is_none_or(|lines| lines.contains(&line))
                };
                let hands_itself_out = |call: &Use| {
                    closures.iter().any(|closure| closure.captured.contains(&call.root) && call.hands_out(closure))
                };
                let is_such = |call: &Use| call.method == *method && is_within(call) && hands_itself_out(call);
                let mut holders: Vec<_> = uses.into_iter().filter(is_such).collect();
                holders.dedup_by_key(|call| call.position.line());
                holders
            }
            None => {
                let innermost = self.calls.iter().find(|(name, _)| name.starts_with("anon$"));
                let is_innermost = |closure: &&Capture| innermost.is_some_and(|(name, _)| *name == closure.name);
                let Some(closure) = closures.iter().find(is_innermost) else { return Vec::new() };
                let rank = |call: &Use| self.calls.iter().position(|(_, position)| *position == call.position);
                let holding = uses.into_iter().filter(|call| closure.captured.contains(&call.root));
                let nearest = holding.filter_map(|call| Some((rank(&call)?, call))).min_by_key(|(rank, _)| *rank);
                nearest.map(|(_, call)| call).into_iter().collect()
            }
        }
    }
}

impl Use {
    fn hands_out(&self, closure: &Capture) -> bool {
        self.arguments.iter().any(|name| *name == closure.name || Some(name) == closure.variable.as_ref())
    }
}

/// The lines of a function, from its head up to the next one's.
fn lines_of(function: &str, text: &str) -> Option<Range<usize>> {
    let headers = headers(text);
    let at = headers.iter().position(|header| header.name == function)?;
    let end = headers.get(at + 1).map_or(usize::MAX, |header| header.place.0 + 1);
    Some(headers[at].place.0..end)
}

/// Every call of a method on a variable, and every closure that captures something.
fn read(ast: &AST) -> (Vec<Use>, Vec<Capture>) {
    let (mut uses, mut closures) = (Vec::new(), Vec::<Capture>::new());
    ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        match nodes.last() {
            Some(ASTNode::Stmt(Stmt::Var(parts, ..))) => {
                closures.extend(capture(&parts.1, Some(parts.0.name.as_str())));
            }
            Some(ASTNode::Expr(expression @ (Expr::Dot(..) | Expr::Index(..)))) => {
                let (root, links) = links_of(expression);
                let Expr::Variable(variable, ..) = root else { return true };
                uses.extend(links.iter().filter_map(|link| match link {
                    ChainLink::Method(call, position) => Some(Use {
                        method: call.name.to_string(),
                        root: variable.1.to_string(),
                        position: *position,
                        arguments: call.args.iter().flat_map(handed_out).collect(),
                    }),
                    _ => None,
                }));
            }
            Some(ASTNode::Expr(expression)) => closures.extend(capture(expression, None)),
            _ => {}
        }
        true
    });
    (uses, closures)
}

fn capture(expression: &Expr, variable: Option<&str>) -> Option<Capture> {
    let closure = closure_of(expression)?;
    let captured = closure.captured.into_iter().map(str::to_owned).collect();
    Some(Capture { name: closure.name, variable: variable.map(str::to_owned), captured })
}

/// What an argument hands out, by their names: the closures in it, or the variable that it is.
fn handed_out(argument: &Expr) -> Vec<String> {
    match argument {
        Expr::Variable(variable, ..) => vec![variable.1.to_string()],
        other => closures_in(other).into_iter().map(|closure| closure.name).collect(),
    }
}
