//! What a second worker adds: a bot of one worker that shares a core with its gateway, against one of two workers that shares two
//! cores with two gateways. The hard-coded bot, which knows of no workers, runs twice instead: it shows what the machine can add.

use std::path::Path;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::bots::{self, Bot, CPU, Running, Setup};
use crate::gateway::{Conduct, Gateway, Pace};
use crate::measure::{self, Usage};

/// The head of the table.
pub(crate) const HEAD: &str = "sessions  bot                               one: trips/s  µs cpu/trip  busy  others  two: trips/s  µs cpu/trip  busy  others   ratio  of each gateway, and processor time of each worker";

const NO_CORES: &str = "this needs two cores, and taskset";

/// How a bot is measured.
pub(crate) struct Plan<'a> {
    /// The engine's program.
    pub(crate) engine: &'a Path,
    /// The sessions of each gateway.
    pub(crate) sessions: usize,
    /// The messages that wait in each of them.
    pub(crate) window: usize,
    /// How long.
    pub(crate) duration: Duration,
}

/// Measures a bot on one core and on two; gives a line of the table, and the ratio in it.
pub(crate) fn measure(bot: &Bot, plan: &Plan<'_>) -> anyhow::Result<(String, f64)> {
    let (one, two) = (on(1, bot, plan)?, on(2, bot, plan)?);
    let ratio = two.rate() / one.rate();
    let shares: Vec<_> = two.rates.iter().map(|rate| format!("{:.0} %", rate / two.rate() * 100.0)).collect();
    let workers: Vec<_> = two.workers.iter().map(|cpu| format!("{:.2} s", cpu.as_secs_f64())).collect();
    let line = format!(
        "{:>8}  {:<32}  {:>12.0}  {:>11.2}  {:>3.0}%  {:>5.0}%  {:>12.0}  {:>11.2}  {:>3.0}%  {:>5.0}%  {ratio:>5.2}x  {}; {}",
        plan.sessions,
        bot.name(),
        one.rate(),
        one.cost(),
        one.busy * 100.0,
        one.others * 100.0,
        two.rate(),
        two.cost(),
        two.busy * 100.0,
        two.others * 100.0,
        shares.join(" + "),
        if workers.is_empty() { "no workers".to_owned() } else { workers.join(" + ") },
    );
    Ok((line, ratio))
}

/// What a bot did.
struct Figures {
    /// The round trips a second at each gateway.
    rates: Vec<f64>,
    /// The bot's processor time in each second.
    cpu: f64,
    /// How much of the cores the bot and its gateways had.
    busy: f64,
    /// How much of them other programs had, which spoils the figures.
    others: f64,
    /// The processor time of each of its workers.
    workers: Vec<Duration>,
}

/// The processor time that was spent so far.
struct Spent {
    /// By the bot.
    bot: Duration,
    /// By each of its workers.
    workers: Vec<Duration>,
    /// By the gateways, which are threads of this process.
    gateways: Duration,
    /// By everything on these cores.
    all: Duration,
}

impl Figures {
    fn rate(&self) -> f64 {
        self.rates.iter().sum()
    }

    /// Microseconds of processor time for one round trip.
    fn cost(&self) -> f64 {
        self.cpu * 1e6 / self.rate()
    }
}

/// A gateway on a core of its own.
struct Side {
    url: String,
    logged_in: mpsc::Receiver<()>,
    begin: oneshot::Sender<()>,
    /// Gives the round trips a second.
    thread: JoinHandle<anyhow::Result<f64>>,
}

