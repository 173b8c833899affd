//! Chance, as scripts draw from it: the system's, or in tests one that follows from a seed.

use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// What scripts draw from; clones draw from the same. The default one is the system's.
#[derive(Clone, Debug, Default)]
pub struct Chance(Option<Arc<Mutex<SeededChance>>>);

#[derive(Debug)]
struct SeededChance {
    random: StdRng,
    was_drawn: bool,
}

impl Chance {
    /// One that gives the same values in the same order for the same seed.
    pub fn seeded(seed: u64) -> Self {
        let seeded = SeededChance { random: StdRng::seed_from_u64(seed), was_drawn: false };
        Self(Some(Arc::new(Mutex::new(seeded))))
    }

    /// Whether anything was drawn that followed from a seed.
    pub fn was_drawn(&self) -> bool {
        self.0.as_ref().is_some_and(|seeded| seeded.lock().unwrap_or_else(PoisonError::into_inner).was_drawn)
    }

    /// A number from 0 up to, and without, 1.
    pub(crate) fn number(&self) -> f64 {
        self.draw(rand::random, |random| random.random())
    }

    /// A whole number from `low` to `high`, both included.
    ///
    /// # Panics
    /// When `low` is the greater one.
    pub(crate) fn within(&self, low: i64, high: i64) -> i64 {
        self.draw(|| rand::random_range(low..=high), |random| random.random_range(low..=high))
    }

    fn draw<T>(&self, of_system: impl FnOnce() -> T, seeded: impl FnOnce(&mut StdRng) -> T) -> T {
        let Some(chance) = &self.0 else { return of_system() };
        let mut chance = chance.lock().unwrap_or_else(PoisonError::into_inner);
        chance.was_drawn = true;
        seeded(&mut chance.random)
    }
}
