//! The namespaces of networks: the operations that only one of them has. What all have in common is in `command`.

use rhai::{FnCallExpr, Namespace, Position};

use super::known;
use super::walk::Walk;
use crate::language::kind::Kind;
use crate::language::spelling::closest;
use crate::protocol::Network;

impl Walk<'_> {
    /// The network whose operations a namespace has; none where a module hides it.
    pub(crate) fn namespace(&mut self, namespace: &Namespace) -> Option<&'static Network> {
        let is_hidden = self.role.is_test() || namespace.path.len() > 1 || self.scope.alias(namespace.root()).is_some();
        with_operations(namespace.root()).filter(|_| !is_hidden)
    }

    /// Checks the call of a network's own operation; gives the kind of its result.
    pub(crate) fn operation_call(
        &mut self,
        network: &'static Network,
        call: &FnCallExpr,
        kinds: &[Kind],
        position: Position,
    ) -> Kind {
        match network.own_commands().find(|row| row.function == call.name) {
            Some(row) => {
                self.refuse_top_level(&row.call_name(), position);
                self.refuse_elsewhere(row, position);
                self.command_call(row, &call.args, kinds, position);
                Kind::of_result(row.result)
            }
            None => {
                self.unknown_operation(network, &call.name, position);
                Kind::Unknown
            }
        }
    }

    /// Says that an operation is no value.
    pub(crate) fn operation_value(&mut self, network: &'static Network, name: &str, position: Position) {
        match network.own_commands().find(|row| row.function == name) {
            Some(row) => {
                let message =
                    format!("`{}` is a function, and functions of `{}` are no values", row.call_name(), network.name);
                self.error("unknown-variable", position, message, Some(format!("call it: `{}`", row.signature())));
            }
            None => self.unknown_operation(network, name, position),
        }
    }

    fn unknown_operation(&mut self, network: &'static Network, name: &str, position: Position) {
        let help = match known::command(name) {
            Some(row) => Some(format!("it is the same on every network: `{}`", row.signature())),
            None if !self.may_propose() => None,
            None => {
                let meant = closest(name, network.own_commands().map(|row| row.function));
                let row = meant.and_then(|meant| network.own_commands().find(|row| row.function == meant));
                row.map(|row| format!("did you mean `{}`?", row.signature()))
            }
        };
        self.error("unknown-function", position, format!("`{}` has no function `{name}`", network.name), help);
    }

    /// Refuses the name of a network for a module, which would hide the network's operations.
    pub(crate) fn refuse_namespace(&mut self, name: &str, position: Position) {
        if let Some(network) = with_operations(name).filter(|_| !self.role.is_test()) {
            let message = format!("`{name}` is the namespace of {} and would be hidden", network.title);
            self.error("shadows-host", position, message, Some("import it as another name".to_owned()));
        }
    }
}

/// The network of this name that has operations of its own.
fn with_operations(name: &str) -> Option<&'static Network> {
    Network::named(name).filter(|network| network.own_commands().next().is_some())
}
