//! The traps of the language: code that is right by its grammar and does not do what it says.
//!
//! Traps of single calls and operators are where those are walked over.

use rhai::{ASTNode, Expr, FnCallExpr, Position, Token};

use super::known;
use super::scope::VariableOrigin;
use super::walk::{GaveNothing, NameKind, Value, Walk};
use crate::language::chain::{ChainLink, closure_of, links_of};
use crate::language::functions::{FUNCTIONS, Reach};
use crate::language::kind::Kind;
use crate::language::spelling::closest;
use crate::language::suggest::SECRET_HELP;

/// Methods that change nothing and give something new.
const ONLY_GIVES: &[&str] = &[
    "captures",
    "contains",
    "ends_with",
    "find_all",
    "index_of",
    "is_match",
    "len",
    "replace_all",
    "split",
    "starts_with",
    "sub_string",
    "to_json",
    "to_lower",
    "to_string",
    "to_upper",
];

impl Walk<'_> {
    /// Says that a condition is always the same.
    pub(crate) fn constant_condition(&mut self, expression: &Expr) {
        if let Expr::BoolConstant(value, position) = expression {
            let help = if *value { "remove the condition" } else { "remove the code that never runs" };
            self.warn(
                "constant-condition",
                *position,
                format!("this condition is always {value}"),
                Some(help.to_owned()),
            );
        }
    }

    /// Walks over what a `for` goes through; gives the kind of its items.
    pub(crate) fn iterated(&mut self, expression: &Expr) -> Kind {
        let mut kind = self.value(expression);
        if kind.may_be_nothing() {
            let refusal = "and `for` cannot go through ()";
            self.used_as_if_there(expression, kind, expression.start_position(), (refusal, Some("[]")));
            kind = kind.present();
        }
        let help = match kind.plain() {
            Kind::Int => Some("to count, write `for i in 0..10`".to_owned()),
            Kind::Map => Some("go through `map.keys()` or `map.values()`".to_owned()),
            Kind::State => Some("go through `state.keys()`".to_owned()),
            Kind::Store => Some("go through `store.keys()`".to_owned()),
            Kind::Settings => Some("go through `settings.keys()`".to_owned()),
            Kind::Float | Kind::Bool | Kind::Unit | Kind::Message | Kind::Person | Kind::Session => None,
            _ => return kind.item(),
        };
        self.error("not-iterable", expression.start_position(), format!("for cannot go through {}", kind.noun()), help);
        Kind::Unknown
    }

    /// Warns of a closure that takes the index for the item: `for_each` gives the item as `this`.
    pub(crate) fn index_for_item(&mut self, of: Kind, call: &FnCallExpr, root: Option<&str>) {
        if call.name != "for_each" || !matches!(of, Kind::Array | Kind::Unknown) {
            return;
        }
        let Some(closure) = call.args.first().and_then(closure_of) else { return };
        let Some(function) = self.file.closures.get(&closure.name) else { return };
        let Some(parameter) = function.parameters.get(closure.captured.len()) else { return };
        let uses_this = function.body.iter().any(|statement| {
            let mut found = false;
            statement.walk(&mut Vec::new(), &mut |nodes: &[ASTNode<'_>]| {
                found |= matches!(nodes.last(), Some(ASTNode::Expr(Expr::ThisPtr(_))));
                true
            });
            found
        });
        if !uses_this {
            let message = format!("for_each gives `{parameter}` the item's index; the item itself is `this`");
            let help = format!("write a loop: `for {parameter} in {} {{ … }}`", root.unwrap_or("list"));
            self.warn("index-not-item", closure.position, message, Some(help));
        }
    }

    /// Warns of a sum with an entry of the state that nothing ever sets.
    pub(crate) fn never_set(&mut self, chain: &Expr, value: Kind, position: Position) {
        let (root, links) = links_of(chain);
        let name = match (root, links.as_slice()) {
            (Expr::Variable(variable, ..), [link]) if variable.1 == "state" && variable.2.is_empty() => match link {
                ChainLink::Property(name, _) => (*name).to_owned(),
                ChainLink::Index(Expr::StringConstant(name, _)) => name.to_string(),
                _ => return,
            },
            _ => return,
        };
        let (own, said) = (self.file, self.said());
        let is_set = own.keeps_more || own.kept.contains(&name) || said.keeps_more || said.kept.contains(&*name);
        // A module may be used by scripts that set it.
        if is_set || self.role.is_open() || self.scope.variable("state").is_some() {
            return;
        }
        let empty = match value {
            Kind::Float => "0.0",
            Kind::String | Kind::MaybeString => "\"\"",
            Kind::Array => "[]",
            _ => "0",
        };
        let message = format!("nothing sets `state.{name}`: it is () at first, and there is no sum with ()");
        let help = format!("write `state.{name} = (state.{name} ?? {empty}) + …`");
        self.warn("never-set", position, message, Some(help));
    }

    /// Says that `state` or `store` itself cannot be set.
    pub(crate) fn replaced(&mut self, name: &str, position: Position) {
        let help = match name {
            "state" => "empty it with `state.clear()`, set an entry with `state.name = …`",
            "settings" => "the configuration sets them; keep your own in `state`",
            _ => "write with store.set(key, value)",
        };
        self.error("constant", position, format!("`{name}` itself cannot be replaced"), Some(help.to_owned()));
    }

    /// Warns of `${…}` between double quotes, where it stands for itself.
    pub(crate) fn uninterpolated(&mut self, text: &str, position: Position) {
        let Some((_, rest)) = text.split_once("${") else { return };
        let Some((inside, _)) = rest.split_once('}') else { return };
        // `${1}` and `${name}` can be groups of a regular expression's replacement: what is meant must have a meaning.
        let first: String = inside.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
        let visible = self.scope.variable(&first).is_some();
        let means = matches!(first.as_str(), "state" | "store" | "settings" | "global")
            || self.file.named_so(&first).next().is_some();
        if !(visible || means) || !self.begins_with(position, '"') {
            return;
        }
        if let Some(variable) = self.scope.variable(&first) {
            variable.read = true;
        }
        let message = format!("between double quotes `${{{inside}}}` stands for itself");
        self.warn(
            "no-interpolation",
            position,
            message,
            Some("write the text in backticks: `Hello ${name}`".to_owned()),
        );
    }

    /// Warns of `\n` in a text in backticks that may be meant for people: a pattern or JSON has other backslashes and marks.
    pub(crate) fn unbroken_text(&mut self, text: &Expr) {
        let is_plain = |part: &Expr| match part {
            Expr::StringConstant(text, _) => {
                let rest = text.replace("\\n", "");
                !rest.contains(['\\', '^', '{'])
                    && !["+", "*", "?", "$"].iter().any(|mark| text.contains(&format!("\\n{mark}")))
            }
            _ => true,
        };
        let is_for_people = match text {
            Expr::InterpolatedString(parts, _) => parts.iter().all(is_plain),
            text => is_plain(text),
        };
        if is_for_people {
            self.unbroken(text);
        }
    }

    /// Warns of `\n` in a text in backticks that is sent, where it breaks no line.
    pub(crate) fn unbroken(&mut self, text: &Expr) {
        let holds = |part: &Expr| matches!(part, Expr::StringConstant(text, _) if text.contains("\\n"));
        let position = text.start_position();
        let is_unbroken = match text {
            Expr::InterpolatedString(parts, _) => parts.iter().any(holds),
            text => holds(text) && self.begins_with(position, '`'),
        };
        if is_unbroken {
            let help = "break the line itself, or write the text between double quotes".to_owned();
            self.warn("no-line-break", position, "in backticks `\\n` stands for itself and breaks no line", Some(help));
        }
    }

    /// Whether the text of the file has this letter at a place.
    fn begins_with(&self, position: Position, letter: char) -> bool {
        let (Some(line), Some(column)) = (position.line(), position.position()) else { return false };
        let line = self.file.lines.get(line).unwrap_or_default();
        line.chars().nth(column - 1) == Some(letter)
    }

    /// Warns of a method that changes a property in place, where the property only gives a copy.
    pub(crate) fn changed_copy(&mut self) {
        let Some(GaveNothing { name, copied: Some(copied), shown, position, .. }) = self.gave_nothing.take() else {
            return;
        };
        let message = format!("`{name}` changes a copy: `{copied}` itself stays as it is");
        let help = format!("keep the copy: let copy = {copied}; copy.{shown}; then use copy");
        self.warn("in-place", position, message, Some(help));
    }

    /// Says that a module's function is called with `.`; whether it is.
    pub(crate) fn called_on_module(&mut self, name: &str, call: &FnCallExpr, position: Position) -> bool {
        if self.scope.variable(name).is_some() {
            return false;
        }
        let Some(alias) = self.scope.alias(name) else { return false };
        alias.used = true;
        for argument in &call.args {
            self.value(argument);
        }
        let message = format!("`{name}` is a module, and its functions are called with `::`");
        self.error("unknown-variable", position, message, Some(format!("write `{name}::{}(…)`", call.name)));
        true
    }

    /// Says that a module's constant is read with `.`; whether it is.
    pub(crate) fn read_of_module(&mut self, name: &str, field: &str, position: Position) -> bool {
        if self.scope.variable(name).is_some() {
            return false;
        }
        let Some(alias) = self.scope.alias(name) else { return false };
        alias.used = true;
        let message = format!("`{name}` is a module, and its constants are read with `::`");
        self.error("unknown-variable", position, message, Some(format!("write `{name}::{field}`")));
        true
    }

    /// Says that a statement computes something and does nothing with it.
    pub(crate) fn without_effect(&mut self, expression: &Expr, kind: Kind, value: Value) {
        if let Expr::FnCall(call, position) = expression
            && call.op_token.is_none()
        {
            return self.lost_call(call, kind, *position, value);
        }
        let (position, help) = match expression {
            Expr::InterpolatedString(..) | Expr::Array(..) | Expr::Map(..) => {
                (expression.start_position(), "use the value, or remove the line")
            }
            Expr::FnCall(call, position) => match &call.op_token {
                Some(Token::EqualsTo) => (*position, "`=` sets a variable; `==` compares"),
                Some(_) => (*position, "use the value, or remove the line"),
                None => return,
            },
            Expr::Variable(_, _, position) => {
                (*position, "use the value, or remove the line; a function is called with parentheses")
            }
            Expr::Dot(..) => {
                let (_, links) = links_of(expression);
                match links.last() {
                    Some(ChainLink::Method(call, position)) if ONLY_GIVES.contains(&call.name.as_str()) => {
                        (*position, "it changes nothing: keep what it gives, as in `let text = text.to_lower();`")
                    }
                    Some(ChainLink::Property(_, position)) => {
                        (*position, "use the value, or remove the line; a method is called with parentheses")
                    }
                    _ => return,
                }
            }
            constant if constant.is_constant() && !constant.is_unit() => {
                (constant.position(), "use the value, or remove the line")
            }
            _ => return,
        };
        match value {
            Value::OfTry | Value::OfCatch => self.lost_value(position, value),
            _ => {
                let message = "this line computes a value and does nothing with it";
                self.warn("no-effect", position, message, Some(help.to_owned()));
            }
        }
    }

    /// Says that a `catch` block ends in a call that only gives a value. That of a `try` block may be there to see whether it fails.
    pub(crate) fn lost_call(&mut self, call: &FnCallExpr, kind: Kind, position: Position, value: Value) {
        let is_foreign = !call.namespace.is_empty() || self.file.named_so(&call.name).next().is_some();
        let needs_more = known::command(&call.name).is_some()
            || FUNCTIONS.iter().any(|row| row.of.is_none() && row.name == call.name && row.reach != Reach::Anywhere);
        let gives = !matches!(kind, Kind::Unknown | Kind::Unit);
        if value == Value::OfCatch && gives && !is_foreign && !needs_more {
            self.lost_value(position, value);
        }
    }

    fn lost_value(&mut self, position: Position, value: Value) {
        let block = if value == Value::OfTry { "try" } else { "catch" };
        let message = format!("the value at the end of a `{block}` block goes nowhere");
        let help = "write `return …;` in both blocks, or set a variable that is declared before `try`";
        self.warn("no-effect", position, message, Some(help.to_owned()));
    }

    /// Refuses a name that would take a host name's place.
    pub(crate) fn refuse_host_name(&mut self, name: &str, position: Position, named: NameKind) {
        if self.role.is_test() {
            self.refuse_test_name(name, position, named);
            return;
        }
        if let "state" | "store" | "settings" = name {
            let message = format!("`{name}` is the host's own name and would be hidden");
            self.error("shadows-host", position, message, Some("choose another name".to_owned()));
            return;
        }
        let what = if known::command(name).is_some() {
            "a command"
        } else if named == NameKind::Function && FUNCTIONS.iter().any(|row| row.of.is_none() && row.name == name) {
            // A method of an object is reached through that object, and stays what it is.
            "a function of the host"
        } else {
            return;
        };
        let message = format!("`{name}` is {what} and would be hidden");
        self.error("shadows-host", position, message, Some("choose another name".to_owned()));
    }

    /// Says that a secret is put into a text.
    pub(crate) fn readable_secret(&mut self, position: Position) {
        self.error("secret", position, "a secret cannot be put into a text", Some(SECRET_HELP.to_owned()));
    }

    /// Says that a secret is compared.
    pub(crate) fn compared_secret(&mut self, position: Position) {
        self.error("secret", position, "a secret cannot be compared", Some(SECRET_HELP.to_owned()));
    }

    /// The kind of a setting; one that the configuration does not have may be asked for before.
    pub(crate) fn setting(&mut self, name: &str, position: Position) -> Kind {
        let around = self.around;
        let Some(known) = around.settings.as_ref().filter(|_| !self.role.is_test()) else { return Kind::Unknown };
        if let Some(kind) = known.get(name) {
            return *kind;
        }
        let message = format!("the configuration has no setting `{name}`");
        match closest(name, known.keys().map(String::as_str)) {
            Some(meant) => self.error("unknown-setting", position, message, Some(format!("did you mean `{meant}`?"))),
            None => {
                let help =
                    format!("write it under [settings], or give a value in its place: `settings.get(\"{name}\", …)`");
                self.warn("unknown-setting", position, message, Some(help));
            }
        }
        Kind::Unknown
    }

    /// Refuses what cannot be kept over a restart.
    pub(crate) fn only_data(&mut self, whose: &str, kind: Kind, position: Position) {
        let help = match kind {
            Kind::Function => "keep the function's name, a string",
            Kind::Message | Kind::MaybeMessage => "keep what is needed of it, such as `msg.text` or `msg.sender.mid`",
            Kind::Person => "keep their mid: `.mid`",
            Kind::Event(_) | Kind::Invite => "keep what is needed of it, such as `event.raw`",
            Kind::Session => "keep its name: `.name`",
            Kind::Secret => {
                "read it where it is used, as in `settings.name`: only the web functions and `hmac_sha256` take it"
            }
            _ => return,
        };
        let message = format!("{} cannot be kept in the {whose}, which holds plain data", kind.noun());
        self.error("not-data", position, message, Some(help.to_owned()));
    }

    /// Warns of a closure that is stored in what it captures: nothing ever frees the two.
    pub(crate) fn held_by_itself(&mut self, chain: &Expr, value: &Expr) {
        let (Expr::Variable(variable, ..), Some(closure)) = (links_of(chain).0, closure_of(value)) else { return };
        let name = variable.1.as_str();
        if closure.captured.contains(&name) && self.scope.variable(name).is_some() {
            let message = format!("`{name}` holds a closure that holds `{name}`: their memory is never freed");
            let help = "let the closure take it as a parameter".to_owned();
            self.warn("self-reference", closure.position, message, Some(help));
        }
    }

    /// Warns of a closure that is kept while the loop around it goes on: it sees the loop's last value.
    pub(crate) fn kept_closure(&mut self, expression: &Expr) {
        let Some(closure) = closure_of(expression) else { return };
        for name in closure.captured {
            if self.scope.variable(name).is_some_and(|variable| variable.origin == VariableOrigin::Loop) {
                let message = format!("the closure keeps the loop's variable `{name}`, which all rounds share");
                let help = format!("copy it first: let own = {name}; and use own in the closure");
                self.warn("loop-capture", closure.position, message, Some(help));
            }
        }
    }
}
