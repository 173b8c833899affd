//! What can be wrong with JSON that arrives, and is read all the same. The mending itself is in `mend`.

use std::fmt;

/// A way in which JSON is damaged. The part that is damaged is lost, and what stands beside it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Damage {
    /// A surrogate escape without its other half, which reads as U+FFFD.
    HalfCharacter,
    /// A backslash that begins no escape, which reads as U+FFFD.
    Escape,
    /// A control character that is not escaped, which reads as itself.
    Control,
    /// A key that stands twice in its object: the last value counts.
    RepeatedKey,
    /// `NaN`, `Infinity` or a number that is written as JSON has none, which read as null.
    NoNumber,
    /// A number that is too large, which reads as null.
    Range,
    /// Nesting beyond [`MAX_DEPTH`](super::MAX_DEPTH), which reads as null.
    Depth,
    /// A key without a value, or with a word that is none, which reads as null.
    NoValue,
    /// Something before or after the object, which is passed over.
    Surplus,
    /// A field of another type than its table says, which reads as null.
    WrongType,
    /// A content that is no object where its table says so: its fields read as null.
    NoObject,
}

impl Damage {
    /// Every kind, in the order of their declaration.
    pub const ALL: [Self; 11] = [
        Self::HalfCharacter,
        Self::Escape,
        Self::Control,
        Self::RepeatedKey,
        Self::NoNumber,
        Self::Range,
        Self::Depth,
        Self::NoValue,
        Self::Surplus,
        Self::WrongType,
        Self::NoObject,
    ];

    /// What was found, for a sentence that goes on with what becomes of it.
    pub const fn found(self) -> &'static str {
        match self {
            Self::HalfCharacter => "half a surrogate pair, such as \\ud800 alone",
            Self::Escape => "a backslash that begins no escape",
            Self::Control => "a control character that is not escaped",
            Self::RepeatedKey => "a key that stands twice",
            Self::NoNumber => "a number that JSON does not have, such as NaN",
            Self::Range => "a number that is too large",
            Self::Depth => "values nested more than 100 deep",
            Self::NoValue => "a key without a value",
            Self::Surplus => "something beside the object",
            Self::WrongType => "a field of the wrong type",
            Self::NoObject => "a content that is no object",
        }
    }

    /// What becomes of it.
    pub const fn becomes(self) -> &'static str {
        match self {
            Self::HalfCharacter | Self::Escape => "it reads as U+FFFD",
            Self::Control => "it reads as itself",
            Self::RepeatedKey => "the last value counts",
            Self::NoNumber | Self::Range | Self::Depth | Self::NoValue | Self::WrongType => "it reads as ()",
            Self::NoObject => "it reaches on_notify, and its fields read as ()",
            Self::Surplus => "it is passed over",
        }
    }
}

/// The kinds of damage that something has.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Damages(u16);

impl Damages {
    /// Adds a kind.
    pub const fn insert(&mut self, damage: Damage) {
        self.0 |= 1 << damage as u8;
    }

    /// Whether a kind is among them.
    pub const fn contains(self, damage: Damage) -> bool {
        self.0 & (1 << damage as u8) != 0
    }

    /// Whether nothing is wrong.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds the kinds of another set.
    pub const fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The kinds that are not in another set.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The kinds, in the order of their declaration.
    pub fn iter(self) -> impl Iterator<Item = Damage> {
        Damage::ALL.into_iter().filter(move |damage| self.contains(*damage))
    }
}

impl fmt::Debug for Damages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl FromIterator<Damage> for Damages {
    fn from_iter<I: IntoIterator<Item = Damage>>(damages: I) -> Self {
        let mut set = Self::default();
        damages.into_iter().for_each(|damage| set.insert(damage));
        set
    }
}
