//! Who is mentioned in the text of a message, and where: read from a message's metadata, as either network writes it.

use std::ops::Range;

use serde_json::Value;

use super::events::Message;

/// Under which name a message's metadata tells of its mentions.
const MENTION: &str = "MENTION";

/// A mention in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    /// The mid of whom it means; `None` where it means everybody.
    pub(crate) mid: Option<String>,
    /// Whether the network says that it means this account itself.
    pub(crate) is_self: bool,
    /// Where it stands, in bytes of the text.
    pub(crate) range: Range<usize>,
}

impl Mention {
    /// The mentions of a message, in the order of the text. One that lies outside of it, or in the middle of a letter, is left out.
    pub(crate) fn all_of(message: &Message) -> Vec<Self> {
        let text = message.text.as_deref().unwrap_or_default();
        let Some(written) = message.content_metadata.get(MENTION) else { return Vec::new() };
        let written: Value = serde_json::from_str(written).unwrap_or_default();
        let all = [&written["MENTIONEES"], &written["mentionees"]].into_iter().filter_map(Value::as_array).flatten();
        let mut mentions: Vec<_> = all.filter_map(|mention| Self::read(mention, text)).collect();
        mentions.sort_by_key(|mention| mention.range.start);
        mentions
    }

    fn read(written: &Value, text: &str) -> Option<Self> {
        let number = |name: &str| {
            let value = &written[name];
            value.as_u64().or_else(|| value.as_str()?.parse().ok()).and_then(|number| usize::try_from(number).ok())
        };
        let (start, end) = match number("S") {
            Some(start) => (start, number("E")?),
            None => (number("index")?, number("index")?.checked_add(number("length")?)?),
        };
        let range = byte_at(text, start)?..byte_at(text, end)?;
        let mid = written["M"].as_str().or_else(|| written["userId"].as_str()).map(str::to_owned);
        (range.start < range.end).then_some(Self { mid, is_self: written["isSelf"] == true, range })
    }

    /// Whether it means the account `me`.
    pub(crate) fn is_of(&self, me: &str) -> bool {
        self.is_self || self.mid.as_deref() == Some(me)
    }
}

/// The byte of a text that a number of UTF-16 units lies before.
fn byte_at(text: &str, units: usize) -> Option<usize> {
    let mut counted = 0;
    let mut letters = text.char_indices();
    while counted < units {
        counted += letters.next()?.1.len_utf16();
    }
    (counted == units).then(|| text.len() - letters.as_str().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mentions(text: &str, metadata: &str) -> Vec<(Option<String>, bool, String)> {
        let message = Message {
            text: Some(text.to_owned()),
            content_metadata: [(MENTION.to_owned(), metadata.to_owned())].into(),
            ..Message::default()
        };
        let shown = |mention: Mention| (mention.mid, mention.is_self, text[mention.range].to_owned());
        Mention::all_of(&message).into_iter().map(shown).collect()
    }

    #[test]
    fn the_mentions_of_both_networks_are_read() {
        let gateway = r#"{"MENTIONEES":[{"S":"9","E":"13","A":"1"},{"S":"3","E":"8","M":"u1"}]}"#;
        let both = [(Some("u1".to_owned()), false, "@Zoë🙂".to_owned()), (None, false, "@All".to_owned())];
        assert_eq!(mentions("🙂 @Zoë🙂@All", &gateway.replace("\"8\"", "\"9\"")), both);
        let line = r#"{"mentionees":[{"index":0,"length":4,"type":"user","userId":"U1","isSelf":true}]}"#;
        assert_eq!(mentions("@bot hi", line), [(Some("U1".to_owned()), true, "@bot".to_owned())]);
    }

    #[test]
    fn what_is_no_place_in_the_text_is_left_out() {
        for metadata in [
            "no json",
            "{}",
            r#"{"MENTIONEES":[{"S":"1","E":"2"},{"S":"0","E":"99"},{"S":"2","E":"2"},{"S":"-1","E":"2"},{}]}"#,
            r#"{"MENTIONEES":[{"S":"5","E":"4"}]}"#,
        ] {
            assert_eq!(mentions("🙂 hello", metadata), [], "{metadata}");
        }
    }
}
