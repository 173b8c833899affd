//! The traps of the language: code that is right by its grammar and does not do what it says.
//!
//! Traps of single calls and operators are where those are walked over.

use rhai::{Expr, Position, Token};

use super::expression::{Step, closure_of, steps_of};
use super::kind::Kind;
use super::known;
use super::scope::Origin;
use super::walk::{Named, Walk};
use crate::script::surface::FUNCTIONS;

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

    /// Walks over what a `for` goes through.
    pub(crate) fn iterated(&mut self, expression: &Expr) {
        let kind = self.value(expression);
        let help = match kind {
            Kind::Int => Some("to count, write `for i in 0..10`".to_owned()),
            Kind::Map => Some("go through `map.keys()` or `map.values()`".to_owned()),
            Kind::State => Some("go through `state.keys()`".to_owned()),
            Kind::Store => Some("go through `store.keys()`".to_owned()),
            Kind::Float | Kind::Bool | Kind::Unit | Kind::Message | Kind::Person | Kind::Session => None,
            _ => return,
        };
        self.error("not-iterable", expression.start_position(), format!("for cannot go through {}", kind.noun()), help);
    }

    /// Says that a statement computes something and does nothing with it.
    pub(crate) fn without_effect(&mut self, expression: &Expr) {
        let (position, help) = match expression {
            Expr::FnCall(call, position) => match &call.op_token {
                Some(Token::EqualsTo) => (*position, "`=` sets a variable; `==` compares"),
                Some(_) => (*position, "use the value, or remove the line"),
                None => return,
            },
            Expr::Variable(_, _, position) => {
                (*position, "use the value, or remove the line; a function is called with parentheses")
            }
            Expr::Dot(..) => {
                let (_, steps) = steps_of(expression);
                match steps.last() {
                    Some(Step::Method(call, position)) if ONLY_GIVES.contains(&call.name.as_str()) => {
                        (*position, "it changes nothing: keep what it gives, as in `let text = text.to_lower();`")
                    }
                    Some(Step::Property(_, position)) => {
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
        self.warn("no-effect", position, "this line computes a value and does nothing with it", Some(help.to_owned()));
    }

    /// Refuses a name that would take a host name's place.
    pub(crate) fn refuse_host_name(&mut self, name: &str, position: Position, named: Named) {
        if let "state" | "store" = name {
            let message = format!("`{name}` is the host's own name and would be hidden");
            self.error("shadows-host", position, message, Some("choose another name".to_owned()));
            return;
        }
        let what = if known::command(name).is_some() {
            "a command of the gateway"
        } else if named == Named::Function && FUNCTIONS.iter().any(|row| row.of.is_none() && row.name == name) {
            // A method of an object is reached through that object, and stays what it is.
            "a function of the host"
        } else {
            return;
        };
        let message = format!("`{name}` is {what} and would be hidden");
        self.error("shadows-host", position, message, Some("choose another name".to_owned()));
    }

    /// Refuses what cannot be kept over a restart.
    pub(crate) fn only_data(&mut self, whose: &str, kind: Kind, position: Position) {
        let help = match kind {
            Kind::Function => "keep the function's name, a string",
            Kind::Message => "keep what is needed of it, such as `msg.text` or `msg.sender.mid`",
            Kind::Person => "keep their mid: `.mid`",
            Kind::Event(_) | Kind::Invite => "keep what is needed of it, such as `event.raw`",
            Kind::Session => "keep its name: `.name`",
            _ => return,
        };
        let message = format!("{} cannot be kept in the {whose}, which holds plain data", kind.noun());
        self.error("not-data", position, message, Some(help.to_owned()));
    }

    /// Warns of a closure that is stored in what it captures: nothing ever frees the two.
    pub(crate) fn held_by_itself(&mut self, chain: &Expr, value: &Expr) {
        let (Expr::Variable(variable, ..), Some(closure)) = (steps_of(chain).0, closure_of(value)) else { return };
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
            if self.scope.variable(name).is_some_and(|variable| variable.origin == Origin::Loop) {
                let message = format!("the closure keeps the loop's variable `{name}`, which all rounds share");
                let help = format!("copy it first: let own = {name}; and use own in the closure");
                self.warn("loop-capture", closure.position, message, Some(help));
            }
        }
    }
}
