//! What is known of a value without running anything: its kind.

use std::any::TypeId;

use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map};

use super::settings::SettingValue;
use super::testing;
use super::types::Type;
use crate::protocol::{self, Argument, Hook, Structure};

/// The kind of a value, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Anything.
    #[default]
    Unknown,
    Unit,
    Bool,
    Int,
    Float,
    Char,
    String,
    /// A string, or `()` where there is none.
    MaybeString,
    /// A message, or `()` where none came.
    MaybeMessage,
    /// An array, or `()` where there is none.
    MaybeArray,
    /// Anything, of which it is known that it can be `()`.
    Maybe,
    Array,
    Map,
    Function,
    Message,
    Person,
    Invite,
    /// The event of a hook; of several hooks where a function serves several.
    Event(Option<Hook>),
    Session,
    State,
    Store,
    Settings,
    Secret,
    /// A map whose entries are known: a structure, by its name, or entries that are listed, such as `{id, to}`.
    Record(&'static str),
    /// An array of such maps.
    Records(&'static str),
    /// What `on_error` gets.
    Failure,
    /// An object of a scenario test, by its type.
    Test(Type),
}

impl Kind {
    /// What a value has that is of this kind on one way and of that on another.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Event(_), Self::Event(_)) => Self::Event(None),
            (Self::String, Self::Unit) | (Self::Unit, Self::String) => Self::MaybeString,
            (maybe, Self::Unit) | (Self::Unit, maybe) if maybe.may_be_nothing() => maybe,
            (Self::Maybe, other) | (other, Self::Maybe) if other != Self::Unknown => Self::Maybe,
            (maybe, other) | (other, maybe) if maybe.may_be_nothing() && maybe.present() == other => maybe,
            _ => Self::Unknown,
        }
    }

    /// Whether `()` is one of the values that are known to be possible.
    pub(crate) fn may_be_nothing(self) -> bool {
        matches!(self, Self::MaybeString | Self::MaybeMessage | Self::MaybeArray | Self::Maybe)
    }

    /// The kind of what is there, where it is not `()`.
    pub(crate) fn present(self) -> Self {
        match self {
            Self::MaybeString => Self::String,
            Self::MaybeMessage => Self::Message,
            Self::MaybeArray => Self::Array,
            Self::Maybe => Self::Unknown,
            kind => kind,
        }
    }

    /// What a command gives, from the words of its row.
    pub(crate) fn of_result(result: &'static str) -> Self {
        let inside = |open, close| result.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        match (inside('[', ']'), inside('{', '}')) {
            _ if Structure::named(result).is_some() => Self::Record(result),
            (Some(item), _) if Structure::named(item).is_some() => Self::Records(item),
            // Others are maps by mids, or hold more than names.
            (_, Some(entries)) if !entries.is_empty() && !entries.contains([':', '[']) => Self::Record(result),
            _ => Self::Unknown,
        }
    }

    /// The kind as the language tells it: a map whose entries are known is a map.
    pub(crate) fn plain(self) -> Self {
        match self {
            Self::Record(_) => Self::Map,
            Self::Records(_) => Self::Array,
            kind => kind,
        }
    }

    /// What is in an array of this kind.
    pub(crate) fn item(self) -> Self {
        match self {
            Self::Records(name) => Self::Record(name),
            _ => Self::Unknown,
        }
    }

    /// The kind of values of a type of the tables.
    pub(crate) fn of(named: Type) -> Self {
        match named {
            Type::Unit => Self::Unit,
            Type::Bool => Self::Bool,
            Type::Integer => Self::Int,
            Type::Float => Self::Float,
            Type::String => Self::String,
            Type::StringOrUnit => Self::MaybeString,
            Type::Array => Self::Array,
            Type::ArrayOrUnit => Self::MaybeArray,
            Type::Map => Self::Map,
            Type::Function => Self::Function,
            Type::Message => Self::Message,
            Type::MessageOrUnit => Self::MaybeMessage,
            // Events that name nobody are damaged: nobody is blamed for not asking.
            Type::Person | Type::PersonOrUnit => Self::Person,
            Type::Session => Self::Session,
            Type::Invite => Self::Invite,
            Type::Event => Self::Event(None),
            Type::State => Self::State,
            Type::Store => Self::Store,
            Type::Settings => Self::Settings,
            Type::Secret => Self::Secret,
            Type::Any
            | Type::StringOrSecret
            | Type::IntegerOrUnit
            | Type::Group
            | Type::Bot
            | Type::Clock
            | Type::Gateway
            | Type::Web
            | Type::Line => Self::Unknown,
        }
    }

    /// The kind of values of a type in a scenario test.
    pub(crate) fn of_test(named: Type) -> Self {
        if testing::has(named) { Self::Test(named) } else { Self::of(named) }
    }

    /// The kind behind the name that Rhai gives a type in its errors.
    pub(crate) fn of_type(name: &str) -> Self {
        match script_type(name) {
            "()" => Self::Unit,
            "bool" => Self::Bool,
            "i64" => Self::Int,
            "f64" => Self::Float,
            "char" => Self::Char,
            "string" | "ImmutableString" | "String" | "&str" | "&str | ImmutableString | String" => Self::String,
            "array" => Self::Array,
            "map" => Self::Map,
            "Fn" => Self::Function,
            "Event" => Self::Event(None),
            "Invite" => Self::Invite,
            "State" => Self::State,
            "Store" => Self::Store,
            "Settings" => Self::Settings,
            "Secret" => Self::Secret,
            other => Type::named(other).map_or(Self::Unknown, Self::of),
        }
    }

    /// The kind as it is told apart where values are: an error is a map, and an event one of any hook. Nothing where several
    /// kinds of values may be meant, and of what only tests have.
    pub(crate) fn exact(self) -> Option<Self> {
        match self {
            Self::Unknown | Self::Test(_) => None,
            kind if kind.may_be_nothing() => None,
            Self::Failure | Self::Record(_) => Some(Self::Map),
            Self::Records(_) => Some(Self::Array),
            Self::Event(_) => Some(Self::Event(None)),
            kind => Some(kind),
        }
    }

    /// The Rust type behind a kind that the language itself brings.
    pub(crate) fn id(self) -> Option<TypeId> {
        Some(match self {
            Self::Unknown => TypeId::of::<Dynamic>(),
            Self::Function => TypeId::of::<FnPtr>(),
            Self::Unit => TypeId::of::<()>(),
            Self::Bool => TypeId::of::<bool>(),
            Self::Int => TypeId::of::<i64>(),
            Self::Float => TypeId::of::<f64>(),
            Self::Char => TypeId::of::<char>(),
            Self::String => TypeId::of::<ImmutableString>(),
            Self::Array => TypeId::of::<Array>(),
            Self::Map => TypeId::of::<Map>(),
            _ => return None,
        })
    }

    /// The kind that the language itself brings with this Rust type; that of any value is [`Unknown`](Self::Unknown).
    pub(crate) fn of_id(id: TypeId) -> Option<Self> {
        const OWN: [Kind; 10] = [
            Kind::Unknown,
            Kind::Function,
            Kind::Unit,
            Kind::Bool,
            Kind::Int,
            Kind::Float,
            Kind::Char,
            Kind::String,
            Kind::Array,
            Kind::Map,
        ];
        OWN.into_iter().find(|kind| kind.id() == Some(id))
    }

    /// The kind of what a setting holds.
    pub(crate) fn of_setting(setting: &SettingValue) -> Self {
        match setting {
            SettingValue::Bool(_) => Self::Bool,
            SettingValue::Integer(_) => Self::Int,
            SettingValue::Float(_) => Self::Float,
            SettingValue::Text(_) => Self::String,
            SettingValue::List(_) => Self::Array,
            SettingValue::Table(_) => Self::Map,
            SettingValue::Secret(_) => Self::Secret,
        }
    }

    /// The kind of a command's field.
    pub(crate) fn of_wire(kind: protocol::FieldKind) -> Self {
        match kind {
            protocol::FieldKind::Str => Self::String,
            protocol::FieldKind::Bool => Self::Bool,
            protocol::FieldKind::Int => Self::Int,
            protocol::FieldKind::Float => Self::Float,
            protocol::FieldKind::List | protocol::FieldKind::Maps => Self::Array,
            protocol::FieldKind::Map => Self::Map,
        }
    }

    /// Its type in the table of functions, for the host's own types.
    pub(crate) fn host_type(self) -> Option<Type> {
        Some(match self {
            Self::Message | Self::MaybeMessage => Type::Message,
            Self::Person => Type::Person,
            Self::Invite => Type::Invite,
            Self::Event(_) => Type::Event,
            Self::Session => Type::Session,
            Self::State => Type::State,
            Self::Store => Type::Store,
            Self::Settings => Type::Settings,
            Self::Secret => Type::Secret,
            _ => return None,
        })
    }

    /// The kind in one word, as signatures have it and as Rhai names its type.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Unit => "()",
            Self::Bool => "bool",
            Self::Int => "i64",
            Self::Float => "f64",
            Self::Char => "char",
            Self::String => "string",
            Self::Array => "array",
            Self::Map => "map",
            Self::Function => "Fn",
            _ => "value",
        }
    }

    /// What a person would call such a value.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Unknown => "something",
            Self::Unit => "()",
            Self::Bool => "true or false",
            Self::Int => "an integer",
            Self::Float => "a number",
            Self::Char => "a character",
            Self::String => "a string",
            Self::MaybeString => "a string or ()",
            Self::MaybeMessage => "a message or ()",
            Self::MaybeArray => "an array or ()",
            Self::Maybe => "something or ()",
            Self::Array | Self::Records(_) => "an array",
            Self::Map | Self::Record(_) => "a map",
            Self::Function => "a function",
            Self::Message => "a message",
            Self::Person => "a person",
            Self::Invite => "an invitation",
            Self::Event(_) => "an event",
            Self::Session => "a session",
            Self::State => "the state",
            Self::Store => "the store",
            Self::Settings => "the settings",
            Self::Secret => "a secret",
            Self::Failure => "an error",
            Self::Test(of) => testing::noun(of),
        }
    }

    /// What a hook's parameter holds.
    pub(crate) fn of_parameter(hook: Hook, index: usize) -> Self {
        match hook.spec().parameters.get(index) {
            Some((_, Argument::Message)) => Self::Message,
            Some((_, Argument::Invite)) => Self::Invite,
            Some((_, Argument::Event)) => Self::Event(Some(hook)),
            Some((_, Argument::Text)) => Self::String,
            Some((_, Argument::Map)) => Self::Map,
            Some((_, Argument::Error)) => Self::Failure,
            Some((_, Argument::Any)) | None => Self::Unknown,
        }
    }
}

/// What Rhai shows of a secret that lies in another value: its type.
pub(crate) const SECRET_TYPE: &str = "hotline::runtime::engine::secret::ScriptSecret";

/// A type of the host as scripts know it, from its name in Rust.
pub(crate) fn script_type(name: &str) -> &str {
    match name.rsplit("::").next().unwrap_or(name) {
        "ScriptMessage" => "Message",
        "ScriptEvent" => "Event",
        "StateObject" | "PersonState" => "State",
        "StoreObject" | "SharedStore" => "Store",
        "SettingsObject" => "Settings",
        "ScriptSecret" => "Secret",
        other => other,
    }
}
