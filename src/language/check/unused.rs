//! What nobody uses: variables, imported modules, functions.

use rhai::Position;

use super::project::Role;
use super::scope::{Alias, Variable, VariableOrigin};
use super::walk::{Walk, position_of};
use crate::language::hook;

impl Walk<'_> {
    /// Says which variables and modules nobody uses.
    pub(crate) fn report_unused(&mut self, variables: Vec<Variable>, aliases: Vec<Alias>) {
        for variable in variables.into_iter().filter(Variable::is_forgotten) {
            let what = if variable.origin == VariableOrigin::Const { "constant" } else { "variable" };
            let help = format!("remove it, or call it `_{}`", variable.name);
            self.warn("unused", variable.position, format!("the {what} `{}` is never used", variable.name), Some(help));
        }
        for alias in aliases.into_iter().filter(|alias| !alias.used) {
            let message = format!("the module `{}` is imported and never used", alias.name);
            self.warn("unused", alias.position, message, Some("remove the import".to_owned()));
        }
    }

    /// Says which functions nobody calls.
    pub(crate) fn unused_functions(&mut self) {
        let file = self.file;
        for function in &file.functions {
            let open = self.role.is_open() && !function.private;
            let called = self.used.contains(&(function.name.clone(), function.parameters.len()));
            let mentioned = self.is_named(&function.name) && !self.is_called_otherwise(&function.name);
            let hook = match self.role {
                Role::Test => function.name.starts_with("test_") && function.parameters.is_empty(),
                _ => hook::is_meant(&function.name),
            };
            if !(open || called || mentioned || hook || function.name.starts_with('_')) {
                let place = function.header.as_ref().map_or(Position::NONE, |header| position_of(header.place));
                self.warn("unused", place, format!("nothing calls the function `{}`", function.signature()), None);
            }
        }
    }

    /// Whether functions of this name with other numbers of parameters account for its being named.
    fn is_called_otherwise(&self, name: &str) -> bool {
        self.used.range((name.to_owned(), 0)..).next().is_some_and(|(used, _)| used == name)
    }
}
