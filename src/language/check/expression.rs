//! Expressions: the names in them and their kinds. The traps that they fall into are in `trap`.

use rhai::{BinaryExpr, Expr, OpAssignment, Position};

use super::known;
use super::scope::VariableOrigin;
use super::walk::{GaveNothing, Value, Walk, place_of};
use crate::language::chain::{ChainLink, closure_of, links_of};
use crate::language::kind::Kind;
use crate::language::parse;
use crate::language::spelling::closest;
use crate::language::testing;
use crate::protocol::COMMANDS;

impl Walk<'_> {
    /// Walks over an expression and gives its kind.
    pub(crate) fn expression(&mut self, expression: &Expr) -> Kind {
        if let Some(closure) = closure_of(expression) {
            for name in &closure.captured {
                // Whether it exists is said where it is used, inside the closure.
                if let Some(variable) = self.scope.variable(name) {
                    variable.read = true;
                }
            }
            self.closure(&closure.name, closure.captured.len(), closure.position);
            return Kind::Function;
        }
        match expression {
            Expr::BoolConstant(..) => Kind::Bool,
            Expr::IntegerConstant(..) => Kind::Int,
            Expr::FloatConstant(..) => Kind::Float,
            Expr::CharConstant(..) => Kind::Char,
            Expr::StringConstant(text, position) => {
                self.uninterpolated(text, *position);
                Kind::String
            }
            Expr::ThisPtr(position) => {
                if self.in_hook {
                    let message = "`this` is nothing here: the host calls a hook, on no value";
                    let help = "a hook gets what happened as its parameter, such as `msg` in `on_message(msg)`";
                    self.error("unknown-variable", *position, message, Some(help.to_owned()));
                }
                Kind::Unknown
            }
            Expr::Unit(_) => Kind::Unit,
            Expr::InterpolatedString(parts, _) => {
                for part in parts {
                    self.expression(part);
                }
                Kind::String
            }
            Expr::Array(items, _) => {
                for item in items {
                    self.value(item);
                }
                Kind::Array
            }
            Expr::Map(entries, _) => {
                for (_, value) in &entries.0 {
                    self.value(value);
                }
                Kind::Map
            }
            Expr::Variable(variable, _, position) if variable.2.is_empty() => self.variable(&variable.1, *position),
            Expr::Variable(variable, _, position) => self.qualified_variable(&variable.2, &variable.1, *position),
            Expr::Stmt(block) => {
                self.block(block, Value::Used);
                Kind::Unknown
            }
            Expr::FnCall(call, position) => self.call(call, *position),
            Expr::Dot(..) | Expr::Index(..) => self.chain(expression, None),
            Expr::And(operands, _) => self.operands(operands, "&&"),
            Expr::Or(operands, _) => self.operands(operands, "||"),
            Expr::Coalesce(operands, _) => {
                let kinds: Vec<_> = operands.iter().map(|operand| self.value(operand)).collect();
                match kinds.as_slice() {
                    [Kind::MaybeString, Kind::String] => Kind::String,
                    _ => Kind::Unknown,
                }
            }
            _ => Kind::Unknown,
        }
    }

    /// Walks over an expression whose value somebody wants.
    pub(crate) fn value(&mut self, expression: &Expr) -> Kind {
        self.gave_nothing = None;
        let kind = self.expression(expression);
        let calls = matches!(expression, Expr::FnCall(..) | Expr::Dot(..));
        if let (Kind::Unit, true, Some(gave)) = (kind, calls, self.gave_nothing.take()) {
            let GaveNothing { name, of, copied, shown, position } = gave;
            let of = if of == Kind::MaybeString { Kind::String } else { of };
            let (message, help) = match (of, copied) {
                (Kind::Unknown, _) => (format!("`{name}` gives nothing, so there is no value here"), None),
                (of, copied) => (
                    format!("`{name}` changes {} in place and gives nothing, so there is no value here", of.noun()),
                    Some(match copied {
                        Some(copied) => format!("copy it first: let copy = {copied}; copy.{shown}; then use copy"),
                        None => "call it in a line of its own, then use the variable".to_owned(),
                    }),
                ),
            };
            self.warn("in-place", position, message, help);
            // One mistake is one finding: what is done with the value is not judged besides.
            return Kind::Unknown;
        }
        self.gave_nothing = None;
        kind
    }

    /// Walks over an expression that must be true or false.
    pub(crate) fn condition(&mut self, expression: &Expr, what: &str) {
        let kind = self.value(expression);
        let help = match kind {
            Kind::Unknown | Kind::Bool => return,
            Kind::Int | Kind::Float => "compare it, as in `count != 0`",
            Kind::String => "compare it, as in `text != \"\"`",
            Kind::MaybeString | Kind::Unit | Kind::Message | Kind::Person => "compare it, as in `msg.text != ()`",
            _ => "compare it: only true and false are conditions",
        };
        let message = format!("{what} is {}, and must be true or false", kind.noun());
        self.error("condition", expression.start_position(), message, Some(help.to_owned()));
    }

    fn operands(&mut self, operands: &[Expr], operator: &str) -> Kind {
        for operand in operands {
            self.condition(operand, &format!("an operand of {operator}"));
        }
        Kind::Bool
    }

    pub(crate) fn assignment(&mut self, operation: &OpAssignment, sides: &BinaryExpr) {
        let value = self.value(&sides.rhs);
        match &sides.lhs {
            Expr::Variable(variable, _, position) if variable.2.is_empty() => {
                let name = variable.1.as_str();
                let Some(known) = self.scope.variable(name) else {
                    match name {
                        "state" | "store" => self.replaced(name, *position),
                        _ => self.unknown_variable(name, *position),
                    }
                    return;
                };
                known.entries = None;
                let kind = if operation.is_op_assignment() { known.kind } else { known.kind.or(value) };
                let (mixed, constant) = (kind != known.kind, known.origin == VariableOrigin::Const);
                let place = place_of(known.position);
                known.kind = kind;
                if mixed {
                    self.facts.mixed.extend(place);
                }
                if constant {
                    let message = format!("`{name}` is a constant and cannot be changed");
                    self.error("constant", *position, message, Some("declare it with let".to_owned()));
                }
            }
            chain @ (Expr::Dot(..) | Expr::Index(..)) => {
                self.kept_closure(&sides.rhs);
                self.held_by_itself(chain, &sides.rhs);
                if operation.is_op_assignment() {
                    self.never_set(chain, value, operation.position());
                }
                self.chain(chain, Some(operation.position()));
                let root = links_of(chain).0;
                if matches!(root, Expr::Variable(variable, ..) if variable.1 == "state") {
                    self.only_data("state", value, sides.rhs.start_position());
                }
            }
            other => {
                self.expression(other);
            }
        }
    }

    /// Walks over a chain of properties, methods and indices; `assigned` is where it is assigned to, if it is.
    fn chain(&mut self, expression: &Expr, assigned: Option<Position>) -> Kind {
        let (root, links) = links_of(expression);
        let root_name = match root {
            Expr::Variable(variable, ..) if variable.2.is_empty() => Some(variable.1.as_str()),
            _ => None,
        };
        if let (Some(name), Some(ChainLink::Method(call, position))) = (root_name, links.first())
            && self.called_on_module(name, call, *position)
        {
            return Kind::Unknown;
        }
        if let (Some(name), Some(ChainLink::Property(field, position))) = (root_name, links.first()) {
            self.caught_field(name, field, *position);
        }
        let before = self.findings.len();
        let mut kind = self.expression(root);
        // What nothing is known of has any property: one mistake is one finding.
        let lost = self.findings.len() > before && kind == Kind::Unknown;
        let count = links.len();
        let mut written = root_name.unwrap_or("…").to_owned();
        // Whether the value at hand is the property of an object that gives only copies.
        let mut copied = false;
        for (index, link) in links.iter().enumerate() {
            let target = assigned.is_some() && index + 1 == count;
            let of = kind;
            kind = match *link {
                ChainLink::Method(call, _) if lost => {
                    for argument in &call.args {
                        self.value(argument);
                    }
                    Kind::Unknown
                }
                ChainLink::Index(at) if lost => {
                    self.value(at);
                    Kind::Unknown
                }
                ChainLink::Property(name, position) if target => self.set_property(kind, name, position),
                ChainLink::Property(name, position) => self.property(kind, name, position),
                ChainLink::Method(call, position) => {
                    let kind = self.method(kind, call, position, root_name);
                    if let Some(gave) = self.gave_nothing.as_mut().filter(|_| copied) {
                        gave.copied = Some(written.clone());
                    }
                    kind
                }
                ChainLink::Index(at) => {
                    let key = self.value(at);
                    self.index(kind, key, at.start_position())
                }
            };
            copied = false;
            if let ChainLink::Property(name, _) = link {
                written = format!("{written}.{name}");
                copied = matches!(of, Kind::Message | Kind::Person | Kind::Event(_) | Kind::Invite | Kind::Session)
                    && matches!(kind, Kind::String | Kind::MaybeString);
            }
        }
        kind
    }

    fn index(&mut self, of: Kind, key: Kind, position: Position) -> Kind {
        match (of, key) {
            (Kind::Store, _) => {
                let help = Some("read with store.get(key), write with store.set(key, value)".to_owned());
                self.error("unknown-property", position, "the store has no entries in brackets", help);
            }
            (Kind::Array, Kind::String) => {
                self.error("wrong-type", position, "an array is indexed by an integer; found a string", None);
            }
            (Kind::Map, Kind::Int) => {
                self.error("wrong-type", position, "a map is indexed by a string; found an integer", None);
            }
            _ => {}
        }
        Kind::Unknown
    }

    fn variable(&mut self, name: &str, position: Position) -> Kind {
        if let Some(variable) = self.scope.variable(name) {
            variable.read = true;
            return variable.kind;
        }
        if let (true, Some(of)) = (self.role.is_test(), testing::global(name)) {
            return Kind::Test(of);
        }
        if let ("state" | "store", false) = (name, self.role.is_test()) {
            if self.at_top_level {
                let message = format!("`{name}` cannot be used at a script's top level: it belongs to a session");
                self.error("top-level", position, message, Some("use it in a hook such as on_start()".to_owned()));
            }
            return if name == "state" { Kind::State } else { Kind::Store };
        }
        let file = self.file;
        let mut named = file.named_so(name).peekable();
        if named.peek().is_some() {
            for function in named {
                self.hand_out(&function.name, function.parameters.len());
            }
            return Kind::Function;
        }
        self.unknown_variable(name, position);
        Kind::Unknown
    }

    pub(crate) fn unknown_variable(&mut self, name: &str, position: Position) {
        if let Some(variable) = self.outside.get(name) {
            variable.read = true;
            let (message, help) = parse::outer_variable(name, variable.origin == VariableOrigin::Const);
            self.error("outer-variable", position, message, Some(help));
            return;
        }
        let may_propose = self.may_propose();
        let file = self.file;
        let visible = self.scope.variables.iter().map(|variable| variable.name.as_str());
        let functions = file.functions.iter().map(|function| function.name.as_str());
        let globals: &[&str] = match self.role.is_test() {
            true => &["bot", "clock", "gateway", "web"],
            false => &["state", "store"],
        };
        let globals = globals.iter().copied();
        let all = visible.chain(functions).chain(globals);
        let meant = if may_propose { closest(name, all).map(str::to_owned) } else { None };
        let foreign = match name {
            "state" | "store" | "msg" if self.role.is_test() => {
                Some("that is the bot's: a test sees it as people do, by what the bot says".to_owned())
            }
            // Its counterpart is at hand in a test.
            "bot" | "client" | "session" if self.role.is_test() => None,
            _ => parse::foreign_name(name),
        };
        let help = match (foreign, meant) {
            (Some(help), _) => Some(help),
            (None, _) if COMMANDS.iter().any(|row| row.name == name) => {
                Some(format!("a command's name is a text: \"{name}\""))
            }
            (None, _) if self.known.has(name) || known::command(name).is_some() => {
                Some(format!("a function as a value is `Fn(\"{name}\")`"))
            }
            (None, Some(meant)) => {
                // One mistake is one finding: what was meant is not reported as unused besides.
                if let Some(variable) = self.scope.variable(&meant) {
                    variable.read = true;
                }
                Some(format!("did you mean `{meant}`?"))
            }
            (None, None) => None,
        };
        self.error("unknown-variable", position, format!("no variable `{name}`"), help);
    }

    fn qualified_variable(&mut self, namespace: &rhai::Namespace, name: &str, position: Position) -> Kind {
        if namespace.root() == "global" {
            let own = if self.at_top_level { &mut self.scope.variables } else { &mut self.outside };
            if let Some(variable) = own.find(name, |variable| variable.origin == VariableOrigin::Const) {
                variable.read = true;
                return variable.kind;
            }
            let is_variable = own.get(name).is_some();
            let constants = own.iter().filter(|variable| variable.origin == VariableOrigin::Const);
            let help = match closest(name, constants.map(|variable| variable.name.as_str())) {
                _ if is_variable => Some(format!("declare it with const: const {name} = …;")),
                Some(meant) => Some(format!("did you mean `global::{meant}`?")),
                None => None,
            };
            self.error("unknown-variable", position, format!("this file has no constant `{name}`"), help);
            return Kind::Unknown;
        }
        match self.namespace(namespace) {
            Some(network) => self.operation_value(network, name, position),
            None => drop(self.module(namespace)),
        }
        Kind::Unknown
    }
}
