//! What a typed line means. Most lines are messages, those with an unknown `/command` too: bots have commands of their own.

/// What `/help` prints.
pub(super) const HELP: &str = "\
/me                     who one is, and one's mid
/people                 who is known
/groups                 the groups, and the invitations
/to [NAME]              go on in the chat with a person or a group, by name, mid,
                        phone number, user id or url; alone: back to the bot
/group NAME [PERSON…]   make a group, invite the bot and these people, go there
/invite PERSON…         invite people into this group
/accept [GROUP]         accept an invitation, the latest if none is named
/reject [GROUP]         reject it
/leave                  leave this group
/kick PERSON            remove somebody from this group
/unsend [NUMBER]        take one's latest message here back, or the one so many
                        before it
/react [NUMBER]         react to the latest message here of somebody else
/quit                   end, as Ctrl-D does
Every other line is sent as a message, `/order` too; `//help` sends `/help`.
";

/// A line as it was meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Nothing was typed.
    Empty,
    /// A message for the current chat.
    Say(String),
    /// A message that may have been meant for the chat itself.
    SayAndHint(String),
    /// Print what can be typed.
    Help,
    /// Tell who one is.
    Me,
    /// List the people.
    People,
    /// List the groups.
    Groups,
    /// Go on in another chat; `None` is the bot's.
    To(Option<String>),
    /// Make a group.
    Group {
        /// Its name.
        name: String,
        /// Whom to invite besides the bot.
        people: Vec<String>,
    },
    /// Invite people into the current group.
    Invite(Vec<String>),
    /// Accept the invitation into a group; `None` is the latest.
    Accept(Option<String>),
    /// Reject the invitation into a group; `None` is the latest.
    Reject(Option<String>),
    /// Leave the current group.
    Leave,
    /// Remove a person from the current group.
    Kick(String),
    /// Take one's latest message back, or the one so many before it.
    Unsend(usize),
    /// React to the latest message of somebody else, or the one so many before it.
    React(usize),
    /// End.
    Quit,
    /// A command that lacks something.
    Incomplete(&'static str),
}

impl Line {
    /// Reads a line.
    pub(super) fn read(text: &str) -> Self {
        let text = text.trim_end();
        if text.trim().is_empty() {
            return Self::Empty;
        }
        if text.starts_with("//") {
            return Self::Say(text[1..].to_owned());
        }
        let mut words = text.split_whitespace();
        let command = words.next().unwrap_or_default();
        // A name may hold spaces where it is all that can follow.
        let rest = text[command.len()..].trim();
        let one = || (!rest.is_empty()).then(|| rest.to_owned());
        // Other prompts begin their commands with a colon.
        let is_alone = rest.is_empty();
        match command {
            "/help" => Self::Help,
            ":help" | ":h" | ":?" | "/?" if is_alone => Self::Help,
            ":quit" | ":q" | ":exit" if is_alone => Self::Quit,
            // It may be meant for the bot.
            "help" | "?" if is_alone => Self::SayAndHint(text.trim().to_owned()),
            "/me" if is_alone => Self::Me,
            "/people" => Self::People,
            "/groups" => Self::Groups,
            "/to" => Self::To(one()),
            "/group" => match words.next() {
                Some(name) => Self::Group { name: name.to_owned(), people: words.map(str::to_owned).collect() },
                None => Self::Incomplete("/group NAME [PERSON…]"),
            },
            "/invite" if is_alone => Self::Incomplete("/invite PERSON…"),
            "/invite" => Self::Invite(words.map(str::to_owned).collect()),
            "/accept" => Self::Accept(one()),
            "/reject" => Self::Reject(one()),
            "/leave" => Self::Leave,
            "/kick" => one().map_or(Self::Incomplete("/kick PERSON"), Self::Kick),
            "/unsend" if is_alone => Self::Unsend(0),
            "/unsend" => rest.parse().map_or(Self::Incomplete("/unsend [NUMBER]"), Self::Unsend),
            "/react" if is_alone => Self::React(0),
            "/react" => rest.parse().map_or(Self::Incomplete("/react [NUMBER]"), Self::React),
            "/quit" => Self::Quit,
            _ => Self::Say(text.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_command_of_the_chat_or_a_message() {
        for (text, expected) in [
            ("", Line::Empty),
            ("  ", Line::Empty),
            ("ping", Line::Say("ping".into())),
            ("  two  words ", Line::Say("  two  words".into())),
            ("/order tea", Line::Say("/order tea".into())),
            ("//help", Line::Say("/help".into())),
            ("/help", Line::Help),
            (":help", Line::Help),
            (":help me", Line::Say(":help me".into())),
            (":q", Line::Quit),
            (":)", Line::Say(":)".into())),
            ("help", Line::SayAndHint("help".into())),
            ("?", Line::SayAndHint("?".into())),
            ("help me", Line::Say("help me".into())),
            ("/me", Line::Me),
            ("/me too", Line::Say("/me too".into())),
            ("/to", Line::To(None)),
            ("/to Tea Club", Line::To(Some("Tea Club".into()))),
            ("/group Team bob carol", Line::Group { name: "Team".into(), people: vec!["bob".into(), "carol".into()] }),
            ("/group", Line::Incomplete("/group NAME [PERSON…]")),
            ("/invite bob", Line::Invite(vec!["bob".into()])),
            ("/accept Tea Club", Line::Accept(Some("Tea Club".into()))),
            ("/reject", Line::Reject(None)),
            ("/kick Bob Smith", Line::Kick("Bob Smith".into())),
            ("/kick", Line::Incomplete("/kick PERSON")),
            ("/unsend", Line::Unsend(0)),
            ("/unsend 2", Line::Unsend(2)),
            ("/unsend that", Line::Incomplete("/unsend [NUMBER]")),
            ("/react 1", Line::React(1)),
            ("/quit", Line::Quit),
        ] {
            assert_eq!(Line::read(text), expected, "{text:?}");
        }
    }
}
