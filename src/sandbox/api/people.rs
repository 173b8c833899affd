//! People and groups as the official account may see them.

use serde_json::{Value, json};

use super::call::{ApiAnswer, ApiResult};
use super::desk::{Desk, listed, person};
use crate::protocol::Request;
use crate::protocol::commands::LeaveGroup;
use crate::sandbox::line::{Refused, line_id, mid_of};
use crate::sandbox::world::{Deed, Mid, PersonCard, Relation, Written};

/// How many members are listed at a time.
const MEMBERS: usize = 100;
/// How many followers are listed at a time, unless the request says otherwise, and at most.
const FOLLOWERS: (usize, usize) = (300, 1_000);

impl Desk<'_> {
    pub(super) fn profile(&self) -> ApiResult {
        let mid = self.person_in_path()?;
        match self.relation(&mid) {
            Some(Relation::Follower | Relation::Guest) => {
                let mut profile = self.shown(&mid)?;
                profile["language"] = "en".into();
                ApiAnswer::of(profile)
            }
            Some(Relation::Blocked | Relation::Stranger) | None => Err(Refused::not_found()),
        }
    }

    pub(super) fn followers(&self) -> ApiResult {
        let limit = self.call.number("limit", FOLLOWERS.0, FOLLOWERS.1)?;
        let (page, next) = self.page(&self.hub.world.followers(&self.me), limit)?;
        listed("userIds", ids(&page), next)
    }

    pub(super) fn member_profile(&self) -> ApiResult {
        let mid = self.person_in_path()?;
        let (_, _, members) = self.chat()?;
        if !members.contains(&mid) {
            return Err(Refused::not_found());
        }
        let mut profile = self.shown(&mid)?;
        if let Some(profile) = profile.as_object_mut() {
            profile.remove("statusMessage");
        }
        ApiAnswer::of(profile)
    }

    pub(super) fn member_ids(&self) -> ApiResult {
        let (_, _, members) = self.chat()?;
        let (page, next) = self.page(&members, MEMBERS)?;
        listed("memberIds", ids(&page), next)
    }

    pub(super) fn member_count(&self) -> ApiResult {
        let (_, _, members) = self.chat()?;
        ApiAnswer::of(json!({ "count": members.len() }))
    }

    pub(super) fn group_summary(&self) -> ApiResult {
        let (mid, card, _) = self.chat()?;
        ApiAnswer::of(json!({ "groupId": line_id(&mid), "groupName": card.name, "pictureUrl": card.picture }))
    }

    pub(super) fn leave(&mut self) -> ApiResult {
        let (mid, _, _) = self.chat()?;
        let request = Request::LeaveGroup(LeaveGroup { group_id: mid.to_string() });
        let deed = Deed::Command { by: self.me.clone(), request: Written(request), file: None };
        self.enact(&deed).map_err(|failure| Refused::bad_request(failure.content))?;
        ApiAnswer::done()
    }

    pub(super) fn issue_link_token(&mut self) -> ApiResult {
        let mid = self.person_in_path()?;
        if self.relation(&mid) != Some(Relation::Follower) {
            return Err(Refused::not_found());
        }
        let token = self.hub.line.draws.token();
        ApiAnswer::of(json!({ "linkToken": token }))
    }

    /// The mid of someone who has added the account.
    pub(super) fn follower(&self, id: &str) -> Result<Mid, Refused> {
        let mid = person(id).ok_or_else(|| Refused::property("userId"))?;
        match self.relation(&mid) {
            Some(Relation::Follower | Relation::Guest) => Ok(mid),
            _ => Err(Refused::not_found()),
        }
    }

    fn shown(&self, mid: &Mid) -> Result<Value, Refused> {
        let card = self.hub.world.card(mid, &self.hub.media).ok_or_else(Refused::not_found)?;
        let PersonCard { name, picture, status_message } = card;
        let mut shown = json!({ "displayName": name, "userId": line_id(mid), "pictureUrl": picture });
        if !status_message.is_empty() {
            shown["statusMessage"] = status_message.into();
        }
        Ok(shown)
    }

    /// The group or room in the path, and its members but the account itself.
    fn chat(&self) -> Result<(Mid, PersonCard, Vec<Mid>), Refused> {
        let field = if self.call.operation.is_in_path("groupId") { "groupId" } else { "roomId" };
        let (_, mid) = mid_of(self.call.field(field)).ok_or_else(Refused::not_found)?;
        let membership = self.hub.world.membership(&self.me, &mid, &self.hub.media);
        let (card, mut members) = membership.ok_or_else(Refused::not_found)?;
        members.retain(|member| *member != self.me);
        Ok((mid, card, members))
    }
}

fn ids(people: &[Mid]) -> Vec<String> {
    people.iter().map(|mid| line_id(mid)).collect()
}
