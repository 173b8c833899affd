//! Expressions: the names in them and their kinds. The traps that they fall into are in `trap`.

use rhai::{BinaryExpr, Expr, OpAssignment, Position, Stmt};

use super::known::{self, Known};
use super::presence::root;
use super::scope::VariableOrigin;
use super::walk::{GaveNothing, Value, Walk, place_of};
use crate::language::chain::{ChainLink, closure_of, guarded_links_of, links_of};
use crate::language::kind::Kind;
use crate::language::parse;
use crate::language::spelling::closest;
use crate::language::testing;
use crate::protocol::COMMANDS;

impl Walk<'_> {
    /// Walks over an expression and gives its kind, as far as it is known at this place.
    pub(crate) fn expression(&mut self, expression: &Expr) -> Kind {
        let kind = self.kind_of(expression);
        if kind.may_be_nothing() && self.is_there(expression) { kind.present() } else { kind }
    }

    fn kind_of(&mut self, expression: &Expr) -> Kind {
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
                self.unbroken_text(expression);
                for part in parts {
                    // What stands in the braces is a block.
                    let inner = match part {
                        Expr::Stmt(block) => match block.statements() {
                            [Stmt::Expr(inner)] => inner,
                            _ => part,
                        },
                        _ => part,
                    };
                    if self.value(inner) == Kind::Secret {
                        self.readable_secret(inner.start_position());
                    }
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
            Expr::Coalesce(operands, _) => self.coalesce(operands),
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
            let of = of.present();
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
            Kind::Unknown | Kind::Bool | Kind::Maybe => return,
            Kind::Int | Kind::Float => "compare it, as in `count != 0`",
            Kind::String => "compare it, as in `text != \"\"`",
            Kind::MaybeArray => "compare it, as in `found != ()`",
            Kind::MaybeMessage => "compare it, as in `answer != ()`",
            Kind::MaybeString | Kind::Unit | Kind::Message | Kind::Person => "compare it, as in `msg.text != ()`",
            _ => "compare it: only true and false are conditions",
        };
        let message = format!("{what} is {}, and must be true or false", kind.noun());
        self.error("condition", expression.start_position(), message, Some(help.to_owned()));
    }

    fn operands(&mut self, operands: &[Expr], operator: &str) -> Kind {
        let before = self.presence.clone();
        for operand in operands {
            self.condition(operand, &format!("an operand of {operator}"));
            // The next one is looked at only where this one left it open.
            let tested = self.tests(operand);
            self.presence.learn(if operator == "&&" { &tested.yes } else { &tested.no });
        }
        self.presence = before;
        Kind::Bool
    }

    fn coalesce(&mut self, operands: &[Expr]) -> Kind {
        let [first, others @ ..] = operands else { return Kind::Unknown };
        let mut kind = self.value(first).present();
        let mut ends = false;
        for other in others {
            let before = self.presence.clone();
            let other = self.value(other);
            ends = self.presence.is_unreachable() && !before.is_unreachable();
            self.presence = before;
            kind = if ends { kind } else { kind.or(other) };
        }
        // Behind `text ?? { return; }` there is one.
        if ends {
            self.note_there(first);
        }
        kind
    }

    pub(crate) fn assignment(&mut self, operation: &OpAssignment, sides: &BinaryExpr) {
        let value = self.value(&sides.rhs);
        self.unbroken_text(&sides.rhs);
        if operation.is_op_assignment() {
            self.changed_by_nothing(operation, sides, value);
        }
        match &sides.lhs {
            Expr::Variable(variable, _, position) if variable.2.is_empty() => {
                let name = variable.1.as_str();
                self.held_anew(name, value);
                self.note_checked(name, &sides.rhs);
                let Some(known) = self.scope.variable(name) else {
                    match name {
                        "state" | "store" | "settings" => self.replaced(name, *position),
                        _ => self.unknown_variable(name, *position),
                    }
                    return;
                };
                known.entries = None;
                known.takes = None;
                known.arguments = None;
                let kind = match (known.kind, value) {
                    _ if operation.is_op_assignment() => known.kind,
                    // What is unknown counts as being there.
                    (Kind::Maybe, Kind::Unknown) => known.kind,
                    _ => known.kind.or(value),
                };
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
        let (root, guarded) = guarded_links_of(expression);
        let (links, guards): (Vec<_>, Vec<_>) = guarded.into_iter().unzip();
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
            if self.read_of_module(name, field, *position) {
                return Kind::Unknown;
            }
        }
        if let Some(ChainLink::Method(call, position)) = links.first() {
            self.pointer_called(root, call, *position);
        }
        let before = self.findings.len();
        let mut kind = self.expression(root);
        // What nothing is known of has any property: one mistake is one finding.
        let lost = self.findings.len() > before && kind == Kind::Unknown;
        let count = links.len();
        let mut written = root_name.unwrap_or("…").to_owned();
        // Whether the value at hand is the property of an object that gives only copies.
        let mut copied = false;
        // Whether all of it is () where a value on the way is.
        let mut is_guarded = false;
        for (index, link) in links.iter().enumerate() {
            let target = assigned.is_some() && index + 1 == count;
            let perhaps = kind.may_be_nothing().then_some(kind);
            is_guarded |= perhaps.is_some() && guards[index];
            let of = kind.present();
            let before = self.findings.len();
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
                ChainLink::Property(name, position) if target => self.set_property(of, name, position),
                ChainLink::Property(name, position) => {
                    let argument = root_name.filter(|_| index == 0).and_then(|of| self.argument(of, name, position));
                    argument.unwrap_or_else(|| self.property(of, name, position))
                }
                ChainLink::Method(call, position) => {
                    let kind = self.method(of, call, position, root_name);
                    if let Some(gave) = self.gave_nothing.as_mut().filter(|_| copied) {
                        gave.copied = Some(written.clone());
                    }
                    kind
                }
                ChainLink::Index(Expr::StringConstant(name, position)) if kind == Kind::Settings => match target {
                    true => self.set_property(kind, name, *position),
                    false => self.setting(name, *position),
                },
                ChainLink::Index(at) => {
                    let key = self.value(at);
                    self.index(of, key, at.start_position())
                }
            };
            // One mistake is one finding.
            if let Some(perhaps) = perhaps.filter(|_| self.findings.len() == before && !guards[index]) {
                self.goes_on(root, &links[..=index], perhaps);
            }
            copied = false;
            if let ChainLink::Property(name, _) = link {
                written = format!("{written}.{name}");
                copied = matches!(of, Kind::Message | Kind::Person | Kind::Event(_) | Kind::Invite | Kind::Session)
                    && matches!(kind, Kind::String | Kind::MaybeString);
            }
        }
        if is_guarded { kind.or(Kind::Unit) } else { kind }
    }

    /// Judges that a chain goes on, with its last link, from a value that may be ().
    fn goes_on(&mut self, root: &Expr, links: &[ChainLink<'_>], kind: Kind) {
        let Some((link, before)) = links.split_last() else { return };
        if root.is_constant() {
            return;
        }
        let (position, refusal) = match link {
            ChainLink::Property(name, position) => (*position, format!("which has no `{name}`")),
            ChainLink::Method(call, position) => {
                let is_own = self.file.named_so(&call.name).next().is_some();
                let of_nothing = self.known.taking(&call.name, call.args.len() + 1);
                if is_own
                    || Known::is_language(&call.name)
                    || of_nothing.iter().any(|native| native.works_on(Kind::Unit))
                {
                    return;
                }
                (*position, format!("which has no `{}`", call.name))
            }
            ChainLink::Index(at) => (at.start_position(), "which has no entries".to_owned()),
        };
        self.link_used_as_if_there(root, before, kind, position, (&refusal, None));
    }

    /// Notes that a variable holds something else from here on.
    fn held_anew(&mut self, name: &str, value: Kind) {
        let Some(place) = self.scope.variables.place(name) else { return };
        self.presence.forget(place);
        self.meanings.remove(&place);
        if !value.may_be_nothing() && value != Kind::Unit {
            self.presence.add(root(place));
        }
    }

    /// Judges a sum that is assigned, such as `n += 1`, where one of its sides may be ().
    fn changed_by_nothing(&mut self, operation: &OpAssignment, sides: &BinaryExpr, value: Kind) {
        let Expr::Variable(variable, _, position) = &sides.lhs else { return };
        let Some(held) = self.scope.variable(&variable.1).map(|variable| variable.kind) else { return };
        let held = if held.may_be_nothing() && self.is_there(&sides.lhs) { held.present() } else { held };
        let Some((.., operator)) = operation.get_op_assignment_info() else { return };
        self.operand_of(operator, &sides.lhs, held, value, *position);
        self.operand_of(operator, &sides.rhs, value, held, sides.rhs.start_position());
    }

    fn index(&mut self, of: Kind, key: Kind, position: Position) -> Kind {
        match (of, key) {
            (Kind::Settings, Kind::Unknown | Kind::String) => {}
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
        of.item()
    }

    fn variable(&mut self, name: &str, position: Position) -> Kind {
        if let Some(variable) = self.scope.variable(name) {
            variable.read = true;
            return variable.kind;
        }
        if let (true, Some(of)) = (self.role.is_test(), testing::global(name)) {
            return Kind::Test(of);
        }
        if let ("settings", false) = (name, self.role.is_test()) {
            return Kind::Settings;
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
            false => &["state", "store", "settings"],
        };
        let globals = globals.iter().copied();
        let all = visible.chain(functions).chain(globals);
        let meant = if may_propose { closest(name, all).map(str::to_owned) } else { None };
        let foreign = match name {
            "state" | "store" | "settings" | "msg" if self.role.is_test() => {
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
            None => self.module_variable(namespace, name, position),
        }
        Kind::Unknown
    }
}
