//! Mids: the ids of people, groups and rooms.

/// What a mid names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MidKind {
    /// A person.
    User,
    /// A group.
    Group,
    /// A room: an older kind of group.
    Room,
}

impl MidKind {
    /// The letter that such mids start with.
    pub const fn letter(self) -> char {
        match self {
            Self::User => 'u',
            Self::Group => 'c',
            Self::Room => 'r',
        }
    }
}

/// What a well-formed mid names: a letter `u`, `c` or `r` and 32 lowercase hex digits.
///
/// `None` means that the text is no mid.
pub fn mid_kind(mid: &str) -> Option<MidKind> {
    let (letter, digits) = mid.split_at_checked(1)?;
    let well_formed = digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let kind = match letter {
        "u" => MidKind::User,
        "c" => MidKind::Group,
        "r" => MidKind::Room,
        _ => return None,
    };
    well_formed.then_some(kind)
}

/// Whether a mid is that of a group or room, as its first letter says, which LINE's own API writes large: gateways are not held to
/// the form of the rest.
pub fn is_group(mid: &str) -> bool {
    mid.starts_with(['c', 'r', 'C', 'R'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mid_is_a_letter_and_32_hex_digits() {
        let digits = "0123456789abcdef0123456789abcdef";
        assert_eq!(mid_kind(&format!("c{digits}")), Some(MidKind::Group));
        for wrong in ["", "u", "x0123456789abcdef0123456789abcdef", "u0123", "é0123456789abcdef0123456789abcdef"] {
            assert_eq!(mid_kind(wrong), None, "{wrong}");
        }
    }
}
