//! The one table of the events that LINE's webhooks bring.
//!
//! A row declares an event once, as those of the gateway are declared: its type, the hook that it reaches, how it is told from others, its
//! fields. The file `webhook` beside it writes these fields from LINE's own shape, which stays beside them as `event`.

use crate::protocol::events::{ChatRule, EventField, EventFieldKind, EventSpec, Repetition};
use crate::protocol::hooks::Hook;

/// Every event of LINE's webhooks, the most frequent first.
pub use self::table::LINE_EVENTS;

mod table {
    use super::*;

    // type, whom it is about, (hook), (field of its chat, or that its content is a message), (how it is repeated)
    events! {
        LINE_EVENTS "Every event of LINE's webhooks, the most frequent first."
        /// A message from a person.
        message other (Message) (message) (delivery) {
            str "id" "the message's id";
            str "from" "who wrote it; empty where LINE does not say";
            str "to" "the group or room that it was written to, else this account";
            nullable "text" "the text, null where there is none";
            int "timestamp" "when it was sent, in milliseconds";
            str "contentType" "NONE (text), IMAGE, VIDEO, AUDIO, FILE, LOCATION or STICKER";
            map "contentMetadata" "what else belongs to this content type, all values strings";
        }
        /// Someone pressed a button that carries data, or chose from a rich menu.
        postback other (Postback) ("chat") (delivery) {
            str "chat" "where it was pressed";
            optional "mid" "who pressed it";
            str "data" "what the button carries";
            json "params" "JSON text of what was picked, such as a date, or of the rich menu that was switched to";
        }
        /// Someone added this account, or unblocked it.
        follow other (ContactAdded) ("chat") (delivery) {
            str "chat" "the chat with them";
            str "mid" "who added it";
            optional "unblocked" "`true` where they had blocked it before";
        }
        /// Someone blocked this account.
        unfollow other (ContactRemoved) () (delivery) {
            str "mid" "who blocked it";
        }
        /// This account joined a group or room.
        join me (Join) ("group_id") (delivery) {
            str "group_id" "the group";
        }
        /// This account was removed from a group, or it left it.
        leave me (Leave) ("group_id") (delivery) {
            str "group_id" "the group";
        }
        /// Someone joined a group or room that this account is in. Several at once are an event each.
        memberJoined other (Join) ("group_id") (delivery) {
            str "group_id" "the group";
            str "mid" "who joined";
        }
        /// Someone left a group or room that this account is in. Several at once are an event each.
        memberLeft other (Leave) ("group_id") (delivery) {
            str "group_id" "the group";
            str "mid" "who left";
        }
        /// A message was taken back.
        unsend other (Unsend) ("chat") (delivery) {
            str "chat" "the chat";
            optional "mid" "who took it back";
            str "msg_id" "the message";
        }
        /// Someone saw a video of this account to its end.
        videoPlayComplete other (VideoComplete) ("chat") (delivery) {
            str "chat" "where it was sent";
            optional "mid" "who saw it";
            str "tracking_id" "the id that was sent with it";
        }
        /// Someone came near a beacon, or left it.
        beacon other (Beacon) ("chat") (delivery) {
            str "chat" "the chat with them";
            optional "mid" "who";
            str "hwid" "the beacon";
            str "type" "`enter`, `banner` or `stay`";
            optional "dm" "the beacon's own message, in hexadecimal";
        }
        /// Someone linked their account with one of a service, or failed to.
        accountLink other (AccountLink) ("chat") (delivery) {
            str "chat" "the chat with them";
            optional "mid" "who";
            str "result" "`ok` or `failed`";
            str "nonce" "what the service gave them";
        }
        /// Someone joined a membership of this account, left or renewed it.
        membership other (Membership) ("chat") (delivery) {
            str "chat" "the chat with them";
            optional "mid" "who";
            str "type" "`joined`, `left` or `renewed`";
            int "membership_id" "the membership";
        }
        /// A module of this account was attached or detached.
        module other (Channel) () (delivery) {
            str "type" "`attached` or `detached`";
        }
        /// This account's module became the one that answers a chat.
        activated other (Channel) ("chat") (delivery) {
            optional "chat" "the chat";
        }
        /// This account's module is no longer the one that answers a chat.
        deactivated other (Channel) ("chat") (delivery) {
            optional "chat" "the chat";
        }
        /// This account was suspended.
        botSuspended me (Channel) () (delivery) {}
        /// This account's suspension has ended.
        botResumed me (Channel) () (delivery) {}
        /// A notification by phone number arrived.
        delivery other (Delivery) () (delivery) {
            str "data" "the tag that it was sent with";
        }
    }
}
