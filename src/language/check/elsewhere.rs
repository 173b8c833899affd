//! What is not to be had on the networks of a script's sessions: commands that they lack, and hooks that none of them has called.
//!
//! A hook that is never called is no mistake: the same script may serve another network as well. So what is called from nowhere else
//! is none either.

use std::collections::BTreeSet;

use rhai::Position;

use super::project::is_silent;
use super::walk::{FunctionKey, Walk, position_of};
use crate::language::diagnostic::Severity;
use crate::protocol::{Command, HOOKS, NETWORKS, Network};

impl Walk<'_> {
    /// Refuses a command that the networks of the script's sessions do not have.
    pub(crate) fn refuse_elsewhere(&mut self, row: &Command, position: Position) {
        if self.role.is_test() || self.is_only_silent() {
            return;
        }
        let around = self.around;
        let networks = &around.networks;
        let lacking: Vec<_> = networks.iter().copied().filter(|network| !network.has(row)).collect();
        let severity = if lacking.len() == networks.len() { Severity::Error } else { Severity::Warning };
        self.say_lacking(row, &lacking, severity, position);
    }

    /// Refuses a command that no session at all has on its network: which one a handle is for is not known.
    pub(crate) fn refuse_everywhere(&mut self, row: &Command, position: Position) {
        let around = self.around;
        let networks = &around.all_networks;
        if networks.iter().any(|network| network.has(row)) || self.is_only_silent() {
            return;
        }
        self.say_lacking(row, networks, Severity::Error, position);
    }

    fn say_lacking(&mut self, row: &Command, lacking: &[&Network], severity: Severity, position: Position) {
        let Some(first) = lacking.first() else { return };
        let (message, help) = match Network::of(row) {
            Some(network) => {
                let where_else = match severity {
                    Severity::Error => "no session of this script is",
                    _ => "not every session of this script is",
                };
                let message = format!("`{}` is {}'s, and {where_else} on it", row.call_name(), network.title);
                (message, format!("it fails on {}", titles(lacking)))
            }
            None => {
                let instead = first.lack(row.function).map_or("", |lack| lack.instead);
                (format!("`{}` is not to be had on {}", row.function, titles(lacking)), instead.to_owned())
            }
        };
        self.report(severity, "other-network", position, message, Some(help));
    }

    /// Notes the hooks that no network of the script's sessions has called.
    pub(crate) fn silent_hooks(&mut self) {
        let (file, around) = (self.file, self.around);
        let networks = &around.networks;
        for (hook, function) in file.hooks().filter(|(hook, _)| is_silent(*hook, networks)) {
            let place = function.header.as_ref().map_or(Position::NONE, |header| position_of(header.place));
            let message = format!("`{}` is never called on {}", hook.name(), titles(networks));
            let elsewhere: Vec<_> = NETWORKS.iter().copied().filter(|network| network.calls(hook)).collect();
            let help = format!("it is there for {}", titles(&elsewhere));
            self.report(Severity::Note, "silent-hook", place, message, Some(help));
        }
    }

    /// Notes that the code at hand calls a function of the file, or hands it on.
    pub(crate) fn note_caller(&mut self, called: &FunctionKey) {
        if self.around.is_partly_silent {
            self.facts.callers.entry(called.clone()).or_default().insert(self.in_function.clone());
        }
    }

    /// Whether the code at hand is called from nowhere but hooks that no network of the script's sessions has called.
    fn is_only_silent(&self) -> bool {
        let Some(function) = &self.in_function else { return false };
        // Who calls a module's functions, and from where, is not followed.
        self.around.is_partly_silent && (self.role.is_open() || !self.is_alive(function, &mut BTreeSet::new()))
    }

    fn is_alive<'f>(&'f self, function: &'f FunctionKey, seen: &mut BTreeSet<&'f FunctionKey>) -> bool {
        if !seen.insert(function) {
            return false;
        }
        let hook = HOOKS.iter().find(|row| row.name == function.0 && row.parameters.len() == function.1);
        let callers = self.before.callers.get(function);
        match hook.map(|row| is_silent(row.hook, &self.around.networks)) {
            Some(false) => return true,
            None if callers.is_none() => return true,
            _ => {}
        }
        let is_alive = |caller: &'f Option<FunctionKey>, seen: &mut _| {
            caller.as_ref().is_none_or(|caller| self.is_alive(caller, seen))
        };
        callers.into_iter().flatten().any(|caller| is_alive(caller, seen))
    }
}

/// Networks, as people call them.
fn titles(networks: &[&Network]) -> String {
    networks.iter().map(|network| network.title).collect::<Vec<_>>().join(" and ")
}
