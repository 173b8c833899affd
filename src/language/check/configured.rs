//! What scripts name of the configuration: sessions, and the hosts that it allows. Settings are where properties are.

use rhai::{Expr, FnCallExpr, Position, Stmt};
use url::Url;

use super::walk::Walk;
use crate::language::chain::put_in;
use crate::language::spelling::closest;

impl Walk<'_> {
    /// Checks what a call names of the configuration.
    pub(crate) fn configured(&mut self, call: &FnCallExpr) {
        if self.role.is_test() {
            return;
        }
        match (call.name.as_str(), call.args.as_slice()) {
            ("session", [Expr::StringConstant(name, position)]) => self.session_named(name, *position),
            ("http_get" | "http_post", [url, ..]) => self.host_allowed(url),
            ("http", [Expr::Map(options, _)]) => {
                if let Some((_, url)) = options.0.iter().find(|(name, _)| name.name == "url") {
                    self.host_allowed(url);
                }
            }
            _ => {}
        }
    }

    fn session_named(&mut self, name: &str, position: Position) {
        let names = self.around.sessions;
        if names.is_empty() || names.iter().any(|known| known == name) {
            return;
        }
        let message = format!("the configuration has no session \"{name}\"");
        match closest(name, names.iter().map(String::as_str)) {
            Some(meant) => self.error("unknown-session", position, message, Some(format!("did you mean \"{meant}\"?"))),
            None => self.warn("unknown-session", position, message, Some(format!("it has {}", names.join(", ")))),
        }
    }

    /// Warns of a url whose host is written out and that the configuration does not allow.
    fn host_allowed(&mut self, url: &Expr) {
        let (Some(allowed), Some(text)) = (self.around.hosts, self.beginning(url)) else { return };
        let Ok(read) = Url::parse(&text) else { return };
        if !matches!(read.scheme(), "http" | "https") || allowed.iter().any(|host| host.admits(&read)) {
            return;
        }
        let Some(host) = read.host_str() else { return };
        let host = read.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let message = format!("{host} is not among the hosts that the configuration allows");
        let help = format!("add it: [http] allow = [\"{host}\"]");
        self.warn("host-not-allowed", url.start_position(), message, Some(help));
    }

    /// How a text begins, up to a point behind a url's host where more of it is put in.
    fn beginning(&self, text: &Expr) -> Option<String> {
        match put_in(text) {
            Expr::StringConstant(text, _) => Some(text.to_string()),
            Expr::InterpolatedString(parts, _) => {
                let is_empty = |part: &&Expr| matches!(part, Expr::StringConstant(text, _) if text.is_empty());
                let mut parts = parts.iter().skip_while(is_empty);
                let first = self.beginning(parts.next()?)?;
                let next = parts.next().and_then(|part| match part {
                    Expr::StringConstant(text, _) => text.chars().next(),
                    _ => None,
                });
                // What is put in next could belong to the host.
                let is_whole = first.split_once("://")?.1.contains(['/', '?', '#']) || matches!(next, Some('/' | '?'));
                is_whole.then_some(first)
            }
            Expr::Variable(variable, ..) if !variable.2.is_empty() && variable.2.root() == "global" => {
                let own = |statement: &Stmt| match statement {
                    Stmt::Var(parts, ..) if parts.0.name == variable.1 => self.beginning(&parts.1),
                    _ => None,
                };
                self.file.top.iter().find_map(own)
            }
            _ => None,
        }
    }
}
