//! How soon a script that is saved is live, and what people notice of it who write meanwhile.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, interval, timeout};

use crate::bots::{self, CPU, Running, Setup};
use crate::gateway::{Conduct, Gateway, Pace};
use crate::measure::{self, percentile};

/// The sessions, and how often somebody writes to each: a thousand messages a second in all.
pub(crate) const SESSIONS: usize = 100;
const INTERVAL: Duration = Duration::from_millis(100);

/// How often the script is saved.
pub(crate) const SAVES: Duration = Duration::from_millis(300);

/// How long a saved script may take to be live.
const PATIENCE: Duration = Duration::from_secs(10);

/// The head of the table.
pub(crate) const HEAD: &str = "journal   saved by  saves  live after p50 ms   p99 ms   max ms  messages   lost  doubled  latency p50 ms   p99 ms   max ms";

/// How the script is saved.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Saving {
    /// Not at all: what people notice of nothing.
    Never,
    /// Its file is written anew.
    Write,
    /// Another file is written, and takes its name.
    Rename,
}

/// Measures all ways to save, and gives the lines of the table.
pub(crate) fn lines(engine: &Path, journal: &str, duration: Duration) -> impl Iterator<Item = anyhow::Result<String>> {
    [Saving::Never, Saving::Write, Saving::Rename]
        .into_iter()
        .map(move |saving| line(engine, journal, duration, saving))
}

fn line(engine: &Path, journal: &str, duration: Duration, saving: Saving) -> anyhow::Result<String> {
    bots::apart(saving.name(), async |folder| {
        let conduct = Conduct { pace: Pace::Every(INTERVAL), numbered: true, answering: true };
        let gateway = Gateway::open(SESSIONS, conduct).await?;
        let sessions = vec![(&*gateway.url, "bot"); SESSIONS];
        let setup = Setup { workers: 1, journal, cpu: CPU, scripts: &[("bot", version(0))], sessions };
        let mut running = Running::start(setup.command(engine, folder)?, folder)?;
        measure::pin(running.process.id(), 1);
        gateway.until_logged_in(|| running.lives()).await?;
        gateway.load.measuring.set(true);
        gateway.begin()?;
        let mut delays = save(&gateway, &folder.join("scripts"), duration, saving).await?;
        gateway.silence().await;
        gateway.is_whole()?;
        delays.sort_unstable();
        let mut latencies = gateway.load.latencies.take();
        latencies.sort_unstable();
        let (written, trips) = (gateway.load.written.get(), gateway.load.trips.get());
        Ok(format!(
            "{journal:<8}  {:<8}  {:>5}  {:>17.1}  {:>7.1}  {:>7.1}  {written:>8}  {:>5}  {:>7}  {:>14.2}  {:>7.2}  {:>7.2}",
            saving.name(),
            delays.len(),
            percentile(&delays, 0.50),
            percentile(&delays, 0.99),
            percentile(&delays, 1.0),
            written - trips,
            gateway.load.unexpected.get(),
            percentile(&latencies, 0.50),
            percentile(&latencies, 0.99),
            percentile(&latencies, 1.0),
        ))
    })
}

/// Saves version after version, and gives the time in microseconds from each save to the first answer of what was saved.
async fn save(gateway: &Gateway, scripts: &Path, duration: Duration, saving: Saving) -> anyhow::Result<Vec<u32>> {
    let (mut due, begun, mut delays) = (interval(SAVES), Instant::now(), Vec::new());
    due.tick().await;
    while begun.elapsed() < duration {
        due.tick().await;
        let number = delays.len() + 1;
        let text = version(number);
        let answered = gateway.load.expect(answer(number));
        let saved = Instant::now();
        match saving {
            Saving::Never => continue,
            Saving::Write => std::fs::write(scripts.join("bot.rhai"), text)?,
            Saving::Rename => {
                std::fs::write(scripts.join(".bot.rhai.new"), text)?;
                std::fs::rename(scripts.join(".bot.rhai.new"), scripts.join("bot.rhai"))?;
            }
        }
        let live = timeout(PATIENCE, answered).await.with_context(|| format!("version {number} is not live"))??;
        delays.push(u32::try_from((live - saved).as_micros()).unwrap_or(u32::MAX));
    }
    Ok(delays)
}

impl Saving {
    fn name(self) -> &'static str {
        match self {
            Self::Never => "nothing",
            Self::Write => "write",
            Self::Rename => "rename",
        }
    }
}

/// A bot that says of what version it is.
fn version(number: usize) -> String {
    format!(
        "fn on_message(msg) {{
    if msg.text.starts_with(\"ping\") {{ msg.reply(`{} ${{msg.text}}`); }}
}}
",
        answer(number)
    )
}

/// How the answers of a version begin.
fn answer(number: usize) -> String {
    format!("pong of {number}:")
}
