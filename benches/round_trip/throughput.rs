//! The closed loop: so many messages are always waiting for an answer, and each answer brings the next one.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::time::sleep;

use crate::bots::{self, Bot, Running};
use crate::gateway::{Conduct, Gateway, Pace};
use crate::measure::{self, Figures, Usage};
use crate::profile::{Profile, Recording};

/// How a bot is measured.
pub(crate) struct Plan<'a> {
    /// The engine's program.
    pub(crate) engine: &'a Path,
    /// The sessions.
    pub(crate) sessions: usize,
    /// The messages that wait in each of them.
    pub(crate) window: usize,
    /// How long.
    pub(crate) duration: Duration,
    /// Whether its processor time is sampled.
    pub(crate) profiled: bool,
}

/// Has a bot warm up, and measures it. Where its time went is told if that is wanted and can be had.
pub(crate) fn measure(bot: &Bot, plan: &Plan<'_>) -> anyhow::Result<(Figures, Option<anyhow::Result<Profile>>)> {
    let conduct = Conduct { pace: Pace::Window(plan.window), numbered: bot.takes_numbers(), answering: true };
    bots::with(bot, plan.engine, plan.sessions, conduct, async |gateway: &Gateway, running: &mut Running| {
        let load = &gateway.load;
        let process = running.process.id();
        let idle = Usage::of(process)?;
        gateway.begin()?;
        sleep(plan.duration / 5).await;
        let recording =
            plan.profiled.then(|| Recording::start(process, plan.engine, plan.duration, running.folder.join("perf")));
        let (before, own_before) = (Usage::of(process)?, Usage::of(std::process::id())?);
        let (trips, from) = (load.trips.get(), Instant::now());
        load.measuring.set(true);
        sleep(plan.duration).await;
        load.measuring.set(false);
        let elapsed = from.elapsed();
        let after = Usage::of(process).context("the bot ended under load")?;
        let own = Usage::of(std::process::id())?.cpu.saturating_sub(own_before.cpu);
        gateway.is_whole()?;
        let answered = load.trips.get();
        let trips = answered - trips;
        if trips == 0 {
            bail!("the bot answered nothing");
        }
        let figures = Figures {
            sessions: plan.sessions,
            trips,
            elapsed,
            latencies: load.latencies.take(),
            cpu: after.cpu.saturating_sub(before.cpu),
            gateway_cpu: own,
            idle_memory: idle.memory,
            memory: after.memory,
            answered,
            written: after.written,
            disk: measure::size_of(&running.folder.join("data")),
        };
        let profile = recording.map(|recording| recording?.finish(figures.cost()));
        Ok((figures, profile))
    })
}
