//! The end-to-end benchmark: a message arrives, the bot answers, the answer is on the wire.
//!
//! `cargo bench --bench round_trip -- --sessions 100,1000 --seconds 10` runs bots in turn against the same load gateway: one
//! that is hard-coded in Rust, the engine (`hotline run`) with the same bot as a script, and those of other languages. Each is a
//! process of its own with one thread at work; where there are two cores, the bot has one and the gateway the other.
//!
//! `--rate` measures latency and loss at a load that does not depend on the bot, `--memory` what sessions and handlers hold,
//! `--starve` what scripts that spin cost others, `--reload` how soon what is saved is live, `--workers` what a second worker adds.
//! How fast a single part is (dispatch, parking, decoding) is not measured here.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod bot;
mod bots;
mod gateway;
mod measure;
mod memory;
mod paced;
mod plot;
mod profile;
mod reload;
mod starve;
mod throughput;
mod workers;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;

use bots::{Bot, Peer, Script};
use measure::Figures;
use plot::Group;
use throughput::Plan;

/// Compares the engine with a hard-coded bot and others, end to end.
#[derive(Parser)]
struct Arguments {
    /// How many sessions, one run for each number
    #[arg(long, value_delimiter = ',', default_value = "100,1000")]
    sessions: Vec<usize>,
    /// The unanswered messages of each session
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    window: u16,
    /// How long each bot is measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How often the bots take turns; from two on, the medians are told at the end
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// The engine
    #[arg(long, default_value = env!("CARGO_BIN_EXE_hotline"))]
    engine: PathBuf,
    /// What the engine runs, one run for each
    #[arg(long, value_delimiter = ',', default_value = "ping")]
    script: Vec<Script>,
    /// How much the engine records: off, relaxed, strict; one run for each
    #[arg(long, value_delimiter = ',', default_value = "off")]
    journal: Vec<String>,
    /// The bots of other languages that take part
    #[arg(long, value_delimiter = ',')]
    peers: Vec<Peer>,
    /// Tell where the engine's processor time goes, by `perf`
    #[arg(long)]
    profile: bool,
    /// Draw the comparison into this file
    #[arg(long)]
    svg: Option<PathBuf>,
    /// Write so many messages a second to each session, answered or not, and tell what became of them
    #[arg(long, group = "kind", value_parser = interval, conflicts_with_all = ["window", "rounds", "profile", "svg"])]
    rate: Option<Duration>,
    /// Tell what an idle session and a waiting handler hold
    #[arg(long, group = "kind", conflicts_with_all = ["sessions", "window", "seconds", "rounds", "script", "peers", "profile", "svg"])]
    memory: bool,
    /// Tell what a session's messages wait for beside scripts that spin
    #[arg(long, group = "kind", conflicts_with_all = ["sessions", "window", "rounds", "script", "peers", "profile", "svg"])]
    starve: bool,
    /// Tell how soon a saved script is live, and what messages notice of it
    #[arg(long, group = "kind", conflicts_with_all = ["sessions", "window", "rounds", "script", "peers", "profile", "svg"])]
    reload: bool,
    /// Compare two workers on two cores with one on one, each core with a gateway of its own for so many sessions
    #[arg(long, group = "kind", conflicts_with_all = ["peers", "profile", "svg"])]
    workers: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// Be the hard-coded bot for the gateway at this url
    #[arg(long, hide = true)]
    bot: Option<String>,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = Arguments::parse();
    if let Some(url) = &arguments.bot {
        return bot::run(url, arguments.sessions.first().copied().unwrap_or(1));
    }
    // Bots run in folders of their own.
    let engine = arguments.engine.canonicalize();
    arguments.engine = engine.with_context(|| format!("there is no engine at {}", arguments.engine.display()))?;
    measure::allow_connections(arguments.most_sessions())?;
    let cores = if measure::pin(std::process::id(), 0) {
        "the bot on one core, the gateway on another"
    } else {
        "the cores shared by bot and gateway"
    };
    match arguments.rate {
        _ if arguments.memory => held(&arguments),
        _ if arguments.starve => starved(&arguments, cores),
        _ if arguments.reload => reloaded(&arguments, cores),
        _ if arguments.workers => with_two_workers(&arguments),
        Some(interval) => at_rate(&arguments, interval, cores),
        None => compare(&arguments, cores),
    }
}

impl Arguments {
    /// The most sessions that a bot has.
    fn most_sessions(&self) -> usize {
        let most = self.sessions.iter().copied().max().unwrap_or_default();
        match self {
            Self { memory: true, .. } => memory::MOST,
            Self { starve: true, .. } => starve::MOST,
            Self { reload: true, .. } => reload::SESSIONS,
            Self { workers: true, .. } => most * 2,
            _ => most,
        }
    }

    /// The bots that take turns, the hard-coded one first.
    fn bots(&self) -> Vec<Bot> {
        let mut bots = vec![Bot::HardCoded];
        for &script in &self.script {
            bots.extend(self.journal.iter().map(|journal| Bot::Engine { script, journal: journal.clone() }));
        }
        for &peer in &self.peers {
            match peer.missing() {
                Some(what) => println!("{} is left out: {what}", Bot::Peer(peer).name()),
                None => bots.push(Bot::Peer(peer)),
            }
        }
        bots
    }
}

fn held(arguments: &Arguments) -> anyhow::Result<()> {
    println!("{}", memory::HEAD);
    for journal in &arguments.journal {
        for line in memory::lines(&arguments.engine, journal)? {
            println!("{line}");
        }
    }
    Ok(())
}

