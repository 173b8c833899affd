//! What people see of a message object: a message of the world, with what has no place in it as metadata.

use serde_json::{Value, json};

use super::buttons::labels;
use super::ids::mid_of;
use super::messages::{Piece, pieces};
use crate::sandbox::world::{ContentType, Draft};

/// The metadata of a quoted message's id.
pub(crate) const QUOTED: &str = "QUOTED_MESSAGE_ID";

/// Whether such a message can be quoted.
pub(crate) fn can_be_quoted(message: &Value) -> bool {
    !matches!(message["type"].as_str(), Some("audio" | "location"))
}

/// What people see of a message that was checked; `quoted` is the message that it quotes.
pub(crate) fn draft(message: &Value, quoted: Option<&str>) -> Draft {
    let mut draft = content(message);
    let mut note = |name: &str, value: &Value| {
        if let Some(text) = text_of(value) {
            draft.metadata.insert(name.to_owned(), text);
        }
    };
    let labels = labels(message);
    note("BUTTONS", &if labels.is_empty() { Value::Null } else { json!(labels) });
    note("QUICK_REPLY", &message["quickReply"]["items"]);
    note("MSG_SENDER_NAME", &message["sender"]["name"]);
    note("MSG_SENDER_ICON", &message["sender"]["iconUrl"]);
    note(QUOTED, &quoted.map_or(Value::Null, Value::from));
    draft
}

fn content(message: &Value) -> Draft {
    let with = |kind, fields: &[(&str, &Value)]| {
        fields.iter().fold(Draft::new(kind), |draft, (name, value)| match text_of(value) {
            Some(text) => draft.with(*name, text),
            None => draft,
        })
    };
    let (content_url, preview) =
        (("DOWNLOAD_URL", &message["originalContentUrl"]), ("PREVIEW_URL", &message["previewImageUrl"]));
    match message["type"].as_str().unwrap_or_default() {
        "text" => Draft::text(message["text"].as_str().unwrap_or_default()),
        "textV2" => substituted(message),
        "image" => with(ContentType::Image, &[content_url, preview]),
        // LINE is not told how long it is.
        "video" => {
            let draft = with(ContentType::Video, &[content_url, preview, ("TRACKING_ID", &message["trackingId"])]);
            draft.with("DURATION", "0")
        }
        "audio" => with(ContentType::Audio, &[content_url, ("DURATION", &message["duration"])]),
        "location" => {
            let fields = ["title", "address", "latitude", "longitude"].map(|name| (name, &message[name]));
            with(ContentType::Location, &fields)
        }
        "sticker" => {
            let ids = [("STKPKGID", &message["packageId"]), ("STKID", &message["stickerId"])];
            with(ContentType::Sticker, &ids).with("STKVER", "1")
        }
        "coupon" => with(ContentType::Gift, &[("COUPON_ID", &message["couponId"])]),
        "template" => {
            with(ContentType::Flex, &[("ALT_TEXT", &message["altText"]), ("TEMPLATE_JSON", &message["template"])])
        }
        "imagemap" => with(ContentType::Flex, &[("ALT_TEXT", &message["altText"]), ("IMAGEMAP_JSON", message)]),
        _ => with(ContentType::Flex, &[("ALT_TEXT", &message["altText"]), ("FLEX_JSON", &message["contents"])]),
    }
}

/// A text with its mentions written out, and where they stand.
fn substituted(message: &Value) -> Draft {
    let (mut text, mut mentions) = (String::new(), Vec::new());
    for piece in pieces(message["text"].as_str().unwrap_or_default()) {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Name(name) => {
                let stands_for = &message["substitution"][name];
                if stands_for["type"] != "mention" {
                    text.push_str("(emoji)");
                    continue;
                }
                let start = text.encode_utf16().count();
                text.push('@');
                text.push_str(name);
                let mut mention = json!({ "S": start.to_string(), "E": text.encode_utf16().count().to_string() });
                match stands_for["mentionee"]["userId"].as_str().and_then(mid_of) {
                    Some((_, mid)) => mention["M"] = (&*mid).into(),
                    None => mention["A"] = "1".into(),
                }
                mentions.push(mention);
            }
        }
    }
    let draft = Draft::text(text);
    if mentions.is_empty() { draft } else { draft.with("MENTION", json!({ "MENTIONEES": mentions }).to_string()) }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_stands_in_the_text_and_beside_it() {
        let user = "U0123456789abcdef0123456789abcdef";
        let message = json!({
            "type": "textV2", "text": "Hi {Al}!", "quickReply": { "items": [] },
            "substitution": { "Al": { "type": "mention", "mentionee": { "type": "user", "userId": user } } },
        });
        let draft = draft(&message, Some("7"));
        assert_eq!(draft.text.as_deref(), Some("Hi @Al!"));
        let mention = r#"{"MENTIONEES":[{"E":"6","M":"u0123456789abcdef0123456789abcdef","S":"3"}]}"#;
        assert_eq!(draft.metadata["MENTION"], mention);
        assert_eq!((draft.metadata["QUICK_REPLY"].as_str(), draft.metadata[QUOTED].as_str()), ("[]", "7"));
    }
}
