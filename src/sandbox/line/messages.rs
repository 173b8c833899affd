//! Message objects that the API is given: what is wrong with them, as LINE says it. What people see of them is in `draft`.

use serde_json::Value;

use super::refusal::{Flaws, Refused};

/// The most messages of one request.
const MAX_MESSAGES: usize = 5;
/// The longest url, in characters.
const MAX_URL: usize = 2_000;
/// The longest text that stands for a message where it cannot be shown.
const MAX_ALT_TEXT: usize = 1_500;

/// Where a field stands, for the name of a flaw.
#[derive(Clone, Copy)]
struct At<'a> {
    value: &'a Value,
    path: &'a str,
}

/// Checks the messages of a request.
///
/// # Errors
/// With everything that is wrong with them.
pub(crate) fn check_messages(body: &Value) -> Result<&[Value], Refused> {
    let messages = match body.get("messages") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(messages)) => messages,
        Some(_) => return Err(Refused::property("messages")),
    };
    let mut flaws = Flaws::default();
    match messages.len() {
        0 => flaws.add("messages", "May not be empty"),
        1..=MAX_MESSAGES => {}
        _ => flaws.add("messages", format!("Size must be between 1 and {MAX_MESSAGES}")),
    }
    for (place, message) in messages.iter().enumerate() {
        check_message(At { value: message, path: &format!("messages[{place}]") }, &mut flaws);
    }
    flaws.done().map(|()| messages)
}

fn check_message(message: At<'_>, flaws: &mut Flaws) {
    match message.value["type"].as_str().unwrap_or_default() {
        "text" => message.text("text", 1, 5_000, flaws),
        "textV2" => check_substitutions(message, flaws),
        "sticker" => ["packageId", "stickerId"].iter().for_each(|field| message.text(field, 1, 20, flaws)),
        "image" => ["originalContentUrl", "previewImageUrl"].iter().for_each(|field| message.file_url(field, flaws)),
        "video" => {
            ["originalContentUrl", "previewImageUrl"].iter().for_each(|field| message.file_url(field, flaws));
            message.optional_text("trackingId", 1, 100, flaws);
        }
        "audio" => {
            message.file_url("originalContentUrl", flaws);
            message.number("duration", flaws);
        }
        "location" => {
            ["title", "address"].iter().for_each(|field| message.text(field, 1, 100, flaws));
            ["latitude", "longitude"].iter().for_each(|field| message.number(field, flaws));
        }
        "imagemap" => check_imagemap(message, flaws),
        "template" => {
            message.text("altText", 1, MAX_ALT_TEXT, flaws);
            message.inner("template", flaws, check_template);
        }
        "flex" => {
            message.text("altText", 1, MAX_ALT_TEXT, flaws);
            message.inner("contents", flaws, check_container);
        }
        "coupon" => message.text("couponId", 1, 100, flaws),
        _ => flaws.add(
            message.field("type"),
            "Must be one of the following values: [audio, coupon, flex, image, imagemap, location, sticker, template, text, textV2, video]",
        ),
    }
    message.optional_text("quoteToken", 1, 1_000, flaws);
    if !message.value["quickReply"].is_null() {
        message.inner("quickReply", flaws, |reply, flaws| {
            reply.items("items", 1, 13, flaws, |item, flaws| item.inner("action", flaws, check_chip));
        });
    }
    if !message.value["sender"].is_null() {
        message.inner("sender", flaws, |sender, flaws| {
            sender.optional_text("name", 1, 20, flaws);
            if !sender.value["iconUrl"].is_null() {
                sender.file_url("iconUrl", flaws);
            }
        });
    }
}

/// A text in which each `{name}` stands for a mention or an emoji; `{{` and `}}` are braces.
fn check_substitutions(message: At<'_>, flaws: &mut Flaws) {
    message.text("text", 1, 5_000, flaws);
    let text = message.value["text"].as_str().unwrap_or_default();
    for piece in pieces(text) {
        let Piece::Name(name) = piece else { continue };
        let known = &message.value["substitution"][name];
        let is_known = match known["type"].as_str() {
            Some("mention") => match known["mentionee"]["type"].as_str() {
                Some("user") => known["mentionee"]["userId"].is_string(),
                kind => kind == Some("all"),
            },
            Some("emoji") => known["productId"].is_string() && known["emojiId"].is_string(),
            _ => false,
        };
        if !is_known {
            flaws.add(message.field(&format!("substitution.{name}")), "A mention or an emoji is expected");
        }
    }
}

