//! Networks: what differs from one service to another, as a value.
//!
//! Scripts use the same functions, hooks and objects on each. A network's own operations are functions of a namespace beside them, and
//! what it cannot do is named here, with what to do instead. How its sessions connect is the session floor's business.

use super::commands::{COMMANDS, Command};
use super::content::Content;
use super::events::{EVENTS, EventSpec};
use super::hooks::Hook;
use super::line::events::LINE_EVENTS;
use super::line::{OPERATIONS, ReplyToken, show_work};

/// A service that accounts are on.
#[derive(Debug)]
pub struct Network {
    /// The name in a configuration, and of its namespace.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The common functions that are not to be had.
    lacks: &'static [Lack],
    /// Where the rows of its own operations are, which stand in its namespace.
    own: fn() -> Box<dyn Iterator<Item = &'static Command>>,
    /// The events that it sends.
    pub events: &'static [EventSpec],
    /// Whether accounts are restricted that send faster than a person would, so that they are paced unless asked otherwise.
    pub is_gentle: bool,
    /// How the token is found that an event brings to be answered with, where the network has such.
    pub reply_token: Option<fn(&Content) -> Option<ReplyToken>>,
    /// What shows a person for so many seconds that they will be answered, where the network has such.
    pub show_work: Option<ShowWork>,
}

