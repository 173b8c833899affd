//! What is measured of a bot, and how it is printed. Linux tells it in /proc; elsewhere memory, processor time and writes are zero.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep};

/// How long a bot may be at what it was told before it is quiet.
const RESTLESS: Duration = Duration::from_secs(60);

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Its processor time.
    pub(crate) cpu: Duration,
    /// Its resident memory in bytes.
    pub(crate) memory: u64,
    /// What it has written to files, in bytes; what it sends through sockets does not count.
    pub(crate) written: u64,
}

impl Usage {
    /// Asks for a process.
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        if !cfg!(target_os = "linux") {
            return Ok(Self::default());
        }
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = resident.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
        let io = std::fs::read_to_string(format!("/proc/{process}/io"))?;
        let written = io.lines().find_map(|line| line.strip_prefix("wchar:")?.trim().parse().ok());
        Ok(Self {
            cpu: processor_time(&stat),
            memory: kibibytes.unwrap_or_default() * 1024,
            written: written.unwrap_or_default(),
        })
    }

    /// Waits until a process has nothing to do, and asks then.
    pub(crate) async fn settled(process: u32) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let mut before = Self::of(process)?;
        while begun.elapsed() < RESTLESS {
            sleep(Duration::from_millis(500)).await;
            let now = Self::of(process)?;
            // A tick is the least that can be seen.
            if now.cpu - before.cpu <= Duration::from_millis(10) && now.memory == before.memory {
                return Ok(now);
            }
            before = now;
        }
        bail!("the bot is still busy after {RESTLESS:?}")
    }
}

/// The processor time of each of a process's worker threads, in their order.
///
/// # Errors
/// When the process is gone.
pub(crate) fn workers(process: u32) -> anyhow::Result<Vec<Duration>> {
    let mut workers = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let stat = std::fs::read_to_string(thread?.path().join("stat"))?;
        let name = stat.split(['(', ')']).nth(1).unwrap_or_default();
        if name.starts_with("worker-") {
            workers.push((name.to_owned(), processor_time(&stat)));
        }
    }
    workers.sort_unstable();
    Ok(workers.into_iter().map(|(_, cpu)| cpu).collect())
}

/// The processor time that all processes of this machine had of its first cores.
///
/// # Errors
/// Where there is no /proc.
pub(crate) fn of_cores(cores: usize) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let busy = stat.lines().skip(1).take(cores).map(|core| {
        let ticks = core.split_whitespace().skip(1).filter_map(|ticks| ticks.parse::<u64>().ok());
        // The fourth and fifth are idle time; those from the ninth on are part of the first two.
        ticks.take(8).enumerate().filter(|(index, _)| !matches!(index, 3 | 4)).map(|(_, ticks)| ticks).sum::<u64>()
    });
    Ok(Duration::from_millis(busy.sum::<u64>() * 10))
}

/// The processor time in a `stat` of /proc.
fn processor_time(stat: &str) -> Duration {
    // The name in parentheses may hold anything; user and system time are the 12th and 13th field after it.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
    // A tick is 10 ms on every Linux that Rust runs on.
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Lets this process, and the bots that it starts, have so many connections at once.
///
/// # Errors
/// When the system does not allow it.
#[cfg(unix)]
pub(crate) fn allow_connections(number: usize) -> anyhow::Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};

    // Beside the connections there are a database, watches, sockets that listen, and the like.
    let needed = number as u64 + 256;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if let Some(maximum) = limit.maximum.filter(|maximum| *maximum < needed) {
        bail!("{number} sessions need {needed} open files, and this system allows {maximum} (ulimit -Hn)");
    }
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

#[cfg(not(unix))]
pub(crate) fn allow_connections(_number: usize) -> anyhow::Result<()> {
    Ok(())
}

/// The latency in milliseconds below which this part of them lies, of sorted ones in microseconds.
pub(crate) fn percentile(sorted: &[u32], part: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "an index below the length"
    )]
    let index = (sorted.len() as f64 * part) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
}

/// Bytes as people read them.
#[expect(clippy::cast_precision_loss, reason = "figures are rounded for people")]
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Gives a process one core, where the machine has two and `taskset`; tells whether that was done.
pub(crate) fn pin(process: u32, core: usize) -> bool {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 && core == 0 {
        return false;
    }
    pin_to(process, &core.to_string())
}