/// A part of a text with substitutions.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// The parts of a text with substitutions, in order.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(start);
        if !before.is_empty() {
            found.push(Piece::Text(before));
        }
        let doubled = from.starts_with("{{") || from.starts_with("}}");
        rest = match from.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, after)) if !doubled => {
                found.push(Piece::Name(name));
                after
            }
            _ => {
                found.push(Piece::Text(&from[..1]));
                &from[1 + usize::from(doubled)..]
            }
        };
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    found
}

fn check_imagemap(message: At<'_>, flaws: &mut Flaws) {
    message.file_url("baseUrl", flaws);
    message.text("altText", 1, MAX_ALT_TEXT, flaws);
    message.inner("baseSize", flaws, |size, flaws| {
        ["width", "height"].iter().for_each(|field| size.number(field, flaws));
    });
    message.items("actions", 1, 50, flaws, |action, flaws| {
        action.inner("area", flaws, |area, flaws| {
            ["x", "y", "width", "height"].iter().for_each(|field| area.number(field, flaws));
        });
        match action.value["type"].as_str() {
            Some("uri") => action.text("linkUri", 1, 1_000, flaws),
            Some("message") => action.text("text", 1, 400, flaws),
            Some("clipboard") => action.text("clipboardText", 1, 1_000, flaws),
            _ => flaws.add(action.field("type"), "Must be one of the following values: [clipboard, message, uri]"),
        }
    });
}

fn check_template(template: At<'_>, flaws: &mut Flaws) {
    match template.value["type"].as_str() {
        Some("buttons") => {
            template.text("text", 1, 160, flaws);
            template.items("actions", 1, 4, flaws, check_button);
        }
        Some("confirm") => {
            template.text("text", 1, 240, flaws);
            template.items("actions", 2, 2, flaws, check_button);
        }
        Some("carousel") => template.items("columns", 1, 10, flaws, |column, flaws| {
            column.text("text", 1, 120, flaws);
            column.items("actions", 1, 3, flaws, check_button);
        }),
        Some("image_carousel") => template.items("columns", 1, 10, flaws, |column, flaws| {
            column.file_url("imageUrl", flaws);
            column.inner("action", flaws, check_action);
        }),
        _ => flaws.add(
            template.field("type"),
            "Must be one of the following values: [buttons, carousel, confirm, image_carousel]",
        ),
    }
}

fn check_container(container: At<'_>, flaws: &mut Flaws) {
    match container.value["type"].as_str() {
        Some("bubble") => check_bubble(container, flaws),
        Some("carousel") => container.items("contents", 1, 12, flaws, check_bubble),
        _ => flaws.add(container.field("type"), "Must be one of the following values: [bubble, carousel]"),
    }
}

fn check_bubble(bubble: At<'_>, flaws: &mut Flaws) {
    for part in ["header", "hero", "body", "footer"] {
        if !bubble.value[part].is_null() {
            bubble.inner(part, flaws, check_component);
        }
    }
    check_optional_action(bubble, flaws);
}

fn check_component(component: At<'_>, flaws: &mut Flaws) {
    match component.value["type"].as_str() {
        Some("box") => {
            if !matches!(component.value["layout"].as_str(), Some("horizontal" | "vertical" | "baseline")) {
                flaws.add(
                    component.field("layout"),
                    "Must be one of the following values: [baseline, horizontal, vertical]",
                );
            }
            component.items("contents", 0, usize::MAX, flaws, check_component);
        }
        Some("button") => component.inner("action", flaws, check_action),
        Some("image" | "icon" | "video") => component.file_url("url", flaws),
        Some("text") if component.value["contents"].is_null() => component.text("text", 1, usize::MAX, flaws),
        Some("text") => component.items("contents", 1, usize::MAX, flaws, check_component),
        Some("span") => component.text("text", 1, usize::MAX, flaws),
        Some("separator" | "filler") => {}
        _ => flaws.add(component.field("type"), "unknown type"),
    }
    check_optional_action(component, flaws);
}

