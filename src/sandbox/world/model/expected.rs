//! The model: sets of small numbers, which know nothing of mids, texts or limits.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{DEVICES, NOW, Result, Step, written};

/// Who is told, whether on every connection or only on those the deed did not come from, and what.
type Told = (usize, Audience, &'static str, Value);

use super::Audience::{self, EveryDevice, OtherDevices};

#[derive(Debug, Default)]
struct Group {
    members: BTreeSet<usize>,
    invitees: BTreeSet<usize>,
    by_url: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Chat {
    Person(usize),
    Group(usize),
}

#[derive(Debug)]
struct Message {
    from: usize,
    to: Chat,
    withheld: bool,
    is_gone: bool,
}

/// What is the case.
#[derive(Debug, Default)]
pub(super) struct Model {
    groups: BTreeMap<usize, Group>,
    created: usize,
    /// Pairs of who blocks and whom.
    blocked: BTreeSet<(usize, usize)>,
    contacts: BTreeSet<(usize, usize)>,
    friends_only: BTreeSet<usize>,
    closed: BTreeSet<usize>,
    messages: Vec<Message>,
}

impl Model {
    pub(super) fn is_closed(&self, person: usize) -> bool {
        self.closed.contains(&person)
    }

    pub(super) fn step(&mut self, by: usize, device: usize, step: &Step) -> Result {
        let sent = self.messages.len();
        let told = match if self.is_closed(by) { Err("NOT_AUTHENTICATED") } else { self.try_step(by, step) } {
            Ok(told) => told,
            Err(refused) => return Result { answer: Some(refused.to_owned()), ..Result::default() },
        };
        let mut result = Result::default();
        if let (Step::Write { .. } | Step::WriteToGroup { .. }, Some(message)) = (step, self.messages.last()) {
            let answer = json!({"id": format!("m{sent}"), "to": chat_name(message.to), "timestamp": NOW});
            result.answer = Some(answer.to_string());
        }
        for (person, reach, subcommand, content) in told {
            let event = written(subcommand, &content);
            for heard_at in 0..DEVICES {
                let is_its_own = !step.is_operation() && (person, heard_at) == (by, device);
                if reach == EveryDevice || !is_its_own {
                    result.hear(person, heard_at, &event);
                }
            }
        }
        result
    }

    /// The members and invitees of each group that is left.
    pub(super) fn memberships(&self) -> BTreeMap<usize, (BTreeSet<usize>, BTreeSet<usize>)> {
        self.groups.iter().map(|(number, group)| (*number, (group.members.clone(), group.invitees.clone()))).collect()
    }

    /// The numbers of the messages of each chat as a person reads them.
    pub(super) fn histories(&self, person: usize) -> BTreeMap<String, Vec<usize>> {
        let mut histories: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (number, message) in self.messages.iter().enumerate() {
            let chat = match message.to {
                Chat::Person(to) if message.from == person => Chat::Person(to),
                Chat::Person(to) if to == person => Chat::Person(message.from),
                Chat::Person(_) => continue,
                group @ Chat::Group(_) => group,
            };
            if !message.is_gone && (!message.withheld || message.from == person) {
                histories.entry(chat_name(chat)).or_default().push(number);
            }
        }
        histories
    }

    fn try_step(&mut self, by: usize, step: &Step) -> std::result::Result<Vec<Told>, &'static str> {
        match step {
            Step::Create { invited } => self.create(by, invited),
            Step::Invite { group, invited } => self.invite(by, *group, invited),
            Step::Accept { group } => {
                let (number, group) = (*group, self.invited(by, *group)?);
                let content = in_group(number, by);
                let mut told = every(&group.members, "NOTIFIED_ACCEPT_CHAT_INVITATION", &content);
                told.push((by, EveryDevice, "ACCEPT_CHAT_INVITATION", content));
                group.invitees.remove(&by);
                group.members.insert(by);
                Ok(told)
            }
            Step::Reject { group } => {
                self.invited(by, *group)?.invitees.remove(&by);
                Ok(vec![(by, OtherDevices, "NOTIFIED_CANCEL_CHAT_INVITATION", in_group(*group, by))])
            }
            Step::Leave { group } => {
                self.own(by, *group)?;
                Ok(self.leave(by, *group))
            }
            Step::AllowUrl { group, allow } => {
                self.own(by, *group)?.by_url = *allow;
                self.changed(by, *group, "4")
            }
            Step::Rename { group } => {
                let mut told = self.changed(by, *group, "1")?;
                let metadata = json!({"event_type": "update_group_name", "name": "new"});
                told.extend(self.post(by, Chat::Group(*group), Value::Null, "CHATEVENT", metadata));
                Ok(told)
            }
            Step::JoinByUrl { group } => self.join(by, *group),
            Step::Block { person, .. } | Step::Add { person } | Step::Write { person } if self.is_closed(*person) => {
                Err("NOT_FOUND")
            }
            Step::Block { person, .. } | Step::Add { person } | Step::Write { person } if *person == by => {
                Err("INVALID_MID")
            }
            Step::Block { person, block } => {
                let (changed, event) = if *block {
                    (self.blocked.insert((by, *person)), "BLOCK_CONTACT")
                } else {
                    (self.blocked.remove(&(by, *person)), "UNBLOCK_CONTACT")
                };
                Ok(if changed { vec![(by, OtherDevices, event, person_only(*person))] } else { Vec::new() })
            }
            Step::Add { person } => {
                let mut told = Vec::new();
                if self.contacts.insert((by, *person)) {
                    told.push((by, OtherDevices, "ADD_CONTACT", person_only(*person)));
                    if !self.blocked.contains(&(*person, by)) {
                        told.push((*person, EveryDevice, "NOTIFIED_ADD_CONTACT", person_only(by)));
                    }
                }
                Ok(told)
            }
            Step::Write { person } if self.blocked.contains(&(by, *person)) => Err("BLOCK_FRIEND"),
            Step::Write { person } if self.friends_only.contains(person) && !self.contacts.contains(&(*person, by)) => {
                Err("NOT_FRIEND")
            }
            Step::Write { person } => Ok(self.post(by, Chat::Person(*person), json!("x"), "NONE", json!({}))),
            Step::WriteToGroup { group } => {
                self.own(by, *group)?;
                Ok(self.post(by, Chat::Group(*group), json!("x"), "NONE", json!({})))
            }
            Step::Kick { group: number, target } => {
                let group = self.own(by, *number)?;
                if *target == by || !group.members.contains(target) {
                    return Err("NOT_A_MEMBER");
                }
                let content = json!({"group_id": group_name(*number), "mid": name(by), "target": name(*target)});
                let told = every(&group.members, "NOTIFIED_DELETE_OTHER_FROM_CHAT", &content);
                group.members.remove(target);
                Ok(told)
            }
            Step::Cancel { group, target } => {
                if !self.own(by, *group)?.invitees.remove(target) {
                    return Err("NOT_AN_INVITEE");
                }
                Ok(vec![(*target, EveryDevice, "NOTIFIED_CANCEL_CHAT_INVITATION", in_group(*group, by))])
            }
            Step::Unsend { message } => self.unsend(by, *message),
            Step::FriendsOnly { only } => {
                if *only {
                    self.friends_only.insert(by);
                } else {
                    self.friends_only.remove(&by);
                }
                Ok(vec![(by, EveryDevice, "UPDATE_SETTINGS", person_only(by))])
            }
            Step::Unregister => Ok(self.unregister(by)),
        }
    }

    fn create(&mut self, by: usize, invited: &[usize]) -> std::result::Result<Vec<Told>, &'static str> {
        if invited.contains(&by) {
            return Err("INVALID_MID");
        }
        let invitees = self.reachable(by, invited)?;
        let told = every(&invitees, "NOTIFIED_INVITE_INTO_CHAT", &invitation(self.created, by));
        self.groups.insert(self.created, Group { members: BTreeSet::from([by]), invitees, by_url: false });
        self.created += 1;
        Ok(told)
    }

    fn invite(&mut self, by: usize, number: usize, invited: &[usize]) -> std::result::Result<Vec<Told>, &'static str> {
        if invited.is_empty() {
            return Err("INVALID_LENGTH");
        }
        let reachable = self.reachable(by, invited)?;
        let some_blocked = invited.iter().any(|person| self.blocked.contains(&(*person, by)));
        let group = self.own(by, number)?;
        let known: BTreeSet<_> = group.members.union(&group.invitees).copied().collect();
        let new: BTreeSet<_> = reachable.difference(&known).copied().collect();
        if new.is_empty() && !some_blocked {
            return Err("DUPLICATED");
        }
        let told = every(&new, "NOTIFIED_INVITE_INTO_CHAT", &invitation(number, by));
        group.invitees.extend(new);
        Ok(told)
    }

    fn join(&mut self, by: usize, number: usize) -> std::result::Result<Vec<Told>, &'static str> {
        let group = self.groups.get_mut(&number).ok_or("NOT_FOUND")?;
        if group.members.contains(&by) {
            return Err("DUPLICATED");
        }
        if !group.by_url {
            return Err("PREVENTED_JOIN_BY_TICKET");
        }
        let content = in_group(number, by);
        let mut told = every(&group.members, "NOTIFIED_JOIN_CHAT", &content);
        told.push((by, OtherDevices, "NOTIFIED_JOIN_CHAT", content));
        group.invitees.remove(&by);
        group.members.insert(by);
        Ok(told)
    }

    fn leave(&mut self, by: usize, number: usize) -> Vec<Told> {
        let Some(group) = self.groups.get_mut(&number) else { return Vec::new() };
        group.members.remove(&by);
        let content = in_group(number, by);
        let mut told = every(&group.members, "NOTIFIED_DELETE_SELF_FROM_CHAT", &content);
        if group.members.is_empty() {
            told.extend(every(&group.invitees, "NOTIFIED_CANCEL_CHAT_INVITATION", &content));
            self.groups.remove(&number);
        }
        told.push((by, EveryDevice, "NOTIFIED_LEAVE_CHAT", json!({"group_id": group_name(number)})));
        told
    }

    fn changed(&mut self, by: usize, number: usize, kind: &str) -> std::result::Result<Vec<Told>, &'static str> {
        let content = json!({"group_id": group_name(number), "mid": name(by), "type": kind});
        let mut others = self.own(by, number)?.members.clone();
        others.remove(&by);
        let mut told = every(&others, "NOTIFIED_UPDATE_CHAT", &content);
        told.push((by, OtherDevices, "NOTIFIED_UPDATE_CHAT", content));
        Ok(told)
    }

    fn post(&mut self, by: usize, to: Chat, text: Value, kind: &str, metadata: Value) -> Vec<Told> {
        let content = json!({
            "id": format!("m{}", self.messages.len()),
            "from": name(by),
            "to": chat_name(to),
            "text": text,
            "timestamp": NOW,
            "contentType": kind,
            "contentMetadata": metadata,
        });
        let mut receivers = match to {
            Chat::Person(person) => BTreeSet::from([person]),
            Chat::Group(group) => self.groups.get(&group).map(|group| group.members.clone()).unwrap_or_default(),
        };
        let withheld = matches!(to, Chat::Person(person) if self.blocked.contains(&(person, by)));
        receivers.retain(|person| *person != by && !withheld);
        self.messages.push(Message { from: by, to, withheld, is_gone: false });
        let mut told = every(&receivers, "RECEIVE_MESSAGE", &content);
        told.push((by, OtherDevices, "SEND_MESSAGE", content));
        told
    }

    fn unsend(&mut self, by: usize, number: usize) -> std::result::Result<Vec<Told>, &'static str> {
        let members = |group: &usize| self.groups.get(group).map(|group| group.members.clone()).unwrap_or_default();
        let message = self.messages.get(number).filter(|message| !message.is_gone).ok_or("MESSAGE_NOT_FOUND")?;
        let mut told = match &message.to {
            Chat::Person(_) if message.withheld && message.from != by => {
                return Err("MESSAGE_NOT_FOUND");
            }
            Chat::Person(_) if message.withheld => BTreeSet::new(),
            Chat::Person(person) => BTreeSet::from([*person]),
            Chat::Group(group) => members(group),
        };
        let (is_own, sees) = (message.from == by, message.from == by || told.contains(&by));
        if !sees {
            return Err("MESSAGE_NOT_FOUND");
        }
        if !is_own {
            return Err("MALFORMED");
        }
        told.remove(&by);
        told.retain(|person| !self.closed.contains(person));
        let chat = if let Chat::Group(group) = message.to { group_name(group) } else { name(by) };
        let content = json!({"chat": chat, "msg_id": format!("m{number}")});
        self.messages[number].is_gone = true;
        Ok(every(&told, "NOTIFIED_DESTROY_MESSAGE", &content))
    }

    fn unregister(&mut self, by: usize) -> Vec<Told> {
        let own = |(number, group): (&usize, &Group)| group.members.contains(&by).then_some(*number);
        let groups: Vec<_> = self.groups.iter().filter_map(own).collect();
        let mut told: Vec<_> = groups.into_iter().flat_map(|group| self.leave(by, group)).collect();
        for group in self.groups.values_mut() {
            group.invitees.remove(&by);
        }
        let knows_it = |person: &usize| self.contacts.contains(&(*person, by));
        let friends: BTreeSet<_> = (0..super::PEOPLE).filter(knows_it).collect();
        self.contacts.retain(|(one, other)| *one != by && *other != by);
        self.closed.insert(by);
        told.retain(|(person, ..)| *person != by);
        told.extend(every(&friends, "NOTIFIED_UNREGISTER_USER", &person_only(by)));
        told
    }

    /// Those of `people` whom `by` can invite: who has blocked the inviter is passed over.
    fn reachable(&self, by: usize, people: &[usize]) -> std::result::Result<BTreeSet<usize>, &'static str> {
        if people.iter().any(|person| self.is_closed(*person)) {
            return Err("NOT_FOUND");
        }
        Ok(people.iter().copied().filter(|person| !self.blocked.contains(&(*person, by))).collect())
    }

    fn own(&mut self, by: usize, group: usize) -> std::result::Result<&mut Group, &'static str> {
        let group = self.groups.get_mut(&group).ok_or("NOT_FOUND")?;
        if group.members.contains(&by) { Ok(group) } else { Err("NOT_A_MEMBER") }
    }

    fn invited(&mut self, by: usize, group: usize) -> std::result::Result<&mut Group, &'static str> {
        let group = self.groups.get_mut(&group).ok_or("NOT_FOUND")?;
        if group.invitees.contains(&by) { Ok(group) } else { Err("NOT_AN_INVITEE") }
    }
}

fn every(who: &BTreeSet<usize>, subcommand: &'static str, content: &Value) -> Vec<Told> {
    who.iter().map(|person| (*person, EveryDevice, subcommand, content.clone())).collect()
}

fn name(person: usize) -> String {
    format!("p{person}")
}

fn group_name(group: usize) -> String {
    format!("g{group}")
}

fn chat_name(chat: Chat) -> String {
    match chat {
        Chat::Person(person) => name(person),
        Chat::Group(group) => group_name(group),
    }
}

fn in_group(group: usize, person: usize) -> Value {
    json!({"group_id": group_name(group), "mid": name(person)})
}

fn invitation(group: usize, by: usize) -> Value {
    json!({"group_id": group_name(group), "mid": name(by), "created_time": NOW / 1_000})
}

fn person_only(person: usize) -> Value {
    json!({"mid": name(person)})
}
