//! The sandbox itself, as its connections see it, with the names that the model uses.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use serde_json::Value;

use super::{DEVICES, NOW, PEOPLE, Result, Step, written};
use crate::clock::{Clock, Timestamp};
use crate::protocol::commands::{
    AcceptGroupInvitation, BlockContact, CreateGroup, EnableJoinByUrl, GetGroupQrcode, InviteIntoGroup, JoinGroupByUrl,
    LeaveGroup, Login, RejectGroupInvitation, SearchAndAddContactsByMid, SendText, UpdateGroupName,
};
use crate::protocol::{Envelope, Failure, Incoming, Request, Settings, decode};
use crate::sandbox::hub::{Entrance, Hub, OutboxLimits};
use crate::sandbox::line::{LineAccount, OfficialConfig};
use crate::sandbox::world::{DEMO_PASSWORD, Deed, Mid, NewAccount, Operation, SignIn, World, Written};

/// A number that no group or message has.
const NOBODY: &str = "00000000000000000000000000000000";

pub(super) struct Real {
    hub: Hub,
    people: Vec<Mid>,
    /// The connections of each person.
    devices: Vec<Vec<Entrance>>,
    /// The mid and the url of each group.
    groups: Vec<(String, String)>,
    /// The ids of the messages.
    messages: Vec<String>,
    /// What the model calls a mid.
    names: HashMap<String, String>,
    /// Everything that changed the world.
    pub(super) deeds: Vec<Deed>,
}

impl Real {
    pub(super) fn new() -> Self {
        let outbox = OutboxLimits { frames: 1_000, bytes: 1_000_000 };
        let clock = Clock::manual(NOW);
        let line = LineAccount::new(OfficialConfig::default(), 1, clock.clone());
        let hub = Hub::new(World::new(1), line, None, clock, String::new(), outbox);
        let mut real = Self {
            hub,
            people: Vec::new(),
            devices: Vec::new(),
            groups: Vec::new(),
            messages: Vec::new(),
            names: HashMap::new(),
            deeds: Vec::new(),
        };
        for number in 0..PEOPLE {
            let deed = Deed::Operated(Operation::CreateAccount(NewAccount::named(format!("p{number}"))));
            let mid = real.hub.enact(None, &deed).reply.expect("a new name")["mid"].as_str().expect("a mid").to_owned();
            real.names.insert(mid.clone(), format!("p{number}"));
            real.people.push(mid.into());
            real.deeds.push(deed);
        }
        for number in 0..PEOPLE {
            let devices = (0..DEVICES).map(|_| real.log_in(number)).collect();
            real.devices.push(devices);
        }
        real
    }

    pub(super) fn world(&self) -> &World {
        &self.hub.world
    }

    pub(super) fn step(&mut self, by: usize, device: usize, step: &Step) -> Result {
        let deed = self.deed(by, step);
        let reply = match &deed {
            Deed::Command { request, .. } => {
                let envelope = Envelope { command: request.0.command().name.to_owned(), task_id: Some(1) };
                let id = self.devices[by][device].id;
                self.hub.command(id, self.people[by].clone(), &envelope, request.0.clone(), None);
                let first = self.devices[by][device].outbox.try_recv().expect("the answer comes first");
                match decode(first.text.expect("nothing is swallowed").as_str()) {
                    Ok(Incoming::Reply { task_id: 1, outcome }) => outcome.map(|content| content.value()),
                    other => panic!("{other:?} is no answer"),
                }
            }
            deed => {
                let outcome = self.hub.enact(None, deed);
                self.hub.deliver(&outcome.deliveries, None);
                outcome.reply
            }
        };
        if reply.is_ok() {
            self.deeds.push(deed);
        }
        if let (Step::Create { .. }, Ok(chat)) = (step, &reply) {
            self.learn_group(by, chat["chatMid"].as_str().expect("a mid"));
        }
        let mut result = Result { answer: self.answer(step, reply), ..Result::default() };
        self.listen(&mut result);
        result
    }

