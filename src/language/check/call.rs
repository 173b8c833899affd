//! Calls of functions: the file's own, a module's, the host's and the language's, with what they are called with.

use rhai::{Expr, FnCallExpr, Position};

use super::known::{self, Known};
use super::literal;
use super::object::shown;
use super::parsed::Function;
use super::record::{ANSWER, DATE};
use super::scope::Alias;
use super::walk::{GaveNothing, Walk};
use crate::language::functions::{self, HostFunction, Reach, arguments, ticked};
use crate::language::kind::Kind;
use crate::language::spelling::closest;
use crate::language::suggest;
use crate::protocol::{COMMANDS, Network};

impl Walk<'_> {
    /// Walks over a call and gives the kind of its result.
    pub(crate) fn call(&mut self, call: &FnCallExpr, position: Position) -> Kind {
        if call.op_token.is_some() {
            return self.operator(call, position);
        }
        let kinds: Vec<_> = call.args.iter().map(|argument| self.value(argument)).collect();
        if !call.namespace.is_empty() {
            return match self.namespace(&call.namespace) {
                Some(network) => self.operation_call(network, call, &kinds, position),
                None => {
                    self.qualified_call(call, position);
                    Kind::Unknown
                }
            };
        }
        let (name, count) = (call.name.as_str(), kinds.len());
        self.literals(None, call, &kinds);
        self.configured(call);
        if matches!(name, "after" | "every" | "cron") && kinds.get(1) == Some(&Kind::Function) {
            return Kind::Int;
        }
        let file = self.file;
        if let Some(function) = file.function(name, count) {
            self.called_with(function, &kinds);
            return Kind::Unknown;
        }
        let own: Vec<_> = file.named_so(name).collect();
        for function in &own {
            self.used.insert((function.name.clone(), function.parameters.len()));
        }
        if Known::is_language(name) {
            return self.language_call(call, position);
        }
        if self.role.is_test() {
            return self.test_call(name, &kinds, &own, position);
        }
        if let Some(row) = known::command(name) {
            self.refuse_top_level(name, position);
            self.refuse_elsewhere(row, position);
            self.command_call(row, &call.args, &kinds, position);
            return Kind::of_result(row.result);
        }
        if let ("command", [Expr::StringConstant(wire, place), fields @ ..]) = (name, call.args.as_slice()) {
            if let Some(row) = Network::any_command(wire) {
                self.refuse_elsewhere(row, *place);
            }
            self.command_by_name(wire, *place, fields.first(), position);
        }
        let natives = self.known.taking(name, count);
        if natives.is_empty() {
            self.wrong_call(name, count, &own, position);
            return Kind::Unknown;
        }
        let fitting: Vec<_> = natives.iter().filter(|native| native.takes(&kinds)).collect();
        if fitting.is_empty() || !known::admits(Kind::Unknown, name, &kinds) {
            self.wrong_types(name, &kinds, position);
            return Kind::Unknown;
        }
        let result = fitting.iter().skip(1).fold(fitting[0].result, |kind, native| kind.or(native.result));
        if functions::FUNCTIONS.iter().any(|row| {
            row.of.is_none() && row.name == name && row.reach == Reach::Hooks && row.parameters.len() == count
        }) {
            self.refuse_top_level(name, position);
        }
        if name == "bot_command" && !self.at_top_level {
            let message =
                "`bot_command` declares a command when the script is loaded, and cannot be used in a function";
            self.error("top-level", position, message, Some("write it outside of every function".to_owned()));
        }
        let result = match name {
            "date" => Kind::Record(DATE),
            "http" | "http_get" | "http_post" => Kind::Record(ANSWER),
            _ => known::result(Kind::Unknown, name, count).unwrap_or(result),
        };
        self.arguments_there(name, &call.args, &kinds);
        if let ("ask", [to, text, ..]) = (name, call.args.as_slice()) {
            self.addressed(name, &[("to", to), ("text", text)]);
        }
        if result == Kind::Unit {
            let name = name.to_owned();
            self.gave_nothing =
                Some(GaveNothing { name, of: Kind::Unknown, copied: None, shown: shown(call), position });
        }
        result
    }

    /// Notes what one of the file's own functions is called with.
    fn called_with(&mut self, function: &Function, kinds: &[Kind]) {
        let key = (function.name.clone(), kinds.len());
        self.note_caller(&key);
        self.used.insert(key.clone());
        match self.facts.calls.get_mut(&key) {
            Some(known) => {
                for (known, kind) in known.iter_mut().zip(kinds) {
                    *known = known.or(*kind);
                }
            }
            None => {
                self.facts.calls.insert(key, kinds.to_vec());
            }
        }
    }

    /// Notes that a function of the file is handed on, so that it can be called with anything.
    pub(crate) fn hand_out(&mut self, name: &str, count: usize) {
        let key = (name.to_owned(), count);
        self.note_caller(&key);
        self.used.insert(key.clone());
        self.facts.calls.insert(key, vec![Kind::Unknown; count]);
    }

    fn language_call(&mut self, call: &FnCallExpr, position: Position) -> Kind {
        let (name, count) = (call.name.as_str(), call.args.len());
        if let ("print" | "debug" | "type_of" | "is_shared" | "Fn", found) = (name, count)
            && found != 1
        {
            let help = match name {
                "print" | "debug" if found > 1 => Some("join them in backticks: `${a} ${b}`".to_owned()),
                _ => None,
            };
            let message = format!("`{name}` takes 1 argument; found {found}");
            self.error("wrong-arguments", position, message, help);
            return Kind::Unknown;
        }
        if let ("call", [Expr::StringConstant(text, _), ..]) = (name, call.args.as_slice()) {
            let (message, help) = match COMMANDS.iter().find(|row| row.name == text.as_str()) {
                Some(_) => (
                    "`call` calls a function that is a value; found the name of a command".to_owned(),
                    format!("write `command(\"{text}\", #{{…}})`"),
                ),
                None => (
                    "`call` calls a function that is a value; found a string".to_owned(),
                    format!("write `Fn(\"{text}\").call(…)`, or call the function by its name"),
                ),
            };
            self.error("wrong-type", position, message, Some(help));
            return Kind::Unknown;
        }
        match call.name.as_str() {
            "eval" => {
                let help = "code that is made while running cannot be checked; use functions and maps".to_owned();
                self.error("unknown-function", position, "`eval` is switched off", Some(help));
                Kind::Unknown
            }
            "Fn" => {
                if let [Expr::StringConstant(name, place)] = call.args.as_slice() {
                    self.function_named(name, None, *place);
                }
                Kind::Function
            }
            "type_of" => Kind::String,
            "is_shared" | "is_def_fn" | "is_def_var" => Kind::Bool,
            "print" | "debug" => Kind::Unit,
            _ => Kind::Unknown,
        }
    }

    /// Says what is wrong with a call that nothing takes.
    pub(crate) fn wrong_call(&mut self, name: &str, count: usize, own: &[&Function], position: Position) {
        let own: Vec<_> = own.iter().map(|function| function.signature()).collect();
        let mut rows = functions::FUNCTIONS.iter().filter(|row| row.name == name);
        let is_method = own.is_empty() && rows.clone().all(|row| row.of.is_some());
        let method = rows.next().filter(|_| is_method);
        if let (Some(of), true) = (method.and_then(|row| row.of), self.known.taking(name, count).is_empty()) {
            let message = format!("no function `{name}`");
            let help = format!("it is a method of {}: `….{name}(…)`", Kind::of(of).noun());
            self.error("unknown-function", position, message, Some(help));
            return;
        }
        let host = if self.role.is_test() { Vec::new() } else { functions::signatures(name) };
        let known = [own, host].concat();
        if !known.is_empty() {
            let message = format!("`{name}` is called with {}", arguments(count));
            self.error("wrong-arguments", position, message, Some(format!("it is {}", ticked(&known))));
            return;
        }
        let arities = self.known.arities(name);
        if !arities.is_empty() {
            let takes = arities.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ");
            let message = format!("`{name}` takes {takes} arguments; found {count}");
            self.error("wrong-arguments", position, message, None);
            return;
        }
        if let Some(variable) = self.scope.variable(name) {
            variable.read = true;
            let message = format!("`{name}` is a variable, and only functions are called so");
            self.error("unknown-function", position, message, Some(format!("call a closure with `{name}.call(…)`")));
            return;
        }
        let help = self.meant(name, count);
        self.error("unknown-function", position, format!("no function `{name}`"), help);
    }

    /// What somebody may have meant by the name of an unknown function.
    fn meant(&mut self, name: &str, count: usize) -> Option<String> {
        if !self.may_propose() {
            return None;
        }
        let (file, files) = (self.file, self.files);
        let module = |alias: &Alias| files.get(alias.file.as_ref()?)?.as_ref().ok();
        let has_it = |alias: &&Alias| module(alias).is_some_and(|module| module.function(name, count).is_some());
        let owner = self.scope.aliases.iter().find(has_it).map(|alias| alias.name.clone());
        if let Some(owner) = owner {
            if let Some(alias) = self.scope.alias(&owner) {
                alias.used = true;
            }
            return Some(format!("the module `{owner}` has one: {owner}::{name}(…)"));
        }
        if let Some(row) = suggest::operation(name).filter(|_| !self.role.is_test()) {
            return Some(format!("it is `{}`", row.signature()));
        }
        if let Some(help) = suggest::foreign(name) {
            return Some(help);
        }
        let own = file.functions.iter().map(|function| function.name.as_str());
        let host = functions::names().filter(|_| !self.role.is_test());
        let all = own.chain(host).chain(self.known.names());
        let meant = closest(name, all).or_else(|| suggest::synonym(name))?.to_owned();
        let signatures: Vec<_> =
            file.named_so(&meant).map(Function::signature).chain(functions::signatures(&meant)).collect();
        // What somebody probably meant counts as used: one mistake is one finding.
        for function in file.named_so(&meant) {
            self.used.insert((function.name.clone(), function.parameters.len()));
        }
        let shown = if signatures.is_empty() { format!("`{meant}`") } else { ticked(&signatures) };
        Some(format!("did you mean {shown}?"))
    }

    pub(crate) fn wrong_types(&mut self, name: &str, kinds: &[Kind], position: Position) {
        let found = kinds.iter().map(|kind| kind.noun()).collect::<Vec<_>>().join(", ");
        let signatures = functions::FUNCTIONS.iter().filter(|row| row.name == name && row.of.is_none());
        let signatures: Vec<_> = signatures.map(HostFunction::typed).collect();
        let help = match name {
            "log" => Some("write to the log with log_info(value)".to_owned()),
            "ask" if kinds.first() == Some(&Kind::Person) => Some("a person's mid is `.mid`".to_owned()),
            "ask" if kinds.first() == Some(&Kind::Message) => {
                Some("to ask its writer, write `msg.ask(text)`; its chat's mid is `.chat`".to_owned())
            }
            "after" | "every" if matches!(kinds.first(), Some(Kind::Int | Kind::Float)) => {
                Some("a duration is a text with its unit, such as \"500ms\", \"5s\" or \"10m\"".to_owned())
            }
            _ => (!signatures.is_empty()).then(|| format!("it is {}", ticked(&signatures))),
        };
        self.error("wrong-type", position, format!("`{name}` does not take ({found})"), help);
    }

    /// Refuses what acts or waits while a script is only loaded.
    pub(crate) fn refuse_top_level(&mut self, name: &str, position: Position) {
        if self.at_top_level {
            let message =
                format!("`{name}` cannot be used at a script's top level, which runs when the script is loaded");
            self.error("top-level", position, message, Some("call it in a hook such as on_start()".to_owned()));
        }
    }

    /// Checks arguments that are written out: durations, patterns, options, names of functions.
    pub(crate) fn literals(&mut self, of: Option<Kind>, call: &FnCallExpr, kinds: &[Kind]) {
        if of.is_none() && matches!(call.name.as_str(), "after" | "every" | "cron") {
            self.timer(call, kinds);
        }
        if let (None, "bot_command", Some(Expr::StringConstant(function, position))) =
            (of, call.name.as_str(), call.args.get(1))
        {
            self.command_names(function, call.args.get(2), *position);
        }
        if call.name == "ask" {
            self.judge_of_answers(call);
        }
        let sends = matches!(
            (of, call.name.as_str()),
            (Some(Kind::Message), "reply" | "ask") | (None | Some(Kind::Session), "send_text")
        );
        if sends {
            call.args.iter().for_each(|text| self.unbroken(text));
        }
        if call.name == "split" {
            call.args.iter().for_each(|text| self.unbroken_text(text));
        }
        for fault in literal::check(of, &call.name, &call.args) {
            self.report(fault.severity, fault.rule, fault.position, fault.message, fault.help);
        }
    }
}
