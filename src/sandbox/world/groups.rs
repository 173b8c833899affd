//! Groups, and the commands about them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::account::picture_url;
use super::ids::Mid;
use super::messages::{ContentType, Draft};
use super::state::Group;
use super::{
    Act, CommandReply, MAX_CHATS, MAX_GROUP, MAX_GROUP_NAME, World, check_length, done, own_mid, person_mid, quoted,
};
use crate::clock::Timestamp;
use crate::protocol::commands::{
    CreateGroup, EnableGroupNotification, EnableJoinByUrl, InviteIntoGroup, JoinGroupByUrl, SearchGroupById,
    UpdateGroupName,
};
use crate::protocol::{Chat, Failure, FailureCode, GroupExtra, MidKind, mid_kind};

impl Group {
    fn url(&self) -> String {
        format!("https://{}/ti/g/{}", super::DEMO_DOMAIN, self.ticket)
    }

    /// The members but `mid`.
    pub(super) fn others(&self, mid: &str) -> Vec<Mid> {
        self.members.keys().filter(|member| &***member != mid).cloned().collect()
    }

    fn check_room(&self, more: usize) -> Result<(), Failure> {
        let present = self.members.len() + self.invitees.len();
        if present + more > MAX_GROUP {
            let message = format!("the group holds {MAX_GROUP} members and invitees; found {present} and {more} more");
            return Err(Failure::new(FailureCode::InvalidLength, message));
        }
        Ok(())
    }
}

impl World {
    pub(super) fn get_joined_group_ids(&self, act: &Act<'_>) -> CommandReply {
        Ok(json!(self.groups_of(act.by).map(|group| &*group.mid).collect::<Vec<_>>()))
    }

    pub(super) fn search_group_by_id(&self, act: &Act<'_>, request: &SearchGroupById) -> CommandReply {
        if let Some(id) = &request.id {
            let group = self.group("id", id)?;
            if !group.members.contains_key(act.by) && !group.invitees.contains_key(act.by) {
                return Err(not_a_member(id));
            }
            return Ok(json!(self.chat(group, act)));
        }
        let mut chats = Vec::new();
        let mut given = BTreeSet::new();
        for mid in request.mids.iter().flatten() {
            group_mid("mids", mid)?;
            if !given.insert(mid) {
                continue;
            }
            let group = self.groups.get(mid.as_str());
            let visible = |group: &&Group| group.members.contains_key(act.by) || group.invitees.contains_key(act.by);
            chats.extend(group.filter(visible).map(|group| self.chat(group, act)));
        }
        Ok(json!(chats))
    }

    pub(super) fn search_group_by_url(&self, act: &Act<'_>, url: &str) -> CommandReply {
        let found = self.groups.values().find(|group| group.url() == url);
        let missing = || {
            let message = format!("\"url\" takes the url that a group's GetGroupQrcode gave; found {}", quoted(url));
            Failure::new(FailureCode::NotFound, message)
        };
        let group = found.ok_or_else(missing)?;
        if !group.join_by_url {
            return Err(closed(&group.mid));
        }
        Ok(json!(self.chat(group, act)))
    }

    pub(super) fn get_group_qrcode(&self, act: &Act<'_>, group_id: &str) -> CommandReply {
        Ok(json!({"url": self.own_group(act, group_id)?.url()}))
    }

    pub(super) fn create_group(&mut self, act: &mut Act<'_>, request: &CreateGroup) -> CommandReply {
        check_length("name", &request.name, 1, MAX_GROUP_NAME)?;
        self.check_chats(act.by)?;
        if request.mids.iter().any(|mid| **mid == **act.by) {
            return Err(own_mid("mids"));
        }
        let invited = self.invitable(act, &request.mids)?;
        if invited.len() + 1 > MAX_GROUP {
            let message = format!("a group holds {MAX_GROUP} members and invitees; found {}", invited.len() + 1);
            return Err(Failure::new(FailureCode::InvalidLength, message));
        }
        let mid = self.found(act, MidKind::Group, &request.name);
        self.group_mut("group_id", &mid)?.invitees.extend(invited.iter().map(|mid| (mid.clone(), act.now)));
        notify_invited(act, &mid, invited);
        self.join_officials(act, &mid);
        Ok(json!(self.chat(self.group("group_id", &mid)?, act)))
    }

