//! The commands about other people: finding, adding, naming, marking, blocking.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::account::{Account, FoundBy, Friend};
use super::profile::person_url;
use super::{Act, CommandReply, MAX_DISPLAY_NAME, World, check_length, done, malformed, own_mid, person_mid, quoted};
use crate::protocol::commands::{BlockContact, EnableContactNotification, MarkContact, UpdateContactName};
use crate::protocol::{Failure, FailureCode};

impl World {
    pub(super) fn get_all_contact_ids(&self, act: &Act<'_>) -> CommandReply {
        let me = self.me(act)?;
        let shown: Vec<_> = me.contacts.keys().filter(|mid| !me.blocked.contains(*mid)).map(|mid| &**mid).collect();
        Ok(json!(shown))
    }

    /// Gives what is known of the people, each once; mids that nobody has are left out.
    pub(super) fn get_contacts(&self, act: &Act<'_>, mids: &[String]) -> CommandReply {
        let me = self.me(act)?;
        let mut contacts = Vec::new();
        let mut given = BTreeSet::new();
        for mid in mids {
            person_mid("mids", mid)?;
            if !given.insert(mid) {
                continue;
            }
            if let Some(person) = self.accounts.get(mid.as_str()) {
                contacts.push(me.view(person, FoundBy::Mid, act.media));
            }
        }
        Ok(json!(contacts))
    }

    pub(super) fn enable_contact_notification(
        &mut self,
        act: &mut Act<'_>,
        request: &EnableContactNotification,
    ) -> CommandReply {
        self.friend(act, &request.mid)?.muted = !request.enable;
        done()
    }

    pub(super) fn update_contact_name(&mut self, act: &mut Act<'_>, request: &UpdateContactName) -> CommandReply {
        // An empty name takes the own choice back.
        check_length("name", &request.name, 0, MAX_DISPLAY_NAME)?;
        self.friend(act, &request.mid)?.name.clone_from(&request.name);
        done()
    }

    pub(super) fn mark_contact(&mut self, act: &mut Act<'_>, request: &MarkContact) -> CommandReply {
        let now = act.now;
        let friend = self.friend(act, &request.mid)?;
        match (request.mark, friend.favourite_since) {
            (true, 0) => friend.favourite_since = now,
            (true, _) => {}
            (false, _) => friend.favourite_since = 0,
        }
        done()
    }

    pub(super) fn block_contact(&mut self, act: &mut Act<'_>, request: &BlockContact) -> CommandReply {
        let person = self.person("mid", &request.mid)?.mid.clone();
        if person == *act.by {
            return Err(own_mid("mid"));
        }
        let me = self.me_mut(act)?;
        let (changed, event) = if request.block {
            (me.blocked.insert(person), "BLOCK_CONTACT")
        } else {
            (me.blocked.remove(&person), "UNBLOCK_CONTACT")
        };
        if changed {
            act.tell_own_devices(event, json!({"mid": request.mid}));
        }
        done()
    }

    pub(super) fn search_contact_by_userid(&self, act: &Act<'_>, user_id: &str) -> CommandReply {
        let found = self.accounts.values().find(|person| {
            !user_id.is_empty() && person.user_id == user_id && person.settings.privacy_search_by_userid
        });
        let missing = || {
            let found = quoted(user_id);
            Failure::new(
                FailureCode::NotFound,
                format!("\"user_id\" takes the user id of someone who can be found by it; found {found}"),
            )
        };
        let person = found.ok_or_else(missing)?;
        Ok(json!(self.me(act)?.view(person, FoundBy::UserId, act.media)))
    }

    /// Gives who has these numbers; numbers that nobody has, or whose owner cannot be found by phone, are left out.
    pub(super) fn search_contact_by_phones(&self, act: &Act<'_>, phones: &[String]) -> CommandReply {
        let me = self.me(act)?;
        let mut contacts = Map::new();
        for phone in phones {
            if !is_phone(phone) {
                return Err(malformed(format!(
                    "\"phones\" takes numbers with \"+\" and the country code first; found {}",
                    quoted(phone)
                )));
            }
            let owner = |person: &&Account| person.phone == *phone && person.settings.privacy_search_by_phone_number;
            if let Some(person) = self.accounts.values().find(owner) {
                contacts.insert(person.mid.to_string(), json!(me.view(person, FoundBy::Phone, act.media)));
            }
        }
        Ok(Value::Object(contacts))
    }

    pub(super) fn search_contact_by_url(&self, act: &Act<'_>, url: &str) -> CommandReply {
        let found = self.accounts.values().find(|person| person_url(person) == url);
        let missing = || {
            let message = format!("\"url\" takes the url that a person's GetQrCode gave; found {}", quoted(url));
            Failure::new(FailureCode::NotFound, message)
        };
        let person = found.ok_or_else(missing)?;
        Ok(json!(self.me(act)?.view(person, FoundBy::Mid, act.media)))
    }

    pub(super) fn search_and_add_contacts_by_mid(&mut self, act: &mut Act<'_>, mid: &str) -> CommandReply {
        let person = self.person("mid", mid)?.mid.clone();
        if person == *act.by {
            return Err(own_mid("mid"));
        }
        let me = self.me_mut(act)?;
        let is_new = !me.contacts.contains_key(&person);
        me.contacts.entry(person.clone()).or_default();
        if is_new {
            act.tell_own_devices("ADD_CONTACT", json!({"mid": mid}));
            if !self.blocks(&person, act.by) {
                act.tell(vec![person.clone()], "NOTIFIED_ADD_CONTACT", json!({"mid": &**act.by}));
            }
        }
        let contact = self.me(act)?.view(self.person("mid", mid)?, FoundBy::Mid, act.media);
        Ok(json!({ mid: contact }))
    }

    /// Whether `owner` has blocked `other`.
    pub(super) fn blocks(&self, owner: &str, other: &str) -> bool {
        self.accounts.get(owner).is_some_and(|account| account.blocked.contains(other))
    }

    /// What the acting account says of its contact `mid`.
    fn friend(&mut self, act: &Act<'_>, mid: &str) -> Result<&mut Friend, Failure> {
        self.person("mid", mid)?;
        let not_friend = || Failure::new(FailureCode::NotFriend, format!("{mid} is no contact of this account"));
        self.me_mut(act)?.contacts.get_mut(mid).ok_or_else(not_friend)
    }
}

fn is_phone(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| (5..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()))
}
