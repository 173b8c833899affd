//! The functions and properties that there are, read from the tables, and from what the language itself brings.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::language::dialect;
use crate::language::functions::{FUNCTIONS, HostFunction, MAX_ARGUMENTS, PROPERTIES, Reach};
use crate::language::kind::Kind;
use crate::language::suggest;
use crate::language::types::Type;
use crate::protocol::{COMMANDS, Command};

/// Functions of the language itself that are in no registry; they take any number of arguments.
const LANGUAGE: &[&str] =
    &["Fn", "call", "curry", "debug", "eval", "is_def_fn", "is_def_var", "is_shared", "print", "type_of"];

/// A function with its parameters.
#[derive(Clone, Debug)]
pub(crate) struct Native {
    /// What each parameter takes, of which [`Kind::Unknown`] is anything; nothing where that is no kind of ours.
    types: Vec<Option<Kind>>,
    /// The kind of what it gives.
    pub(crate) result: Kind,
}

/// Everything that can be called or read.
#[derive(Default)]
pub(crate) struct Known {
    functions: HashMap<String, Vec<Native>>,
    getters: HashMap<(Kind, String), Kind>,
    setters: HashSet<(Kind, String)>,
    names: BTreeSet<String>,
}

impl Known {
    /// What scripts know.
    pub(crate) fn of_scripts() -> Self {
        let mut known = Self::of_language();
        for row in FUNCTIONS {
            known.add_row(row);
        }
        for row in COMMANDS.iter().filter(|row| !row.is_login()) {
            known.add_command(row);
        }
        // What an event has depends on the event.
        for row in PROPERTIES.iter().filter(|row| row.of != Type::Event && row.of != Type::Invite) {
            known.getters.insert((Kind::of(row.of), row.name.to_owned()), Kind::of(row.kind));
        }
        known
    }

    /// What tests know, but for the table of their own.
    pub(crate) fn of_tests() -> Self {
        let mut known = Self::of_language();
        for row in FUNCTIONS.iter().filter(|row| row.reach == Reach::Anywhere) {
            known.add_row(row);
        }
        known
    }

    fn of_language() -> Self {
        let mut known = Self::default();
        let all = dialect::language().collect_fn_metadata(
            None,
            |function| {
                let data = function.metadata;
                let types: Vec<_> = data.param_types.iter().map(|id| Kind::of_id(*id)).collect();
                Some((data.name.to_string(), types, kind_of(&data.return_type)))
            },
            true,
        );
        for (name, types, result) in all {
            let of = types.first().copied().flatten();
            if let (Some(property), Some(of)) = (name.strip_prefix("get$"), of) {
                known.getters.insert((of, property.to_owned()), result);
            } else if let (Some(property), Some(of)) = (name.strip_prefix("set$"), of) {
                known.setters.insert((of, property.to_owned()));
            } else {
                known.add(&name, types, result);
            }
        }
        known.names.extend(LANGUAGE.iter().map(|name| (*name).to_owned()));
        known
    }

    fn add(&mut self, name: &str, types: Vec<Option<Kind>>, result: Kind) {
        if is_word(name) {
            self.names.insert(name.to_owned());
        }
        self.functions.entry(name.to_owned()).or_default().push(Native { types, result });
    }

    fn add_row(&mut self, row: &HostFunction) {
        let of = row.of.map(|of| Some(Kind::of(of)));
        let parameter = |(name, kind): &(&str, Type)| match *name {
            // It is given by its name, or as a value.
            "function" => Some(Kind::Unknown),
            _ => Some(Kind::of(*kind)),
        };
        let types = of.into_iter().chain(row.parameters.iter().map(parameter)).collect();
        self.add(row.name, types, Kind::of(row.result));
    }

    /// A command is a function and a method of sessions. A wrong call of it gets an answer too, so it takes whatever comes.
    fn add_command(&mut self, row: &Command) {
        let exact: Vec<_> = row.positional().map(|field| Some(Kind::of_wire(field.kind))).collect();
        let loose = (0..=MAX_ARGUMENTS).map(|count| vec![Some(Kind::Unknown); count]);
        for types in loose.chain((!exact.is_empty()).then_some(exact)) {
            self.add(row.function, [vec![Some(Kind::Session)], types.clone()].concat(), Kind::Unknown);
            self.add(row.function, types, Kind::Unknown);
        }
    }

    /// Whether this is a function of the language itself.
    pub(crate) fn is_language(name: &str) -> bool {
        LANGUAGE.contains(&name)
    }

    /// Whether any function has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The names of all functions.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The names of the functions that can be called as methods of such a value.
    pub(crate) fn methods(&self, of: Kind) -> impl Iterator<Item = &str> {
        let of = of.exact();
        let fits = move |native: &Native| of.is_some() && native.types.first() == Some(&of);
        self.functions
            .iter()
            .filter(move |(name, natives)| is_word(name) && natives.iter().any(fits))
            .map(|(name, _)| name.as_str())
    }