    /// A new group or room whose one member is the acting account.
    pub(super) fn found(&mut self, act: &Act<'_>, kind: MidKind, name: &str) -> Mid {
        let group = Group {
            mid: self.ids.mid(kind),
            name: name.to_owned(),
            picture: None,
            created: act.now,
            creator: act.by.clone(),
            members: BTreeMap::from([(act.by.clone(), act.now)]),
            invitees: BTreeMap::new(),
            ticket: self.ids.token(),
            join_by_url: false,
        };
        let mid = group.mid.clone();
        self.groups.insert(mid.clone(), group);
        mid
    }

    pub(super) fn update_group_picture(&mut self, act: &mut Act<'_>, group_id: &str) -> CommandReply {
        self.own_group(act, group_id)?;
        let picture = act.picture()?.key.clone();
        self.own_group_mut(act, group_id)?.picture = Some(picture);
        self.group_changed(act, group_id, "2")
    }

    pub(super) fn invite_into_group(&mut self, act: &mut Act<'_>, request: &InviteIntoGroup) -> CommandReply {
        if request.mids.is_empty() {
            return Err(Failure::new(FailureCode::InvalidLength, "\"mids\" takes at least one mid; found none"));
        }
        let mut invited = self.invitable(act, &request.mids)?;
        let group = self.own_group(act, &request.group_id)?;
        invited.retain(|mid| !group.members.contains_key(mid) && !group.invitees.contains_key(mid));
        if invited.is_empty() && !request.mids.iter().any(|mid| self.blocks(mid, act.by)) {
            let message = "everyone in \"mids\" is a member or invited already";
            return Err(Failure::new(FailureCode::Duplicated, message));
        }
        group.check_room(invited.len())?;
        let now = act.now;
        let group = self.own_group_mut(act, &request.group_id)?;
        group.invitees.extend(invited.iter().map(|mid| (mid.clone(), now)));
        notify_invited(act, &request.group_id, invited);
        self.join_officials(act, &request.group_id);
        done()
    }

    pub(super) fn accept_group_invitation(&mut self, act: &mut Act<'_>, group_id: &str) -> CommandReply {
        self.invitation(act, group_id)?;
        self.check_chats(act.by)?;
        self.settle_invitation(act, group_id, &act.by.clone());
        done()
    }

    /// Makes a member of an invitee.
    fn settle_invitation(&mut self, act: &mut Act<'_>, group_id: &str, invitee: &Mid) {
        let Some(group) = self.groups.get_mut(group_id) else { return };
        let others = group.others(invitee);
        group.invitees.remove(invitee);
        group.members.insert(invitee.clone(), act.now);
        let content = json!({"group_id": group_id, "mid": &**invitee});
        act.tell(vec![invitee.clone()], "ACCEPT_CHAT_INVITATION", content.clone());
        act.tell(others, "NOTIFIED_ACCEPT_CHAT_INVITATION", content);
    }

    /// Official accounts that are invited join at once, as with LINE.
    fn join_officials(&mut self, act: &mut Act<'_>, group_id: &str) {
        let Some(group) = self.groups.get(group_id) else { return };
        let is_official = |mid: &&Mid| self.accounts.get(*mid).is_some_and(|account| account.official);
        let joining: Vec<_> = group.invitees.keys().filter(is_official).cloned().collect();
        for invitee in joining {
            self.settle_invitation(act, group_id, &invitee);
        }
    }

    /// Declines. The members see no event, as with LINE; the account's other devices see the invitation gone.
    pub(super) fn reject_group_invitation(&mut self, act: &mut Act<'_>, group_id: &str) -> CommandReply {
        self.invitation(act, group_id)?;
        let by = act.by.clone();
        self.group_mut("group_id", group_id)?.invitees.remove(&by);
        act.tell_own_devices("NOTIFIED_CANCEL_CHAT_INVITATION", json!({"group_id": group_id, "mid": &*by}));
        done()
    }

    /// Leaves. Every device of whoever left takes the group off its list at an event that names nobody.
    pub(super) fn leave_group(&mut self, act: &mut Act<'_>, group_id: &str) -> CommandReply {
        let others = self.own_group(act, group_id)?.others(act.by);
        let by = act.by.clone();
        act.tell(vec![by.clone()], "NOTIFIED_LEAVE_CHAT", json!({"group_id": group_id}));
        act.tell(others, "NOTIFIED_DELETE_SELF_FROM_CHAT", json!({"group_id": group_id, "mid": &*by}));
        self.remove_member(act, group_id, &by);
        done()
    }

