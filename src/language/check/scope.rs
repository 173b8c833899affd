//! The names that a place in a script sees: variables, imported modules, and whether anybody uses them.

use std::collections::HashMap;

use rhai::Position;

use crate::language::kind::Kind;

/// Where a variable comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VariableOrigin {
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
    pub(crate) origin: VariableOrigin,
    pub(crate) position: Position,
    /// Whether it is read anywhere.
    pub(crate) read: bool,
    /// Whether other files can see it.
    pub(crate) exported: bool,
    /// The entries of the map that is written out where it is declared.
    pub(crate) entries: Option<Vec<(String, Position)>>,
    /// How many arguments the closure takes that it is declared as.
    pub(crate) takes: Option<usize>,
    /// The arguments of a command that it holds, with their kinds.
    pub(crate) arguments: Option<Vec<(String, Kind)>>,
}

impl Variable {
    pub(crate) fn new(name: &str, kind: Kind, origin: VariableOrigin, position: Position) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            origin,
            position,
            read: false,
            exported: false,
            entries: None,
            takes: None,
            arguments: None,
        }
    }

    /// Whether it is worth saying that nobody reads it.
    pub(crate) fn is_forgotten(&self) -> bool {
        let counts = matches!(self.origin, VariableOrigin::Let | VariableOrigin::Const);
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

/// Something that has a name.
pub(crate) trait Named {
    fn name(&self) -> &str;
}

impl Named for Variable {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Named for Alias {
    fn name(&self) -> &str {
        &self.name
    }
}

/// What is visible of one sort, the innermost last, and found by its name however much there is.
#[derive(Clone, Debug)]
pub(crate) struct Visible<T> {
    items: Vec<T>,
    by_name: HashMap<String, Vec<usize>>,
}

impl<T> Default for Visible<T> {
    fn default() -> Self {
        Self { items: Vec::new(), by_name: HashMap::new() }
    }
}

impl<T: Named> Visible<T> {
    pub(crate) fn add(&mut self, item: T) {
        match self.by_name.get_mut(item.name()) {
            Some(places) => places.push(self.items.len()),
            None => drop(self.by_name.insert(item.name().to_owned(), vec![self.items.len()])),
        }
        self.items.push(item);
    }

    /// The innermost one of a name.
    pub(crate) fn get(&mut self, name: &str) -> Option<&mut T> {
        let place = *self.by_name.get(name)?.last()?;
        self.items.get_mut(place)
    }

    /// Where the innermost one of a name stands.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.by_name.get(name)?.last().copied()
    }

    /// The outermost one of a name that is such a one.
    pub(crate) fn find(&mut self, name: &str, is_such: impl Fn(&T) -> bool) -> Option<&mut T> {
        let place = self.by_name.get(name)?.iter().copied().find(|place| is_such(&self.items[*place]))?;
        self.items.get_mut(place)
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// Takes what was added since there were so many out.
    fn split_off(&mut self, count: usize) -> Vec<T> {
        let gone = self.items.split_off(count);
        for item in &gone {
            self.by_name.get_mut(item.name()).map(Vec::pop);
        }
        gone
    }

    pub(crate) fn into_items(self) -> Vec<T> {
        self.items
    }
}

/// The names that are visible, the innermost last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) variables: Visible<Variable>,
    pub(crate) aliases: Visible<Alias>,
}

impl Scope {
    /// How much is visible now, to go back to with [`leave`](Self::leave).
    pub(crate) fn mark(&self) -> (usize, usize) {
        (self.variables.items.len(), self.aliases.items.len())
    }

    /// Takes what was added since a mark out.
    pub(crate) fn leave(&mut self, mark: (usize, usize)) -> (Vec<Variable>, Vec<Alias>) {
        (self.variables.split_off(mark.0), self.aliases.split_off(mark.1))
    }

    /// The innermost variable of a name.
    pub(crate) fn variable(&mut self, name: &str) -> Option<&mut Variable> {
        self.variables.get(name)
    }

    /// The innermost module of a name.
    pub(crate) fn alias(&mut self, name: &str) -> Option<&mut Alias> {
        self.aliases.get(name)
    }
}
