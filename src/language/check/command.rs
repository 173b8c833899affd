//! Calls of commands: their arguments in order, and their map form.

use rhai::{Expr, Position};

use super::literal;
use super::walk::Walk;
use crate::language::functions::arguments;
use crate::language::kind::Kind;
use crate::language::spelling::closest;
use crate::protocol::{COMMANDS, Command, FieldKind, NETWORKS, Network, Presence};

impl Walk<'_> {
    /// Checks the call of a command.
    pub(crate) fn command_call(
        &mut self,
        row: &'static Command,
        arguments_: &[Expr],
        kinds: &[Kind],
        position: Position,
    ) {
        if let ([Expr::Map(entries, _)], [_]) = (arguments_, kinds) {
            let entries: Vec<_> =
                entries.0.iter().map(|(name, value)| (name.name.as_str(), name.pos, Some(value))).collect();
            if row.is_map_form(|field| entries.iter().any(|(name, ..)| *name == field)) {
                self.command_map(row, &entries, position);
            }
            return;
        }
        if let ([Expr::Variable(variable, _, _)], [Kind::Map]) = (arguments_, kinds)
            && let Some(entries) = self.scope.variable(&variable.1).and_then(|variable| variable.entries.clone())
        {
            // What is put into the map later on counts as being there.
            let entries: Vec<_> = entries.iter().map(|(name, place)| (name.as_str(), *place, None)).collect();
            if row.is_map_form(|field| entries.iter().any(|(name, ..)| *name == field)) {
                self.command_map(row, &entries, position);
            }
            return;
        }
        let fields: Vec<_> = row.positional().collect();
        if kinds.len() != fields.len() {
            // A single argument that is nobody knows what may be the map.
            if !matches!(kinds, [Kind::Unknown | Kind::Map]) {
                let message = format!("`{}` is called with {}", row.call_name(), arguments(kinds.len()));
                self.error("wrong-arguments", position, message, Some(format!("it is `{}`", row.signature())));
            }
            return;
        }
        let named: Vec<_> = fields.iter().map(|field| field.name).zip(arguments_).collect();
        self.addressed(&row.call_name(), &named);
        for (index, (field, kind)) in fields.into_iter().zip(kinds).enumerate() {
            let of_choice =
                row.choices().any(|choice| field.presence == Presence::Either && literal::accepts(choice.kind, *kind));
            if literal::accepts(field.kind, *kind) || of_choice || (kinds.len() == 1 && *kind == Kind::Map) {
                if let (Some(argument), Presence::Required) = (arguments_.get(index), field.presence) {
                    self.field_there(row, field.name, argument, *kind);
                }
                continue;
            }
            let place = arguments_.get(index).map_or(position, Expr::start_position);
            let message =
                format!("`{}` needs {}, {}; found {}", row.call_name(), field.name, field.kind.noun(), kind.noun());
            let help = as_text(field.kind, *kind).unwrap_or_else(|| format!("it is `{}`", row.signature()));
            self.error("wrong-type", place, message, Some(help));
        }
    }

    /// Checks a command that is named as on the wire.
    pub(crate) fn command_by_name(&mut self, wire: &str, place: Position, fields: Option<&Expr>, position: Position) {
        match Network::any_command(wire) {
            Some(row) => {
                let Some(Expr::Map(entries, _)) = fields else { return };
                let entries: Vec<_> =
                    entries.0.iter().map(|(name, value)| (name.name.as_str(), name.pos, Some(value))).collect();
                self.command_map(row, &entries, position);
            }
            // Any command can be sent, also one that is not known: only a slip of the pen is worth a word.
            None => {
                let own = NETWORKS.iter().flat_map(|network| network.own_commands());
                if let Some(meant) = closest(wire, COMMANDS.iter().chain(own).map(|row| row.name)) {
                    let message = format!("no command is known as \"{wire}\"");
                    self.warn("unknown-command", place, message, Some(format!("did you mean \"{meant}\"?")));
                }
            }
        }
    }

    /// Checks the map form of a command: its names, and its values where they are written out.
    fn command_map(&mut self, row: &Command, given: &[(&str, Position, Option<&Expr>)], position: Position) {
        let missing: Vec<_> = row
            .fields
            .iter()
            .filter(|field| field.presence == Presence::Required)
            .filter(|field| !given.iter().any(|(name, ..)| *name == field.name))
            .map(|field| field.name)
            .collect();
        let mut meant_fields = Vec::new();
        for (name, place, value) in given {
            let Some(field) = row.fields.iter().find(|field| field.name == *name) else {
                let names: Vec<_> = row.fields.iter().map(|field| field.name).collect();
                let other = other_field(name).filter(|other| missing.contains(other));
                let meant = other.or_else(|| closest(name, names.iter().copied()));
                let help = match meant {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("it has {}", names.join(", ")),
                };
                meant_fields.extend(meant);
                self.error(
                    "wrong-arguments",
                    *place,
                    format!("`{}` has no field `{name}`", row.call_name()),
                    Some(help),
                );
                continue;
            };
            let kind = value.map_or(Kind::Unknown, |value| self.value(value));
            if !literal::accepts(field.kind, kind) {
                let message =
                    format!("`{}` needs {}, {}; found {}", row.call_name(), field.name, field.kind.noun(), kind.noun());
                let place = value.map_or(*place, Expr::start_position);
                self.error("wrong-type", place, message, as_text(field.kind, kind));
            } else if let (Some(value), Presence::Required) = (value, field.presence) {
                self.field_there(row, field.name, value, kind);
            }
        }
        let named: Vec<_> = given.iter().filter_map(|(name, _, value)| Some((*name, (*value)?))).collect();
        self.addressed(&row.call_name(), &named);
        for name in missing.into_iter().filter(|name| !meant_fields.contains(name)) {
            // A map that a variable holds may have got the field by an assignment.
            if given.iter().all(|(_, _, value)| value.is_none())
                && self.file.entries.contains(name)
                && !given.is_empty()
            {
                continue;
            }
            let noun = row.fields.iter().find(|field| field.name == name).map_or("", |field| field.kind.noun());
            let message = format!("`{}` needs the field `{name}`", row.call_name());
            self.error("wrong-arguments", position, message, Some(format!("it is {noun}")));
        }
    }
}

/// How a value becomes the text that a field needs.
fn as_text(wanted: FieldKind, kind: Kind) -> Option<String> {
    match (wanted, kind) {
        (FieldKind::Str, Kind::Int | Kind::Float | Kind::Bool | Kind::Char) => {
            Some("backticks make a text of it: `${value}`".to_owned())
        }
        (FieldKind::Str, Kind::Message) => Some("a message's text is `.text`, where an answer goes `.chat`".to_owned()),
        (FieldKind::Str, Kind::Person) => Some("a person's mid is `.mid`, the name `.name`".to_owned()),
        _ => None,
    }
}

/// The field that other bot engines call so.
fn other_field(name: &str) -> Option<&'static str> {
    Some(match name {
        "text" | "message" | "body" | "msg" => "content",
        "chat" | "chat_id" | "mid" | "group" | "group_id" | "recipient" => "to",
        "file" | "filename" | "url" => "path",
        "group_name" | "title" => "name",
        _ => return None,
    })
}