    pub(super) fn join_group_by_url(&mut self, act: &mut Act<'_>, request: &JoinGroupByUrl) -> CommandReply {
        let group = self.group("group_id", &request.group_id)?;
        if group.members.contains_key(act.by) {
            let message = format!("this account is a member of {} already", group.mid);
            return Err(Failure::new(FailureCode::Duplicated, message));
        }
        if group.url() != request.url {
            let message = format!("\"url\" takes the url of {}; found {}", group.mid, quoted(&request.url));
            return Err(Failure::new(FailureCode::NotFound, message));
        }
        if !group.join_by_url {
            return Err(closed(&group.mid));
        }
        group.check_room(usize::from(!group.invitees.contains_key(act.by)))?;
        self.check_chats(act.by)?;
        let (by, now) = (act.by.clone(), act.now);
        let group = self.group_mut("group_id", &request.group_id)?;
        let others = group.others(&by);
        group.invitees.remove(&by);
        group.members.insert(by.clone(), now);
        let content = json!({"group_id": request.group_id, "mid": &*by});
        act.tell_own_devices("NOTIFIED_JOIN_CHAT", content.clone());
        act.tell(others, "NOTIFIED_JOIN_CHAT", content);
        done()
    }

    /// Renames, and leaves a message about it in the group.
    pub(super) fn update_group_name(&mut self, act: &mut Act<'_>, request: &UpdateGroupName) -> CommandReply {
        check_length("name", &request.name, 1, MAX_GROUP_NAME)?;
        let group = self.own_group_mut(act, &request.group_id)?;
        group.name.clone_from(&request.name);
        let mid = group.mid.clone();
        self.group_changed(act, &request.group_id, "1")?;
        let metadata =
            BTreeMap::from([("event_type".into(), "update_group_name".into()), ("name".into(), request.name.clone())]);
        self.post(act, &mid, Draft { metadata, ..Draft::new(ContentType::ChatEvent) });
        done()
    }

    pub(super) fn enable_join_by_url(&mut self, act: &mut Act<'_>, request: &EnableJoinByUrl) -> CommandReply {
        self.own_group_mut(act, &request.group_id)?.join_by_url = request.enable;
        self.group_changed(act, &request.group_id, "4")
    }

    pub(super) fn enable_group_notification(
        &mut self,
        act: &mut Act<'_>,
        request: &EnableGroupNotification,
    ) -> CommandReply {
        let group = self.own_group(act, &request.group_id)?.mid.clone();
        let muted = &mut self.me_mut(act)?.muted_groups;
        if request.enable {
            muted.remove(&group);
        } else {
            muted.insert(group);
        }
        done()
    }

    /// Takes a member out. The last one takes the group along, and with it the invitations.
    pub(super) fn remove_member(&mut self, act: &mut Act<'_>, group_id: &str, member: &str) {
        let Some(group) = self.groups.get_mut(group_id) else { return };
        group.members.remove(member);
        if let Some(account) = self.accounts.get_mut(member) {
            account.muted_groups.remove(group_id);
        }
        if group.members.is_empty() {
            let invitees = std::mem::take(&mut group.invitees).into_keys().collect();
            let content = json!({"group_id": group_id, "mid": member});
            act.tell(invitees, "NOTIFIED_CANCEL_CHAT_INVITATION", content);
            self.groups.remove(group_id);
        }
    }

    /// What the acting account sees of a group. Only members see the url.
    fn chat(&self, group: &Group, act: &Act<'_>) -> Chat {
        let texts = |people: &BTreeMap<Mid, Timestamp>| people.iter().map(|(mid, at)| (mid.to_string(), *at)).collect();
        let is_member = group.members.contains_key(act.by);
        Chat {
            chat_mid: group.mid.to_string(),
            chat_name: group.name.clone(),
            picture_path: picture_url(act.media, group.picture.as_deref()),
            created_time: group.created,
            notification_disabled: self.me(act).is_ok_and(|me| me.muted_groups.contains(&group.mid)),
            group_extra: GroupExtra {
                creator: group.creator.to_string(),
                invitation_url: if is_member { group.url() } else { String::new() },
                member_mids: texts(&group.members),
                invitee_mids: texts(&group.invitees),
                join_by_ticket: group.join_by_url,
            },
        }
    }

