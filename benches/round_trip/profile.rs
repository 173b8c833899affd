//! Where the engine's processor time goes: Linux' `perf` samples it, and each sample counts once, for the part that it is in.
//!
//! No stacks are recorded: a sample is an address, and the release's line tables tell which functions were inlined there. The
//! innermost that belongs to a part has it; what the standard library does is its caller's.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

/// The samples of a second of processor time; no multiple of what timers do.
const FREQUENCY: u32 = 1999;

const KERNEL: &str = "kernel";
/// What the standard library does where its caller is not known, and code of no part.
const REST: &str = "std and the rest";

/// The parts, and what they are made of: modules and crates as paths, C functions by how they begin.
const PARTS: &[(&str, &[&str])] = &[
    ("protocol", &["hotline::protocol::"]),
    ("session", &["hotline::session::"]),
    ("worker and dispatch", &["hotline::runtime::worker::", "hotline::runtime::context::", "hotline::runtime::view::"]),
    ("runs and fibers", &["hotline::runtime::run::", "hotline::runtime::fiber::", "corosensei::", "stack_init"]),
    ("host calls", &["hotline::runtime::builtins::", "hotline::runtime::timers::", "hotline::runtime::web::"]),
    (
        "journal and store",
        &["hotline::runtime::journal::", "hotline::store::", "rusqlite::", "sqlite3", "postcard::", "lz4_flex::"],
    ),
    ("engine and generations", &["hotline::runtime::"]),
    ("the host", &["hotline::"]),
    ("rhai", &["rhai::", "smartstring::"]),
    ("JSON", &["serde_json::", "serde_core::", "serde::"]),
    ("tokio", &["tokio::", "tokio_util::", "mio::", "futures_util::", "futures_core::"]),
    ("tungstenite", &["tokio_tungstenite::", "tungstenite::", "bytes::", "chacha20::", "rand::", "rand_core::"]),
    ("allocator", &["mi_", "_mi_", "mimalloc::", "malloc", "free", "__rust_"]),
    ("memory copied and compared", &["mem", "__mem"]),
    ("clock", &["__vdso", "clock_gettime", "__clock_gettime"]),
];

/// A `perf` at work.
pub(crate) struct Recording {
    perf: Child,
    data: PathBuf,
    engine: PathBuf,
    /// Where the engine's program begins in its memory.
    base: u64,
}

/// What was found.
pub(crate) struct Profile {
    /// The parts with their samples, most of them first.
    parts: Vec<(&'static str, u32)>,
    /// The processor time of a message in microseconds, which is shared out by the samples.
    cost: f64,
    /// What could not be seen.
    blind: Vec<String>,
}

impl Recording {
    /// Begins to sample a process of the engine, whose program's path is absolute, into a file that is called `data`.
    pub(crate) fn start(process: u32, engine: &Path, duration: Duration, data: PathBuf) -> anyhow::Result<Self> {
        let maps = fs::read_to_string(format!("/proc/{process}/maps")).context("a profile needs Linux")?;
        let first = maps.lines().find(|line| line.ends_with(&*engine.to_string_lossy()));
        let base = first.and_then(|line| line.split_once('-')).context("the engine is not in its own memory")?.0;
        let base = u64::from_str_radix(base, 16)?;
        let (frequency, process, seconds) =
            (FREQUENCY.to_string(), process.to_string(), duration.as_secs().to_string());
        let mut command = Command::new("perf");
        command.args(["record", "-q", "-e", "cpu-clock", "-F", &frequency, "-p", &process, "-o"]);
        command.arg(&data).args(["--", "sleep", &seconds]);
        let perf = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let perf = perf.context("there is no perf (a package of the system: linux-perf, linux-tools or perf)")?;
        Ok(Self { perf, data, engine: engine.to_owned(), base })
    }