    /// The members and invitees of each group that is left.
    pub(super) fn memberships(&self) -> BTreeMap<usize, (BTreeSet<usize>, BTreeSet<usize>)> {
        let numbers = |mids: &BTreeMap<Mid, Timestamp>| {
            mids.keys().map(|mid| self.people.iter().position(|other| other == mid).expect("known")).collect()
        };
        let number = |mid: &str| self.groups.iter().position(|(other, _)| other == mid).expect("known");
        let groups = self.hub.world.groups.values();
        groups.map(|group| (number(&group.mid), (numbers(&group.members), numbers(&group.invitees)))).collect()
    }

    /// The numbers of the messages of each chat as a person reads them.
    pub(super) fn histories(&self, person: usize) -> BTreeMap<String, Vec<usize>> {
        let number = |id: &String| self.messages.iter().position(|other| other == id).expect("it was seen");
        let read = |mid: &str| {
            let messages = self.hub.world.history(&self.people[person], mid);
            messages.iter().map(|message| number(&message.id)).collect::<Vec<_>>()
        };
        let others = self.names.iter().filter(|(mid, _)| **mid != *self.people[person]);
        let histories = others.map(|(mid, name)| (name.clone(), read(mid)));
        histories.filter(|(_, messages)| !messages.is_empty()).collect()
    }

    fn log_in(&mut self, number: usize) -> Entrance {
        let mut entrance = self.hub.enter(None);
        let email = format!("p{number}@sandbox.test");
        let login = Login { email, password: DEMO_PASSWORD.to_owned(), ..Login::default() };
        assert_eq!(self.hub.login(entrance.id, &Request::Login(login)), None, "no PIN is needed");
        let answer = entrance.outbox.try_recv().expect("an answer").text.expect("nothing is swallowed");
        assert!(matches!(decode(answer.as_str()), Ok(Incoming::Login(Ok(_)))), "{answer}");
        let sign_in = SignIn { mid: self.people[number].clone(), certificate: None, proxy: None };
        self.deeds.push(Deed::SignedIn(sign_in));
        entrance
    }

    fn learn_group(&mut self, by: usize, mid: &str) {
        let request = Request::GetGroupQrcode(GetGroupQrcode { group_id: mid.to_owned() });
        let deed = Deed::Command { by: self.people[by].clone(), request: Written(request), file: None };
        let url = self.hub.enact(None, &deed).reply.expect("a member may")["url"].as_str().expect("a url").to_owned();
        self.names.insert(mid.to_owned(), format!("g{}", self.groups.len()));
        self.groups.push((mid.to_owned(), url));
    }

    fn answer(&mut self, step: &Step, reply: std::result::Result<Value, Failure>) -> Option<String> {
        match (reply, step) {
            (Err(failure), _) => Some(failure.name().to_owned()),
            (Ok(mut content), Step::Write { .. } | Step::WriteToGroup { .. }) => {
                self.rename(&mut content);
                Some(content.to_string())
            }
            (Ok(_), _) => None,
        }
    }

    /// Empties every outbox.
    fn listen(&mut self, result: &mut Result) {
        let mut frames = Vec::new();
        for (person, devices) in self.devices.iter_mut().enumerate() {
            for (device, entrance) in devices.iter_mut().enumerate() {
                while let Ok(frame) = entrance.outbox.try_recv() {
                    frames.push((person, device, frame.text.expect("nothing is swallowed")));
                }
            }
        }
        // Frames to many are the same text, which is read once.
        let mut known: Vec<(_, Rc<str>)> = Vec::new();
        for (person, device, text) in frames {
            if let Some((_, event)) = known.iter().find(|(other, _)| *other == text) {
                result.hear(person, device, event);
                continue;
            }
            let Ok(Incoming::Event(event)) = decode(text.as_str()) else { panic!("{text} is no event") };
            let mut content = event.content.value();
            rename(&mut content, &mut self.messages, &self.names);
            let event = written(&event.subcommand, &content);
            result.hear(person, device, &event);
            known.push((text, event));
        }
    }

    fn rename(&mut self, content: &mut Value) {
        rename(content, &mut self.messages, &self.names);
    }

