//! Maps whose entries are known: what commands, dates and the web give. Entries that scripts put in count as well.

use rhai::Position;

use super::walk::Walk;
use crate::language::kind::Kind;
use crate::language::spelling::closest;
use crate::protocol::Structure;

/// The entries of what `date` gives.
pub(crate) const DATE: &str = "{year, month, day, hour, minute, second, weekday, zone}";

/// The entries of an answer of the web.
pub(crate) const ANSWER: &str = "{status, headers, body}";

/// The entries of a mention.
pub(crate) const MENTION: &str = "{mid, start, end, text}";

impl Walk<'_> {
    /// The kind of an entry of a map whose entries are known.
    pub(crate) fn entry(&mut self, shape: &'static str, name: &str, position: Position) -> Kind {
        if let Some((_, kind)) = entries(shape).find(|(known, _)| *known == name) {
            return kind;
        }
        if self.entries.contains(name) || self.known.has_getter(Kind::Map, name) {
            return Kind::Unknown;
        }
        let plain = |name: &str| name.replace('_', "").to_lowercase();
        let names: Vec<_> = entries(shape).map(|(name, _)| name).collect();
        let meant = names.iter().copied().find(|known| plain(known) == plain(name)).or_else(|| synonym(shape, name));
        let slip = || closest(name, ["name", "picture", "members", "title"]).and_then(|meant| synonym(shape, meant));
        let help = match meant.or_else(|| closest(name, names.iter().copied())).or_else(slip) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("it has {}", names.join(", ")),
        };
        let whose = match shape {
            DATE => "a date".to_owned(),
            MENTION => "a mention".to_owned(),
            ANSWER => "an answer of the web".to_owned(),
            shape if Structure::named(shape).is_some() => format!("`{shape}`"),
            _ => "what this command gives".to_owned(),
        };
        self.warn("unknown-property", position, format!("{whose} has no `{name}`"), Some(help));
        Kind::Unknown
    }

    /// The kind of a command's argument, where a variable holds the arguments of one.
    pub(crate) fn argument(&mut self, variable: &str, name: &str, position: Position) -> Option<Kind> {
        let arguments = self.scope.variable(variable)?.arguments.clone()?;
        if let Some((_, kind)) = arguments.iter().find(|(known, _)| known == name) {
            return Some(*kind);
        }
        // What the script itself put there is there.
        if self.file.entries.contains(name) || self.known.has_getter(Kind::Map, name) {
            return None;
        }
        let names: Vec<_> = arguments.iter().map(|(name, _)| name.as_str()).collect();
        let help = match closest(name, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => "its `args` declare none".to_owned(),
            None => format!("its `args` declare {}", names.join(", ")),
        };
        let message = format!("the command has no argument `{name}`: it is always ()");
        self.warn("unknown-property", position, message, Some(help));
        Some(Kind::Unknown)
    }
}

/// The entries of a map, with what they hold.
fn entries(shape: &'static str) -> impl Iterator<Item = (&'static str, Kind)> {
    let structure = Structure::named(shape);
    let listed = shape.trim_matches(['{', '}']).split(", ").filter(move |_| structure.is_none());
    let fields = structure.into_iter().flat_map(|structure| structure.fields);
    let kind = |kind: &'static str| match kind {
        "string" => Kind::String,
        "integer" => Kind::Int,
        "bool" => Kind::Bool,
        "map" => Kind::Map,
        other => Kind::of_result(other),
    };
    fields.map(move |field| (field.name, kind(field.kind))).chain(listed.map(|name| (name, Kind::Unknown)))
}

/// The entry that people call so elsewhere.
fn synonym(shape: &str, name: &str) -> Option<&'static str> {
    Some(match (shape, name) {
        ("Profile" | "Contact", "name" | "nickname" | "username") => "displayName",
        ("Profile" | "Contact", "id" | "user_id" | "userId") => "mid",
        ("Profile" | "Contact", "status" | "bio") => "statusMessage",
        ("Profile" | "Contact" | "Chat", "picture" | "avatar" | "image") => "picturePath",
        ("Chat", "name" | "title" | "displayName" | "display_name") => "chatName",
        ("Chat", "id" | "mid" | "group_id") => "chatMid",
        ("Chat", "members" | "memberMids" | "member_mids" | "creator" | "invitationUrl") => "groupExtra",
        ("GroupExtra", "members") => "memberMids",
        (MENTION, "name") => "text",
        (MENTION, "id" | "user_id" | "userId") => "mid",
        (ANSWER, "code" | "statusCode" | "status_code") => "status",
        (ANSWER, "text" | "content" | "data") => "body",
        (DATE, "hours" | "minutes" | "seconds") => {
            ["hour", "minute", "second"].into_iter().find(|known| name.starts_with(known))?
        }
        (DATE, "day_of_week" | "dow" | "wday") => "weekday",
        (DATE, "timezone" | "tz") => "zone",
        _ => return None,
    })
}
