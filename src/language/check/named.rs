//! Functions that are called by their names: by timers, and through `Fn`.

use rhai::{Expr, FnCallExpr, Position};

use super::parsed::{Function, Parsed};
use super::walk::Walk;
use crate::language::bot_command::{self, BotCommand, Parameter};
use crate::language::chain::closure_of;
use crate::language::cron;
use crate::language::functions::arguments;
use crate::language::functions::ticked;
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
