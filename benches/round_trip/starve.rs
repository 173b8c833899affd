//! What a session's messages wait for while scripts of other sessions, on the same worker, never come to an end.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::bots::{self, Running, Script, Setup};
use crate::gateway::{Conduct, Gateway, Pace};
use crate::measure::{self, Usage, percentile};

/// How often somebody writes to the session that is looked at.
pub(crate) const INTERVAL: Duration = Duration::from_millis(5);

/// Spins until the end.
const ENDLESS: Spin = Spin { name: "endless", cpu: "1h", script: "fn on_message(msg) { loop {} }" };

/// Spins until its limit ends it, which brings the next message.
const KILLED: Spin = Spin {
    name: "killed",
    cpu: "100ms",
    script: "fn on_message(msg) { store.set(session().name, msg.chat); loop {} }
fn on_error(error) { send_text(store.get(error.session), \"killed\"); }",
};

/// Spins until the end, by operations that take long: each that changes an array counts its elements.
const HEAVY: Spin = Spin {
    name: "heavy",
    cpu: "1h",
    script: "fn on_message(msg) { let list = []; list.pad(99_000, 0); loop { list.push(1); list.pop(); } }",
};

/// What is measured: so many sessions whose scripts spin.
const CASES: [(usize, &Spin); 7] =
    [(0, &ENDLESS), (1, &ENDLESS), (1, &KILLED), (1, &HEAVY), (10, &ENDLESS), (10, &KILLED), (10, &HEAVY)];

/// The head of the table.
pub(crate) const HEAD: &str =
    "journal   beside it       kills  worker busy  messages   lost    p50 ms    p99 ms    max ms  gateway late ms";

/// The most sessions that a bot has here.
pub(crate) const MOST: usize = 11;

/// A script that does not come to an end.
struct Spin {
    name: &'static str,
    cpu: &'static str,
    script: &'static str,
}

/// Measures all cases, and gives the lines of the table.
pub(crate) fn lines(engine: &Path, journal: &str, duration: Duration) -> impl Iterator<Item = anyhow::Result<String>> {
    CASES.into_iter().map(move |(number, spin)| line(engine, journal, duration, number, spin))
}

fn line(engine: &Path, journal: &str, duration: Duration, number: usize, spin: &Spin) -> anyhow::Result<String> {
    let what = if number == 0 { "nothing".to_owned() } else { format!("{number} {}", spin.name) };
    bots::apart(&what, async |folder| {
        let conduct = |pace| Conduct { pace, numbered: true, answering: true };
        let healthy = Gateway::open(1, conduct(Pace::Every(INTERVAL))).await?;
        let spinning = Gateway::open(number, conduct(Pace::Window(1))).await?;
        let mut sessions = vec![(&*healthy.url, "bot")];
        sessions.resize(number + 1, (&*spinning.url, "spin"));
        let scripts = [("bot", Script::Ping.text()?), ("spin", spin.script.to_owned())];
        let setup = Setup { workers: 1, journal, cpu: spin.cpu, scripts: &scripts, sessions };
        let mut running = Running::start(setup.command(engine, folder)?, folder)?;
        let process = running.process.id();
        measure::pin(process, 1);
        healthy.until_logged_in(|| running.lives()).await?;
        spinning.until_logged_in(|| running.lives()).await?;
        if number > 0 {
            spinning.begin()?;
        }
        sleep(duration / 5).await;
        let (before, kills_before, begun) = (Usage::of(process)?, spinning.load.trips.get(), Instant::now());
        healthy.load.measuring.set(true);
        healthy.begin()?;
        sleep(duration).await;
        let busy = Usage::of(process)?.cpu.saturating_sub(before.cpu).as_secs_f64() / begun.elapsed().as_secs_f64();
        let kills = spinning.load.trips.get() - kills_before;
        healthy.silence().await;
        healthy.is_whole()?;
        spinning.is_whole()?;
        let mut latencies = healthy.load.latencies.take();
        latencies.sort_unstable();
        let (written, trips) = (healthy.load.written.get(), healthy.load.trips.get());
        Ok(format!(
            "{journal:<8}  {what:<12}  {kills:>7}  {:>10.0}%  {written:>8}  {:>5}  {:>8.2}  {:>8.2}  {:>8.2}  {:>15.2}",
            busy * 100.0,
            written - trips,
            percentile(&latencies, 0.50),
            percentile(&latencies, 0.99),
            percentile(&latencies, 1.0),
            healthy.load.late.get().as_secs_f64() * 1000.0,
        ))
    })
}
