//! Finding people: among those who are known, then by asking the gateway. Writing to them is not here.

use std::collections::BTreeSet;

use anyhow::Context;
use serde_json::Value;

use super::Conversation;
use super::book::Recipient;
use crate::language::spelling::did_you_mean;
use crate::protocol::commands::{
    GetContacts, SearchContactByPhones, SearchContactByUrl, SearchContactByUserid, SearchGroupById,
};
use crate::protocol::is_group;
use crate::sandbox::{DEMO_ACCOUNTS, OFFICIAL_ACCOUNT};

impl Conversation {
    /// The person or group of a name, a mid, a phone number, a user id or the url of a QR code.
    pub(super) async fn find(&mut self, name: &str) -> anyhow::Result<Recipient> {
        if self.book.find(name).is_none() {
            self.look_up(name).await;
        }
        let Some(target) = self.book.find(name) else {
            return Err(self.unknown(name));
        };
        if !self.book.knows(&target.mid) {
            self.learn(vec![target.mid.clone()]).await;
        }
        Ok(self.book.target(&target.mid))
    }

    pub(super) async fn find_all(&mut self, names: &[String]) -> anyhow::Result<Vec<String>> {
        let mut mids = Vec::with_capacity(names.len());
        for name in names {
            mids.push(self.find(name).await?.mid);
        }
        Ok(mids)
    }

    /// Whom to talk to where no bot is named: the contact of that name, the first one, or somebody of the demo's, its bot
    /// above all.
    pub(super) async fn find_default(&mut self, contacts: &[String]) -> Option<Recipient> {
        let named = contacts.iter().find(|mid| self.book.name(mid) == "bot");
        if let Some(mid) = named.or(contacts.first()) {
            return Some(self.book.target(mid));
        }
        for (name, _) in DEMO_ACCOUNTS {
            if !self.is_demo {
                return None;
            }
            let target = self.find(name).await.ok();
            if let Some(target) = target.filter(|target| target.mid != self.book.me) {
                return Some(target);
            }
        }
        None
    }

    /// Asks for the names of mids. One that has none is shown as it is.
    pub(super) async fn learn(&mut self, mids: Vec<String>) {
        let (groups, people): (BTreeSet<_>, BTreeSet<_>) = mids.into_iter().partition(|mid| is_group(mid));
        if !people.is_empty()
            && let Ok(content) = self.request(&GetContacts { mids: people.into_iter().collect() }).await
        {
            self.book.learn_people(&content);
        }
        if !groups.is_empty() {
            let search = SearchGroupById { mids: Some(groups.into_iter().collect()), ..SearchGroupById::default() };
            if let Ok(content) = self.request(&search).await {
                self.book.learn_groups(&content);
            }
        }
    }

    /// Asks the gateway who is meant, and keeps the answer under what was asked.
    async fn look_up(&mut self, name: &str) {
        let demo = self.demo().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let phone = demo.map_or(name, |(_, phone)| phone);
        let found = if phone.starts_with('+') {
            let phones = vec![phone.to_owned()];
            let content = self.request(&SearchContactByPhones { phones }).await;
            content.ok().and_then(|content| content.as_object()?.values().next().cloned())
        } else if name.contains("://") {
            self.request(&SearchContactByUrl { url: name.to_owned() }).await.ok()
        } else {
            self.request(&SearchContactByUserid { user_id: name.to_owned() }).await.ok()
        };
        if let Some(person) = found {
            if let Some(mid) = person.get("mid").and_then(Value::as_str) {
                self.book.aliases.insert(name.to_lowercase(), mid.to_owned());
            }
            self.book.learn_people(&Value::Array(vec![person]));
        }
    }

    /// The accounts that every sandbox has, in the order in which they are tried.
    fn demo(&self) -> impl Iterator<Item = &'static (&'static str, &'static str)> + use<> {
        let is_demo = self.is_demo;
        DEMO_ACCOUNTS.iter().chain([&OFFICIAL_ACCOUNT]).filter(move |_| is_demo)
    }

    fn unknown(&self, name: &str) -> anyhow::Error {
        let demo = self.demo().map(|(name, _)| *name);
        let hint = did_you_mean(name, self.book.names().chain(demo));
        anyhow::anyhow!("nobody here is named \"{name}\"{hint}")
    }

    pub(super) fn current(&self) -> anyhow::Result<&Recipient> {
        self.current.as_ref().context("nobody was found to write to, so nothing is sent: /to NAME, or /to alone")
    }
}