    fn deed(&self, by: usize, step: &Step) -> Deed {
        let account = self.people[by].to_string();
        let by = account.clone();
        let group = |number: &usize| self.group(*number).0;
        let target = |person: &usize| self.people[*person].to_string();
        Deed::Operated(match step {
            Step::Kick { group: number, target: whom } => {
                Operation::Kick { group: group(number), by, target: target(whom) }
            }
            Step::Cancel { group: number, target: whom } => {
                Operation::CancelInvitation { group: group(number), by, target: target(whom) }
            }
            Step::Unsend { message } => {
                let msg_id = self.messages.get(*message).cloned().unwrap_or_else(|| "1".to_owned());
                Operation::Unsend { by, msg_id }
            }
            Step::FriendsOnly { only } => {
                let settings = Settings { privacy_receive_messages_from_not_friend: !only, ..Settings::default() };
                Operation::ChangeSettings { account, settings }
            }
            Step::Unregister => Operation::Unregister { account },
            command => {
                return Deed::Command { by: account.into(), request: Written(self.request(command)), file: None };
            }
        })
    }

    fn group(&self, number: usize) -> (String, String) {
        self.groups.get(number).cloned().unwrap_or_else(|| (format!("c{NOBODY}"), String::new()))
    }

    fn request(&self, step: &Step) -> Request {
        let people = |people: &[usize]| people.iter().map(|person| self.people[*person].to_string()).collect();
        let person = |person: &usize| self.people[*person].to_string();
        let group = |number: &usize| self.group(*number).0;
        let text = |to: String| Request::SendText(SendText { to, content: "x".into(), msg_id: None });
        match step {
            Step::Create { invited } => Request::CreateGroup(CreateGroup { name: "g".into(), mids: people(invited) }),
            Step::Invite { group: number, invited } => {
                Request::InviteIntoGroup(InviteIntoGroup { group_id: group(number), mids: people(invited) })
            }
            Step::Accept { group: number } => {
                Request::AcceptGroupInvitation(AcceptGroupInvitation { group_id: group(number) })
            }
            Step::Reject { group: number } => {
                Request::RejectGroupInvitation(RejectGroupInvitation { group_id: group(number) })
            }
            Step::Leave { group: number } => Request::LeaveGroup(LeaveGroup { group_id: group(number) }),
            Step::AllowUrl { group: number, allow } => {
                Request::EnableJoinByUrl(EnableJoinByUrl { group_id: group(number), enable: *allow })
            }
            Step::Rename { group: number } => {
                Request::UpdateGroupName(UpdateGroupName { group_id: group(number), name: "new".into() })
            }
            Step::JoinByUrl { group: number } => {
                let (group_id, url) = self.group(*number);
                Request::JoinGroupByUrl(JoinGroupByUrl { group_id, url })
            }
            Step::Block { person: whom, block } => {
                Request::BlockContact(BlockContact { mid: person(whom), block: *block })
            }
            Step::Add { person: whom } => {
                Request::SearchAndAddContactsByMid(SearchAndAddContactsByMid { mid: person(whom) })
            }
            Step::Write { person: whom } => text(person(whom)),
            Step::WriteToGroup { group: number } => text(group(number)),
            operation => panic!("{operation:?} is no command"),
        }
    }
}

/// Puts the model's names in place of mids and ids. A new id must be greater than those before.
fn rename(content: &mut Value, messages: &mut Vec<String>, names: &HashMap<String, String>) {
    let Value::Object(fields) = content else { return };
    for (field, value) in fields {
        let Value::String(text) = value else { continue };
        if let Some(name) = names.get(text) {
            text.clone_from(name);
        } else if matches!(field.as_str(), "id" | "msg_id") {
            let known = messages.iter().position(|other| other == text);
            let number = known.unwrap_or_else(|| {
                let id: u64 = text.parse().expect("an id is a number");
                let last = messages.last().map_or(0, |last| last.parse().expect("it was one"));
                assert!(id > last, "{id} comes after {last}");
                messages.push(text.clone());
                messages.len() - 1
            });
            *text = format!("m{number}");
        }
    }
}
