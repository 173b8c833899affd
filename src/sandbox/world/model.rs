//! The world against a small model of membership, blocking and delivery: random commands, the same answers and events.
//!
//! The model keeps sets of small numbers and knows nothing of mids, texts or limits.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::protocol::commands::{
    AcceptGroupInvitation, BlockContact, CreateGroup, EnableJoinByUrl, GetGroupQrcode, InviteIntoGroup, JoinGroupByUrl,
    LeaveGroup, RejectGroupInvitation, SearchAndAddContactsByMid, SendText,
};

/// How many people there are.
const PEOPLE: usize = 4;

/// A command; groups are numbered in the order of their creation.
#[derive(Clone, Debug)]
enum Step {
    Create { invited: Vec<usize> },
    Invite { group: usize, invited: Vec<usize> },
    Accept { group: usize },
    Reject { group: usize },
    Leave { group: usize },
    AllowUrl { group: usize, allow: bool },
    JoinByUrl { group: usize },
    Block { person: usize, block: bool },
    Add { person: usize },
    Write { person: usize },
    WriteToGroup { group: usize },
}

/// What the model expects of a command: whether it succeeds, and who is told what.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    refused: Option<&'static str>,
    /// Who, how (`*` every device, `+` the other devices), and the event's name.
    told: BTreeSet<(usize, char, &'static str)>,
}

#[derive(Debug, Default)]
struct ModelGroup {
    members: BTreeSet<usize>,
    invitees: BTreeSet<usize>,
    by_url: bool,
}

#[derive(Debug, Default)]
struct Model {
    groups: BTreeMap<usize, ModelGroup>,
    created: usize,
    /// Pairs of who blocks and whom.
    blocked: BTreeSet<(usize, usize)>,
    contacts: BTreeSet<(usize, usize)>,
}

impl Model {
    fn step(&mut self, by: usize, step: &Step) -> Expected {
        match self.try_step(by, step) {
            Ok(told) => Expected { refused: None, told: told.into_iter().collect() },
            Err(refused) => Expected { refused: Some(refused), ..Expected::default() },
        }
    }

    fn try_step(&mut self, by: usize, step: &Step) -> Result<Vec<(usize, char, &'static str)>, &'static str> {
        let every =
            |who: &BTreeSet<usize>, event| who.iter().map(move |person| (*person, '*', event)).collect::<Vec<_>>();
        let mut told = Vec::new();
        match step {
            Step::Create { invited } => {
                let invitees: BTreeSet<_> = self.reachable(by, invited).filter(|person| *person != by).collect();
                told = every(&invitees, "NOTIFIED_INVITE_INTO_CHAT");
                let group = ModelGroup { members: BTreeSet::from([by]), invitees, by_url: false };
                self.groups.insert(self.created, group);
                self.created += 1;
            }
            Step::Invite { group, invited } => {
                let reachable: BTreeSet<_> = self.reachable(by, invited).collect();
                let some_blocked = invited.iter().any(|person| self.blocked.contains(&(*person, by)));
                let group = self.own(by, *group)?;
                let known: BTreeSet<_> = group.members.union(&group.invitees).copied().collect();
                let new: BTreeSet<_> = reachable.difference(&known).copied().collect();
                if new.is_empty() && !some_blocked {
                    return Err("DUPLICATED");
                }
                told = every(&new, "NOTIFIED_INVITE_INTO_CHAT");
                group.invitees.extend(new);
            }
            Step::Accept { group } => {
                let group = self.invited(by, *group)?;
                told = every(&group.members, "NOTIFIED_ACCEPT_CHAT_INVITATION");
                told.push((by, '*', "ACCEPT_CHAT_INVITATION"));
                group.invitees.remove(&by);
                group.members.insert(by);
            }
            Step::Reject { group } => {
                self.invited(by, *group)?.invitees.remove(&by);
                told.push((by, '+', "NOTIFIED_CANCEL_CHAT_INVITATION"));
            }
            Step::Leave { group: number } => {
                let group = self.own(by, *number)?;
                group.members.remove(&by);
                told = every(&group.members, "NOTIFIED_LEAVE_CHAT");
                told.push((by, '*', "DELETE_SELF_FROM_CHAT"));
                if group.members.is_empty() {
                    told.extend(every(&group.invitees, "NOTIFIED_CANCEL_CHAT_INVITATION"));
                    self.groups.remove(number);
                }
            }
            Step::AllowUrl { group, allow } => {
                let group = self.own(by, *group)?;
                group.by_url = *allow;
                told = every(&group.members, "NOTIFIED_UPDATE_CHAT");
                told.retain(|(person, ..)| *person != by);
                told.push((by, '+', "NOTIFIED_UPDATE_CHAT"));
            }
            Step::JoinByUrl { group } => {
                let group = self.groups.get_mut(group).ok_or("NOT_FOUND")?;
                if group.members.contains(&by) {
                    return Err("DUPLICATED");
                }
                if !group.by_url {
                    return Err("PREVENTED_JOIN_BY_TICKET");
                }
                told = every(&group.members, "NOTIFIED_JOIN_CHAT");
                told.push((by, '+', "NOTIFIED_JOIN_CHAT"));
                group.invitees.remove(&by);
                group.members.insert(by);
            }
            Step::Block { person, .. } | Step::Add { person } | Step::Write { person } if *person == by => {
                return Err("INVALID_MID");
            }
            Step::Block { person, block: true } => {
                if self.blocked.insert((by, *person)) {
                    told.push((by, '+', "BLOCK_CONTACT"));
                }
            }
            Step::Block { person, block: false } => {
                if self.blocked.remove(&(by, *person)) {
                    told.push((by, '+', "UNBLOCK_CONTACT"));
                }
            }
            Step::Add { person } => {
                if self.contacts.insert((by, *person)) {
                    told.push((by, '+', "ADD_CONTACT"));
                    if !self.blocked.contains(&(*person, by)) {
                        told.push((*person, '*', "NOTIFIED_ADD_CONTACT"));
                    }
                }
            }
            Step::Write { person } => {
                if self.blocked.contains(&(by, *person)) {
                    return Err("BLOCK_FRIEND");
                }
                told.push((by, '+', "SEND_MESSAGE"));
                if !self.blocked.contains(&(*person, by)) {
                    told.push((*person, '*', "RECEIVE_MESSAGE"));
                }
            }
            Step::WriteToGroup { group } => {
                told = every(&self.own(by, *group)?.members, "RECEIVE_MESSAGE");
                told.retain(|(person, ..)| *person != by);
                told.push((by, '+', "SEND_MESSAGE"));
            }
        }
        Ok(told)
    }

    /// Those of `people` whom `by` can invite: who has blocked the inviter is passed over.
    fn reachable<'a>(&'a self, by: usize, people: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
        people.iter().copied().filter(move |person| !self.blocked.contains(&(*person, by)))
    }

