//! The operations about rich menus.

use serde_json::json;

use super::call::{ApiAnswer, ApiResult};
use super::desk::Desk;
use crate::sandbox::line::{Refused, check_rich_menu, date_time};
use crate::sandbox::world::Mid;

/// The most people of one request.
const MAX_PEOPLE: usize = 500;
/// The most operations of a batch.
const MAX_OPERATIONS: usize = 1_000;

impl Desk<'_> {
    pub(super) fn operate_menus(&mut self) -> ApiResult {
        let call = self.call;
        let (menu, alias) = (call.field("richMenuId"), call.field("richMenuAliasId"));
        match call.operation.command.name {
            "createRichMenu" => {
                let object = call.object();
                check_rich_menu(&object)?;
                let id = format!("richmenu-{}", self.hub.line.draws.token());
                ApiAnswer::of(self.hub.line.menus.create(id, object)?)
            }
            "validateRichMenuObject" => {
                check_rich_menu(&call.object())?;
                ApiAnswer::done()
            }
            "getRichMenu" => ApiAnswer::of(self.hub.line.menus.get(menu)?),
            "deleteRichMenu" => {
                self.hub.line.menus.delete(menu)?;
                ApiAnswer::done()
            }
            "getRichMenuList" => ApiAnswer::of(self.hub.line.menus.list()),
            "setDefaultRichMenu" => {
                self.hub.line.menus.set_default(menu)?;
                ApiAnswer::done()
            }
            "getDefaultRichMenuId" => ApiAnswer::of(self.hub.line.menus.default_id()?),
            "cancelDefaultRichMenu" => {
                self.hub.line.menus.cancel_default();
                ApiAnswer::done()
            }
            "createRichMenuAlias" => {
                let alias = call.text("richMenuAliasId");
                check_alias(alias)?;
                self.hub.line.menus.create_alias(alias, call.text("richMenuId"))?;
                ApiAnswer::done()
            }
            "getRichMenuAlias" => ApiAnswer::of(self.hub.line.menus.alias(alias)?),
            "updateRichMenuAlias" => {
                self.hub.line.menus.update_alias(alias, call.text("richMenuId"))?;
                ApiAnswer::done()
            }
            "deleteRichMenuAlias" => {
                self.hub.line.menus.delete_alias(alias)?;
                ApiAnswer::done()
            }
            "getRichMenuAliasList" => ApiAnswer::of(self.hub.line.menus.aliases()),
            "getRichMenuIdOfUser" => ApiAnswer::of(self.hub.line.menus.of(&self.person_in_path()?)?),
            "unlinkRichMenuIdFromUser" => {
                let person = self.person_in_path()?;
                self.hub.line.menus.unlink(&[person]);
                ApiAnswer::done()
            }
            "linkRichMenuIdToUser" => {
                let person = self.follower(call.field("userId"))?;
                self.hub.line.menus.link(&[person], menu)?;
                ApiAnswer::done()
            }
            "linkRichMenuIdToUsers" => {
                let people = self.people()?;
                self.hub.line.menus.link(&people, call.text("richMenuId"))?;
                ApiAnswer::accepted()
            }
            "unlinkRichMenuIdFromUsers" => {
                let people = self.people()?;
                self.hub.line.menus.unlink(&people);
                ApiAnswer::accepted()
            }
            "richMenuBatch" => {
                self.check_batch()?;
                let operations = call.body("operations").as_array().map(Vec::as_slice).unwrap_or_default();
                self.hub.line.menus.batch(&call.request_id, operations, self.now);
                ApiAnswer::accepted()
            }
            "validateRichMenuBatchRequest" => {
                self.check_batch()?;
                ApiAnswer::done()
            }
            "getRichMenuBatchProgress" => {
                let accepted = self.hub.line.menus.batch_accepted(call.field("requestId"));
                let at = date_time(accepted.ok_or_else(Refused::not_found)?);
                ApiAnswer::of(json!({ "phase": "succeeded", "acceptedTime": at, "completedTime": at }))
            }
            // A test goes through the table: every row has its arm, here or at the desk.
            _ => Err(Refused::new(axum::http::StatusCode::NOT_IMPLEMENTED, "the sandbox does not know this operation")),
        }
    }

    /// The people of a request for many; whom it does not concern is passed over.
    fn people(&self) -> Result<Vec<Mid>, Refused> {
        let ids = self.call.texts("userIds", 1, MAX_PEOPLE)?;
        let people = ids.into_iter().map(|id| super::desk::person(id).ok_or_else(|| Refused::property("userIds")));
        people.collect()
    }

    fn check_batch(&self) -> Result<(), Refused> {
        let operations = self.call.body("operations").as_array().map(Vec::as_slice).unwrap_or_default();
        if operations.is_empty() || operations.len() > MAX_OPERATIONS {
            return Err(Refused::property("operations"));
        }
        self.hub.line.menus.check_batch(operations)
    }
}

fn check_alias(alias: &str) -> Result<(), Refused> {
    let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    if (1..=32).contains(&alias.len()) && alias.bytes().all(is_letter) {
        return Ok(());
    }
    Err(Refused::property("richMenuAliasId"))
}
