//! Messages as LINE's operations take them.

use serde_json::{Map, Value, json};

use super::operations::ApiOperation;
use crate::protocol::commands::Command;

/// The most characters of a text message, in UTF-16 units.
const TEXT: usize = 5_000;
/// The most messages of one request.
pub const MESSAGES: usize = 5;

/// The operation that answers with a token, and its fields.
pub fn reply(token: &str, messages: &[Value]) -> (&'static Command, String) {
    written("replyMessage", &json!({ "replyToken": token, "messages": messages }))
}

/// The operation that sends messages to a chat, and its fields but for the key.
pub fn push(to: &str, messages: &[Value]) -> (&'static Command, String) {
    written("pushMessage", &json!({ "to": to, "messages": messages }))
}

/// The operation that shows a person for so many seconds that they will be answered, and its fields.
pub fn show_work(chat: &str, seconds: u64) -> (&'static Command, String) {
    written("showLoadingAnimation", &json!({ "chatId": chat, "loadingSeconds": seconds }))
}

/// The operations that tell how many messages a month has, and how many of them are used.
pub fn quota() -> [&'static Command; 2] {
    ["getMessageQuota", "getMessageQuotaConsumption"].map(|name| written(name, &json!({})).0)
}

/// A month's messages, from the answers to these: how many there are and how many are used. `None` is without a limit.
pub fn quota_of(quota: &Value, consumption: &Value) -> Option<(i64, i64)> {
    let limit = quota["value"].as_i64().filter(|_| quota["type"] == "limited")?;
    Some((limit, consumption["totalUsage"].as_i64().unwrap_or_default()))
}

/// The operation that tells where webhooks are delivered.
pub fn endpoint() -> &'static Command {
    written("getWebhookEndpoint", &json!({})).0
}

/// The operation that says where webhooks are delivered, and its fields.
pub fn set_endpoint(url: &str) -> (&'static Command, Map<String, Value>) {
    let (row, _) = written("setWebhookEndpoint", &json!({}));
    (row, Map::from_iter([("endpoint".to_owned(), url.into())]))
}

fn written(operation: &str, fields: &Value) -> (&'static Command, String) {
    (&ApiOperation::named(operation).expect("it stands in the table").command, fields.to_string())
}

/// A text as text messages: more than one where it is too long for one, cut where a line or a word ends if that is near.
pub fn text_messages(text: &str) -> Vec<Value> {
    text_pieces(text).into_iter().map(|piece| json!({ "type": "text", "text": piece })).collect()
}

/// The same as texts, each short enough for every network.
pub fn text_pieces(text: &str) -> Vec<&str> {
    pieces(text, TEXT)
}

/// Cuts a text into pieces of at most so many UTF-16 units.
fn pieces(text: &str, most: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let mut units = 0;
        let end = rest.char_indices().find_map(|(at, letter)| {
            units += letter.len_utf16();
            (units > most).then_some(at)
        });
        let Some(end) = end else {
            if !rest.is_empty() || pieces.is_empty() {
                pieces.push(rest);
            }
            return pieces;
        };
        // What ends in the second half of a piece ends it.
        let near = |at: &usize| *at > end / 2;
        let cut = rest[..end].rfind('\n').filter(near).or_else(|| rest[..end].rfind(' ').filter(near));
        let (piece, after) = rest.split_at(cut.map_or(end, |at| at + 1));
        pieces.push(if cut.is_some() { piece.trim_end_matches([' ', '\n']) } else { piece });
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_where_a_word_ends() {
        assert_eq!(pieces("short", 10), ["short"]);
        assert_eq!(pieces("", 10), [""]);
        assert_eq!(pieces("one two three four", 10), ["one two", "three four"]);
        assert_eq!(pieces("one\ntwo three", 8), ["one\ntwo", "three"]);
        assert_eq!(pieces("abcdefghijkl", 5), ["abcde", "fghij", "kl"]);
    }

    #[test]
    fn characters_beyond_16_bits_count_twice_and_are_not_cut() {
        assert_eq!(pieces("😀😀😀", 4), ["😀😀", "😀"]);
        let long = "😀".repeat(TEXT);
        let messages = text_messages(&long);
        assert_eq!(messages.len(), 2);
        let whole: String = messages.iter().filter_map(|message| message["text"].as_str()).collect();
        assert_eq!(whole, long);
    }
}
