//! Texts in which people are mentioned: whose names stand in them behind an @, and where.
//!
//! Which people a group has is the world's business.

use serde_json::json;

use crate::sandbox::Draft;

/// A person who can be mentioned: the name, and the mid.
pub(super) type Mentionable = (String, String);

/// A text as a client sends it in a group, where a name is picked from a list once an @ has been typed.
pub(super) fn draft(text: &str, people: &[Mentionable]) -> Draft {
    let mentions: Vec<_> = text
        .match_indices(['@', '＠'])
        .filter_map(|(at, sign)| {
            let (before, behind) = (&text[..at], &text[at + sign.len()..]);
            // An address, or a bot's name right behind a command, is typed by hand.
            let is_in_word = before.ends_with(char::is_alphanumeric);
            let (name, mid) = mentioned(behind, people).filter(|_| !is_in_word)?;
            let start = units(before);
            let end = start + units(sign) + units(name);
            Some(json!({ "S": start.to_string(), "E": end.to_string(), "M": mid }))
        })
        .collect();
    let draft = Draft::text(text);
    if mentions.is_empty() { draft } else { draft.with("MENTION", json!({ "MENTIONEES": mentions }).to_string()) }
}

/// Whose name a text begins with: the longest one counts, and it has to end there.
fn mentioned<'a>(text: &str, people: &'a [Mentionable]) -> Option<&'a Mentionable> {
    let ends = |name: &str| text.strip_prefix(name).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
    people.iter().filter(|(name, _)| !name.is_empty() && ends(name)).max_by_key(|(name, _)| name.len())
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_name_stands_behind_an_at_is_mentioned() {
        let people = [("bob", "u1"), ("bob smith", "u2"), ("小明", "u3"), ("", "u4")];
        let people = people.map(|(name, mid)| (name.to_owned(), mid.to_owned()));
        let mention = |start: usize, end: usize, mid: &str| format!(r#"{{"E":"{end}","M":"{mid}","S":"{start}"}}"#);
        for (text, expected) in [
            ("/who @bob", vec![mention(5, 9, "u1")]),
            ("@bob, @bob smith!", vec![mention(0, 4, "u1"), mention(6, 16, "u2")]),
            ("😀 ＠小明", vec![mention(3, 6, "u3")]),
            ("@bobby @Bob @ me@bob /who@bob bob", vec![]),
        ] {
            let draft = draft(text, &people);
            let written = draft.metadata.get("MENTION").map(String::as_str);
            let expected = (!expected.is_empty()).then(|| format!(r#"{{"MENTIONEES":[{}]}}"#, expected.join(",")));
            assert_eq!((draft.text.as_deref(), written), (Some(text), expected.as_deref()));
        }
    }
}
