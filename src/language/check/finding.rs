//! Findings: faults with their weight and the rule that they break.

use serde::Serialize;
use serde_json::json;

use crate::language::diagnostic::{CardStyle, Severity, card};
use crate::language::fault::Fault;

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The rule that it breaks, such as `unknown-function`.
    pub rule: &'static str,
    /// What it is, and where.
    pub fault: Fault,
}

impl Finding {
    /// The card for people.
    pub fn card(&self, look: CardStyle) -> String {
        card(&self.fault, self.severity, look)
    }

    /// One line for editors: `file:line:column: error: message`.
    pub fn line(&self) -> String {
        let help = self.fault.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        // Editors want a line and a column, also of what concerns a whole file.
        let (line, column) = (self.fault.line.unwrap_or(1), self.fault.column.unwrap_or(1));
        let place = format!("{}:{line}:{column}", self.fault.file);
        format!("{place}: {}: {}{help}", self.severity.word(), self.fault.message).replace('\n', " ")
    }
}

impl Serialize for Finding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fault = &self.fault;
        json!({
            "severity": self.severity,
            "rule": self.rule,
            "file": fault.file,
            "line": fault.line,
            "column": fault.column,
            "length": fault.excerpt.as_ref().map(|excerpt| excerpt.length),
            "message": fault.message,
            "help": fault.help,
        })
        .serialize(serializer)
    }
}
