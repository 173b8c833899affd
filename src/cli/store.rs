//! `hotline store`: the values that scripts keep, looked at and changed, whether a bot runs or not. A bot that runs writes them itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::exit::Exit;
use super::{forget, output, record};
use crate::clock::{Clock, Timestamp};
use crate::host::control::{self, ControlRequest};
use crate::language::duration::parse_duration;
use crate::language::script_name;
use crate::language::spelling::closest;
use crate::runtime::{Limits, check_readable};
use crate::store::{Durability, JournalReader, Store, StoreEntry, StoreError, shared_store};

/// How much of a value is shown in a table, in columns.
const EXCERPT: usize = 60;

/// The bytes of values that are sent to a running bot at once.
const PORTION: usize = 1 << 20;

/// The arguments of `store`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A store is named as its script; one that scripts share by shared_store(\"name\") is shared/name. Values are JSON: \
                  hotline store set bot greeting '\"hello\"'"
)]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the stores, or the keys of one
    List {
        /// The store; without one, all are listed
        store: Option<String>,

        #[command(flatten)]
        record: record::JournalFlags,
    },
    /// Print a value, as JSON
    Get {
        /// The store
        store: String,
        /// The key
        key: String,

        #[command(flatten)]
        record: record::JournalFlags,
    },
    /// Give a key a value
    Set {
        /// The store
        store: String,
        /// The key
        key: String,
        /// The value, as JSON: 3, true, '"a text"', '{"a": [1, 2]}'
        #[arg(allow_negative_numbers = true)]
        value: String,

        /// For how long it is kept, such as 1h
        #[arg(long, value_name = "DURATION", value_parser = parse_duration, allow_hyphen_values = true)]
        ttl: Option<Duration>,

        #[command(flatten)]
        record: record::JournalFlags,
    },
    /// Take a key away
    Delete {
        /// The store
        store: String,
        /// The key
        key: String,

        #[command(flatten)]
        record: record::JournalFlags,
    },
    /// Print every value, one a line, as `import` reads them
    Export {
        /// The stores; without one, all of them
        stores: Vec<String>,

        #[command(flatten)]
        record: record::JournalFlags,
    },
    /// Keep the values of a file that `export` made; other keys stay as they are
    Import {
        /// The file, or - for standard input
        file: PathBuf,

        #[command(flatten)]
        record: record::JournalFlags,
    },
}

impl StoreArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        match self.action {
            Action::List { store: None, record } => list(&record),
            Action::List { store: Some(store), record } => list_keys(&store, &record),
            Action::Get { store, key, record } => {
                let journal = record.open()?;
                let found = found(&journal, &store, &key)?;
                Ok(output::line(&found.json.unwrap_or_default())?)
            }
            Action::Set { store, key, value, ttl, record } => set(store, key, &value, ttl, &record),
            Action::Delete { store, key, record } => {
                let journal = record.open()?;
                found(&journal, &store, &key)?;
                write(&[StoreEntry { store: store.clone(), key: key.clone(), json: None, expiry: None }], &record)?;
                told(&record, &serde_json::json!({ "store": store, "key": key }), &format!("{store} has {key} no more"))
            }
            Action::Export { stores, record } => export(&stores, &record),
            Action::Import { file, record } => import(&file, &record),
        }
    }
}

/// A value as it is exported.
#[derive(Serialize)]
struct Line {
    store: String,
    key: String,
    value: Value,
    /// When it ends, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
}

/// A line as it is read, its value as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadLine<'a> {
    store: String,
    key: String,
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(default)]
    expires: Option<Timestamp>,
}

fn list(record: &record::JournalFlags) -> Result<(), Exit> {
    let stores = record.open()?.stores(now())?;
    if record.json {
        return Ok(output::json(&stores)?);
    }
    if stores.is_empty() {
        output::note("no script keeps a value");
        return Ok(());
    }
    let rows: Vec<_> =
        stores.iter().map(|of| vec![of.store.clone(), of.keys.to_string(), of.bytes.to_string()]).collect();
    let zone = record.zone()?;
    Ok(output::write(&record::TableStyle::of_output(&zone).table(&["store", "keys", "bytes"], &rows))?)
}

