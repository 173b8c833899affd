//! What a session and a waiting handler hold: the difference between so many and twice as many, so that what the engine needs
//! for itself does not count.

use std::path::Path;

use anyhow::bail;

use crate::bots::{self, Bot, Running, Script};
use crate::gateway::{Conduct, Gateway, Pace};
use crate::measure::Usage;

/// The idle sessions of the smaller run.
const SESSIONS: usize = 1_000;
/// The sessions whose handlers wait.
const BUSY: usize = 10;
/// The handlers that wait in each of them at first.
const HANDLERS: usize = 200;

/// The head of the table.
pub(crate) const HEAD: &str = "memory of                          journal     of N    of 2N  KiB each  at most";

/// The most sessions that a bot has here.
pub(crate) const MOST: usize = 2 * SESSIONS;

/// Measures all of it, and gives the lines of the table.
pub(crate) fn lines(engine: &Path, journal: &str) -> anyhow::Result<Vec<String>> {
    let mut lines = vec![{
        let few = idle(engine, journal, SESSIONS)?;
        line("a session that is idle", journal, few, idle(engine, journal, MOST)?, SESSIONS, 24)
    }];
    for (what, script) in [
        ("a handler that asks", Script::Asks),
        ("a handler that uses an answer", Script::Awaits),
        ("a handler that sleeps", Script::Sleeps),
    ] {
        let [few, many] = waiting(engine, journal, script)?;
        lines.push(line(what, journal, few, many, BUSY * HANDLERS, 12));
    }
    Ok(lines)
}

fn idle(engine: &Path, journal: &str, sessions: usize) -> anyhow::Result<u64> {
    let bot = Bot::Engine { script: Script::Ping, journal: journal.to_owned() };
    let conduct = Conduct { pace: Pace::Batch(0), numbered: true, answering: true };
    bots::with(&bot, engine, sessions, conduct, async |_: &Gateway, running: &mut Running| {
        Ok(Usage::settled(running.process.id()).await?.memory)
    })
}

/// The memory with so many handlers waiting, and with twice as many.
fn waiting(engine: &Path, journal: &str, script: Script) -> anyhow::Result<[u64; 2]> {
    let bot = Bot::Engine { script, journal: journal.to_owned() };
    // Whoever uses an answer is the one that gets none.
    let conduct = Conduct { pace: Pace::Batch(HANDLERS), numbered: true, answering: script != Script::Awaits };
    bots::with(&bot, engine, BUSY, conduct, async |gateway: &Gateway, running: &mut Running| {
        let mut memory = [0; 2];
        for (batch, memory) in memory.iter_mut().enumerate() {
            gateway.begin()?;
            *memory = Usage::settled(running.process.id()).await?.memory;
            let (here, expected) = (gateway.load.trips.get(), (BUSY * HANDLERS * (batch + 1)) as u64);
            if here != expected {
                bail!("{here} of {expected} handlers wait");
            }
        }
        Ok(memory)
    })
}

#[expect(clippy::cast_precision_loss, reason = "figures are rounded for people")]
fn line(what: &str, journal: &str, few: u64, many: u64, number: usize, most: u32) -> String {
    let each = many.saturating_sub(few) as f64 / number as f64 / 1024.0;
    let mebibytes = crate::measure::mebibytes;
    format!(
        "{what:<33}  {journal:<8}  {:>6.1}  {:>7.1}  {each:>8.1}  {most:>7}    N = {number}, MiB in all",
        mebibytes(few),
        mebibytes(many)
    )
}