fn starved(arguments: &Arguments, cores: &str) -> anyhow::Result<()> {
    let (interval, head) = (starve::INTERVAL, starve::HEAD);
    println!("a message to a session every {interval:?}, {} s each, {cores}\n\n{head}", arguments.seconds);
    for journal in &arguments.journal {
        for line in starve::lines(&arguments.engine, journal, Duration::from_secs(arguments.seconds)) {
            println!("{}", line?);
        }
    }
    Ok(())
}

fn reloaded(arguments: &Arguments, cores: &str) -> anyhow::Result<()> {
    let (sessions, saves, head) = (reload::SESSIONS, reload::SAVES, reload::HEAD);
    let load = format!("{sessions} sessions, 1,000 messages a second, a save every {saves:?}");
    println!("{load}, {} s each, {cores}\n\n{head}", arguments.seconds);
    for journal in &arguments.journal {
        for line in reload::lines(&arguments.engine, journal, Duration::from_secs(arguments.seconds)) {
            println!("{}", line?);
        }
    }
    Ok(())
}

fn with_two_workers(arguments: &Arguments) -> anyhow::Result<()> {
    let bots = arguments.bots();
    let told = format!("{} messages outstanding per session, {} s each", arguments.window, arguments.seconds);
    println!("{told}, a gateway on each core with the bot\n\n{}", workers::HEAD);
    for &sessions in &arguments.sessions {
        let plan = workers::Plan {
            engine: &arguments.engine,
            sessions,
            window: arguments.window.into(),
            duration: Duration::from_secs(arguments.seconds),
        };
        let mut ratios = vec![Vec::new(); bots.len()];
        for _ in 0..arguments.rounds.max(1) {
            for (bot, ratios) in bots.iter().zip(&mut ratios) {
                let (line, ratio) = workers::measure(bot, &plan)?;
                println!("{line}");
                ratios.push(ratio);
            }
        }
        if arguments.rounds > 1 {
            for (bot, ratios) in bots.iter().zip(ratios) {
                println!(
                    "{sessions:>8}  {:<32}  median of {} ratios: {:.2}x",
                    bot.name(),
                    arguments.rounds,
                    median(ratios)
                );
            }
        }
    }
    Ok(())
}

fn at_rate(arguments: &Arguments, interval: Duration, cores: &str) -> anyhow::Result<()> {
    let bots = arguments.bots();
    println!("a message to each session every {interval:?}, {} s each, {cores}\n", arguments.seconds);
    println!("{}", paced::HEAD);
    for &sessions in &arguments.sessions {
        for bot in &bots {
            let duration = Duration::from_secs(arguments.seconds);
            println!("{}", paced::measure(bot, &arguments.engine, sessions, interval, duration)?);
        }
    }
    Ok(())
}

fn compare(arguments: &Arguments, cores: &str) -> anyhow::Result<()> {
    let bots = arguments.bots();
    let told = format!("{} messages outstanding per session, {} s each, {cores}", arguments.window, arguments.seconds);
    println!("{told}\n\n{}", Figures::HEAD);
    let mut groups = Vec::new();
    for &sessions in &arguments.sessions {
        let mut shares = vec![Vec::new(); bots.len()];
        for _ in 0..arguments.rounds.max(1) {
            for (share, shares) in round(arguments, sessions, &bots)?.into_iter().zip(&mut shares) {
                shares.push(share);
            }
            println!();
        }
        let bars = bots.iter().map(Bot::name).zip(shares.into_iter().map(median)).collect();
        groups.push(Group { sessions, bars });
    }
    if arguments.rounds > 1 {
        println!("sessions  bot                               median of {} ratios", arguments.rounds);
        for group in &groups {
            for (bot, share) in &group.bars {
                println!("{:>8}  {bot:<32}  {share:>6.2}x", group.sessions);
            }
        }
    }
    if let Some(file) = &arguments.svg {
        let caption = format!(
            "Answers a second as a share of the hard-coded bot's: one core, {} messages outstanding per session",
            arguments.window
        );
        std::fs::write(file, plot::svg(&groups, &caption)).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// Measures each bot once, and gives what each does of what the first one does.
fn round(arguments: &Arguments, sessions: usize, bots: &[Bot]) -> anyhow::Result<Vec<f64>> {
    let mut all: Vec<Figures> = Vec::new();
    for bot in bots {
        let plan = Plan {
            engine: &arguments.engine,
            sessions,
            window: arguments.window.into(),
            duration: Duration::from_secs(arguments.seconds),
            profiled: arguments.profile && matches!(bot, Bot::Engine { .. }),
        };
        let (figures, profile) = throughput::measure(bot, &plan)?;
        println!("{}", figures.line(&bot.name()));
        if let Some(baseline) = all.first() {
            println!("{}", figures.against(baseline));
        }
        match profile {
            Some(Ok(profile)) => print!("{profile}"),
            Some(Err(error)) => println!("          there is no profile: {error:#}"),
            None => {}
        }
        all.push(figures);
    }
    Ok(all.iter().map(|figures| figures.rate() / all[0].rate()).collect())
}

/// Reads a number of messages a second as the time between two.
fn interval(rate: &str) -> Result<Duration, String> {
    let rate: f64 = rate.parse().map_err(|_| "it is no number".to_owned())?;
    Duration::try_from_secs_f64(1.0 / rate).map_err(|error| error.to_string())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
