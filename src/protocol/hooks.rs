//! The one table of hooks: the functions that scripts define to be called.
//!
//! A row declares a hook once: its function, what its parameters hold, when it is called, and an example. Which event reaches which
//! hook stands in the table of events.

use super::example::{Example, Proof, answers, plays, shows};

/// What a script author knows of a hook.
#[derive(Debug)]
pub struct HookSpec {
    /// The hook itself.
    pub hook: Hook,
    /// The function's name.
    pub name: &'static str,
    /// Usual names of its parameters, and what each holds; only their number counts.
    pub parameters: &'static [(&'static str, Argument)],
    /// When it is called.
    pub doc: &'static str,
    /// A script that has it.
    pub example: Example,
}

/// What a parameter of a hook holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A message.
    Message,
    /// An invitation.
    Invite,
    /// Any other event.
    Event,
    /// A text.
    Text,
    /// A map.
    Map,
    /// The map that tells what failed.
    Error,
    /// Whatever a gateway sent.
    Any,
}

macro_rules! hooks {
    ($( $hook:ident $name:ident ( $($parameter:ident: $argument:ident),* ) $doc:literal => $example:expr; )+) => {
        /// A function that a script may define to be called.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Hook {
            $( #[doc = concat!("`", stringify!($name), "`: ", $doc, ".")] $hook ),+
        }

        /// Every hook, in the order of the reference.
        pub static HOOKS: &[HookSpec] = &[$( HookSpec {
            hook: Hook::$hook,
            name: stringify!($name),
            parameters: &[$((stringify!($parameter), Argument::$argument)),*],
            doc: $doc,
            example: $example,
        } ),+];
    };
}