    fn own(&mut self, by: usize, group: usize) -> Result<&mut ModelGroup, &'static str> {
        let group = self.groups.get_mut(&group).ok_or("NOT_FOUND")?;
        if group.members.contains(&by) { Ok(group) } else { Err("NOT_A_MEMBER") }
    }

    fn invited(&mut self, by: usize, group: usize) -> Result<&mut ModelGroup, &'static str> {
        let group = self.groups.get_mut(&group).ok_or("NOT_FOUND")?;
        if group.invitees.contains(&by) { Ok(group) } else { Err("NOT_AN_INVITEE") }
    }
}

/// The world, with the names that the model uses.
struct Real {
    world: World,
    people: Vec<Mid>,
    /// The mid and the url of each group.
    groups: Vec<(String, String)>,
    deeds: Vec<Deed>,
}

const NOW: Timestamp = 1_700_000_000_000;

impl Real {
    fn new() -> Self {
        let mut world = World::new(1);
        let create = |index: usize| Deed::Operated(Operation::CreateAccount(NewAccount::named(format!("p{index}"))));
        let deeds: Vec<_> = (0..PEOPLE).map(create).collect();
        let scene = Scene { now: NOW, media: "", device: None };
        let mids =
            deeds.iter().map(|deed| world.apply(&scene, deed).reply.expect("new")["mid"].as_str().expect("mid").into());
        let people = mids.collect();
        Self { world, people, groups: Vec::new(), deeds }
    }

