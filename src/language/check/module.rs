//! Imported modules: the functions that a file calls of them. Whether an import leads anywhere is found in `project`.

use rhai::{FnCallExpr, Namespace, Position, Stmt};

use super::parsed::Function;
use super::walk::Walk;
use crate::language::functions::arguments;
use crate::language::functions::ticked;
use crate::language::spelling::closest;

impl Walk<'_> {
    /// Checks the call of an imported module's function.
    pub(crate) fn qualified_call(&mut self, call: &FnCallExpr, position: Position) {
        let name = call.name.as_str();
        let Some(target) = self.module(&call.namespace) else { return };
        let files = self.files;
        let Some(Ok(module)) = files.get(&target) else { return };
        let visible = || module.functions.iter().filter(|function| !function.private);
        if visible().any(|function| function.name == name && function.parameters.len() == call.args.len()) {
            return;
        }
        let alias = call.namespace.root();
        let same: Vec<_> = visible()
            .filter(|function| function.name == name)
            .map(|function| format!("{alias}::{}", function.signature()))
            .collect();
        if !same.is_empty() {
            let message = format!("`{alias}::{name}` is called with {}", arguments(call.args.len()));
            self.error("wrong-arguments", position, message, Some(format!("it is {}", ticked(&same))));
            return;
        }
        let help = match closest(name, visible().map(|function| function.name.as_str())) {
            Some(meant) => {
                let meant: Vec<_> = visible()
                    .filter(|function| function.name == meant)
                    .map(|function| format!("{alias}::{}", function.signature()))
                    .collect();
                format!("did you mean {}?", ticked(&meant))
            }
            None if module.functions.iter().any(|function| function.name == name) => "it is private there".to_owned(),
            None => {
                let all: Vec<_> = visible().map(Function::signature).collect();
                if all.is_empty() { "it has no functions".to_owned() } else { format!("it has {}", all.join(", ")) }
            }
        };
        self.error("unknown-function", position, format!("the module `{alias}` has no function `{name}`"), Some(help));
    }

    /// Checks that a module hands out what is read of it.
    pub(crate) fn module_variable(&mut self, namespace: &Namespace, name: &str, position: Position) {
        let Some(target) = self.module(namespace) else { return };
        let files = self.files;
        let Some(Ok(module)) = files.get(&target) else { return };
        if module.exports.contains(name) {
            return;
        }
        let alias = namespace.root();
        if let Some(function) = module.named_so(name).find(|function| !function.private) {
            let message = format!("`{alias}::{name}` is a function of a module, which is no value");
            let help = format!("call it, `{alias}::{}`, or give a closure that does", function.signature());
            self.error("unknown-variable", position, message, Some(help));
            return;
        }
        let own = |statement: &Stmt| matches!(statement, Stmt::Var(parts, ..) if parts.0.name == name);
        let help = if module.top.iter().any(own) {
            format!("only what is exported is seen outside: write `export const {name} = …;` there")
        } else if let Some(meant) = closest(name, module.exports.iter().map(String::as_str)) {
            format!("did you mean `{alias}::{meant}`?")
        } else if module.exports.is_empty() {
            "it exports no constants".to_owned()
        } else {
            format!("it has {}", module.exports.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
        };
        self.error("unknown-variable", position, format!("the module `{alias}` has no `{name}`"), Some(help));
    }

    /// The file of the module that a namespace means.
    pub(crate) fn module(&mut self, namespace: &Namespace) -> Option<String> {
        let name = namespace.root();
        if let Some(alias) = self.scope.alias(name) {
            alias.used = true;
            // A module inside a module is that module's own business.
            return if namespace.path.len() == 1 { alias.file.clone() } else { None };
        }
        let may_propose = self.may_propose();
        let aliases = self.scope.aliases.iter().map(|alias| alias.name.as_str());
        let meant = if may_propose { closest(name, aliases).map(str::to_owned) } else { None };
        let help = match meant {
            Some(meant) => {
                if let Some(alias) = self.scope.alias(&meant) {
                    alias.used = true;
                }
                format!("did you mean `{meant}`?")
            }
            None => {
                match crate::language::stdlib_modules().into_iter().find(|module| module.ends_with(&format!("/{name}")))
                {
                    Some(module) => format!("import it at the top of the file: import \"{module}\" as {name};"),
                    None => format!("import it at the top of the file: import \"…\" as {name};"),
                }
            }
        };
        self.error("unknown-module", namespace.position(), format!("no module `{name}` is imported"), Some(help));
        None
    }
}
