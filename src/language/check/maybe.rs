//! Values that may be `()` and are used as if they were not, and the tests that show that they are there.
//!
//! Only what is `()` in ordinary use counts: a picture without text, a question that nobody answers, an entry that was never stored.
//! What only a damaged event lacks does not. How what is known goes along with the code is in `walk`; what is known, in `presence`.

use rhai::{ASTNode, Expr, FnCallExpr, Position, Token};

use super::known::Known;
use super::presence::{Learnt, Tested, root};
use super::scope::VariableOrigin;
use super::walk::Walk;
use crate::language::chain::{ChainLink, guarded_links_of, links_of, put_in};
use crate::language::kind::Kind;
use crate::protocol::Command;

impl Walk<'_> {
    /// Warns that a value may be `()`, where it is used as if it never were; `refusal` says what () cannot do, `default` what could
    /// stand for it.
    pub(crate) fn used_as_if_there(
        &mut self,
        value: &Expr,
        kind: Kind,
        position: Position,
        (refusal, default): (&str, Option<&str>),
    ) {
        let (root, links) = links_of(value);
        self.link_used_as_if_there(root, &links, kind, position, (refusal, default));
    }

    /// The same of the value that a chain has reached.
    pub(crate) fn link_used_as_if_there(
        &mut self,
        root: &Expr,
        links: &[ChainLink<'_>],
        kind: Kind,
        position: Position,
        (refusal, default): (&str, Option<&str>),
    ) {
        // A test sees at once what is not there.
        if self.role.is_test() {
            return;
        }
        // One mistake is one finding, and what was reached through it is none besides.
        for count in 0..=links.len() {
            let Some(key) = self.key_of_links(root, &links[..count]) else { break };
            if self.blamed.contains(&key) || (count == links.len() && self.presence.has(&key)) {
                return;
            }
            if count == links.len() {
                self.blamed.insert(key);
            }
        }
        let shown = shown(root, links);
        let help = help(kind, root, links, &shown, default);
        self.warn("may-be-nothing", position, format!("`{shown}` may be (), {refusal}"), Some(help));
    }

    /// Judges the arguments of a function or method of the host's or the language's that may be (); `kinds` may begin with a method's
    /// object.
    pub(crate) fn arguments_there(&mut self, name: &str, arguments: &[Expr], kinds: &[Kind]) {
        let first = kinds.len() - arguments.len();
        for (index, argument) in arguments.iter().enumerate() {
            let kind = kinds[first + index];
            if !kind.may_be_nothing() {
                continue;
            }
            let mut with_nothing = kinds.to_vec();
            with_nothing[first + index] = Kind::Unit;
            let takes_it = self.known.taking(name, kinds.len()).iter().any(|native| native.takes(&with_nothing));
            if !takes_it {
                let refusal = format!("which `{name}` does not take");
                self.used_as_if_there(argument, kind, argument.start_position(), (&refusal, None));
            }
        }
    }

    /// Judges what a command's field is given, which may be ().
    pub(crate) fn field_there(&mut self, row: &Command, field: &str, value: &Expr, kind: Kind) {
        if kind.may_be_nothing() {
            let refusal = format!("and `{}` needs a `{field}`", row.call_name());
            self.used_as_if_there(value, kind, value.start_position(), (&refusal, None));
        }
    }

    /// Judges an operand that may be (), by the kind of the other one.
    pub(crate) fn operand_of(&mut self, operator: &str, operand: &Expr, kind: Kind, other: Kind, position: Position) {
        let other = other.present();
        let works =
            |known: &Known| known.operates(operator, Kind::Unit, other) || known.operates(operator, other, Kind::Unit);
        if kind.may_be_nothing() && !works(self.known) {
            let refusal = format!("and `{operator}` does not work with ()");
            let default = match other {
                Kind::Float => "0.0",
                Kind::Array => "[]",
                Kind::Map => "#{}",
                _ => "0",
            };
            self.used_as_if_there(operand, kind, position, (&refusal, Some(default)));
        }
    }

    /// Whether it is known that the value of an expression is there.
    pub(crate) fn is_there(&mut self, value: &Expr) -> bool {
        !self.presence.is_empty() && self.key(value).is_some_and(|key| self.presence.has(&key))
    }

    /// Notes that the value of an expression is there from here on.
    pub(crate) fn note_there(&mut self, value: &Expr) {
        if let Some(key) = self.key(value) {
            self.presence.add(key);
        }
    }

    /// What an entry of the store gives: nothing, where no one has set it. Whoever goes through keys knows that they are there.
    pub(crate) fn stored(&mut self, key: &Expr) -> Kind {
        let mut is_given = false;
        let scope = &mut self.scope;
        key.walk(&mut Vec::new(), &mut |nodes: &[ASTNode<'_>]| {
            is_given |= match nodes.last() {
                Some(ASTNode::Expr(Expr::ThisPtr(_))) => true,
                Some(ASTNode::Expr(Expr::Variable(variable, ..))) => {
                    scope.variable(&variable.1).is_some_and(|variable| match variable.origin {
                        VariableOrigin::Loop => true,
                        VariableOrigin::Parameter => variable.kind.host_type().is_none(),
                        _ => false,
                    })
                }
                _ => false,
            };
            true
        });
        let is_begun = matches!(key, Expr::StringConstant(name, _) if self.file.begun.contains(name.as_str()));
        if is_given || is_begun { Kind::Unknown } else { Kind::Maybe }
    }

    /// Notes that an entry of a store has been set; `store` is the variable that holds it.
    pub(crate) fn note_stored(&mut self, store: Option<&str>, key: &Expr) {
        let Some((store, key)) = store.and_then(|store| Some((store, self.key(key)?))) else { return };
        let store = self.scope.variables.place(store).map_or_else(|| store.to_owned(), root);
        self.presence.add(format!("{store}.get({key})"));
    }

    /// What a condition tells of values that may be `()`.
    pub(crate) fn tests(&mut self, condition: &Expr) -> Tested {
        match condition {
            Expr::FnCall(call, _) => match (call.op_token.as_ref(), call.args.as_slice()) {
                (Some(Token::EqualsTo), [left, right]) => self.equal(left, right),
                (Some(Token::NotEqualsTo), [left, right]) => self.equal(left, right).opposite(),
                (None | Some(Token::Bang), [operand]) if call.name == "!" => self.tests(operand).opposite(),
                // Values of different types have no order: then this is false.
                (
                    Some(
                        Token::LessThan
                        | Token::GreaterThan
                        | Token::LessThanEqualsTo
                        | Token::GreaterThanEqualsTo
                        | Token::In,
                    ),
                    sides,
                ) => {
                    let mut tested = self.mentioned(condition);
                    tested.yes.extend(sides.iter().filter_map(|side| self.key(side)).map(Learnt::There));
                    tested
                }
                _ => self.mentioned(condition),
            },
            Expr::And(operands, _) => self.all(operands, |tested| tested),
            Expr::Or(operands, _) => self.all(operands, Tested::opposite).opposite(),
            Expr::Variable(variable, ..) => {
                let place = self.scope.variables.place(&variable.1);
                place.and_then(|place| self.meanings.get(&place)).cloned().unwrap_or_default()
            }
            other => self.mentioned(other),
        }
    }

    fn all(&mut self, operands: &[Expr], of: fn(Tested) -> Tested) -> Tested {
        let all = operands.iter().map(|operand| of(self.tests(operand)));
        all.reduce(Tested::and).unwrap_or_default()
    }

    fn equal(&mut self, left: &Expr, right: &Expr) -> Tested {
        let (subject, other) = if left.is_constant() { (right, left) } else { (left, right) };
        let mut tested = self.mentioned(subject);
        match (self.typed(subject), other) {
            (Some(there), Expr::StringConstant(name, _)) => {
                let there = there.map(Learnt::There);
                if name == "()" { tested.no.extend(there) } else { tested.yes.extend(there) }
            }
            (None, Expr::Unit(_)) => tested.no.extend(self.key(subject).map(Learnt::There)),
            (None, _) => {
                // A message of this type is a text.
                let is_text = matches!(other, Expr::StringConstant(name, _) if name == "NONE");
                tested.yes.extend(self.text_of_type(subject).filter(|_| is_text).map(Learnt::There));
                let there = [subject, other].into_iter().filter_map(|side| self.key(side));
                tested.yes.extend(there.map(Learnt::There));
            }
            _ => {}
        }
        tested
    }

    /// The key of a message's text, where its content type is asked for.
    pub(crate) fn text_of_type(&self, value: &Expr) -> Option<String> {
        let (root, links) = links_of(put_in(value));
        let (last, before) = links.split_last()?;
        let message = self.key_of_links(root, before)?;
        matches!(last, ChainLink::Property("content_type", _)).then(|| format!("{message}.text"))
    }

    /// Notes that an answer which a check of its question has taken is a text.
    pub(crate) fn note_checked(&mut self, name: &str, answer: &Expr) {
        let (from, links) = links_of(answer);
        let call: &FnCallExpr = match (from, links.last()) {
            (_, Some(ChainLink::Method(call, _))) => call,
            (Expr::FnCall(call, _), None) => call,
            _ => return,
        };
        let Some(Expr::Map(options, _)) = call.args.last().filter(|_| call.name == "ask") else { return };
        let is_checked = options.0.iter().any(|(name, _)| name.name == "check");
        if let Some(place) = self.scope.variables.place(name).filter(|_| is_checked) {
            self.presence.judge(format!("{}.text", root(place)));
        }
    }

    /// The key of what `type_of` is asked of, where it is.
    fn typed(&self, call: &Expr) -> Option<Option<String>> {
        if let Expr::FnCall(call, _) = call {
            return (call.name == "type_of").then(|| self.key(call.args.first()?));
        }
        let (root, links) = links_of(call);
        let (last, before) = links.split_last()?;
        matches!(last, ChainLink::Method(call, _) if call.name == "type_of").then(|| self.key_of_links(root, before))
    }

    /// What a condition has judged that is none of the comparisons that are understood: by `?.`, by `??`, or by a function.
    fn mentioned(&mut self, condition: &Expr) -> Tested {
        let mut tested = Tested::default();
        let mut judged = |walk: &mut Self, value: &Expr, always: bool| {
            if let Some(key) = walk.key(value) {
                if always {
                    tested.no.insert(Learnt::Judged(key.clone()));
                }
                tested.yes.insert(Learnt::Judged(key));
            }
        };
        let mut seen = vec![condition];
        while let Some(expression) = seen.pop() {
            match expression {
                Expr::Coalesce(operands, _) => {
                    judged(self, &operands[0], true);
                    seen.extend(operands.iter());
                }
                Expr::FnCall(call, _) | Expr::MethodCall(call, _) => {
                    let always = call.op_token.is_none() && self.may_judge(call);
                    if call.op_token.is_none() {
                        call.args.iter().for_each(|argument| judged(self, argument, always));
                    }
                    seen.extend(call.args.iter());
                }
                Expr::Dot(..) | Expr::Index(..) => {
                    let (root, links) = guarded_links_of(expression);
                    if links.iter().any(|(_, guarded)| *guarded) {
                        judged(self, root, true);
                    }
                    for (link, _) in links {
                        let ChainLink::Method(call, _) = link else { continue };
                        let always = self.may_judge(call);
                        if always {
                            judged(self, root, true);
                        }
                        call.args.iter().for_each(|argument| judged(self, argument, always));
                        seen.extend(call.args.iter());
                    }
                    seen.push(root);
                }
                _ => {}
            }
        }
        tested
    }

    /// Whether a function may look for () by itself, so that what it says both ways tells of its arguments.
    fn may_judge(&mut self, call: &FnCallExpr) -> bool {
        if call.namespace.is_empty() {
            return self.file.named_so(&call.name).next().is_some();
        }
        let file = self.scope.alias(call.namespace.root()).and_then(|alias| alias.file.clone());
        // The standard library says "no" to what is not there.
        let module = file.and_then(|file| self.files.get(&file)?.as_ref().ok());
        module.is_some_and(|module| module.source.path.is_some())
    }

    /// The key of a value that can be reached again by the same words; see [`ProvenPresence`](super::presence::ProvenPresence).
    pub(crate) fn key(&self, value: &Expr) -> Option<String> {
        let (root, links) = links_of(put_in(value));
        self.key_of_links(root, &links)
    }

    fn key_of_links(&self, from: &Expr, links: &[ChainLink<'_>]) -> Option<String> {
        let mut key = match from {
            Expr::Variable(variable, ..) if variable.2.is_empty() => match self.scope.variables.place(&variable.1) {
                Some(place) => root(place),
                None => variable.1.to_string(),
            },
            Expr::Variable(variable, ..) => format!("{}::{}", variable.2, variable.1),
            Expr::StringConstant(text, _) => format!("{:?}", text.as_str()),
            Expr::IntegerConstant(number, _) => number.to_string(),
            Expr::InterpolatedString(parts, _) => self.keys(parts)?,
            Expr::FnCall(call, _) if call.op_token.is_none() => {
                format!("{}::{}({})", call.namespace, call.name, self.keys(&call.args)?)
            }
            _ => return None,
        };
        for link in links {
            key += &match link {
                ChainLink::Property(name, _) => format!(".{name}"),
                ChainLink::Method(call, _) => format!(".{}({})", call.name, self.keys(&call.args)?),
                ChainLink::Index(index) => format!("[{}]", self.key(index)?),
            };
        }
        Some(key)
    }

    fn keys(&self, values: &[Expr]) -> Option<String> {
        let keys: Option<Vec<_>> = values.iter().map(|value| self.key(value)).collect();
        Some(keys?.join(","))
    }
}

/// A value as people would write it in few words.
fn shown(root: &Expr, links: &[ChainLink<'_>]) -> String {
    let call = |call: &FnCallExpr| format!("{}({})", call.name, if call.args.is_empty() { "" } else { "…" });
    let mut shown = match root {
        Expr::Variable(variable, ..) => variable.1.to_string(),
        Expr::FnCall(inner, _) if inner.namespace.is_empty() => call(inner),
        Expr::FnCall(inner, _) => format!("{}::{}", inner.namespace.root(), call(inner)),
        _ => "…".to_owned(),
    };
    for link in links {
        shown += &match link {
            ChainLink::Property(name, _) => format!(".{name}"),
            ChainLink::Method(inner, _) => format!(".{}", call(inner)),
            ChainLink::Index(_) => "[…]".to_owned(),
        };
    }
    shown
}

/// What to write instead.
fn help(kind: Kind, root: &Expr, links: &[ChainLink<'_>], shown: &str, default: Option<&str>) -> String {
    let is_named =
        matches!(root, Expr::Variable(..)) && links.iter().all(|link| matches!(link, ChainLink::Property(..)));
    let reason = match (kind, links.last()) {
        (Kind::MaybeString, Some(ChainLink::Property("text", _))) => "a picture has no text: ",
        (Kind::MaybeMessage, _) => "nobody may answer in time: ",
        (Kind::MaybeArray, _) => "the pattern may not be found: ",
        (_, Some(ChainLink::Method(call, _))) if call.name == "get" => "nothing may be stored there yet: ",
        _ => "",
    };
    let default = default.or((kind == Kind::MaybeString).then_some("\"\""));
    match (is_named, default) {
        (true, Some(default)) => {
            format!("{reason}first write `if {shown} == () {{ return; }}`, or give a default: `({shown} ?? {default})`")
        }
        (true, None) => format!("{reason}first write `if {shown} == () {{ return; }}`"),
        (false, Some(default)) => format!("{reason}give a default: `({shown} ?? {default})`"),
        (false, None) => format!("{reason}first write `let found = {shown}; if found == () {{ return; }}`"),
    }
}
