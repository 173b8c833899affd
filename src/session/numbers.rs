//! How numbers are hashed that nobody outside chooses: our own, and hashes already. Those of strangers are not to come here.

use std::hash::{BuildHasherDefault, Hasher};

/// Builds the hasher of such numbers.
pub(super) type OwnNumbers = BuildHasherDefault<NumberHasher>;

/// Spreads a number over all bits, and no more than that.
#[derive(Debug, Default)]
pub(super) struct NumberHasher(u64);

impl NumberHasher {
    /// The golden ratio's, as it is usual: odd, and without a pattern.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
}

impl Hasher for NumberHasher {
    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(Self::FACTOR);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
