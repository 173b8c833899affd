//! Coupons, which the account makes and closes, and memberships, of which the sandbox's has none.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::call::{ApiAnswer, ApiResult};
use super::desk::{Desk, listed};
use crate::sandbox::line::{Flaws, Refused};

/// How many coupons are listed at a time, unless the request says otherwise, and at most.
const COUPONS: (usize, usize) = (20, 100);

impl Desk<'_> {
    pub(super) fn list_coupons(&self) -> ApiResult {
        let limit = self.call.number("limit", COUPONS.0, COUPONS.1)?;
        let wanted: Vec<_> = self.call.field("status").split(',').filter(|status| !status.is_empty()).collect();
        if wanted.iter().any(|status| !["DRAFT", "RUNNING", "CLOSED"].contains(status)) {
            return Err(Refused::bad_request("The value for the 'status' parameter is invalid"));
        }
        let is_wanted = |coupon: &&Value| {
            wanted.is_empty() || coupon["status"].as_str().is_some_and(|status| wanted.contains(&status))
        };
        let brief = |coupon: &Value| json!({ "couponId": coupon["couponId"], "title": coupon["title"] });
        let all: Vec<_> = self.hub.line.coupons.values().filter(is_wanted).map(brief).collect();
        let (page, next) = self.page(&all, limit)?;
        listed("items", page, next)
    }

    pub(super) fn create_coupon(&mut self) -> ApiResult {
        let mut coupon = self.call.object();
        check_coupon(&coupon)?;
        let id = self.hub.line.draws.ulid(self.now);
        coupon["couponId"] = id.as_str().into();
        coupon["createdTimestamp"] = self.now.into();
        coupon["status"] = "RUNNING".into();
        let price = coupon.get_mut("reward").and_then(|reward| reward.get_mut("priceInfo"));
        if let Some(price) = price.filter(|price| price["type"] != "percentage") {
            price["currency"] = "JPY".into();
        }
        self.hub.line.coupons.insert(id.clone(), coupon);
        ApiAnswer::of(json!({ "couponId": id }))
    }

    pub(super) fn coupon(&self) -> ApiResult {
        let coupon = self.hub.line.coupons.get(self.call.field("couponId"));
        coupon.cloned().map_or_else(|| Err(Refused::not_found()), ApiAnswer::of)
    }

    pub(super) fn close_coupon(&mut self) -> ApiResult {
        let coupon = self.hub.line.coupons.get_mut(self.call.field("couponId")).ok_or_else(Refused::not_found)?;
        if coupon["status"] == "CLOSED" {
            return Err(Refused::new(StatusCode::GONE, "The coupon has already been closed"));
        }
        coupon["status"] = "CLOSED".into();
        ApiAnswer::done()
    }

    pub(super) fn membership_subscription(&self) -> ApiResult {
        self.person_in_path()?;
        ApiAnswer::of(json!({ "subscriptions": [] }))
    }

    pub(super) fn membership_list(&self) -> ApiResult {
        ApiAnswer::of(json!({ "memberships": [] }))
    }

    pub(super) fn membership_users(&self) -> ApiResult {
        let is_number = self.call.field("membershipId").parse::<i64>().is_ok();
        Err(if is_number { Refused::not_found() } else { Refused::bad_request("The membership ID is invalid") })
    }
}

fn check_coupon(coupon: &Value) -> Result<(), Refused> {
    let mut flaws = Flaws::default();
    for (field, most) in [("title", 60), ("description", 1_000), ("usageCondition", 100)] {
        if coupon[field].as_str().is_some_and(|text| text.encode_utf16().count() > most) {
            flaws.add(field, format!("Size must be between 0 and {most}"));
        }
    }
    if coupon["maxUseCountPerTicket"] != 1 {
        flaws.add("maxUseCountPerTicket", "Must be 1");
    }
    if coupon["startTimestamp"].as_i64() > coupon["endTimestamp"].as_i64() {
        flaws.add("endTimestamp", "Must be after startTimestamp");
    }
    for (field, values) in [("visibility", &["PUBLIC", "UNLISTED"][..])] {
        if !coupon[field].as_str().is_some_and(|text| values.contains(&text)) {
            flaws.add(field, format!("Must be one of the following values: [{}]", values.join(", ")));
        }
    }
    let condition = &coupon["acquisitionCondition"];
    let in_range = |name: &str, most: i64| condition[name].as_i64().is_some_and(|number| (1..=most).contains(&number));
    match condition["type"].as_str() {
        Some("normal") => {}
        Some("lottery") if in_range("lotteryProbability", 99) && in_range("maxAcquireCount", 999_999) => {}
        _ => flaws.add("acquisitionCondition", "Must be a normal condition, or a lottery with its numbers"),
    }
    flaws.done()
}
