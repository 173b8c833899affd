//! The buttons of a message: quick replies, and the actions of templates and Flex. What pressing one does is the hub's affair.

use serde_json::{Value, json};

/// What comes of pressing a button.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Press {
    /// The person says this.
    Says(String),
    /// The bot is told this; the person is shown to have said that, where there is anything.
    Posts { postback: Value, shown: Option<String> },
}

/// The actions of a message that was checked, in the order in which they are written.
pub(crate) fn actions(message: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    collect(message, &mut found);
    found
}

fn collect<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field) {
                    ("action" | "defaultAction", action @ Value::Object(_)) => found.push(action),
                    ("actions", Value::Array(actions)) => found.extend(actions),
                    _ => collect(field, found),
                }
            }
        }
        _ => {}
    }
}

/// The labels of a message's buttons.
pub(crate) fn labels(message: &Value) -> Vec<&str> {
    actions(message).into_iter().filter_map(|action| action["label"].as_str()).collect()
}

/// What comes of an action; `None` for one that the bot is not told of, such as a link. `picked` is the date or time that a person chose.
pub(crate) fn press(action: &Value, picked: Option<&str>) -> Option<Press> {
    let text = |name: &str| action[name].as_str().map(str::to_owned);
    let data = || text("data").unwrap_or_default();
    match action["type"].as_str()? {
        "message" => text("text").map(Press::Says),
        "postback" => {
            Some(Press::Posts { postback: json!({ "data": data() }), shown: text("displayText").or(text("text")) })
        }
        "datetimepicker" => {
            let mode = action["mode"].as_str().unwrap_or("date");
            let value = picked.or(action["initial"].as_str())?;
            Some(Press::Posts { postback: json!({ "data": data(), "params": { mode: value } }), shown: None })
        }
        "richmenuswitch" => {
            let params = json!({ "newRichMenuAliasId": action["richMenuAliasId"], "status": "SUCCESS" });
            Some(Press::Posts { postback: json!({ "data": data(), "params": params }), shown: None })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_are_found_wherever_they_stand() {
        let action = |label: &str| json!({ "type": "postback", "label": label, "data": "d" });
        let chip = json!({ "type": "action", "action": action("chip") });
        let button = json!({ "type": "button", "action": action("flex") });
        let message = json!({
            "type": "flex", "altText": "x", "quickReply": { "items": [chip] },
            "contents": { "type": "bubble", "body": { "type": "box", "layout": "vertical", "contents": [button] } },
        });
        assert_eq!(labels(&message), ["flex", "chip"]);
        let columns = json!([{ "text": "a", "actions": [action("one"), action("two")] }]);
        let carousel = json!({ "type": "template", "template": { "type": "carousel", "columns": columns } });
        assert_eq!(labels(&carousel), ["one", "two"]);
    }

    #[test]
    fn a_date_comes_as_it_was_picked() {
        let action = json!({ "type": "datetimepicker", "data": "day", "mode": "date", "initial": "2026-01-15" });
        let postback = |date: &str| json!({ "data": "day", "params": { "date": date } });
        for (picked, date) in [(None, "2026-01-15"), (Some("2026-02-01"), "2026-02-01")] {
            assert_eq!(press(&action, picked), Some(Press::Posts { postback: postback(date), shown: None }));
        }
        assert_eq!(press(&json!({ "type": "uri", "uri": "https://example.com" }), None), None);
    }
}
