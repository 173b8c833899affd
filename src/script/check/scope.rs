//! The names that a place in a script sees: variables, imported modules, and whether anybody uses them.

use rhai::Position;

use super::kind::Kind;

/// Where a variable comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Let,
    Const,
    Parameter,
    Loop,
    Catch,
}

/// A variable.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) origin: Origin,
    pub(crate) position: Position,
    /// Whether it is read anywhere.
    pub(crate) read: bool,
    /// Whether other files can see it.
    pub(crate) exported: bool,
    /// The entries of the map that is written out where it is declared.
    pub(crate) entries: Option<Vec<(String, Position)>>,
}

impl Variable {
    pub(crate) fn new(name: &str, kind: Kind, origin: Origin, position: Position) -> Self {
        Self { name: name.to_owned(), kind, origin, position, read: false, exported: false, entries: None }
    }

    /// Whether it is worth saying that nobody reads it.
    pub(crate) fn is_forgotten(&self) -> bool {
        let counts = matches!(self.origin, Origin::Let | Origin::Const);
        counts && !self.read && !self.exported && !self.name.starts_with('_')
    }
}

/// An imported module.
#[derive(Clone, Debug)]
pub(crate) struct Alias {
    pub(crate) name: String,
    /// The module's file; nothing where it was not found.
    pub(crate) file: Option<String>,
    pub(crate) position: Position,
    pub(crate) used: bool,
}

/// The names that are visible, the innermost last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) variables: Vec<Variable>,
    pub(crate) aliases: Vec<Alias>,
}

impl Scope {
    /// How much is visible now, to go back to with [`leave`](Self::leave).
    pub(crate) fn mark(&self) -> (usize, usize) {
        (self.variables.len(), self.aliases.len())
    }

    /// Takes what was added since a mark out.
    pub(crate) fn leave(&mut self, mark: (usize, usize)) -> (Vec<Variable>, Vec<Alias>) {
        (self.variables.split_off(mark.0), self.aliases.split_off(mark.1))
    }

    /// The innermost variable of a name.
    pub(crate) fn variable(&mut self, name: &str) -> Option<&mut Variable> {
        self.variables.iter_mut().rev().find(|variable| variable.name == name)
    }

    /// The innermost module of a name.
    pub(crate) fn alias(&mut self, name: &str) -> Option<&mut Alias> {
        self.aliases.iter_mut().rev().find(|alias| alias.name == name)
    }
}