// hook function(parameter: what it holds) "when it is called" => an example;
hooks! {
    Start on_start() "the script becomes live for a session" => plays(
        "fn on_start() {
             let name = get_profile().displayName;
             log_info(`${name} is at work`);
         }",
        r#"assert(bot.logged("bot is at work"));"#,
    );
    Stop on_stop() "the script ceases to be live for a session" => plays(
        r#"fn on_stop() {
               log_info(`people who wrote: ${state.keys().len}`);
           }

           fn on_message(msg) {
               state[msg.sender.mid] = now();
           }"#,
        r#"alice.says("hi"); bot.stop(); assert(bot.logged("people who wrote: 1"));"#,
    );
    Login on_login() "the session has logged in, the first time or again" => plays(
        r#"fn on_login() {
               set_signature("I am back. Say /help.");
           }"#,
        r#"let known = alice.does("GetContacts", #{ mids: [bot.mid] });
           assert_eq(known[0].statusMessage, "I am back. Say /help.");"#,
    );
    Pin on_pin(pin: Text) "the gateway asks for a PIN to be typed on the phone" => shows(
        "fn on_pin(pin) {
             log_warn(`type ${pin} on the phone`);
         }",
        Proof::Pin("type 4711 on the phone"),
    );
    Disconnect on_disconnect(reason: Text) "the session lost its connection" => plays(
        r#"fn on_disconnect(reason) {
               let times = store.incr("disconnects");
               log_warn(`loss ${times}: ${reason}`);
           }"#,
        r#"gateway.drop(); assert(bot.logged("loss 1: "));"#,
    );
    Message on_message(msg: Message) "a message from someone else" => answers(
        r#"fn on_message(msg) {
               if msg.text == "ping" {
                   msg.reply("pong");
                   return true;    // no other script is offered this message
               }
           }"#,
        "ping",
        "pong",
    );
    OwnMessage on_own_message(msg: Message) "a message of this account, from this or another device" => plays(
        r#"fn on_own_message(msg) {
               // Typed on the phone, by the person whose account this is.
               if msg.text == "/off" { store.set("off", true); }
               if msg.text == "/on" { store.delete("off"); }
           }

           fn on_message(msg) {
               if store.get("off") == () { msg.reply("At your service."); }
           }"#,
        r#"let typed = #{
               id: "1", from: bot.mid, to: alice.mid, text: "/off",
               timestamp: clock.now(), contentType: "NONE", contentMetadata: #{},
           };
           alice.says("hi");
           alice.expects("At your service.");
           bot.notices("SEND_MESSAGE", typed);
           alice.says("hi");
           alice.expects_nothing();
           typed.id = "2";
           typed.text = "/on";
           bot.notices("SEND_MESSAGE", typed);
           alice.says("hi");
           alice.expects("At your service.");"#,
    );
    Invite on_invite(invite: Invite) "an invitation into a group" => plays(
        "fn on_invite(invite) {
             invite.accept();
             send_text(invite.group_id, `Thank you for inviting me, ${invite.inviter.name}!`);
         }",
        r#"alice.creates_group("tea", [bot]).expects("Thank you for inviting me, alice!");"#,
    );
    InviteCancelled on_invite_cancelled(event: Event) "an invitation was withdrawn" => plays(
        r#"fn on_invite(invite) {
               state[invite.group_id] = after("1h", "accept", [invite.group_id]);
           }

           fn on_invite_cancelled(event) {
               let timer = state.remove(event.group_id);
               if timer != () { cancel(timer); }
           }

           fn accept(group) {
               accept_group_invitation(group);
           }"#,
        r#"let tea = alice.creates_group("tea", [bot]);
           alice.cancels_invitation(bot, tea);
           let cake = alice.creates_group("cake", [bot]);
           clock.advance("1h");
           assert(!tea.has(bot) && cake.has(bot));"#,
    );
    Join on_join(event: Event) "someone joined a group; `event.me` tells whether it is this account" => plays(
        "fn on_join(event) {
             if event.me { return; }
             send_text(event.group_id, `Welcome, ${event.person.name}!`);
         }",
        r#"let tea = group("tea", [alice, bot]);
           let bob = person("bob");
           alice.invites(bob, tea);
           bob.joins(tea);
           tea.expects("Welcome, bob!");"#,
    );
    Leave on_leave(event: Event) "someone left a group; `event.me` tells whether it is this account" => plays(
        "fn on_leave(event) {
             if event.me { return; }
             send_text(event.group_id, `Goodbye, ${event.person.name}.`);
         }",
        r#"let tea = group("tea", [alice, person("bob"), bot]);
           person("bob").leaves(tea);
           tea.expects("Goodbye, bob.");"#,
    );
    Kick on_kick(event: Event) "someone was removed from a group by another member; `event.me` tells whether it is this account" => plays(
        r#"fn on_kick(event) {
               if event.me { store.set(event.group_id, "removed"); return; }
               send_text(event.group_id, `${event.by.name} has removed ${event.person.name}.`);
           }"#,
        r#"let tea = group("tea", [alice, person("bob"), bot]);
           alice.kicks(person("bob"), tea);
           tea.expects("alice has removed bob.");
           alice.kicks(bot, tea);"#,
    );
    GroupUpdate on_group_update(event: Event) "a group's name, picture or join link changed" => plays(
        r#"fn on_group_update(event) {
               if event.type != "1" { return; }    // its picture or its join link
               let group = search_group_by_id(event.group_id);
               send_text(event.group_id, `So we are "${group.chatName}" now.`);
           }"#,
        r#"let tea = group("tea", [alice, bot]);
           alice.renames(tea, "coffee");
           tea.expects(`So we are "coffee" now.`);"#,
    );
    ProfileUpdate on_profile_update(event: Event) "a contact changed their profile" => plays(
        r#"fn on_profile_update(event) {
               if event.type != "2" { return; }    // their picture or their status message
               let name = parse_json(event.params).DISPLAY_NAME;
               send_text(event.mid, `I shall call you ${name} from now on.`);
           }

           fn on_contact_added(event) {
               search_and_add_contacts_by_mid(event.mid);
           }"#,
        r#"let zoe = person("zoe");
           bot.notices("NOTIFIED_ADD_CONTACT", #{ mid: zoe.mid });
           settle();
           zoe.is_now_called("Zoë");
           zoe.expects("I shall call you Zoë from now on.");"#,
    );
    ContactAdded on_contact_added(event: Event) "someone added this account to their contacts" => plays(
        r#"fn on_contact_added(event) {
               send_text(event.mid, `Hello ${event.person.name}, say /help to see what I can do.`);
           }"#,
        r#"bot.notices("NOTIFIED_ADD_CONTACT", #{ mid: alice.mid });
           alice.expects("Hello alice, say /help to see what I can do.");"#,
    );
    Read on_read(event: Event) "someone read a message" => plays(
        r#"fn on_message(msg) {
               state[msg.chat] = msg.reply("Tea at five?").id;
           }

           fn on_read(event) {
               if event.msg_id == state[event.chat] { send_text(event.chat, "So, what do you say?"); }
           }"#,
        r#"alice.says("hi");
           alice.reads(alice.receives().id);
           alice.expects("So, what do you say?");"#,
    );
    Unsend on_unsend(event: Event) "a message was taken back" => plays(
        r#"fn on_message(msg) {
               store.set(msg.id, msg.text, #{ ttl: "1d" });
           }

           fn on_unsend(event) {
               store.delete(event.msg_id);
           }"#,
        r#"let id = alice.says("never mind"); alice.unsends(id); alice.expects_nothing();"#,
    );
    Reaction on_reaction(event: Event) "someone reacted to a message" => plays(
        "fn on_reaction(event) {
             send_text(event.chat, `Thank you, ${event.person.name}!`);
         }",
        r#"alice.reacts_to(alice.says("Well done!")); alice.expects("Thank you, alice!");"#,
    );
    Postback on_postback(event: Event) "on LINE: someone pressed a button that carries data" => shows(
        r#"fn on_postback(event) {
               if event.data == "order=tea" { send_text(event.chat, "One tea."); }
           }"#,
        Proof::Loads,
    );
    ContactRemoved on_contact_removed(event: Event) "on LINE: someone blocked this account" => shows(
        "fn on_contact_removed(event) {
             store.delete(event.mid);
         }",
        Proof::Loads,
    );
    VideoComplete on_video_complete(event: Event) "on LINE: someone saw a video to its end" => shows(
        r#"fn on_video_complete(event) {
               send_text(event.chat, `You have seen ${event.tracking_id}. Any questions?`);
           }"#,
        Proof::Loads,
    );
    Beacon on_beacon(event: Event) "on LINE: someone came near a beacon, or left it" => shows(
        r#"fn on_beacon(event) {
               if event.type == "enter" { send_text(event.chat, "Welcome to the shop."); }
           }"#,
        Proof::Loads,
    );
    AccountLink on_account_link(event: Event) "on LINE: someone linked their account with one of a service" => shows(
        r#"fn on_account_link(event) {
               if event.result == "ok" { store.set(event.mid, event.nonce); }
           }"#,
        Proof::Loads,
    );
    Membership on_membership(event: Event) "on LINE: someone joined a membership, left or renewed it" => shows(
        r#"fn on_membership(event) {
               if event.type == "joined" { send_text(event.chat, "Thank you!"); }
           }"#,
        Proof::Loads,
    );
    Channel on_channel(event: Event) "on LINE: this account was suspended or resumed, or what a module of it may do has changed" => shows(
        "fn on_channel(event) {
             log_warn(`LINE says: ${event.subcommand}`);
         }",
        Proof::Loads,
    );
    Delivery on_delivery(event: Event) "on LINE: a notification by phone number arrived" => shows(
        "fn on_delivery(event) {
             log_info(`${event.data} has arrived`);
         }",
        Proof::Loads,
    );
    Notify on_notify(subcommand: Text, content: Any) "every event, known or not, before its own hook; `true` keeps it from this script's other hooks" => plays(
        r#"fn on_notify(subcommand, content) {
               // No other hook tells of this.
               if subcommand == "NOTIFIED_UNREGISTER_USER" { log_info(`${content.mid} has closed the account`); }
           }"#,
        r#"bot.notices("NOTIFIED_UNREGISTER_USER", #{ mid: alice.mid });
           settle();
           assert(bot.logged(`${alice.mid} has closed the account`));"#,
    );
    Error on_error(error: Error) "a run of this script failed" => plays(
        r#"fn on_error(error) {
               let owner = store.get("owner");
               if owner != () { send_text(owner, error.card); }
           }

           fn on_message(msg) {
               if msg.text == "/owner" { store.set("owner", msg.chat); return; }
               msg.reply(parse_json(msg.text ?? "").item);
           }"#,
        r#"alice.says("/owner");
           person("bob").says("no JSON");
           bot.expects_error("");
           alice.expects_match("parse_json");"#,
    );
    Reload on_reload(previous: Map) "a new generation of this script took over" => plays(
        r#"fn on_reload(previous) {
               // Earlier generations kept the count as a text.
               if type_of(state.count) == "string" { state.count = parse_int(state.count); }
               log_info(`taken over from generation ${previous.generation}`);
           }"#,
        r#"bot.reload("example", global::SCRIPT); assert(bot.logged("taken over from generation 1"));"#,
    );
}

impl Hook {
    /// The hook's row.
    pub fn spec(self) -> &'static HookSpec {
        &HOOKS[self as usize]
    }

    /// The function's name, such as `on_message`.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The hook of a function name.
    pub fn named(name: &str) -> Option<Self> {
        HOOKS.iter().find(|spec| spec.name == name).map(|spec| spec.hook)
    }
}

impl HookSpec {
    /// The hook as a script declares it, such as `on_message(msg)`.
    pub fn signature(&self) -> String {
        let names: Vec<_> = self.parameters.iter().map(|(name, _)| *name).collect();
        format!("{}({})", self.name, names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_stands_at_its_own_row() {
        for (index, spec) in HOOKS.iter().enumerate() {
            assert_eq!(spec.hook as usize, index);
            assert_eq!(Hook::named(spec.name), Some(spec.hook));
        }
    }
}
