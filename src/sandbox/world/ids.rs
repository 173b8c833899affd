//! The ids that a world gives out: mids, tickets, certificates, PINs. All follow from the seed, so a replay gives them again.
//!
//! Nothing here is secret from someone who knows the seed; the sandbox guards no real account.

use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::protocol::MidKind;

/// The id of a person or a group.
pub(crate) type Mid = Arc<str>;

/// Draws ids; the same seed draws the same ones in the same order.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Ids {
    seed: u64,
    drawn: u64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The next mid of a kind.
    pub(crate) fn mid(&mut self, kind: MidKind) -> Mid {
        format!("{}{}", kind.letter(), self.token()).into()
    }

    /// The next 32 hex digits.
    pub(crate) fn token(&mut self) -> String {
        self.drawn += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(self.drawn.to_be_bytes());
        hex(&hash.finalize()[..16])
    }

    /// The next PIN: four digits.
    pub(crate) fn pin(&mut self) -> String {
        let token = self.token();
        let number = u32::from_str_radix(&token[..6], 16).unwrap_or_default();
        format!("{:04}", number % 10_000)
    }
}

/// Bytes as lowercase hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mid_kind;

    #[test]
    fn the_same_seed_draws_the_same_ids_and_none_twice() {
        let (mut one, mut other) = (Ids::new(7), Ids::new(7));
        let drawn: std::collections::BTreeSet<_> = (0..100).map(|_| one.mid(MidKind::User)).collect();
        assert_eq!(drawn.len(), 100);
        assert!(drawn.iter().all(|mid| mid_kind(mid) == Some(MidKind::User)));
        assert!((0..100).all(|_| drawn.contains(&other.mid(MidKind::User))));
        assert_eq!(one.pin().len(), 4);
    }
}