fn list_keys(store: &str, record: &record::JournalFlags) -> Result<(), Exit> {
    let journal = record.open()?;
    let entries = entries(&journal, store)?;
    if record.json {
        return Ok(output::json(&entries.into_iter().map(line).collect::<Result<Vec<_>, _>>()?)?);
    }
    let zone = record.zone()?;
    let look = record::TableStyle::of_output(&zone);
    let row = |entry: &StoreEntry| {
        let json = entry.json.clone().unwrap_or_default();
        let value = if look.columns.is_some() { record::short(&json, EXCERPT) } else { json };
        vec![entry.key.clone(), value, entry.expiry.map(|expiry| look.time(expiry)).unwrap_or_default()]
    };
    Ok(output::write(&look.table(&["key", "value", "until"], &entries.iter().map(row).collect::<Vec<_>>()))?)
}

fn set(
    store: String,
    key: String,
    value: &str,
    ttl: Option<Duration>,
    record: &record::JournalFlags,
) -> Result<(), Exit> {
    let limits = record.limits()?;
    let json = value;
    let value: Value = serde_json::from_str(json).map_err(|error| {
        let found = record::short(json, EXCERPT);
        Exit::usage(anyhow!("the value is no JSON ({}): found {found}{}", reason(&error), quoted(json)))
    })?;
    check_readable(json, &limits).map_err(|error| anyhow!("no script could read the value: {error}"))?;
    check_store(&store, record)?;
    let ttl = ttl.map(|ttl| i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
    let expiry = ttl.map(|ttl| now().saturating_add(ttl));
    let entry = StoreEntry { store: store.clone(), key: key.clone(), json: Some(value.to_string()), expiry };
    write(&[entry], record)?;
    told(
        record,
        &serde_json::json!({ "store": store, "key": key, "value": value }),
        &format!("{store} has {key} = {value}"),
    )
}

fn export(stores: &[String], record: &record::JournalFlags) -> Result<(), Exit> {
    let journal = record.open()?;
    let all = journal.stores(now())?.into_iter().map(|of| of.store);
    let wanted = if stores.is_empty() { all.collect() } else { stores.to_vec() };
    for store in wanted {
        for entry in entries(&journal, &store)? {
            output::line(&serde_json::to_string(&line(entry)?)?)?;
        }
    }
    Ok(())
}

/// How a text is written that was given without its quotes; nothing where it seems to be something else.
fn quoted(value: &str) -> String {
    if value.starts_with(['"', '{', '[', '-'])
        || value.contains('\'')
        || value.starts_with(|start: char| start.is_ascii_digit())
    {
        return String::new();
    }
    format!("; a text stands in quotes: '{}'", Value::from(value))
}

/// What is wrong with JSON, without the place.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

fn import(file: &Path, record: &record::JournalFlags) -> Result<(), Exit> {
    let limits = record.limits()?;
    let text = match file == Path::new("-") {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(file),
    };
    let text = text.with_context(|| format!("{} cannot be read", file.display()))?;
    let mut read = Vec::new();
    let (mut over, now) = (0, now());
    // Some editors put a mark before everything else.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    for (number, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let entry = read_line(text, &limits).map_err(|fault| anyhow!("{}:{number}{fault}", file.display()))?;
        match entry.expiry.is_some_and(|expiry| expiry <= now) {
            true => over += 1,
            false => read.push(entry),
        }
    }
    for store in read.iter().map(|entry| &entry.store).collect::<BTreeSet<_>>() {
        check_store(store, record)?;
    }
    let count = read.len();
    let mut portion = Vec::new();
    let mut bytes = 0;
    for entry in read {
        let size = entry.json.as_ref().map_or(0, String::len) + entry.key.len();
        if bytes > 0 && bytes + size > PORTION {
            write(&portion, record)?;
            portion.clear();
            bytes = 0;
        }
        bytes += size;
        portion.push(entry);
    }
    write(&portion, record)?;
    let are = |count: usize| if count == 1 { "value is" } else { "values are" };
    let expired = if over == 0 { String::new() } else { format!("; {over} {} over already", are(over)) };
    told(
        record,
        &serde_json::json!({ "imported": count, "expired": over }),
        &format!("{count} {} kept{expired}", are(count)),
    )
}

