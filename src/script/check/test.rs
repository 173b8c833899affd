//! Scenario tests: what they call, by the table of their surface.

use rhai::Position;

use super::parsed::Function;
use super::walk::{Named, Walk};
use crate::script::kind::Kind;
use crate::script::proposal::testing;
use crate::script::stage;
use crate::script::suggest::closest;
use crate::script::surface::arguments;
use crate::script::surface::{HostFunction, ticked};

impl Walk<'_> {
    /// Checks the call of a function that is none of the file's own; gives the kind of its result.
    pub(crate) fn stage_call(&mut self, name: &str, kinds: &[Kind], own: &[&Function], position: Position) -> Kind {
        let rows: Vec<_> = stage::rows(None, name).collect();
        if let Some(kind) = result(&rows, kinds) {
            return kind;
        }
        if !rows.is_empty() {
            self.wrong_stage_call(&format!("`{name}`"), &rows, kinds, position);
            return Kind::staged(rows[0].result);
        }
        if let (Some(help), true) = (testing::instead(name), own.is_empty()) {
            let message = format!("a test has no function `{name}`");
            self.error("unknown-function", position, message, Some(help.to_owned()));
            return Kind::Unknown;
        }
        let natives: Vec<_> = self.known.taking(name, kinds.len());
        if let Some(first) = natives.iter().find(|native| native.takes(kinds)) {
            return first.result;
        }
        match (testing::meant(None, name), own.is_empty() && !self.known.has(name)) {
            (Some(help), true) => {
                self.error("unknown-function", position, format!("no function `{name}`"), Some(help));
            }
            _ if natives.is_empty() => self.wrong_call(name, kinds.len(), own, position),
            _ => self.wrong_types(name, kinds, position),
        }
        Kind::Unknown
    }

    /// Checks the call of a method; nothing where the object is none of a test's.
    pub(crate) fn stage_method(&mut self, of: Kind, name: &str, kinds: &[Kind], position: Position) -> Option<Kind> {
        let Kind::Stage(owner) = of else {
            // Of a value that nobody knows, any object's method can be called.
            let any = self.role.is_test() && of == Kind::Unknown;
            let fits = |row: &HostFunction| row.of.is_some() && row.name == name && row.parameters.len() == kinds.len();
            return (any && stage::FUNCTIONS.iter().any(fits)).then_some(Kind::Unknown);
        };
        let rows: Vec<_> = stage::rows(Some(owner), name).collect();
        if let Some(kind) = result(&rows, kinds) {
            return Some(kind);
        }
        if rows.is_empty() {
            let property = stage::PROPERTIES.iter().any(|row| row.of == owner && row.name == name);
            let help = match property {
                true => Some(format!("it is a property: write it without parentheses, `.{name}`")),
                false => testing::meant(Some(owner), name),
            };
            self.error("unknown-method", position, format!("{} has no method `{name}`", of.noun()), help);
            return Some(Kind::Unknown);
        }
        self.wrong_stage_call(&format!("`{name}` of {}", of.noun()), &rows, kinds, position);
        Some(Kind::staged(rows[0].result))
    }

    fn wrong_stage_call(&mut self, what: &str, rows: &[&HostFunction], kinds: &[Kind], position: Position) {
        let same: Vec<_> = rows.iter().map(|row| row.typed()).collect();
        let message = match rows.iter().any(|row| row.parameters.len() == kinds.len()) {
            true => {
                let found = kinds.iter().map(|kind| kind.noun()).collect::<Vec<_>>().join(", ");
                format!("{what} does not take ({found})")
            }
            false => format!("{what} is called with {}", arguments(kinds.len())),
        };
        self.error("wrong-arguments", position, message, Some(format!("it is {}", ticked(&same))));
    }

    /// The kind of a property of a test's object.
    pub(crate) fn stage_property(&mut self, of: &'static str, name: &str, position: Position) -> Kind {
        let own = || stage::PROPERTIES.iter().filter(|row| row.of == of);
        if let Some(row) = own().find(|row| row.name == name) {
            return Kind::named(row.kind);
        }
        let help = match stage::rows(Some(of), name).next() {
            Some(row) => Some(format!("it is a method: `{}`", row.signature())),
            None => match closest(name, own().map(|row| row.name)) {
                Some(meant) => Some(format!("did you mean `{meant}`?")),
                None => testing::meant(Some(of), name),
            },
        };
        let message = format!("{} has no property `{name}`", stage::noun(of));
        self.error("unknown-property", position, message, help);
        Kind::Unknown
    }

    /// Refuses a name that would take the place of one that every test sees.
    pub(crate) fn refuse_stage_name(&mut self, name: &str, position: Position, named: Named) {
        let taken = match named {
            Named::Variable => stage::global(name).is_some(),
            Named::Function => stage::rows(None, name).next().is_some(),
        };
        if taken {
            let message = format!("`{name}` is a name of every test and would be hidden");
            self.error("shadows-host", position, message, Some("choose another name".to_owned()));
        }
    }
}

/// What the row that takes these kinds gives.
fn result(rows: &[&HostFunction], kinds: &[Kind]) -> Option<Kind> {
    let fits = |wanted: &str, kind: Kind| {
        let wanted = Kind::staged(wanted);
        wanted == kind
            || matches!((wanted, kind), (Kind::Unknown, _) | (_, Kind::Unknown) | (Kind::String, Kind::MaybeString))
    };
    let row = rows.iter().find(|row| {
        row.parameters.len() == kinds.len()
            && row.parameters.iter().zip(kinds).all(|((_, wanted), kind)| fits(wanted, *kind))
    })?;
    Some(Kind::staged(row.result))
}
