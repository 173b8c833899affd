//! Functions that are called by their names: by timers, and through `Fn`.

use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

use super::parsed::{Function, Parsed};
use super::walk::Walk;
use crate::language::bot_command::{self, BotCommand, Parameter};
use crate::language::chain::{ChainLink, closure_of, links_of};
use crate::language::cron;
use crate::language::functions::{arguments, may_wait, ticked};
use crate::language::kind::Kind;
use crate::language::spelling::closest;
use crate::language::zone::Zone;

/// How a timer passes arguments on.
const TIMER_ARGUMENTS: &str = "a timer's arguments are its third argument: an array of them, or a single one";

impl Walk<'_> {
    /// Checks that the file defines a function that is called by its name.
    pub(crate) fn function_named(&mut self, name: &str, count: Option<usize>, position: Position) {
        let file = self.file;
        let own: Vec<usize> = file.named_so(name).map(|function| function.parameters.len()).collect();
        for found in &own {
            self.hand_out(name, *found);
        }
        match (own.as_slice(), count) {
            ([], None) if self.known.has(name) => {}
            ([], _) => {
                let names = file.functions.iter().map(|function| function.name.as_str());
                let meant = closest(name, names);
                let help = meant.map(|meant| format!("did you mean \"{meant}\"?"));
                // One mistake is one finding: what was meant is not reported as unused besides.
                for function in meant.into_iter().flat_map(|meant| file.named_so(meant)) {
                    self.hand_out(&function.name, function.parameters.len());
                }
                self.error("unknown-function", position, format!("this file defines no function `{name}`"), help);
            }
            (own, Some(count)) if !own.contains(&count) => {
                let signatures: Vec<_> = file.named_so(name).map(Function::signature).collect();
                let message =
                    format!("`{name}` is called with {}, but it is {}", arguments(count), ticked(&signatures));
                self.error("wrong-arguments", position, message, Some(TIMER_ARGUMENTS.to_owned()));
            }
            _ => {}
        }
    }

    /// Checks the function that a question calls with each answer.
    pub(crate) fn judge_of_answers(&mut self, call: &FnCallExpr) {
        let Some(Expr::Map(options, _)) = call.args.last() else { return };
        let check = options.0.iter().find(|(name, _)| name.name == "check");
        let Some((_, Expr::StringConstant(name, position))) = check else { return };
        self.function_named(name, None, *position);
        let signatures: Vec<_> = self.file.named_so(name).map(Function::signature).collect();
        if !signatures.is_empty() && self.file.function(name, 1).is_none() {
            let message = format!("`{name}` is called with the answer, but it is {}", ticked(&signatures));
            self.error("wrong-arguments", *position, message, None);
        }
    }

    /// The parameters of the closure that an expression is, without the variables that it captures.
    pub(crate) fn parameters_of(&self, expression: &Expr) -> Option<&[String]> {
        let closure = closure_of(expression)?;
        self.file.closures.get(&closure.name)?.parameters.get(closure.captured.len()..)
    }

    /// Checks that closures take no more than the method gives that calls them.
    pub(crate) fn closures_taken(&mut self, of: Kind, call: &FnCallExpr) {
        let (gives, what) = match (of, call.name.as_str()) {
            (Kind::Array, "for_each") => (1, "the index, and the item as `this`"),
            (Kind::Array, "map" | "filter" | "all" | "some" | "find" | "find_map" | "drain" | "retain") => {
                (2, "the item and its index")
            }
            (Kind::Array, "reduce" | "reduce_rev") => (3, "what came before, the item and its index"),
            (Kind::Array, "sort") => (2, "two items"),
            (Kind::Store, "update") => (1, "the old value"),
            _ => return,
        };
        let Some(closure) = call.args.iter().find_map(closure_of) else { return };
        let Some(function) = self.file.closures.get(&closure.name) else { return };
        let count = function.parameters.len() - closure.captured.len().min(function.parameters.len());
        let exactly = matches!(call.name.as_str(), "sort" | "update");
        if count > gives || (exactly && count < gives) {
            let message = format!("`{}` gives its closure {what}; this one takes {}", call.name, arguments(count));
            self.error("wrong-arguments", closure.position, message, None);
        }
    }

    /// Says that the closure of an update makes a host call, which it may not.
    pub(crate) fn called_in_update(&mut self, of: Kind, call: &FnCallExpr) {
        let Some(closure) =
            call.args.get(1).and_then(closure_of).filter(|_| (of, &*call.name) == (Kind::Store, "update"))
        else {
            return;
        };
        let file = self.file;
        let Some(function) = file.closures.get(&closure.name) else { return };
        let is_host_call = |call: &FnCallExpr| {
            let looks = matches!(&*call.name, "now" | "random") || may_wait(&call.name, false);
            call.namespace.is_empty() && looks && file.named_so(&call.name).next().is_none()
        };
        let mut found = None;
        for statement in &function.body {
            statement.walk(&mut Vec::new(), &mut |nodes: &[ASTNode<'_>]| {
                let it = match nodes.last() {
                    Some(ASTNode::Expr(Expr::FnCall(call, place)) | ASTNode::Stmt(Stmt::FnCall(call, place)))
                        if is_host_call(call) =>
                    {
                        Some((call.name.to_string(), *place))
                    }
                    Some(ASTNode::Expr(Expr::Variable(variable, _, place)))
                        if variable.2.is_empty() && matches!(&*variable.1, "state" | "store") =>
                    {
                        Some((variable.1.to_string(), *place))
                    }
                    _ => None,
                };
                found = found.take().or(it);
                true
            });
        }
        if let Some((name, place)) = found {
            let message = format!("`{name}` cannot be used in the closure of `update`, for which everybody waits");
            self.error("in-update", place, message, Some("call it before, and use what it gave".to_owned()));
        }
    }

    /// Checks with how many arguments the closure is called that a variable holds, where it is known which one that is.
    pub(crate) fn closure_called(&mut self, name: &str, count: usize, position: Position) {
        let takes = self.scope.variable(name).and_then(|variable| variable.takes);
        if let Some(takes) = takes.filter(|takes| *takes != count) {
            let message = format!("the closure `{name}` is called with {}", arguments(count));
            self.error("wrong-arguments", position, message, Some(format!("it takes {}", arguments(takes))));
        }
    }

    /// Checks with how many arguments `Fn("name").call(…)` calls a function of the file.
    pub(crate) fn pointer_called(&mut self, pointer: &Expr, call: &FnCallExpr, position: Position) {
        let Expr::FnCall(made, _) = pointer else { return };
        let ("Fn", [Expr::StringConstant(name, _)], "call") = (made.name.as_str(), made.args.as_slice(), &*call.name)
        else {
            return;
        };
        let file = self.file;
        let signatures: Vec<_> = file.named_so(name).map(Function::signature).collect();
        if !signatures.is_empty() && file.function(name, call.args.len()).is_none() {
            let message = format!("`{name}` is called with {}", arguments(call.args.len()));
            self.error("wrong-arguments", position, message, Some(format!("it is {}", ticked(&signatures))));
        }
    }

    /// Checks what a timer calls, and with what.
    pub(crate) fn timer(&mut self, call: &FnCallExpr, kinds: &[Kind]) {
        let Some(function) = call.args.get(1) else { return };
        if let ("cron", Some(Expr::StringConstant(pattern, position))) = (call.name.as_str(), call.args.first())
            // Leap days come again from any time on.
            && cron::check(pattern).is_ok()
            && cron::next(pattern, 0, &Zone::default()).is_none()
        {
            let message = format!("\"{pattern}\" is never due: there is no such date");
            self.warn("never-due", *position, message, None);
        }
        match call.args.get(2) {
            Some(Expr::Array(items, _)) => {
                for item in items {
                    let kind = self.value(item);
                    self.only_data("timer", kind, item.start_position());
                }
            }
            Some(other) => {
                let kind = kinds.get(2).copied().unwrap_or_default();
                self.only_data("timer", kind, other.start_position());
            }
            None => {}
        }
        let closure = closure_of(function).map(|closure| closure.position);
        let is_function = kinds.get(1) == Some(&Kind::Function);
        if let Some(position) = closure.or_else(|| is_function.then(|| function.start_position())) {
            let message = format!("`{}` needs a function's name, and cannot hold a closure", call.name);
            let help = "define a function and give its name, such as \"remind\": a timer outlives this run".to_owned();
            self.error("wrong-type", position, message, Some(help));
        } else if let Expr::StringConstant(name, position) = function {
            let count = match call.args.get(2) {
                None | Some(Expr::Unit(_)) => Some(0),
                Some(Expr::Array(items, _)) => Some(items.len()),
                Some(other) if other.is_constant() || matches!(other, Expr::Map(..) | Expr::InterpolatedString(..)) => {
                    Some(1)
                }
                Some(_) => None,
            };
            self.timer_names(name, count, *position);
        }
    }

    /// Checks that there is the function that a command names, for the arguments that its options say.
    pub(crate) fn command_names(&mut self, name: &str, options: Option<&Expr>, position: Position) {
        let file = self.file;
        let own: Vec<_> = file.named_so(name).collect();
        // A module's command calls a function of the script, which is looked at when that is loaded.
        if self.role.is_open() {
            return own.iter().for_each(|function| self.hand_out(&function.name, function.parameters.len()));
        }
        let arities = BotCommand { parameters: parameters_in(options), ..BotCommand::default() }.arities();
        let fitting = arities.iter().find(|count| own.iter().any(|function| function.parameters.len() == **count));
        if fitting.is_some() || own.is_empty() {
            return self.function_named(name, Some(*fitting.unwrap_or(&arities[0])), position);
        }
        own.iter().for_each(|function| self.hand_out(&function.name, function.parameters.len()));
        let signatures: Vec<_> = own.iter().map(|function| function.signature()).collect();
        let message = format!("a command calls `{name}(msg, args)`, but it is {}", ticked(&signatures));
        let help = "its function takes (msg, args), or (msg) alone where it has no arguments".to_owned();
        self.error("wrong-arguments", position, message, Some(help));
    }

    /// Warns of a timer that is made anew each time, because its arguments are never the same, and that nobody can cancel.
    pub(crate) fn multiplied(&mut self, call: &FnCallExpr, position: Position) {
        let (false, "every" | "cron", Some(given)) = (self.at_top_level, call.name.as_str(), call.args.get(2)) else {
            return;
        };
        let Some(fresh) = self.fresh(given) else { return };
        let message =
            format!("each run makes another timer here, since `{fresh}` is never the same, and none of them ends");
        let help = format!(
            "give it what stays the same, such as `msg.chat`: then it is one timer; or keep the id that `{}` gives, for `cancel(id)`",
            call.name
        );
        self.warn("timers-multiply", position, message, Some(help));
    }

    /// What of an expression is different at each message, or each time.
    fn fresh(&mut self, expression: &Expr) -> Option<String> {
        let mut fresh = None;
        let scope = &mut self.scope;
        expression.walk(&mut Vec::new(), &mut |nodes: &[ASTNode<'_>]| {
            fresh = match nodes.last() {
                Some(ASTNode::Expr(Expr::FnCall(call, _))) if matches!(&*call.name, "now" | "random") => {
                    Some(format!("{}()", call.name))
                }
                Some(ASTNode::Expr(chain @ Expr::Dot(..))) => match links_of(chain) {
                    (Expr::Variable(variable, ..), links) => match links.as_slice() {
                        [ChainLink::Property(name @ ("id" | "timestamp"), _), ..]
                            if scope.variable(&variable.1).is_some_and(|known| known.kind == Kind::Message) =>
                        {
                            Some(format!("{}.{name}", variable.1))
                        }
                        _ => None,
                    },
                    _ => None,
                },
                _ => None,
            };
            fresh.is_none()
        });
        fresh
    }

    /// Warns of a function that a timer calls and that sets more timers for itself than have called it: each round doubles them.
    pub(crate) fn multiplying(&mut self, function: &Function) {
        let name = function.name.as_str();
        let mut places = Vec::new();
        let count = rounds(&function.body, name, &mut places);
        let beats = self.file.beats.contains(name);
        let (Some(last), true) = (places.last(), count > 1 || (count == 1 && beats)) else { return };
        let message = match beats {
            true => format!(
                "`every` or `cron` calls `{name}` already: each beat sets one more timer that calls it, for ever"
            ),
            false => format!("`{name}` sets more than one timer that calls it again: each round doubles them"),
        };
        self.warn("timers-multiply", *last, message, Some("let one timer lead to one".to_owned()));
    }

    /// Checks that the scripts which run this file's code define the function that a timer names.
    fn timer_names(&mut self, name: &str, count: Option<usize>, position: Position) {
        let (file, files, around) = (self.file, self.files, self.around);
        if !self.role.is_open() {
            let counted = count.or_else(|| file.named_so(name).next().map(|function| function.parameters.len()));
            self.function_named(name, counted.or(Some(0)), position);
            return;
        }
        for function in file.named_so(name) {
            self.hand_out(&function.name, function.parameters.len());
        }
        let script = |name: &&str| files.get(*name).and_then(|script| script.as_ref().ok());
        let lacking = around.scripts.iter().filter_map(script).find(|script| script.named_so(name).next().is_none());
        let own = file.named_so(name).next();
        match (lacking, own) {
            (Some(script), Some(own)) if script.source.file != file.source.file => {
                let message = "a timer calls a function of the script, not of this module";
                let help = format!("define `{}` in {} and let it call this one", own.signature(), script.source.file);
                self.error("unknown-function", position, message, Some(help));
            }
            // A timer at the top level is refused where it makes no script of the file: one mistake is one finding.
            (None, Some(own)) if around.scripts.is_empty() && !self.at_top_level => {
                let message = "a timer calls a function of the script, not of this module";
                let help =
                    format!("define `{}` in the script that imports it and let it call this one", own.signature());
                self.error("unknown-function", position, message, Some(help));
            }
            (Some(script), _) => {
                let names = script.functions.iter().map(|function| function.name.as_str());
                let help = match closest(name, names) {
                    Some(meant) => format!("did you mean \"{meant}\"?"),
                    None => "a timer calls a function of the script that runs, also from a module".to_owned(),
                };
                let message = format!("the script {} defines no function `{name}`", script.source.file);
                self.error("unknown-function", position, message, Some(help));
            }
            (None, _) => {
                let fits = |script: &&Parsed| count.is_none_or(|count| script.function(name, count).is_some());
                // How many arguments were counted by this module's own function of that name is no news.
                if let (Some(count), Some(other)) =
                    (count, around.scripts.iter().filter_map(script).find(|script| !fits(script)))
                {
                    let signatures: Vec<_> = other.named_so(name).map(Function::signature).collect();
                    let message = format!(
                        "`{name}` is called with {}, but in {} it is {}",
                        arguments(count),
                        other.source.file,
                        ticked(&signatures)
                    );
                    self.error("wrong-arguments", position, message, Some(TIMER_ARGUMENTS.to_owned()));
                }
            }
        }
    }
}