    /// The functions of a name that take so many arguments; a method's object counts as one.
    pub(crate) fn taking(&self, name: &str, count: usize) -> Vec<&Native> {
        let natives = self.functions.get(name).map(Vec::as_slice).unwrap_or_default();
        natives.iter().filter(|native| native.types.len() == count).collect()
    }

    /// Whether an operator works with values of these kinds, as far as that can be told.
    pub(crate) fn operates(&self, operator: &str, left: Kind, right: Kind) -> bool {
        let open = |kind: Kind| kind == Kind::Unknown || kind.may_be_nothing();
        let number = |kind: Kind| matches!(kind, Kind::Int | Kind::Float);
        let text = |kind: Kind| matches!(kind, Kind::String | Kind::Char);
        if left == Kind::Secret || right == Kind::Secret {
            return false;
        }
        open(left)
            || open(right)
            || (number(left) && number(right))
            || (operator == "+" && (left == Kind::String || right == Kind::String))
            // The language itself does these: the one joins two texts, the other takes one out of another.
            || (matches!(operator, "+" | "-") && text(left) && text(right))
            || self.taking(operator, 2).iter().any(|native| native.takes(&[left, right]))
    }

    /// How many arguments the functions of a name take, in order.
    pub(crate) fn arities(&self, name: &str) -> Vec<usize> {
        let natives = self.functions.get(name).map(Vec::as_slice).unwrap_or_default();
        natives.iter().map(|native| native.types.len()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether a value of this kind has a property that can be read.
    pub(crate) fn has_getter(&self, of: Kind, name: &str) -> bool {
        self.getter(of, name).is_some()
    }

    /// What a property gives, if there is one.
    pub(crate) fn getter(&self, of: Kind, name: &str) -> Option<Kind> {
        self.getters.get(&(of.exact()?, name.to_owned())).copied()
    }

    /// The properties of a value of this kind, for a proposal.
    pub(crate) fn getters(&self, of: Kind) -> impl Iterator<Item = &str> {
        let of = of.exact();
        self.getters.keys().filter(move |(owner, _)| Some(*owner) == of).map(|(_, name)| name.as_str())
    }

    /// Whether a property can be set.
    pub(crate) fn has_setter(&self, of: Kind, name: &str) -> bool {
        of.exact().is_some_and(|of| self.setters.contains(&(of, name.to_owned())))
    }
}

impl Native {
    /// Whether it can be called as a method of a value of this kind.
    pub(crate) fn works_on(&self, kind: Kind) -> bool {
        matches!(self.types.first(), Some(Some(wanted)) if *wanted == Kind::Unknown || *wanted == kind)
    }

    /// Whether it takes arguments of these kinds.
    pub(crate) fn takes(&self, kinds: &[Kind]) -> bool {
        self.types.len() == kinds.len()
            && self.types.iter().zip(kinds).all(|(wanted, kind)| {
                *wanted == Some(Kind::Unknown)
                    || match kind {
                        Kind::Unknown => true,
                        Kind::Maybe => true,
                        kind if kind.may_be_nothing() => {
                            *wanted == Some(Kind::Unit) || *wanted == kind.present().exact()
                        }
                        kind => wanted.is_some() && *wanted == kind.exact(),
                    }
            })
    }
}

/// Whether the table of functions lets a function or method of this name take values of these kinds; a method's object is `of`.
pub(crate) fn admits(of: Kind, name: &str, kinds: &[Kind]) -> bool {
    let mut rows = FUNCTIONS
        .iter()
        .filter(|row| row.of == of.host_type() && row.name == name && row.parameters.len() == kinds.len())
        .peekable();
    rows.peek().is_none() || rows.any(|row| suggest::takes(row, kinds))
}

/// What the table says that a function or method gives.
pub(crate) fn result(of: Kind, name: &str, count: usize) -> Option<Kind> {
    let row =
        FUNCTIONS.iter().find(|row| row.of == of.host_type() && row.name == name && row.parameters.len() == count)?;
    Some(Kind::of(row.result))
}

/// The kind of a property in the table.
pub(crate) fn property(of: Kind, name: &str) -> Option<Kind> {
    let of = of.host_type()?;
    PROPERTIES.iter().find(|row| row.of == of && row.name == name).map(|row| Kind::of(row.kind))
}

/// The common command that a function sends.
pub(crate) fn command(function: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|row| !row.is_login() && row.function == function)
}

fn is_word(name: &str) -> bool {
    name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
}

/// The kind behind the name of a Rust type, as far as that is certain.
fn kind_of(type_name: &str) -> Kind {
    let result = type_name.split_once("Result<").or_else(|| type_name.split_once("RhaiResultOf<"));
    let plain = result.and_then(|(_, rest)| rest.split([',', '>']).next()).unwrap_or(type_name);
    match plain.trim() {
        "()" => Kind::Unit,
        "bool" => Kind::Bool,
        "i64" | "INT" | "int" => Kind::Int,
        "f64" | "FLOAT" | "float" => Kind::Float,
        "char" => Kind::Char,
        "String" | "ImmutableString" | "string" | "&str" | "alloc::string::String" => Kind::String,
        "Array" | "array" => Kind::Array,
        "Map" | "map" => Kind::Map,
        _ => Kind::Unknown,
    }
}
