//! Times the parts of a benchmark and prints a line for each. Nothing is kept: two versions are compared in one run, by eye.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How often each part is measured.
const SAMPLES: u32 = 20;
/// How long one measurement takes at least.
const LEAST: Duration = Duration::from_millis(100);

/// Times something by repeating it, unless the command line names other parts.
pub(crate) fn time<T>(name: &str, mut act: impl FnMut() -> T) {
    time_by(name, |count| {
        let began = Instant::now();
        for _ in 0..count {
            black_box(act());
        }
        began.elapsed()
    });
}

/// Like [`time`], of something that tells itself how long so many repetitions took.
pub(crate) fn time_by(name: &str, mut times: impl FnMut(u64) -> Duration) {
    if !is_asked(name) {
        return;
    }
    // It is warm when this ends.
    let mut count = 1_u32;
    while times(count.into()) < LEAST {
        count *= 2;
    }
    let mut samples: Vec<_> = (0..SAMPLES).map(|_| times(count.into()) / count).collect();
    samples.sort();
    let (fastest, median, slowest) = (samples[0], samples[samples.len() / 2], samples[samples.len() - 1]);
    println!("{name}: {median:?} ({fastest:?} to {slowest:?})");
}

/// Whether the command line names this part by a piece of its name, or none at all.
fn is_asked(name: &str) -> bool {
    let mut asked = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).peekable();
    asked.peek().is_none() || asked.any(|piece| name.contains(&piece))
}