    /// Waits until it has ended, and tells the parts of a message's processor time, which is given in microseconds.
    pub(crate) fn finish(self, cost: f64) -> anyhow::Result<Profile> {
        let output = self.perf.wait_with_output()?;
        if !output.status.success() {
            bail!("perf cannot record: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let mut command = Command::new("perf");
        command.args(["script", "-F", "ip,sym,dso", "-i"]).arg(&self.data).stderr(Stdio::null());
        let script = String::from_utf8_lossy(&command.output()?.stdout).into_owned();
        let samples: Vec<_> = script.lines().filter_map(Sample::read).collect();
        if samples.is_empty() {
            bail!("perf has no samples");
        }
        let mut blind = Vec::new();
        let own = |sample: &Sample<'_>| {
            (Path::new(sample.object) == self.engine).then(|| sample.address.wrapping_sub(self.base))
        };
        let addresses: Vec<_> = samples.iter().filter_map(own).collect();
        let inlined = lines(&self.engine, &addresses, &self.data.with_extension("addresses")).unwrap_or_else(|error| {
            blind.push(format!("what is inlined counts for the function around it: {error}"));
            HashMap::new()
        });
        if !samples.iter().any(|sample| sample.is_kernel()) {
            blind.push(
                "perf may not look into the kernel, whose time counts for the others: see kernel.perf_event_paranoid"
                    .to_owned(),
            );
        }
        let mut counts: HashMap<&'static str, u32> = HashMap::new();
        for sample in &samples {
            let functions = own(sample).and_then(|address| inlined.get(&address));
            let part = match functions.and_then(|functions| functions.iter().find_map(|function| part_of(function))) {
                _ if sample.is_kernel() => KERNEL,
                Some(part) => part,
                None => part_of(sample.symbol).unwrap_or(REST),
            };
            *counts.entry(part).or_default() += 1;
        }
        let mut parts: Vec<_> = counts.into_iter().collect();
        parts.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
        Ok(Profile { parts, cost, blind })
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: u32 = self.parts.iter().map(|(_, samples)| samples).sum();
        writeln!(f, "          where its time goes        µs/message  share")?;
        for (part, samples) in self.parts.iter().map(|(part, samples)| (*part, *samples)).chain([("in all", all)]) {
            let share = f64::from(samples) / f64::from(all);
            writeln!(f, "            {part:<26} {:>8.2}  {:>4.1}%", share * self.cost, share * 100.0)?;
        }
        self.blind.iter().try_for_each(|what| writeln!(f, "            ({what})"))
    }
}

/// One sample.
struct Sample<'a> {
    address: u64,
    symbol: &'a str,
    /// The file that the code is from.
    object: &'a str,
}

impl<'a> Sample<'a> {
    /// Reads a line of `perf script`: an address, a symbol that may hold anything, a file in parentheses.
    fn read(line: &'a str) -> Option<Self> {
        let (address, rest) = line.trim().split_once(' ')?;
        let (symbol, object) = rest.rsplit_once(" (").unwrap_or(("", rest.trim_start_matches('(')));
        Some(Self { address: u64::from_str_radix(address, 16).ok()?, symbol, object: object.strip_suffix(')')? })
    }

    fn is_kernel(&self) -> bool {
        // The upper half of all addresses is the kernel's on every machine that this runs on.
        self.address >> 63 == 1
    }
}

/// The part that a function belongs to by its path, by the first one in it that is known.
fn part_of(function: &str) -> Option<&'static str> {
    let known = |word: &&str| {
        let found = function.match_indices(*word).find(|(at, _)| {
            // A C function has nothing before it, and a path no longer word.
            if word.ends_with("::") { !function[..*at].ends_with(|letter: char| is_of_path(letter)) } else { *at == 0 }
        });
        found.map(|(at, _)| at)
    };
    let at = |words: &&[&str]| words.iter().filter_map(known).min();
    PARTS.iter().filter_map(|(part, words)| Some((at(words)?, *part))).min_by_key(|(at, _)| *at).map(|(_, part)| part)
}

fn is_of_path(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == ':'
}

/// The functions at each address of a program, innermost first, by their paths where the line tables know their files.
fn lines(program: &Path, addresses: &[u64], scratch: &Path) -> anyhow::Result<HashMap<u64, Vec<String>>> {
    let mut sorted = addresses.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    fs::write(scratch, sorted.iter().map(|address| format!("{address:#x}\n")).collect::<String>())?;
    let mut command = Command::new("addr2line");
    command.args(["-a", "-f", "-i", "-C", "-e"]).arg(program).stdin(fs::File::open(scratch)?).stderr(Stdio::null());
    let output = command.output().context("there is no addr2line (of binutils)")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut found: HashMap<u64, Vec<String>> = HashMap::new();
    let mut lines = text.lines();
    let mut here = None;
    while let Some(line) = lines.next() {
        if let Some(address) = line.strip_prefix("0x") {
            here = Some(u64::from_str_radix(address, 16)?);
        } else if let (Some(address), Some(file)) = (here, lines.next()) {
            found.entry(address).or_default().extend(path_of(line, file));
        }
    }
    Ok(found)
}

/// The path of a function, which inlined ones are without: by the crate's folder, or the module's file. Nothing for the standard library.
fn path_of(function: &str, file: &str) -> Option<String> {
    if file.starts_with("/rustc/") || file.starts_with("/rust/") || file.contains("/rustlib/") {
        return None;
    }
    let Some((before, inside)) = file.rsplit_once("/src/") else { return Some(function.to_owned()) };
    let folder = before.rsplit('/').next().unwrap_or_default();
    match folder.rsplit_once('-') {
        Some((name, version)) if version.starts_with(|letter: char| letter.is_ascii_digit()) => {
            Some(format!("{}::", name.replace('-', "_")))
        }
        _ => Some(format!("hotline::{}::", inside.split(".rs").next()?.replace('/', "::"))),
    }
}
