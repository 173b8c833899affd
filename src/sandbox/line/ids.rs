//! Ids as LINE's API writes them, and what is drawn for it: tokens, request ids, ids of webhook events.

use crate::clock::Timestamp;
use crate::protocol::{MidKind, mid_kind};
use crate::sandbox::world::{Ids, Mid};

/// The alphabet of ULIDs.
const BASE_32: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The id of a person, group or room as the API writes it: its letter is a capital.
pub(crate) fn line_id(mid: &str) -> String {
    let mut letters = mid.chars();
    letters.next().map_or_else(String::new, |kind| kind.to_uppercase().chain(letters).collect())
}

/// The mid of an id that the API was given, and what it names.
pub(crate) fn mid_of(id: &str) -> Option<(MidKind, Mid)> {
    let (letter, digits) = id.split_at_checked(1)?;
    let mid = format!("{}{digits}", letter.to_ascii_lowercase());
    let kind = mid_kind(&mid).filter(|_| letter != mid.get(..1).unwrap_or_default())?;
    Some((kind, mid.into()))
}

/// Draws what the API gives out; no two starts of a sandbox draw the same.
#[derive(Clone, Debug)]
pub(crate) struct LineDraws(Ids);

impl LineDraws {
    pub(crate) fn new(seed: u64, began: Timestamp) -> Self {
        Self(Ids::new(seed.rotate_left(17) ^ began.cast_unsigned()))
    }

    /// A token of 32 hex digits, such as a reply token.
    pub(crate) fn token(&mut self) -> String {
        self.0.token()
    }

    /// A UUID, such as a request's id.
    pub(crate) fn uuid(&mut self) -> String {
        let token = self.0.token();
        let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
        parts.map(|(start, end)| token.get(start..end).unwrap_or_default()).join("-")
    }

    /// A ULID: the time, and 80 bits of its own.
    pub(crate) fn ulid(&mut self, now: Timestamp) -> String {
        let token = self.0.token();
        let drawn = u128::from_str_radix(token.get(..20).unwrap_or_default(), 16).unwrap_or_default();
        let time = u128::from(now.cast_unsigned() & 0xffff_ffff_ffff);
        let number = (time << 80) | drawn;
        let digit = |place: u32| BASE_32.get(usize::try_from((number >> (5 * place)) & 31).unwrap_or_default());
        (0..26).rev().filter_map(digit).map(|digit| char::from(*digit)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_the_api_is_a_mid_with_a_capital() {
        let mid = "c0123456789abcdef0123456789abcdef";
        let (kind, back) = mid_of(&line_id(mid)).expect("it is one");
        assert_eq!((kind, &*back), (MidKind::Group, mid));
        for wrong in [mid, "", "U12", "é", "X0123456789abcdef0123456789abcdef"] {
            assert_eq!(mid_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_drawn_has_its_shape() {
        let mut draws = LineDraws::new(1, 5);
        let (one, other) = (draws.ulid(1_469_918_176_385), draws.ulid(1_469_918_176_385));
        assert_eq!((one.len(), &one[..10]), (26, "01ARYZ6S41"));
        assert_ne!(one, other);
        assert_eq!(draws.uuid().split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_ne!(LineDraws::new(1, 6).token(), LineDraws::new(1, 5).token());
    }
}