/// From a person and a number of seconds to the command that shows them that an answer is on its way, and its fields.
type ShowWork = fn(&str, u64) -> (&'static Command, String);

/// A common function that a network does not have.
#[derive(Debug)]
pub struct Lack {
    /// The function.
    pub function: &'static str,
    /// Why, and what there is instead, as the end of a sentence.
    pub instead: &'static str,
}

/// The vendor's gateway for personal accounts.
pub static GATEWAY: Network = Network {
    name: "gateway",
    title: "the gateway",
    lacks: &[],
    own: || Box::new(std::iter::empty()),
    events: EVENTS,
    is_gentle: true,
    reply_token: None,
    show_work: None,
};

/// LINE's official Messaging API.
pub static LINE: Network = Network {
    name: "line",
    title: "LINE's Messaging API",
    lacks: LINE_LACKS,
    own: || Box::new(OPERATIONS.iter().map(|operation| &operation.command)),
    events: LINE_EVENTS,
    is_gentle: false,
    reply_token: Some(ReplyToken::of),
    show_work: Some(show_work),
};

/// Every network.
pub static NETWORKS: &[&Network] = &[&GATEWAY, &LINE];

macro_rules! lacks {
    ($($function:ident $instead:literal;)+) => {
        &[$(Lack { function: stringify!($function), instead: $instead }),+]
    };
}

const LINE_LACKS: &[Lack] = lacks! {
    get_joined_group_ids "it does not list an account's groups; note them in on_join";
    enable_contact_notification "an official account has no notifications of people";
    update_contact_name "an official account gives people no names";
    mark_contact "an official account has no favourites";
    block_contact "an official account blocks nobody";
    set_nick_name "its name is set in the LINE Official Account Manager";
    set_signature "its status is set in the LINE Official Account Manager";
    update_profile_picture "its picture is set in the LINE Official Account Manager";
    check_userid_valid "its id is given by LINE";
    set_my_userid "its id is given by LINE";
    get_qr_code "its code stands in the LINE Official Account Manager";
    set_birthday "an official account has none";
    enable_search_by_user_id "its settings stand in the LINE Official Account Manager";
    enable_secondary_login "its settings stand in the LINE Official Account Manager";
    get_settings "its settings stand in the LINE Official Account Manager";
    search_contact_by_userid "people are not looked for: they add the account themselves";
    search_contact_by_phones "people are not looked for: they add the account themselves";
    search_contact_by_url "people are not looked for: they add the account themselves";
    search_and_add_contacts_by_mid "people are not looked for: they add the account themselves";
    search_group_by_url "groups are not looked for: people invite the account";
    create_group "groups are made by people";
    update_group_picture "groups are changed by their members";
    invite_into_group "people are invited by members";
    accept_group_invitation "an official account joins at once: on_join tells of it";
    get_group_qrcode "links are made by members";
    reject_group_invitation "an official account joins at once; leave_group leaves again";
    join_group_by_url "people invite the account";
    update_group_name "groups are changed by their members";
    enable_join_by_url "links are made by members";
    enable_group_notification "an official account has no notifications";
    send_contact "it has no contact message; a text with a name and a link does";
    send_file "it has no file message; a text with a link does";
    get_send_image_param "its files are sent by a url; send_image does that";
    get_send_file_param "it has no file message; a text with a link does";
    get_send_video_param "its files are sent by a url; send_video does that";
    get_send_audio_param "its files are sent by a url; send_audio does that";
    get_download_file_param "download_file gives the file itself";
};

impl Network {
    /// The network of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        NETWORKS.iter().find(|network| network.name == name).copied()
    }

    /// The network that alone has a command; none of a common one.
    pub fn of(row: &Command) -> Option<&'static Self> {
        row.namespace.and_then(Self::named)
    }

    /// Whether it has a hook called: its events reach it, or those of no network do, and Hotline itself calls it.
    pub fn calls(&self, hook: Hook) -> bool {
        let reaches = |row: &EventSpec| row.hook == Some(hook);
        self.events.iter().any(reaches) || !EventSpec::all().any(reaches)
    }

    /// The rows of the operations that only this network has.
    pub fn own_commands(&self) -> impl Iterator<Item = &'static Command> + use<> {
        (self.own)()
    }

    /// Why a common function is not to be had here.
    pub fn lack(&self, function: &str) -> Option<&'static Lack> {
        self.lacks.iter().find(|lack| lack.function == function)
    }

    /// Whether its sessions can send a command of the tables.
    pub fn has(&self, row: &Command) -> bool {
        Self::of(row).map_or(self.lack(row.function).is_none(), |of| of.name == self.name)
    }

    /// Why this session, which is on this network, cannot send a command of the tables.
    pub fn refusal(&self, row: &Command, session: &str) -> Option<String> {
        match Self::of(row) {
            Some(other) if !self.has(row) => {
                Some(format!("{} is {}'s; session \"{session}\" is on {}", row.call_name(), other.title, self.title))
            }
            Some(_) => None,
            None => self.lack(row.function).map(|lack| {
                format!("{} is not to be had on {}: {} (session \"{session}\")", row.function, self.title, lack.instead)
            }),
        }
    }

    /// The rows of the common functions that this network has.
    pub fn common_commands(&self) -> impl Iterator<Item = &'static Command> {
        COMMANDS.iter().filter(|row| !row.is_login() && self.lack(row.function).is_none())
    }

    /// The row of a command of any network, by its name on the wire; no two have the same name.
    pub fn any_command(name: &str) -> Option<&'static Command> {
        let own = || NETWORKS.iter().flat_map(|network| network.own_commands());
        Command::named(name).or_else(|| own().find(|row| row.name == name))
    }

    /// The row of a command that a session of this network can send, by its name on the wire.
    pub fn command(&self, name: &str) -> Option<&'static Command> {
        Command::named(name).or_else(|| self.own_commands().find(|row| row.name == name))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_a_network_lacks_is_a_common_function() {
        for network in NETWORKS {
            for Lack { function, .. } in network.lacks {
                assert!(COMMANDS.iter().any(|row| row.function == *function), "{function}");
            }
        }
    }

    #[test]
    fn the_operations_of_a_network_are_in_a_namespace_of_its_name() {
        for network in NETWORKS {
            assert!(network.own_commands().all(|row| Network::of(row).map(|of| of.name) == Some(network.name)));
        }
        assert!(COMMANDS.iter().all(|row| Network::of(row).is_none()));
    }

    #[test]
    fn what_a_network_lacks_is_told_with_what_there_is_instead() {
        let refusal =
            |network: &Network, name: &str| network.refusal(Network::any_command(name).expect("a command"), "shop");
        assert_eq!(
            refusal(&LINE, "InviteIntoGroup").as_deref(),
            Some(
                "invite_into_group is not to be had on LINE's Messaging API: people are invited by members (session \"shop\")"
            )
        );
        assert_eq!(
            refusal(&GATEWAY, "pushMessage").as_deref(),
            Some("line::push_message is LINE's Messaging API's; session \"shop\" is on the gateway")
        );
        for (network, name) in
            [(&LINE, "SendText"), (&LINE, "pushMessage"), (&LINE, "leaveGroup"), (&GATEWAY, "LeaveGroup")]
        {
            assert_eq!(refusal(network, name), None);
        }
    }

    #[test]
    fn no_two_networks_use_a_name_twice() {
        let commands: Vec<_> =
            COMMANDS.iter().chain(NETWORKS.iter().flat_map(|network| network.own_commands())).collect();
        let names: BTreeSet<_> = commands.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), commands.len());
        let events: BTreeSet<_> = EventSpec::all().map(|row| row.subcommand).collect();
        assert_eq!(events.len(), EventSpec::all().count());
        assert_eq!(events.len(), NETWORKS.iter().map(|network| network.events.len()).sum::<usize>());
    }
}
