//! Calls of functions: the file's own, a module's, the host's and the language's, with what they are called with.

use rhai::{Expr, FnCallExpr, Position, Token};

use super::expression::closure_of;
use super::kind::Kind;
use super::known::{self, Known};
use super::literal;
use super::parsed::{Function, Parsed};
use super::walk::Walk;
use crate::protocol::{Command, Presence};
use crate::script::suggest::closest;
use crate::script::surface::{self, ticked};

/// How a timer passes arguments on.
const TIMER_ARGUMENTS: &str = "a timer's arguments are its third argument: an array of them, or a single one";

impl Walk<'_> {
    /// Walks over a call and gives the kind of its result.
    pub(crate) fn call(&mut self, call: &FnCallExpr, position: Position) -> Kind {
        if call.op_token.is_some() {
            return self.operator(call, position);
        }
        let kinds: Vec<_> = call.args.iter().map(|argument| self.value(argument)).collect();
        if !call.namespace.is_empty() {
            self.qualified_call(call, position);
            return Kind::Unknown;
        }
        let (name, count) = (call.name.as_str(), kinds.len());
        self.literals(None, call);
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
        if let Some(row) = known::command(name) {
            self.refuse_top_level(name, position);
            self.command_call(row, &call.args, &kinds, position);
            return Kind::Unknown;
        }
        let natives = self.known.taking(name, count);
        if natives.is_empty() {
            self.wrong_call(name, count, &own, position);
            return Kind::Unknown;
        }
        let fitting: Vec<_> = natives.iter().filter(|native| native.takes(&kinds)).collect();
        if fitting.is_empty() {
            self.wrong_types(name, &kinds, position);
            return Kind::Unknown;
        }
        let result = fitting.iter().skip(1).fold(fitting[0].result, |kind, native| kind.or(native.result));
        if surface::FUNCTIONS
            .iter()
            .any(|row| row.of.is_none() && row.name == name && row.in_hooks && row.parameters.len() == count)
        {
            self.refuse_top_level(name, position);
        }
        let result = known::result(Kind::Unknown, name, count).unwrap_or(result);
        if result == Kind::Unit {
            self.gave_nothing = Some((name.to_owned(), Kind::Unknown, position));
        }
        result
    }

    /// Notes what one of the file's own functions is called with.
    fn called_with(&mut self, function: &Function, kinds: &[Kind]) {
        let key = (function.name.clone(), kinds.len());
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
        self.used.insert(key.clone());
        self.facts.calls.insert(key, vec![Kind::Unknown; count]);
    }

    fn language_call(&mut self, call: &FnCallExpr, position: Position) -> Kind {
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

    fn operator(&mut self, call: &FnCallExpr, position: Position) -> Kind {
        let kinds: Vec<_> = call.args.iter().map(|argument| self.value(argument)).collect();
        let token = call.op_token.as_ref();
        match (token, kinds.as_slice()) {
            (Some(Token::Bang), [kind]) => {
                if !matches!(kind, Kind::Unknown | Kind::Bool) {
                    let message = format!("`!` turns true and false around; found {}", kind.noun());
                    let help = "compare, as in `text == ()` or `count == 0`".to_owned();
                    self.error("condition", position, message, Some(help));
                }
                Kind::Bool
            }
            (Some(Token::EqualsTo | Token::NotEqualsTo), [left, right]) => {
                self.compare(*left, *right, token == Some(&Token::EqualsTo), position);
                Kind::Bool
            }
            (
                Some(Token::LessThan | Token::GreaterThan | Token::LessThanEqualsTo | Token::GreaterThanEqualsTo),
                [left, right],
            ) => {
                if differ(*left, *right) || *left == Kind::Unit || *right == Kind::Unit {
                    let message = format!("{} and {} have no order: this is always false", left.noun(), right.noun());
                    self.warn("comparison", position, message, conversion(*left, *right));
                }
                Kind::Bool
            }
            (Some(Token::Divide), [Kind::Int, Kind::Int]) => {
                if let [Expr::IntegerConstant(left, _), Expr::IntegerConstant(right, _)] = call.args.as_slice() {
                    self.divide(*left, *right, position);
                }
                Kind::Int
            }
            (Some(Token::Plus), [left, right]) if left == &Kind::String || right == &Kind::String => Kind::String,
            (Some(Token::Plus | Token::Minus | Token::Multiply | Token::Modulo), [Kind::Int, Kind::Int]) => Kind::Int,
            (Some(Token::Minus | Token::Multiply | Token::Divide | Token::Modulo), [left, right])
                if [left, right]
                    .into_iter()
                    .any(|kind| matches!(kind, Kind::Unit | Kind::Map | Kind::Message | Kind::Person | Kind::Bool)) =>
            {
                let message = format!("`{}` does not work with {} and {}", call.name, left.noun(), right.noun());
                self.error("wrong-type", position, message, None);
                Kind::Unknown
            }
            _ => Kind::Unknown,
        }
    }

    fn compare(&mut self, left: Kind, right: Kind, equal: bool, position: Position) {
        if differ(left, right) {
            let outcome = if equal { "never equal" } else { "always different" };
            let message = format!("{} and {} are {outcome}", left.noun(), right.noun());
            self.warn("comparison", position, message, conversion(left, right));
        }
    }

    fn divide(&mut self, left: i64, right: i64, position: Position) {
        if right == 0 {
            self.error("division", position, "a division by zero fails", None);
        } else if left % right != 0 {
            let message = format!("{left} / {right} is {}: integers divide without a fraction", left / right);
            self.warn("division", position, message, Some(format!("write {left}.0 / {right} for the fraction")));
        }
    }

    /// Says what is wrong with a call that nothing takes.
    fn wrong_call(&mut self, name: &str, count: usize, own: &[&Function], position: Position) {
        let own: Vec<_> = own.iter().map(|function| function.signature()).collect();
        let host = surface::signatures(name);
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
        let (file, files) = (self.file, self.files);
        for alias in &mut self.scope.aliases {
            let module = alias.file.as_ref().and_then(|file| files.get(file)?.as_ref().ok());
            if module.is_some_and(|module| module.function(name, count).is_some()) {
                alias.used = true;
                return Some(format!("the module `{0}` has one: {0}::{name}(…)", alias.name));
            }
        }
        let own = file.functions.iter().map(|function| function.name.as_str());
        let all = own.chain(surface::names()).chain(self.known.names());
        let meant = closest(name, all).or_else(|| surface::synonym(name))?.to_owned();
        let signatures: Vec<_> =
            file.named_so(&meant).map(Function::signature).chain(surface::signatures(&meant)).collect();
        // What somebody probably meant counts as used: one mistake is one finding.
        for function in file.named_so(&meant) {
            self.used.insert((function.name.clone(), function.parameters.len()));
        }
        let shown = if signatures.is_empty() { format!("`{meant}`") } else { ticked(&signatures) };
        Some(format!("did you mean {shown}?"))
    }

    pub(crate) fn wrong_types(&mut self, name: &str, kinds: &[Kind], position: Position) {
        let found = kinds.iter().map(|kind| kind.noun()).collect::<Vec<_>>().join(", ");
        let signatures = surface::FUNCTIONS.iter().filter(|row| row.name == name && row.of.is_none());
        let signatures: Vec<_> = signatures
            .map(|row| {
                let parameters: Vec<_> = row.parameters.iter().map(|(name, kind)| format!("{name}: {kind}")).collect();
                format!("{name}({})", parameters.join(", "))
            })
            .collect();
        let help = (!signatures.is_empty()).then(|| format!("it is {}", ticked(&signatures)));
        self.error("wrong-type", position, format!("`{name}` does not take ({found})"), help);
    }

    /// Checks the call of a gateway's command.
    pub(crate) fn command_call(
        &mut self,
        row: &'static Command,
        arguments_: &[Expr],
        kinds: &[Kind],
        position: Position,
    ) {
        if let ([Expr::Map(entries, _)], [_]) = (arguments_, kinds) {
            self.command_map(row, entries.0.iter().map(|(name, _)| (name.name.as_str(), name.pos)), position);
            return;
        }
        let fields: Vec<_> = row.positional().collect();
        if kinds.len() != fields.len() {
            // A single argument that is nobody knows what may be the map.
            if !matches!(kinds, [Kind::Unknown | Kind::Map]) {
                let message = format!("`{}` is called with {}", row.function, arguments(kinds.len()));
                self.error("wrong-arguments", position, message, Some(format!("it is `{}`", row.signature())));
            }
            return;
        }
        for (index, (field, kind)) in fields.into_iter().zip(kinds).enumerate() {
            let of_choice =
                row.choices().any(|choice| field.presence == Presence::Either && literal::accepts(choice.kind, *kind));
            if literal::accepts(field.kind, *kind) || of_choice || (kinds.len() == 1 && *kind == Kind::Map) {
                continue;
            }
            let place = arguments_.get(index).map_or(position, Expr::start_position);
            let message =
                format!("`{}` needs {}, {}; found {}", row.function, field.name, field.kind.noun(), kind.noun());
            self.error("wrong-type", place, message, Some(format!("it is `{}`", row.signature())));
        }
    }

    fn command_map<'b>(&mut self, row: &Command, given: impl Iterator<Item = (&'b str, Position)>, position: Position) {
        let given: Vec<_> = given.collect();
        let mut meant_fields = Vec::new();
        for (name, place) in &given {
            if !row.fields.iter().any(|field| field.name == *name) {
                let names: Vec<_> = row.fields.iter().map(|field| field.name).collect();
                let meant = closest(name, names.iter().copied());
                let help = match meant {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("it has {}", names.join(", ")),
                };
                meant_fields.extend(meant);
                self.error("wrong-arguments", *place, format!("`{}` has no field `{name}`", row.function), Some(help));
            }
        }
        for field in row.fields.iter().filter(|field| field.presence == Presence::Required) {
            if !given.iter().any(|(name, _)| *name == field.name) && !meant_fields.contains(&field.name) {
                let message = format!("`{}` needs the field `{}`", row.function, field.name);
                self.error("wrong-arguments", position, message, Some(format!("it is {}", field.kind.noun())));
            }
        }
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
    pub(crate) fn literals(&mut self, of: Option<Kind>, call: &FnCallExpr) {
        if of.is_none() && matches!(call.name.as_str(), "after" | "every" | "cron") {
            self.timer(call);
        }
        for fault in literal::check(of, &call.name, &call.args) {
            self.error(fault.rule, fault.position, fault.message, fault.help);
        }
    }

    fn timer(&mut self, call: &FnCallExpr) {
        let Some(function) = call.args.get(1) else { return };
        if let Some(closure) = closure_of(function) {
            let message = format!("`{}` needs a function's name, and cannot hold a closure", call.name);
            let help = "define a function and give its name, such as \"remind\": a timer outlives this run".to_owned();
            self.error("wrong-type", closure.position, message, Some(help));
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
        let script = |name: &String| files.get(name).and_then(|script| script.as_ref().ok());
        let lacking = around.scripts.iter().filter_map(script).find(|script| script.named_so(name).next().is_none());
        let own = file.named_so(name).next();
        match (lacking, own) {
            (Some(script), Some(own)) if script.source.file != file.source.file => {
                let message = "a timer calls a function of the script, not of this module";
                let help = format!("define `{}` in {} and let it call this one", own.signature(), script.source.file);
                self.error("unknown-function", position, message, Some(help));
            }
            (None, Some(own)) if around.scripts.is_empty() => {
                let message = "a timer calls a function of the script, not of this module";
                let help = format!("define `{}` in the script that imports it and let it call this one", own.signature());
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

/// How many arguments, in words.
pub(crate) fn arguments(count: usize) -> String {
    match count {
        0 => "no arguments".to_owned(),
        1 => "1 argument".to_owned(),
        _ => format!("{count} arguments"),
    }
}

/// Whether values of these kinds are certainly never equal.
fn differ(left: Kind, right: Kind) -> bool {
    let class = |kind: Kind| match kind {
        Kind::Bool => Some(1),
        Kind::Int | Kind::Float => Some(2),
        Kind::Char | Kind::String | Kind::MaybeString => Some(3),
        Kind::Array => Some(4),
        Kind::Map => Some(5),
        Kind::Message => Some(6),
        Kind::Person => Some(7),
        _ => None,
    };
    matches!((class(left), class(right)), (Some(left), Some(right)) if left != right)
}

fn conversion(left: Kind, right: Kind) -> Option<String> {
    let number = |kind| matches!(kind, Kind::Int | Kind::Float);
    let text = |kind| matches!(kind, Kind::String | Kind::MaybeString);
    if (number(left) && text(right)) || (text(left) && number(right)) {
        return Some("make both the same: parse_int(text), or number.to_string()".to_owned());
    }
    if left == Kind::Person || right == Kind::Person {
        return Some("a person's mid is `.mid`, the name `.name`".to_owned());
    }
    if left == Kind::Message || right == Kind::Message {
        return Some("the text of a message is `.text`".to_owned());
    }
    None
}