fn check_optional_action(of: At<'_>, flaws: &mut Flaws) {
    if !of.value["action"].is_null() && of.value["type"] != "button" {
        of.inner("action", flaws, check_action);
    }
}

/// An action of a quick reply, which alone can open the camera or a map.
fn check_chip(action: At<'_>, flaws: &mut Flaws) {
    action.text("label", 1, 20, flaws);
    if !matches!(action.value["type"].as_str(), Some("camera" | "cameraRoll" | "location")) {
        check_action(action, flaws);
    }
}

/// An action of a template, which has to have a label.
fn check_button(action: At<'_>, flaws: &mut Flaws) {
    action.text("label", 1, 20, flaws);
    check_action(action, flaws);
}

/// Checks an action of a message or a rich menu.
fn check_action(action: At<'_>, flaws: &mut Flaws) {
    match action.value["type"].as_str() {
        Some("postback") => action.text("data", 1, 300, flaws),
        Some("message") => action.text("text", 1, 300, flaws),
        Some("uri") => action.text("uri", 1, 1_000, flaws),
        Some("datetimepicker") => {
            action.text("data", 1, 300, flaws);
            if !matches!(action.value["mode"].as_str(), Some("date" | "time" | "datetime")) {
                flaws.add(action.field("mode"), "Must be one of the following values: [date, datetime, time]");
            }
        }
        Some("richmenuswitch") => {
            action.text("richMenuAliasId", 1, 32, flaws);
            action.optional_text("data", 0, 300, flaws);
        }
        Some("clipboard") => action.text("clipboardText", 1, 1_000, flaws),
        _ => flaws.add(
            action.field("type"),
            "Must be one of the following values: [clipboard, datetimepicker, message, postback, richmenuswitch, uri]",
        ),
    }
}

/// Checks a rich menu.
///
/// # Errors
/// With everything that is wrong with it.
pub(crate) fn check_rich_menu(menu: &Value) -> Result<(), Refused> {
    let mut flaws = Flaws::default();
    let menu = At { value: menu, path: "" };
    menu.inner("size", &mut flaws, |size, flaws| {
        for (field, least, most) in [("width", 800, 2_500), ("height", 250, i64::from(u16::MAX))] {
            size.whole(field, least, most, flaws);
        }
    });
    if !menu.value["selected"].is_boolean() {
        flaws.add("selected", "May not be empty");
    }
    menu.text("name", 1, 300, &mut flaws);
    menu.text("chatBarText", 1, 14, &mut flaws);
    menu.items("areas", 0, 20, &mut flaws, |area, flaws| {
        area.inner("bounds", flaws, |bounds, flaws| {
            for (field, least) in [("x", 0), ("y", 0), ("width", 1), ("height", 1)] {
                bounds.whole(field, least, i64::from(i32::MAX), flaws);
            }
        });
        area.inner("action", flaws, check_action);
    });
    flaws.done()
}