    fn group_changed(&mut self, act: &mut Act<'_>, group_id: &str, kind: &str) -> CommandReply {
        let others = self.group("group_id", group_id)?.others(act.by);
        let content = json!({"group_id": group_id, "mid": &**act.by, "type": kind});
        act.tell_own_devices("NOTIFIED_UPDATE_CHAT", content.clone());
        act.tell(others, "NOTIFIED_UPDATE_CHAT", content);
        done()
    }

    fn groups_of<'a>(&'a self, mid: &'a str) -> impl Iterator<Item = &'a Group> {
        self.groups.values().filter(move |group| group.members.contains_key(mid))
    }

    pub(super) fn check_chats(&self, mid: &str) -> Result<(), Failure> {
        if self.groups_of(mid).count() >= MAX_CHATS {
            let message = format!("an account is a member of at most {MAX_CHATS} groups");
            return Err(Failure::new(FailureCode::OverMaxChatsPerUser, message));
        }
        Ok(())
    }

    /// The people to invite, each once. Who blocked the inviter is passed over without a word, as with LINE.
    fn invitable(&self, act: &Act<'_>, mids: &[String]) -> Result<Vec<Mid>, Failure> {
        let mut people = Vec::with_capacity(mids.len());
        for mid in mids {
            person_mid("mids", mid)?;
            let person = &self.person("mids", mid)?.mid;
            if !self.blocks(person, act.by) {
                people.push(person.clone());
            }
        }
        people.sort();
        people.dedup();
        Ok(people)
    }

    fn invitation(&self, act: &Act<'_>, group_id: &str) -> Result<&Group, Failure> {
        let group = self.group("group_id", group_id)?;
        if !group.invitees.contains_key(act.by) {
            return Err(Failure::new(
                FailureCode::NotAnInvitee,
                format!("this account is not invited into {group_id}"),
            ));
        }
        Ok(group)
    }

    /// A group, for one of its members.
    pub(super) fn own_group(&self, act: &Act<'_>, group_id: &str) -> Result<&Group, Failure> {
        let group = self.group("group_id", group_id)?;
        if group.members.contains_key(act.by) { Ok(group) } else { Err(not_a_member(group_id)) }
    }

    fn own_group_mut(&mut self, act: &Act<'_>, group_id: &str) -> Result<&mut Group, Failure> {
        let by = act.by.clone();
        let group = self.group_mut("group_id", group_id)?;
        if group.members.contains_key(&by) { Ok(group) } else { Err(not_a_member(group_id)) }
    }

    pub(super) fn group(&self, field: &str, mid: &str) -> Result<&Group, Failure> {
        group_mid(field, mid)?;
        self.groups.get(mid).ok_or_else(|| no_group(mid))
    }

    pub(super) fn group_mut(&mut self, field: &str, mid: &str) -> Result<&mut Group, Failure> {
        group_mid(field, mid)?;
        self.groups.get_mut(mid).ok_or_else(|| no_group(mid))
    }
}

fn notify_invited(act: &mut Act<'_>, group_id: &str, invited: Vec<Mid>) {
    let content = json!({"group_id": group_id, "mid": &**act.by, "created_time": act.now / 1_000});
    act.tell(invited, "NOTIFIED_INVITE_INTO_CHAT", content);
}

fn group_mid(field: &str, mid: &str) -> Result<(), Failure> {
    if matches!(mid_kind(mid), Some(MidKind::Group | MidKind::Room)) {
        return Ok(());
    }
    let message = format!("\"{field}\" takes a group's mid, c and 32 hex digits; found {}", quoted(mid));
    Err(Failure::new(FailureCode::InvalidMid, message))
}

fn no_group(mid: &str) -> Failure {
    Failure::new(FailureCode::NotFound, format!("there is no group {mid}"))
}

fn not_a_member(mid: &str) -> Failure {
    Failure::new(FailureCode::NotAMember, format!("this account is not a member of {mid}"))
}

fn closed(mid: &str) -> Failure {
    Failure::new(FailureCode::PreventedJoinByTicket, format!("joining {mid} by its url is not enabled"))
}
