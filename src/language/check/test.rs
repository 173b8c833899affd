//! Scenario tests: what they call, by the table of the testing API.

use rhai::Position;

use super::parsed::Function;
use super::walk::{NameKind, Walk};
use crate::language::functions::arguments;
use crate::language::functions::{HostFunction, ticked};
use crate::language::kind::Kind;
use crate::language::spelling::closest;
use crate::language::suggest::in_tests;
use crate::language::testing;
use crate::language::types::Type;

impl Walk<'_> {
    /// Checks the call of a function that is none of the file's own; gives the kind of its result.
    pub(crate) fn test_call(&mut self, name: &str, kinds: &[Kind], own: &[&Function], position: Position) -> Kind {
        let rows: Vec<_> = testing::rows(None, name).collect();
        if let Some(kind) = result(&rows, kinds) {
            return kind;
        }
        if !rows.is_empty() {
            self.wrong_test_call(&format!("`{name}`"), &rows, kinds, position);
            return Kind::of_test(rows[0].result);
        }
        if let (Some(help), true) = (in_tests::instead(name), own.is_empty()) {
            let message = format!("a test has no function `{name}`");
            self.error("unknown-function", position, message, Some(help.to_owned()));
            return Kind::Unknown;
        }
        let natives: Vec<_> = self.known.taking(name, kinds.len());
        if let Some(first) = natives.iter().find(|native| native.takes(kinds)) {
            return first.result;
        }
        match (in_tests::meant(None, name), own.is_empty() && !self.known.has(name)) {
            (Some(help), true) => {
                self.error("unknown-function", position, format!("no function `{name}`"), Some(help));
            }
            _ if natives.is_empty() => self.wrong_call(name, kinds.len(), own, position),
            _ => self.wrong_types(name, kinds, position),
        }
        Kind::Unknown
    }

    /// Checks the call of a method; nothing where the object is none of a test's.
    pub(crate) fn test_method(&mut self, of: Kind, name: &str, kinds: &[Kind], position: Position) -> Option<Kind> {
        let Kind::Test(owner) = of else {
            // Of a value that nobody knows, any object's method can be called.
            let any = self.role.is_test() && of == Kind::Unknown;
            let fits = |row: &HostFunction| row.of.is_some() && row.name == name && row.parameters.len() == kinds.len();
            return (any && testing::FUNCTIONS.iter().any(fits)).then_some(Kind::Unknown);
        };
        let rows: Vec<_> = testing::rows(Some(owner), name).collect();
        if let Some(kind) = result(&rows, kinds) {
            return Some(kind);
        }
        if rows.is_empty() {
            let property = testing::PROPERTIES.iter().any(|row| row.of == owner && row.name == name);
            let help = match property {
                true => Some(format!("it is a property: write it without parentheses, `.{name}`")),
                false => in_tests::meant(Some(owner), name),
            };
            self.error("unknown-method", position, format!("{} has no method `{name}`", of.noun()), help);
            return Some(Kind::Unknown);
        }
        self.wrong_test_call(&format!("`{name}` of {}", of.noun()), &rows, kinds, position);
        Some(Kind::of_test(rows[0].result))
    }

    fn wrong_test_call(&mut self, what: &str, rows: &[&HostFunction], kinds: &[Kind], position: Position) {
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
    pub(crate) fn test_property(&mut self, of: Type, name: &str, position: Position) -> Kind {
        let own = || testing::PROPERTIES.iter().filter(|row| row.of == of);
        if let Some(row) = own().find(|row| row.name == name) {
            return Kind::of_test(row.kind);
        }
        let help = match testing::rows(Some(of), name).next() {
            Some(row) => Some(format!("it is a method: `{}`", row.signature())),
            None => match closest(name, own().map(|row| row.name)) {
                Some(meant) => Some(format!("did you mean `{meant}`?")),
                None => in_tests::meant(Some(of), name),
            },
        };
        let message = format!("{} has no property `{name}`", testing::noun(of));
        self.error("unknown-property", position, message, help);
        Kind::Unknown
    }

    /// Refuses a name that would take the place of one that every test sees.
    pub(crate) fn refuse_test_name(&mut self, name: &str, position: Position, named: NameKind) {
        let taken = match named {
            NameKind::Variable => testing::global(name).is_some(),
            NameKind::Function => testing::rows(None, name).next().is_some(),
        };
        if taken {
            let message = format!("`{name}` is a name of every test and would be hidden");
            self.error("shadows-host", position, message, Some("choose another name".to_owned()));
        }
    }
}

/// What the row that takes these kinds gives.
fn result(rows: &[&HostFunction], kinds: &[Kind]) -> Option<Kind> {
    let fits = |wanted: Type, kind: Kind| {
        let wanted = Kind::of_test(wanted);
        wanted == kind
            || wanted == kind.present().plain()
            || matches!((wanted, kind.present()), (Kind::Unknown, _) | (_, Kind::Unknown))
    };
    let row = rows.iter().find(|row| {
        row.parameters.len() == kinds.len()
            && row.parameters.iter().zip(kinds).all(|((_, wanted), kind)| fits(*wanted, *kind))
    })?;
    Some(Kind::of_test(row.result))
}