/// Measures a bot on so many cores, each with a gateway.
fn on(cores: usize, bot: &Bot, plan: &Plan<'_>) -> anyhow::Result<Figures> {
    bots::apart(&bot.name(), async |folder| {
        let sides = (0..cores).map(|core| Side::open(core, bot, plan)).collect::<anyhow::Result<Vec<_>>>()?;
        let mut processes = start(bot, plan, &sides, folder)?;
        for side in &sides {
            while let Err(error) = side.logged_in.recv_timeout(Duration::from_millis(5)) {
                if error == mpsc::RecvTimeoutError::Disconnected {
                    bail!("a gateway has ended");
                }
                processes.iter_mut().try_for_each(Running::lives)?;
            }
        }
        let mut threads = Vec::new();
        for side in sides {
            side.begin.send(()).map_err(|()| anyhow!("a gateway has ended"))?;
            threads.push(side.thread);
        }
        sleep(plan.duration / 5).await;
        let (before, begun) = (Spent::by(&processes, cores)?, Instant::now());
        // The gateways measure for as long as this.
        sleep(plan.duration).await;
        let (after, elapsed) = (Spent::by(&processes, cores)?, begun.elapsed().as_secs_f64());
        let share = |before: Duration, after: Duration| (after - before).as_secs_f64() / elapsed;
        let cpu = share(before.bot, after.bot);
        let ours = cpu + share(before.gateways, after.gateways);
        let rates = threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a gateway has failed"))?);
        Ok(Figures {
            rates: rates.collect::<anyhow::Result<_>>()?,
            cpu,
            busy: ours / cores as f64,
            others: (share(before.all, after.all) - ours) / cores as f64,
            workers: after.workers.into_iter().zip(before.workers).map(|(after, before)| after - before).collect(),
        })
    })
}

/// Starts a bot on the cores of its gateways, with a worker or a process for each.
fn start(bot: &Bot, plan: &Plan<'_>, sides: &[Side], folder: &Path) -> anyhow::Result<Vec<Running>> {
    let commands = match bot {
        Bot::Engine { script, journal } => {
            // Workers get sessions in turn.
            let sessions = (0..plan.sessions).flat_map(|_| sides.iter().map(|side| (&*side.url, "bot"))).collect();
            let scripts = [("bot", script.text()?)];
            let setup = Setup { workers: sides.len(), journal, cpu: CPU, scripts: &scripts, sessions };
            vec![setup.command(plan.engine, folder)?]
        }
        _ => {
            let command = |side: &Side| bot.command(plan.engine, &side.url, plan.sessions, folder);
            sides.iter().map(command).collect::<anyhow::Result<_>>()?
        }
    };
    let running = commands.into_iter().map(|command| Running::start(command, folder));
    let running = running.collect::<anyhow::Result<Vec<_>>>()?;
    let cores: Vec<_> = (0..sides.len()).map(|core| core.to_string()).collect();
    for bot in &running {
        measure::pin_to(bot.process.id(), &cores.join(",")).then_some(()).context(NO_CORES)?;
    }
    Ok(running)
}

impl Spent {
    /// Asks for all of it.
    fn by(bots: &[Running], cores: usize) -> anyhow::Result<Self> {
        let (mut bot, mut workers) = (Duration::ZERO, Vec::new());
        for process in bots.iter().map(|bot| bot.process.id()) {
            bot += Usage::of(process)?.cpu;
            workers.extend(measure::workers(process)?);
        }
        Ok(Self { bot, workers, gateways: Usage::of(std::process::id())?.cpu, all: measure::of_cores(cores)? })
    }
}

impl Side {
    /// Opens a gateway on a core.
    fn open(core: usize, bot: &Bot, plan: &Plan<'_>) -> anyhow::Result<Self> {
        let conduct = Conduct { pace: Pace::Window(plan.window), numbered: bot.takes_numbers(), answering: true };
        let (sessions, duration) = (plan.sessions, plan.duration);
        let (tell_url, url) = mpsc::channel();
        let (tell_logged_in, logged_in) = mpsc::channel();
        let (begin, begun) = oneshot::channel();
        let thread = thread::spawn(move || {
            measure::pin_thread(core).then_some(()).context(NO_CORES)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            tokio::task::LocalSet::new().block_on(&runtime, async {
                let gateway = Gateway::open(sessions, conduct).await?;
                tell_url.send(gateway.url.clone())?;
                gateway.until_logged_in(|| Ok(())).await?;
                tell_logged_in.send(())?;
                begun.await?;
                gateway.begin()?;
                sleep(duration / 5).await;
                let (trips, from) = (gateway.load.trips.get(), Instant::now());
                sleep(duration).await;
                gateway.is_whole()?;
                #[expect(clippy::cast_precision_loss, reason = "figures are rounded for people")]
                let trips = (gateway.load.trips.get() - trips) as f64;
                Ok(trips / from.elapsed().as_secs_f64())
            })
        });
        match url.recv() {
            Ok(url) => Ok(Self { url, logged_in, begin, thread }),
            Err(_) => {
                thread.join().map_err(|_| anyhow!("a gateway has failed"))??;
                bail!("a gateway has ended")
            }
        }
    }
}