/// The arguments of a command, where its options are written out.
fn parameters_in(options: Option<&Expr>) -> Option<Vec<Parameter>> {
    let Some(Expr::Map(entries, _)) = options else { return None };
    let (_, args) = entries.0.iter().find(|(name, _)| name.name == "args")?;
    let Expr::StringConstant(text, _) = args else { return None };
    bot_command::parameters(text).ok()
}

/// How many `after` calls of a function by its own name every run of these statements makes; a loop counts twice. What a condition
/// may keep it from does not count.
fn rounds(statements: &[Stmt], name: &str, places: &mut Vec<Position>) -> usize {
    let mut count = 0;
    for statement in statements {
        count += match statement {
            Stmt::Block(block) => rounds(block.statements(), name, places),
            Stmt::TryCatch(flow, _) => rounds(flow.body.statements(), name, places),
            Stmt::While(flow, _) => 2 * rounds(flow.body.statements(), name, places),
            Stmt::Do(flow, ..) => 2 * rounds(flow.body.statements(), name, places),
            Stmt::For(parts, _) => 2 * rounds(parts.2.body.statements(), name, places),
            Stmt::FnCall(call, position) => calls_back(call, name, *position, places),
            Stmt::Expr(expression) => match &**expression {
                Expr::FnCall(call, position) => calls_back(call, name, *position, places),
                _ => 0,
            },
            Stmt::Var(parts, ..) => match &parts.1 {
                Expr::FnCall(call, position) => calls_back(call, name, *position, places),
                _ => 0,
            },
            _ => 0,
        };
        if may_leave(statement) {
            break;
        }
    }
    count
}

/// Whether a statement may be the last one that is run.
fn may_leave(statement: &Stmt) -> bool {
    let mut leaves = false;
    statement.walk(&mut Vec::new(), &mut |nodes: &[ASTNode<'_>]| {
        leaves |= matches!(nodes.last(), Some(ASTNode::Stmt(Stmt::Return(..) | Stmt::BreakLoop(..))));
        !leaves
    });
    leaves
}

fn calls_back(call: &FnCallExpr, name: &str, position: Position, places: &mut Vec<Position>) -> usize {
    let is_it =
        matches!((&*call.name, call.args.get(1)), ("after", Some(Expr::StringConstant(named, _))) if named == name);
    if is_it {
        places.push(position);
    }
    usize::from(is_it)
}
