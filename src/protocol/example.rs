//! Examples: a few lines of a script that show a row of a table in use. A test runs every one of them; how, is its business.

/// A few lines of a script that show a row in use.
///
/// Lines that define no function are what `on_message(msg)` does.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    code: &'static str,
    /// What is to come of it.
    pub proof: Proof,
}

/// What is to come of an example, and what happens around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Somebody writes `said`, and the bot answers `answer`.
    Answer {
        /// What is written.
        said: &'static str,
        /// The one answer.
        answer: &'static str,
    },
    /// What these lines of a scenario test say; `alice` is a person, and `SCRIPT` the example's text.
    Scenario(&'static str),
    /// The command of the row is sent and not refused, in a group of people, or at an invitation into another one.
    Sent,
    /// The bot's log holds this text after a login that showed the PIN 4711.
    Pin(&'static str),
    /// It loads without a finding; what it is for does not happen in the embedded gateway.
    Loads,
    /// The lines are those of a scenario test themselves, which passes.
    Passes,
    /// The lines are those of a scenario test themselves, which fails with this message.
    Fails(&'static str),
}

/// An example that answers what somebody says.
pub(crate) const fn answers(code: &'static str, said: &'static str, answer: &'static str) -> Example {
    Example { code, proof: Proof::Answer { said, answer } }
}

/// An example that does what a scenario expects.
pub(crate) const fn plays(code: &'static str, scenario: &'static str) -> Example {
    Example { code, proof: Proof::Scenario(scenario) }
}

/// An example that is run in another way.
pub(crate) const fn shows(code: &'static str, proof: Proof) -> Example {
    Example { code, proof }
}

impl Example {
    /// Its lines, without the indentation that they have in the table.
    pub fn code(&self) -> String {
        let lines = self.code.trim().lines();
        let indent = |line: &str| line.len() - line.trim_start().len();
        let shared = lines.clone().skip(1).filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
        // The first line begins where the text does, so it has none.
        let cut =
            |(index, line): (usize, &'static str)| if index == 0 { line } else { line.get(shared..).unwrap_or("") };
        lines.enumerate().map(cut).collect::<Vec<_>>().join("\n")
    }

    /// Its lines, and as a remark below them what is said and answered, where that is what it shows.
    pub fn text(&self) -> String {
        match self.proof {
            Proof::Answer { said, answer } => format!("{}\n// \"{said}\" → \"{answer}\"", self.code()),
            _ => self.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_indentation_of_the_table_is_not_that_of_the_example() {
        let example = answers(
            "fn twice(n) {
                 2 * n
             }

             fn on_message(msg) {}",
            "hi",
            "",
        );
        assert_eq!(example.code(), "fn twice(n) {\n    2 * n\n}\n\nfn on_message(msg) {}");
        assert_eq!(
            answers("msg.reply(\"pong\");", "ping", "pong").text(),
            "msg.reply(\"pong\");\n// \"ping\" → \"pong\""
        );
        assert_eq!(shows("get_profile()", Proof::Sent).text(), "get_profile()");
    }
}