/// Gives a process some cores, such as `0,1`; tells whether that was done.
pub(crate) fn pin_to(process: u32, cores: &str) -> bool {
    taskset("-acp", cores, &process.to_string())
}

/// Gives the calling thread one core; tells whether that was done.
pub(crate) fn pin_thread(core: usize) -> bool {
    // The link leads to `PROCESS/task/THREAD`.
    let thread = std::fs::read_link("/proc/thread-self");
    thread.is_ok_and(|thread| {
        let number = thread.file_name().unwrap_or_default().to_string_lossy();
        taskset("-cp", &core.to_string(), &number)
    })
}

fn taskset(options: &str, cores: &str, number: &str) -> bool {
    let mut command = Command::new("taskset");
    command.args([options, cores, number]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The size of the files in a folder, which need not exist.
pub(crate) fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|file| file.len()).sum()
}

/// What one bot did for one number of sessions.
pub(crate) struct Figures {
    /// The sessions.
    pub(crate) sessions: usize,
    /// The round trips in the measured time.
    pub(crate) trips: u64,
    /// The measured time.
    pub(crate) elapsed: Duration,
    /// The latencies in microseconds.
    pub(crate) latencies: Vec<u32>,
    /// The bot's processor time.
    pub(crate) cpu: Duration,
    /// The gateway's processor time.
    pub(crate) gateway_cpu: Duration,
    /// The bot's memory with all sessions logged in and nothing to do.
    pub(crate) idle_memory: u64,
    /// The bot's memory under load.
    pub(crate) memory: u64,
    /// The messages that the bot has answered since its start.
    pub(crate) answered: u64,
    /// What it has written to files since its start, in bytes.
    pub(crate) written: u64,
    /// What it has left on the disk, in bytes.
    pub(crate) disk: u64,
}

#[expect(clippy::cast_precision_loss, reason = "figures are rounded for people")]
impl Figures {
    /// The head of the table.
    pub(crate) const HEAD: &str =
        "sessions  bot                               round trips/s    p50 ms    p99 ms  µs cpu/trip  idle MiB  MiB";

    /// One line of the table.
    pub(crate) fn line(&self, bot: &str) -> String {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let busy = self.gateway_cpu.as_secs_f64() / self.elapsed.as_secs_f64();
        let warning = if busy > 0.95 && self.cpu < self.elapsed.mul_f64(0.95) {
            "  (the gateway was the busier side)"
        } else {
            ""
        };
        format!(
            "{:>8}  {bot:<32}  {:>13.0}  {:>8.2}  {:>8.2}  {:>11.2}  {:>8.1}  {:>5.1}{warning}",
            self.sessions,
            self.rate(),
            percentile(&sorted, 0.50),
            percentile(&sorted, 0.99),
            self.cost(),
            mebibytes(self.idle_memory),
            mebibytes(self.memory),
        )
    }

    /// How these figures stand to those of the baseline.
    pub(crate) fn against(&self, baseline: &Self) -> String {
        let memory = self.memory as f64 / baseline.memory.max(1) as f64;
        let disk = match self.disk {
            0 => String::new(),
            disk => {
                let kibibytes = |bytes: u64| bytes as f64 / self.answered as f64 / 1.024;
                let (disk, written) = (kibibytes(disk), kibibytes(self.written));
                format!(", {disk:.0} KiB on disk per 1,000 messages, {written:.0} KiB written")
            }
        };
        let per_session = self.memory.saturating_sub(baseline.memory) as f64 / self.sessions as f64 / 1024.0;
        format!(
            "{:>8}  {:<32}  {:>12.2}x  processor time {:.2}x, memory {memory:.2}x ({per_session:+.1} KiB per session){disk}",
            "",
            "  as a ratio",
            self.rate() / baseline.rate(),
            self.cost() / baseline.cost(),
        )
    }

    /// Round trips a second.
    pub(crate) fn rate(&self) -> f64 {
        self.trips as f64 / self.elapsed.as_secs_f64()
    }

    /// Microseconds of processor time for one round trip.
    pub(crate) fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.trips as f64
    }
}