    fn request(&self, step: &Step) -> Request {
        let people = |people: &[usize]| people.iter().map(|person| self.people[*person].to_string()).collect();
        let person = |person: &usize| self.people[*person].to_string();
        let unknown = ("c00000000000000000000000000000000".to_owned(), String::new());
        let group = |number: &usize| self.groups.get(*number).unwrap_or(&unknown).0.clone();
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
            Step::JoinByUrl { group: number } => {
                let (group_id, url) = self.groups.get(*number).unwrap_or(&unknown).clone();
                Request::JoinGroupByUrl(JoinGroupByUrl { group_id, url })
            }
            Step::Block { person: whom, block } => {
                Request::BlockContact(BlockContact { mid: person(whom), block: *block })
            }
            Step::Add { person: whom } => {
                Request::SearchAndAddContactsByMid(SearchAndAddContactsByMid { mid: person(whom) })
            }
            Step::Write { person: whom } => {
                Request::SendText(SendText { to: person(whom), content: "x".into(), msg_id: None })
            }
            Step::WriteToGroup { group: number } => {
                Request::SendText(SendText { to: group(number), content: "x".into(), msg_id: None })
            }
        }
    }

    fn apply(&mut self, by: usize, request: Request) -> Outcome {
        let deed = Deed::Command { by: self.people[by].clone(), request: Written(request), file: None };
        let outcome = self.world.apply(&Scene { now: NOW, media: "", device: None }, &deed);
        if outcome.reply.is_ok() && deed.changes_the_world() {
            self.deeds.push(deed);
        }
        outcome
    }

    fn step(&mut self, by: usize, step: &Step) -> Expected {
        let before = self.world.clone();
        let Outcome { reply, deliveries } = self.apply(by, self.request(step));
        if let Err(failure) = reply {
            assert_eq!((&self.world, deliveries), (&before, Vec::new()), "a refused command changes nothing");
            let name = FailureCode::of(failure.code).map(FailureCode::name);
            return Expected { refused: name, ..Expected::default() };
        }
        if let (Step::Create { .. }, Ok(chat)) = (step, &reply) {
            let mid = chat["chatMid"].as_str().expect("a mid").to_owned();
            let ask = Request::GetGroupQrcode(GetGroupQrcode { group_id: mid.clone() });
            let url = self.apply(by, ask).reply.expect("a member may")["url"].as_str().expect("a url").to_owned();
            self.groups.push((mid, url));
        }
        Expected { refused: None, told: self.told(&deliveries) }
    }

    fn told(&self, deliveries: &[Delivery]) -> BTreeSet<(usize, char, &'static str)> {
        let mut told = BTreeSet::new();
        for delivery in deliveries {
            let reach = if delivery.reach == Reach::EveryDevice { '*' } else { '+' };
            for mid in &delivery.to {
                let person = self.people.iter().position(|other| other == mid).expect("someone of these");
                let Cow::Borrowed(subcommand) = delivery.subcommand else { panic!("{delivery:?} is told again") };
                assert!(told.insert((person, reach, subcommand)), "{delivery:?} is told twice");
            }
        }
        told
    }

    /// The members and invitees of each group that is left, as the world has them.
    fn memberships(&self) -> BTreeMap<usize, (BTreeSet<usize>, BTreeSet<usize>)> {
        let numbers = |mids: &BTreeMap<Mid, Timestamp>| {
            mids.keys().map(|mid| self.people.iter().position(|other| other == mid).expect("known")).collect()
        };
        let number = |mid: &str| self.groups.iter().position(|(other, _)| other == mid).expect("known");
        let groups = self.world.groups.values();
        groups.map(|group| (number(&group.mid), (numbers(&group.members), numbers(&group.invitees)))).collect()
    }
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let person = 0..PEOPLE;
    let people = || prop::collection::vec(0..PEOPLE, 0..3);
    let group = || 0..3_usize;
    let step = prop_oneof![
        people().prop_map(|invited| Step::Create { invited }),
        (group(), people()).prop_map(|(group, invited)| Step::Invite { group, invited }),
        group().prop_map(|group| Step::Accept { group }),
        group().prop_map(|group| Step::Reject { group }),
        group().prop_map(|group| Step::Leave { group }),
        (group(), any::<bool>()).prop_map(|(group, allow)| Step::AllowUrl { group, allow }),
        group().prop_map(|group| Step::JoinByUrl { group }),
        (person.clone(), any::<bool>()).prop_map(|(person, block)| Step::Block { person, block }),
        person.clone().prop_map(|person| Step::Add { person }),
        person.clone().prop_map(|person| Step::Write { person }),
        group().prop_map(|group| Step::WriteToGroup { group }),
    ];
    prop::collection::vec((person, step), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn random_commands_are_answered_and_told_as_a_small_model_says(steps in steps()) {
        let (mut model, mut real) = (Model::default(), Real::new());
        for (by, step) in &steps {
            prop_assert_eq!(real.step(*by, step), model.step(*by, step), "{} does {:?}", by, step);
            let expected = model.groups.iter().map(|(number, group)| (*number, (group.members.clone(), group.invitees.clone())));
            prop_assert_eq!(real.memberships(), expected.collect());
        }
        // The deeds, written down and read again, make the same world: that is what the data file rests on.
        let mut replayed = World::new(1);
        for deed in &real.deeds {
            let line = serde_json::to_string(deed).expect("it can be written");
            let deed: Deed = serde_json::from_str(&line).expect("it can be read");
            let outcome = replayed.apply(&Scene { now: NOW, media: "", device: None }, &deed);
            prop_assert!(outcome.reply.is_ok());
        }
        prop_assert_eq!(&replayed, &real.world);
        let snapshot: Value = json!(real.world);
        prop_assert_eq!(snapshot, json!(replayed));
    }
}