/// The value of a line that `export` made; what is wrong with the line follows its number.
fn read_line(text: &str, limits: &Limits) -> Result<StoreEntry, String> {
    const FORM: &str = "expected {\"store\": …, \"key\": …, \"value\": …}";
    if !text.trim_start().starts_with('{') {
        return Err(format!(": found {}; {FORM}", record::short(text, EXCERPT)));
    }
    let line: ReadLine<'_> =
        serde_json::from_str(text).map_err(|error| format!(":{}: {}; {FORM}", error.column(), reason(&error)))?;
    let ReadLine { store, key, value, expires } = line;
    check_readable(value.get(), limits).map_err(|error| format!(": no script could read the value: {error}"))?;
    let value: Value = serde_json::from_str(value.get()).map_err(|error| format!(": {error}"))?;
    Ok(StoreEntry { store, key, json: Some(value.to_string()), expiry: expires })
}

fn told(record: &record::JournalFlags, json: &Value, words: &str) -> Result<(), Exit> {
    match record.json {
        true => output::line(&json.to_string())?,
        false => output::note(words),
    }
    Ok(())
}

/// Has values written: by the bot that runs, or here where none does.
fn write(entries: &[StoreEntry], record: &record::JournalFlags) -> Result<(), Exit> {
    if entries.is_empty() {
        return Ok(());
    }
    let data = record.folder()?;
    let request = ControlRequest::Keep { entries: entries.to_vec() };
    if let Some(reply) = control::ask::<()>(&data, &request).context("the running bot cannot be asked")? {
        return Ok(reply.map_err(|reason| anyhow!(reason))?);
    }
    // Nothing is made where there is no data.
    record.open()?;
    let store = Store::open(&data, Durability::Strict).map_err(|error| match error {
        StoreError::InUse(_) => anyhow!("{error}, which listens on no socket there; stop it, and ask again"),
        other => other.into(),
    })?;
    let written = entries.iter().try_for_each(|entry| store.put(entry, now()));
    store.flush()?;
    Ok(written?)
}

/// Refuses a store that nobody has and no script could have: what is kept there would not be found.
fn check_store(store: &str, record: &record::JournalFlags) -> Result<(), Exit> {
    let kept: Vec<_> = record.open()?.stores(now())?.into_iter().map(|of| of.store).collect();
    if kept.iter().any(|known| known == store) || (store.starts_with(&shared_store("")) && store != shared_store("")) {
        return Ok(());
    }
    let files = forget::files(&record.scripts()?).map_err(|fault| anyhow!("{fault}"))?;
    let scripts: Vec<_> = files.iter().map(|file| script_name(file)).collect();
    if scripts.iter().any(|script| script == store) {
        return Ok(());
    }
    let known = kept.iter().chain(&scripts).map(String::as_str);
    Err(Exit::Failed(unknown(format!("there is no script {store}, and no store"), store, known)))
}

/// The values of a store that is there.
fn entries(journal: &JournalReader, store: &str) -> Result<Vec<StoreEntry>, Exit> {
    let entries = journal.entries(store, now())?;
    if entries.is_empty() {
        let known: Vec<_> = journal.stores(now())?.into_iter().map(|of| of.store).collect();
        return Err(Exit::Failed(unknown(
            format!("nothing is kept in {store}"),
            store,
            known.iter().map(String::as_str),
        )));
    }
    Ok(entries)
}

/// A value that is there.
fn found(journal: &JournalReader, store: &str, key: &str) -> Result<StoreEntry, Exit> {
    if let Some(found) = journal.entry(store, key, now())? {
        return Ok(found);
    }
    let entries = entries(journal, store)?;
    let keys = entries.iter().map(|entry| entry.key.as_str());
    Err(Exit::Failed(unknown(format!("{store} has no key {key}"), key, keys)))
}

fn unknown<'a>(message: String, typed: &str, known: impl Iterator<Item = &'a str>) -> anyhow::Error {
    match closest(typed, known) {
        Some(meant) => anyhow!("{message}; did you mean {meant}?"),
        None => anyhow!("{message}; `hotline store list` tells what there is"),
    }
}

fn line(entry: StoreEntry) -> Result<Line, Exit> {
    let StoreEntry { store, key, json, expiry } = entry;
    let value = serde_json::from_str(&json.unwrap_or_default())
        .with_context(|| format!("the value of {key} in {store} is no JSON"))?;
    Ok(Line { store, key, value, expires: expiry })
}

fn now() -> Timestamp {
    Clock::system().now()
}