impl At<'_> {
    fn field(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn inner(&self, name: &str, flaws: &mut Flaws, check: impl FnOnce(At<'_>, &mut Flaws)) {
        match &self.value[name] {
            value @ Value::Object(_) => check(At { value, path: &self.field(name) }, flaws),
            _ => flaws.add(self.field(name), "May not be null"),
        }
    }

    fn items(&self, name: &str, least: usize, most: usize, flaws: &mut Flaws, check: fn(At<'_>, &mut Flaws)) {
        let items = self.value[name].as_array().map(Vec::as_slice);
        let Some(items) = items.filter(|items| !items.is_empty() || least == 0) else {
            return flaws.add(self.field(name), "May not be empty");
        };
        if !(least..=most).contains(&items.len()) {
            flaws.add(self.field(name), format!("Size must be between {least} and {most}"));
        }
        for (place, item) in items.iter().enumerate() {
            check(At { value: item, path: &format!("{}[{place}]", self.field(name)) }, flaws);
        }
    }

    /// A text of so many UTF-16 units.
    fn text(&self, name: &str, least: usize, most: usize, flaws: &mut Flaws) {
        let Some(text) = self.value[name].as_str().filter(|text| !text.is_empty() || least == 0) else {
            return flaws.add(self.field(name), "May not be empty");
        };
        if !(least..=most).contains(&text.encode_utf16().count()) {
            flaws.add(self.field(name), format!("Size must be between {least} and {most}"));
        }
    }

    fn optional_text(&self, name: &str, least: usize, most: usize, flaws: &mut Flaws) {
        if !self.value[name].is_null() {
            self.text(name, least, most, flaws);
        }
    }

    /// The url of a file that people's devices fetch. LINE takes https alone; a file server of this machine has none.
    fn file_url(&self, name: &str, flaws: &mut Flaws) {
        self.text(name, 1, MAX_URL, flaws);
        let Some(text) = self.value[name].as_str().filter(|text| !text.is_empty()) else { return };
        let is_taken = url::Url::parse(text).is_ok_and(|url| match url.scheme() {
            "https" => true,
            "http" => url.host().is_some_and(|host| match host {
                url::Host::Domain(name) => name == "localhost",
                url::Host::Ipv4(address) => address.is_loopback(),
                url::Host::Ipv6(address) => address.is_loopback(),
            }),
            _ => false,
        });
        if !is_taken {
            flaws.add(self.field(name), "invalid uri scheme: https is expected");
        }
    }

    fn number(&self, name: &str, flaws: &mut Flaws) {
        if !self.value[name].is_number() {
            flaws.add(self.field(name), "May not be null");
        }
    }

    fn whole(&self, name: &str, least: i64, most: i64, flaws: &mut Flaws) {
        if !self.value[name].as_i64().is_some_and(|number| (least..=most).contains(&number)) {
            flaws.add(self.field(name), format!("Must be between {least} and {most}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn flaws(message: &Value) -> Vec<String> {
        match check_messages(&json!({ "messages": [message] })) {
            Ok(_) => Vec::new(),
            Err(refused) => {
                refused.flaws.into_iter().map(|flaw| format!("{}: {}", flaw.property, flaw.message)).collect()
            }
        }
    }

    #[test]
    fn a_text_is_measured_in_utf_16_units() {
        assert_eq!(flaws(&json!({ "type": "text", "text": "😀".repeat(2_500) })), [""; 0]);
        let long = flaws(&json!({ "type": "text", "text": "😀".repeat(2_501) }));
        assert_eq!(long, ["messages[0].text: Size must be between 1 and 5000"]);
        assert_eq!(flaws(&json!({ "type": "text" })), ["messages[0].text: May not be empty"]);
    }

    #[test]
    fn every_flaw_is_named_with_its_place() {
        let action = json!({ "type": "postback", "label": "Yes" });
        let template = json!({ "type": "confirm", "text": "Sure?", "actions": [action] });
        assert_eq!(
            flaws(&json!({ "type": "template", "altText": "", "template": template })),
            [
                "messages[0].altText: May not be empty",
                "messages[0].template.actions: Size must be between 2 and 2",
                "messages[0].template.actions[0].data: May not be empty",
            ]
        );
        let image = json!({ "type": "image", "originalContentUrl": "http://example.com/a.png", "previewImageUrl": "http://127.0.0.1/a" });
        assert_eq!(flaws(&image), ["messages[0].originalContentUrl: invalid uri scheme: https is expected"]);
        assert_eq!(flaws(&json!({ "type": "telepathy" })).len(), 1);
        let refused = check_messages(&json!({ "messages": [] })).expect_err("there are none");
        assert_eq!(
            refused.body(),
            json!({
                "message": "The request body has 1 error(s)",
                "details": [{ "message": "May not be empty", "property": "messages" }],
            })
        );
    }

    #[test]
    fn a_text_with_substitutions_comes_apart() {
        let (text, name) = (Piece::Text, Piece::Name);
        assert_eq!(
            pieces("Hi {you}, {{so}}"),
            [text("Hi "), name("you"), text(", "), text("{"), text("so"), text("}")]
        );
        assert_eq!(pieces("}{"), [text("}"), text("{")]);
        let message = json!({ "type": "textV2", "text": "Hi {you}", "substitution": { "you": { "type": "mention" } } });
        assert_eq!(flaws(&message), ["messages[0].substitution.you: A mention or an emoji is expected"]);
    }
}
