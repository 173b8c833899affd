//! The types that the tables of functions name. What is known of a value that stands in a script is its `kind`.

use std::fmt;

/// A type of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is named for what it is")]
pub enum Type {
    Any,
    Unit,
    Bool,
    Integer,
    Float,
    String,
    Array,
    ArrayOrUnit,
    Map,
    Function,
    StringOrUnit,
    IntegerOrUnit,
    Message,
    MessageOrUnit,
    Person,
    PersonOrUnit,
    Invite,
    Event,
    Session,
    State,
    Store,
    Settings,
    Secret,
    StringOrSecret,
    Group,
    Bot,
    Clock,
    Gateway,
    Web,
    Line,
}

impl Type {
    const TEXTS: [(Self, &str); 30] = [
        (Self::Any, "any"),
        (Self::Unit, "()"),
        (Self::Bool, "bool"),
        (Self::Integer, "integer"),
        (Self::Float, "float"),
        (Self::String, "string"),
        (Self::Array, "array"),
        (Self::ArrayOrUnit, "array or ()"),
        (Self::Map, "map"),
        (Self::Function, "function"),
        (Self::StringOrUnit, "string or ()"),
        (Self::IntegerOrUnit, "integer or ()"),
        (Self::Message, "Message"),
        (Self::MessageOrUnit, "Message or ()"),
        (Self::Person, "Person"),
        (Self::PersonOrUnit, "Person or ()"),
        (Self::Invite, "Invite"),
        (Self::Event, "Event"),
        (Self::Session, "Session"),
        (Self::State, "State"),
        (Self::Store, "Store"),
        (Self::Settings, "Settings"),
        (Self::Secret, "Secret"),
        (Self::StringOrSecret, "string or Secret"),
        (Self::Group, "Group"),
        (Self::Bot, "Bot"),
        (Self::Clock, "Clock"),
        (Self::Gateway, "Gateway"),
        (Self::Web, "Web"),
        (Self::Line, "Line"),
    ];

    /// The type of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::TEXTS.iter().find(|(_, text)| *text == name).map(|(known, _)| *known)
    }

    /// Its name, as people read it.
    pub const fn text(self) -> &'static str {
        Self::TEXTS[self as usize].1
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own() {
        for (known, text) in Type::TEXTS {
            assert_eq!((known.text(), Type::named(text)), (text, Some(known)));
        }
        assert_eq!(Type::named("Fish"), None);
    }
}
