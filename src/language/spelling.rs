//! "Did you mean": the known name that is closest to a mistyped one. What the names mean is not here.

/// The closest of `known`, where one is close enough to have been meant.
///
/// Case and separators do not count as mistakes: `sendtext` is `SendText`. A name of one or two letters is close to
/// everything, and an operator to nothing: neither is taken for another one.
pub fn closest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| -> String {
        text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let wanted = plain(typed);
    let limit = match wanted.chars().count() {
        0 => return None,
        1 | 2 => 0,
        length => length / 3,
    };
    let distance = |name: &'a str| (strsim::damerau_levenshtein(&wanted, &plain(name)), name);
    known.into_iter().map(distance).filter(|(distance, _)| *distance <= limit).min().map(|(_, name)| name)
}

/// The end of an error message: `; did you mean "…"?`, or nothing.
pub fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    closest(typed, known).map(|name| format!("; did you mean \"{name}\"?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_that_is_close_is_proposed() {
        let known = ["SendText", "SendFile", "GetProfile"];
        assert_eq!(closest("sendtxt", known), Some("SendText"));
        assert_eq!(closest("send_text", known), Some("SendText"));
        assert_eq!(closest("Profile", known), None);
        assert_eq!(did_you_mean("GetProfil", known), "; did you mean \"GetProfile\"?");
        assert_eq!(did_you_mean("", known), "");
        assert_eq!((closest("+", ["E", "-"]), closest("id", ["in"]), closest("ID", ["id"])), (None, None, Some("id")));
    }
}
