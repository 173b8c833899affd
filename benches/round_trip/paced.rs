//! The open loop: a message to each session at fixed times, whether the bot keeps up or not, and what became of each.

use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use crate::bots::{self, Bot, Running};
use crate::gateway::{Conduct, Gateway, Pace};
use crate::measure::{Usage, mebibytes, percentile};

/// The head of the table.
pub(crate) const HEAD: &str = "sessions  bot                               messages   lost  unexpected    p50 ms    p99 ms    max ms  gateway late ms  µs cpu/trip  idle MiB      MiB";

/// Writes to each session once in every interval, for `duration`, and gives a line of the table.
pub(crate) fn measure(
    bot: &Bot,
    engine: &Path,
    sessions: usize,
    interval: Duration,
    duration: Duration,
) -> anyhow::Result<String> {
    let conduct = Conduct { pace: Pace::Every(interval), numbered: bot.takes_numbers(), answering: true };
    bots::with(bot, engine, sessions, conduct, async |gateway: &Gateway, running: &mut Running| {
        let load = &gateway.load;
        let process = running.process.id();
        let idle = Usage::settled(process).await?;
        load.measuring.set(true);
        gateway.begin()?;
        sleep(duration).await;
        gateway.silence().await;
        gateway.is_whole()?;
        let after = Usage::of(process)?;
        let mut latencies = load.latencies.take();
        latencies.sort_unstable();
        let (written, trips) = (load.written.get(), load.trips.get());
        #[expect(clippy::cast_precision_loss, reason = "figures are rounded for people")]
        let cost = after.cpu.saturating_sub(idle.cpu).as_secs_f64() * 1e6 / trips.max(1) as f64;
        Ok(format!(
            "{sessions:>8}  {:<32}  {written:>8}  {:>5}  {:>10}  {:>8.2}  {:>8.2}  {:>8.2}  {:>15.2}  {cost:>11.2}  {:>8.1}  {:>7.1}",
            bot.name(),
            written - trips,
            load.unexpected.get(),
            percentile(&latencies, 0.50),
            percentile(&latencies, 0.99),
            percentile(&latencies, 1.0),
            load.late.get().as_secs_f64() * 1000.0,
            mebibytes(idle.memory),
            mebibytes(after.memory),
        ))
    })
}
