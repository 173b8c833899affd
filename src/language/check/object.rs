//! Properties and methods of values whose kind is known: those of hook arguments above all.

use rhai::{Expr, FnCallExpr, Position};

use super::known;
use super::record::MENTION;
use super::scope::VariableOrigin;
use super::walk::{GaveNothing, Walk};
use crate::language::chain::closures_in;
use crate::language::errors::CAUGHT_FIELDS;
use crate::language::functions::arguments;
use crate::language::functions::{self, ERROR_FIELDS, HostFunction, PROPERTIES, ticked};
use crate::language::kind::Kind;
use crate::language::spelling::closest;
use crate::language::suggest::{self, method_synonym};
use crate::language::testing;
use crate::language::types::Type;
use crate::protocol::{COMMANDS, EventField, EventFieldKind, EventSpec, Hook, Network};

impl Walk<'_> {
    /// The kind of a property that is read.
    pub(crate) fn property(&mut self, of: Kind, name: &str, position: Position) -> Kind {
        match of {
            Kind::Test(of) => self.test_property(of, name, position),
            Kind::Unknown | Kind::Function | Kind::Map | Kind::State => Kind::Unknown,
            Kind::Record(shape) => self.entry(shape, name, position),
            Kind::Event(hook) => self.event_field(of, hook, name, position),
            Kind::Invite => match name {
                "inviter" => Kind::Person,
                _ => self.event_field(of, Some(Hook::Invite), name, position),
            },
            Kind::Failure => self.failure_field(name, position),
            Kind::Settings => self.setting(name, position),
            Kind::Store => {
                let message = format!("the store has no property `{name}`");
                let help = format!("read with store.get(\"{name}\"), write with store.set(\"{name}\", value)");
                self.error("unknown-property", position, message, Some(help));
                Kind::Unknown
            }
            // A hook runs when its session has logged in, and then it has one.
            Kind::Session if name == "mid" => Kind::String,
            Kind::Message if name == "mentions" => Kind::Records(MENTION),
            of if self.known.has_getter(of, name) => {
                known::property(of, name).or_else(|| self.known.getter(of, name)).unwrap_or_default()
            }
            of => {
                self.unknown_property(of, name, position);
                Kind::Unknown
            }
        }
    }

    /// The kind of a property that is assigned to.
    pub(crate) fn set_property(&mut self, of: Kind, name: &str, position: Position) -> Kind {
        match of {
            Kind::Unknown | Kind::Map | Kind::State | Kind::Failure | Kind::Record(_) => Kind::Unknown,
            Kind::Store => self.property(of, name, position),
            Kind::Settings => {
                let message = format!("`settings.{name}` cannot be set: the configuration sets it");
                self.error("constant", position, message, Some(format!("keep it in `state.{name}`")));
                Kind::Unknown
            }
            of if self.known.has_setter(of, name) => Kind::Unknown,
            of => {
                let message = format!("`{name}` of {} cannot be changed", of.noun());
                self.error(
                    "unknown-property",
                    position,
                    message,
                    Some("keep what you need in a variable or in `state`".to_owned()),
                );
                Kind::Unknown
            }
        }
    }

    fn unknown_property(&mut self, of: Kind, name: &str, position: Position) {
        let getters: Vec<&str> = self.known.getters(of).collect();
        let is_method = !self.known.taking(name, 1).is_empty() && self.known.methods(of).any(|method| method == name);
        let methods: Vec<_> =
            functions::FUNCTIONS.iter().filter(|row| row.of == of.host_type() && row.of.is_some()).collect();
        let help = if let Some(row) = methods.iter().find(|row| row.name == name) {
            format!("it is a method: `{}`", row.signature())
        } else if is_method {
            format!("it is a method: `{name}()`")
        } else if let Some(meant) = method_synonym(of, name).or_else(|| closest(name, getters.iter().copied())) {
            format!("did you mean `{meant}`?")
        } else if of == Kind::String {
            "a string has `len`; everything else is a method, such as `to_upper()`".to_owned()
        } else if of.host_type().is_some() {
            let known = PROPERTIES.iter().filter(|row| Some(row.of) == of.host_type()).map(|row| row.name);
            let known = known.collect::<Vec<_>>().join(", ");
            if known.is_empty() { known } else { format!("it has {known}") }
        } else {
            String::new()
        };
        let message = format!("{} has no property `{name}`", of.noun());
        self.error("unknown-property", position, message, (!help.is_empty()).then_some(help));
    }

    fn event_field(&mut self, of: Kind, hook: Option<Hook>, name: &str, position: Position) -> Kind {
        if let Some(kind) = known::property(Kind::Event(None), name) {
            return kind;
        }
        let here = |field: &&EventField| field.name == name;
        let own = || {
            let rows = EventSpec::all().filter(|row| hook.is_none() || row.hook == hook);
            rows.flat_map(|row| row.fields)
        };
        if let Some(field) = own().find(here) {
            return field_kind(field);
        }
        let always = PROPERTIES.iter().filter(|row| row.of == Type::Event).map(|row| row.name);
        let mut names: Vec<_> = own().map(|field| field.name).chain(always).collect();
        if of == Kind::Invite {
            names.push("inviter");
        }
        names.sort_unstable();
        names.dedup();
        let help = match method_synonym(of, name)
            .filter(|meant| names.contains(meant))
            .or_else(|| closest(name, names.iter().copied()))
        {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("it has {}", names.join(", ")),
        };
        let whose = hook.map_or_else(|| "several hooks".to_owned(), |hook| format!("`{}`", hook.name()));
        let message = format!("{} of {whose} has no `{name}`", of.noun());
        if EventSpec::all().flat_map(|row| row.fields).any(|field| field.name == name) {
            self.warn("unknown-property", position, format!("{message}: it is always ()"), Some(help));
        } else {
            self.error("unknown-property", position, message, Some(help));
        }
        Kind::Unknown
    }

    fn failure_field(&mut self, name: &str, position: Position) -> Kind {
        if let Some((_, kind, _)) = ERROR_FIELDS.iter().find(|(field, ..)| *field == name) {
            return Kind::of(*kind);
        }
        // What the script itself put there is there.
        if self.file.entries.contains(name) {
            return Kind::Unknown;
        }
        let names = ERROR_FIELDS.iter().map(|(field, ..)| *field);
        let help = match closest(name, names.clone()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("it has {}", names.collect::<Vec<_>>().join(", ")),
        };
        self.warn("unknown-property", position, format!("an error has no `{name}`: it is always ()"), Some(help));
        Kind::Unknown
    }

    /// Checks a property of what a `catch` has caught, if `variable` is that.
    pub(crate) fn caught_field(&mut self, variable: &str, name: &str, position: Position) {
        let is_caught = self.scope.variable(variable).is_some_and(|variable| variable.origin == VariableOrigin::Catch);
        // A script can throw what it likes: a map with entries of its own, or a text.
        let is_known = CAUGHT_FIELDS.iter().any(|(field, ..)| *field == name);
        if !is_caught || is_known || self.entries.contains(name) || name == "len" {
            return;
        }
        let names = CAUGHT_FIELDS.iter().map(|(field, ..)| *field);
        let help = match closest(name, names.clone()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("it has {}", names.collect::<Vec<_>>().join(", ")),
        };
        self.warn("unknown-property", position, format!("a caught error has no `{name}`: it is always ()"), Some(help));
    }

    /// Walks over the call of a method; `root` is the variable that its chain begins with.
    pub(crate) fn method(&mut self, whole: Kind, call: &FnCallExpr, position: Position, root: Option<&str>) -> Kind {
        let of = whole.plain();
        let name = call.name.as_str();
        let arguments_: Vec<_> = call
            .args
            .iter()
            .map(|argument| {
                self.handed = match (of, name) {
                    // What there was before is nothing at first.
                    (Kind::Store, "update") => Some(Kind::Maybe),
                    (Kind::Array, "map" | "filter" | "find" | "find_map" | "all" | "some") => Some(whole.item()),
                    _ => None,
                };
                let kind = self.value(argument);
                self.handed = None;
                kind
            })
            .collect();
        self.gave_nothing = None;
        self.literals(Some(of), call, &arguments_);
        self.shared_with_closure(call, root, position);
        self.index_for_item(of, call, root);
        self.closures_taken(of, call);
        self.called_in_update(of, call);
        if let ("call", Some(root)) = (name, root) {
            self.closure_called(root, call.args.len(), position);
        }
        if let "push" | "insert" | "set" = name {
            for argument in &call.args {
                self.kept_closure(argument);
            }
        }
        let file = self.file;
        if let Some(function) = file.function(name, arguments_.len()) {
            self.hidden_method(of, name, arguments_.len(), position);
            self.hand_out(&function.name.clone(), arguments_.len());
            return Kind::Unknown;
        }
        if known::Known::is_language(name) {
            return Kind::Unknown;
        }
        if let Some(kind) = self.test_method(of, name, &arguments_, position) {
            return kind;
        }
        if !known::admits(of, name, &arguments_) {
            self.unknown_method(of, name, &arguments_, position);
            return Kind::Unknown;
        }
        if let (Kind::Session, "command", [Expr::StringConstant(wire, place), fields @ ..]) =
            (of, name, call.args.as_slice())
        {
            if let Some(row) = Network::any_command(wire) {
                self.refuse_everywhere(row, *place);
            }
            self.command_by_name(wire, *place, fields.first(), position);
        }
        if of == Kind::Session
            && let Some(row) = known::command(name)
        {
            self.refuse_everywhere(row, position);
            self.command_call(row, &call.args, &arguments_, position);
            return Kind::of_result(row.result);
        }
        if let (Kind::Store, "set", Some(kind), Some(value)) = (of, name, arguments_.get(1), call.args.get(1)) {
            self.only_data("store", *kind, value.start_position());
        }
        if let (Kind::Store, "set" | "incr" | "update", Some(key)) = (of, name, call.args.first()) {
            self.note_stored(root, key);
        }
        let kinds: Vec<_> = std::iter::once(of).chain(arguments_.iter().copied()).collect();
        let natives = self.known.taking(name, kinds.len());
        let fitting: Vec<_> = natives.into_iter().filter(|native| native.takes(&kinds)).collect();
        if let Some(first) = fitting.first() {
            let result = fitting.iter().skip(1).fold(first.result, |kind, native| kind.or(native.result));
            let result = match (of, name, call.args.as_slice()) {
                (Kind::Store, "get", [key]) => self.stored(key),
                (Kind::Array, "find" | "find_map", _) => Kind::Maybe,
                (Kind::Array, "filter", _) => whole,
                _ => known::result(of, name, arguments_.len()).unwrap_or(result),
            };
            self.arguments_there(name, &call.args, &kinds);
            if result == Kind::Unit {
                self.gave_nothing =
                    Some(GaveNothing { name: name.to_owned(), of, copied: None, shown: shown(call), position });
            }
            return result;
        }
        self.unknown_method(of, name, &arguments_, position);
        Kind::Unknown
    }

    /// Warns of a function that is called in place of a method which the value has: Rhai looks for the script's own first.
    fn hidden_method(&mut self, of: Kind, name: &str, count: usize, position: Position) {
        let is_hidden = match of {
            Kind::Test(owner) => testing::rows(Some(owner), name).any(|row| row.parameters.len() == count),
            _ => of.host_type().is_some() && known::result(of, name, count).is_some(),
        };
        if is_hidden {
            let message =
                format!("this calls the function `{name}` of this file, and not what {} has by that name", of.noun());
            self.warn(
                "hidden-method",
                position,
                message,
                Some(format!("give the function another name, such as `own_{name}`")),
            );
        }
    }

    fn unknown_method(&mut self, of: Kind, name: &str, kinds: &[Kind], position: Position) {
        let loose = matches!(of, Kind::Unknown | Kind::Map | Kind::Failure);
        // A map's entry can be a function, and so can the entry of a map that another file made.
        if loose && self.entries.contains(name) {
            return;
        }
        if loose && self.known.has(name) && !self.known.taking(name, kinds.len() + 1).is_empty() && of == Kind::Unknown
        {
            return;
        }
        let noun = match of {
            _ if loose => "a value",
            of => of.noun(),
        };
        let file = self.file;
        if let Some(function) = file.named_so(name).next() {
            let (own, count) = (function.signature(), function.parameters.len());
            self.used.insert((function.name.clone(), count));
            let message = format!("`{name}` is called as a method, and is a function of this file");
            let help = format!("call `{own}` with the object as an argument: {name}(…)");
            self.error("unknown-method", position, message, Some(help));
            return;
        }
        let host: Vec<_> =
            functions::FUNCTIONS.iter().filter(|row| row.of.is_some() && row.of == of.host_type()).collect();
        let same: Vec<_> = host.iter().filter(|row| row.name == name).map(|row| row.typed()).collect();
        if !same.is_empty() {
            let found = kinds.iter().map(|kind| kind.noun()).collect::<Vec<_>>().join(", ");
            let message = match kinds {
                [] => format!("`{name}` of {noun} is called with {}", arguments(0)),
                _ => format!("`{name}` of {noun} does not take ({found})"),
            };
            let help = match (name, kinds) {
                ("reply" | "ask", [Kind::Int | Kind::Float | Kind::Bool, ..]) => {
                    format!("it is {}; backticks make a text of it: `${{value}}`", ticked(&same))
                }
                ("reply" | "ask", [Kind::Person, ..]) => format!("it is {}; a person's name is `.name`", ticked(&same)),
                ("reply" | "ask", [Kind::Message, ..]) => {
                    format!("it is {}; a message's text is `.text`", ticked(&same))
                }
                _ => format!("it is {}", ticked(&same)),
            };
            self.error("wrong-arguments", position, message, Some(help));
            return;
        }
        let arities: Vec<usize> =
            self.known.arities(name).into_iter().filter_map(|arity| arity.checked_sub(1)).collect();
        if !arities.is_empty() && (loose || self.known.methods(of).any(|method| method == name)) {
            let found = kinds.iter().map(|kind| kind.noun()).collect::<Vec<_>>().join(", ");
            let (message, help) = if arities.contains(&kinds.len()) {
                let help =
                    (of == Kind::Array && name == "append").then_some("`push` adds one item; `append` another array");
                (format!("`{name}` of {noun} does not take ({found})"), help.map(str::to_owned))
            } else {
                let takes = arities.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ");
                let plural = if arities == [1] { "" } else { "s" };
                let message = format!("`{name}` of {noun} is called with {}", arguments(kinds.len()));
                (message, Some(format!("it takes {takes} argument{plural}")))
            };
            self.error("wrong-arguments", position, message, help);
            return;
        }
        let is_property = self.known.has_getter(of, name)
            || matches!(of, Kind::Event(_) | Kind::Invite)
                && EventSpec::all().flat_map(|row| row.fields).any(|field| field.name == name);
        let help = match is_property {
            true => Some(format!("it is a property: write it without parentheses, `.{name}`")),
            false => self.meant_method(of, name, kinds, &host),
        };
        self.error("unknown-method", position, format!("{noun} has no method `{name}`"), help);
    }

    fn meant_method(&self, of: Kind, name: &str, kinds: &[Kind], host: &[&HostFunction]) -> Option<String> {
        match (of, name) {
            (Kind::State, "get" | "set") => return Some(suggest::LIKE_A_MAP.to_owned()),
            (Kind::Session, "reply" | "send") => return Some(suggest::SESSION_SENDS.to_owned()),
            (Kind::Event(_) | Kind::Invite, "reply") => return Some(suggest::EVENT_SENDS.to_owned()),
            (Kind::Person, "reply" | "send" | "says") => return Some(suggest::PERSON_GETS.to_owned()),
            _ => {}
        }
        // To join, for one, is something else of an invitation than of an array.
        if let (None, Some(help)) = (method_synonym(of, name), suggest::foreign(name)) {
            return Some(help);
        }
        let commands = COMMANDS.iter().filter(|row| of == Kind::Session && !row.is_login()).map(|row| row.function);
        let names: Vec<&str> = match of {
            Kind::Unknown if self.role.is_test() => {
                self.known.names().chain(testing::FUNCTIONS.iter().map(|row| row.name)).collect()
            }
            Kind::Unknown | Kind::Map => self.known.names().chain(functions::names()).collect(),
            _ => host.iter().map(|row| row.name).chain(commands).chain(self.known.methods(of)).collect(),
        };
        let loose = matches!(of, Kind::Unknown | Kind::Map);
        let meant = method_synonym(of, name)
            .or_else(|| closest(name, names.iter().copied()))
            .or_else(|| suggest::synonym(name).filter(|_| loose));
        if let Some(meant) = meant {
            let rows = suggest::fitting(host.iter().copied().filter(|row| row.name == meant), kinds);
            let signatures: Vec<_> = rows.into_iter().map(HostFunction::signature).collect();
            let shown = if signatures.is_empty() { format!("`{meant}`") } else { ticked(&signatures) };
            return Some(format!("did you mean {shown}?"));
        }
        if host.is_empty() {
            return None;
        }
        let mut all: Vec<_> = host.iter().map(|row| row.name).collect();
        all.dedup();
        Some(format!("it has {}", all.join(", ")))
    }

    /// Refuses a closure that uses what the method at hand is working on: Rhai ends the run with a data race.
    fn shared_with_closure(&mut self, call: &FnCallExpr, root: Option<&str>, position: Position) {
        let Some(root) = root else { return };
        for closure in call.args.iter().flat_map(closures_in) {
            if closure.captured.contains(&root) && self.scope.variable(root).is_some() {
                let message = format!("the closure uses `{root}` while `{}` works on it", call.name);
                let help = match call.name.as_str() {
                    "ask" => {
                        format!(
                            "take what the closure needs before, as in `let mid = {root}.sender.mid;`, and use that in it"
                        )
                    }
                    _ => format!("use a loop: for item in {root} {{ … }}"),
                };
                self.error("data-race", position, message, Some(help));
            }
        }
    }
}

/// A call as a proposal shows it.
pub(crate) fn shown(call: &FnCallExpr) -> String {
    format!("{}({})", call.name, if call.args.is_empty() { "" } else { "…" })
}

fn field_kind(field: &EventField) -> Kind {
    match field.kind {
        _ if field.optional => Kind::Unknown,
        EventFieldKind::Str | EventFieldKind::Json => Kind::String,
        EventFieldKind::NullableStr => Kind::MaybeString,
        EventFieldKind::Int => Kind::Int,
        EventFieldKind::StrMap => Kind::Map,
    }
}
