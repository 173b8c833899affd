//! Bodies: what batches say of events and runs, packed; and what earlier versions wrote.
//!
//! When a batch is taken, and where its body is kept, is not known here.

use std::mem::{replace, take};
use std::ops::RangeInclusive;
use std::sync::Arc;

use lz4_flex::block;
use serde::{Deserialize, Serialize};

use super::ids::{EventId, RunId};
use super::record::{Batch, BundleHash, CallRecord, EventRow, Handled, RunChange, RunOutcome, RunRow, Standing};
use crate::clock::Timestamp;
use crate::protocol::Event;

/// The format of the bodies. One of another format is passed over by whoever reads the past.
pub(super) const FORMAT: i64 = 4;
/// The formats that are read: the second only knows more outcomes of calls than the first, the third is compressed, and the
/// fourth has its items in their order, piece by piece, and what came of a call apart from the call.
pub(super) const READ: RangeInclusive<i64> = 1..=FORMAT;
/// The first format that is compressed.
pub(super) const COMPRESSED: i64 = 3;
/// From so many bytes on, items are compressed while they are in the processor's cache.
const PIECE: usize = 64 * 1024;
/// What ends a body that is made of pieces: an empty one, without which the body is cut off.
const END: [u8; 8] = [0; 8];
/// So many times as long as a compressed body can its text be at most, as LZ4 goes.
const LONGEST: usize = 255;

/// What one batch says of events and runs.
#[derive(Debug, Default)]
pub(super) struct BatchBody {
    pub(super) events: Vec<EventRow>,
    pub(super) handled: Vec<Handled>,
    pub(super) runs: Vec<RunChange>,
}

/// What a body is made of, one after the other.
#[derive(Debug, Deserialize)]
enum Item {
    Event(EventRow),
    Handled(Handled),
    Run(RunChange),
}

/// As [`Item`], where it is written.
#[derive(Serialize)]
enum NewItem<'a> {
    Event(&'a NewEvent<'a>),
    Handled(Handled),
    Run(&'a RunChange),
}

/// As [`EventRow`], where it is written.
#[derive(Serialize)]
struct NewEvent<'a> {
    id: EventId,
    session: &'a str,
    subcommand: &'a str,
    content: &'a str,
    at: Timestamp,
    done: bool,
    answered: Option<RunId>,
}

impl BatchBody {
    fn read(mut bytes: &[u8]) -> postcard::Result<Self> {
        let mut body = Self::default();
        while !bytes.is_empty() {
            let (item, rest) = postcard::take_from_bytes(bytes)?;
            match item {
                Item::Event(event) => body.events.push(event),
                Item::Handled(handled) => body.handled.push(handled),
                Item::Run(run) => body.runs.push(run),
            }
            bytes = rest;
        }
        Ok(body)
    }
}

/// What a batch says of one event, in a few words.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    Arrived { event: EventId, is_done: bool },
    Handled { event: EventId },
    Run { event: EventId, run: RunId, begins: bool, has_ended: bool },
}

/// A batch with its events and runs packed, on its way to the writer.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) marks: Vec<Mark>,
    /// The runs that end as killed.
    pub(super) killed: Vec<RunId>,
    pub(super) body: Vec<u8>,
    pub(super) rest: Batch,
}

impl Packed {
    /// The moment that it was taken at.
    pub(super) fn at(&self) -> Timestamp {
        self.rest.at
    }
}

/// Packs batches, in the room that the one before had: it is large, and new room is slow at first.
///
/// Whoever records a batch packs it, so that the writer neither waits for that nor frees what others allocated. What is packed as soon
/// as it happens need not be kept until the batch is taken, and is at hand still.
#[derive(Debug, Default)]
pub struct Packer {
    /// The items that are not compressed yet.
    piece: Vec<u8>,
    body: Vec<u8>,
    marks: Vec<Mark>,
    killed: Vec<RunId>,
    packed: Vec<u8>,
}

impl Packer {
    /// Adds an event that has come to the next batch.
    pub fn add_arrival(&mut self, id: EventId, session: &str, event: &Event, at: Timestamp) {
        let (subcommand, content) = (&*event.subcommand, event.content.as_str());
        self.add_event(&NewEvent { id, session, subcommand, content, at, done: false, answered: None });
    }

    fn add_event(&mut self, event: &NewEvent<'_>) {
        self.marks.push(Mark::Arrived { event: event.id, is_done: event.done });
        self.add(&NewItem::Event(event));
    }

    /// Adds to the next batch that an event has been handled.
    pub fn add_handled(&mut self, handled: Handled) {
        self.marks.push(Mark::Handled { event: handled.event });
        self.add(&NewItem::Handled(handled));
    }

    /// Adds what is new about a run to the next batch.
    pub fn add_run(&mut self, run: &RunChange) {
        let (begins, has_ended) = (run.begun.is_some(), run.standing.ended.is_some());
        self.marks.push(Mark::Run { event: run.event, run: run.id, begins, has_ended });
        if run.standing.outcome == RunOutcome::Killed {
            self.killed.push(run.id);
        }
        self.add(&NewItem::Run(run));
    }

    fn add(&mut self, item: &NewItem<'_>) {
        self.piece = postcard::to_extend(item, take(&mut self.piece)).expect("it holds only plain data");
        if self.piece.len() >= PIECE {
            self.compress();
        }
    }

    /// Packs a batch, after what has been added to it.
    pub(super) fn pack(&mut self, mut rest: Batch) -> Packed {
        for EventRow { id, session, subcommand, content, at, done, answered } in take(&mut rest.events) {
            let (session, subcommand, content) = (&*session, &*subcommand, content.as_str());
            self.add_event(&NewEvent { id, session, subcommand, content, at, done, answered });
        }
        take(&mut rest.handled).into_iter().for_each(|handled| self.add_handled(handled));
        take(&mut rest.runs).iter().for_each(|run| self.add_run(run));
        if !self.piece.is_empty() {
            self.compress();
        }
        self.body.extend_from_slice(&END);
        let marks = Vec::with_capacity(self.marks.len());
        Packed {
            marks: replace(&mut self.marks, marks),
            killed: take(&mut self.killed),
            body: take(&mut self.body),
            rest,
        }
    }

    /// Moves a piece to the end of the body, after its size and how long it is there.
    ///
    /// Most of it is the same in every event: the names of fields, scripts and places, who writes to whom.
    fn compress(&mut self) {
        self.packed.resize(self.packed.len().max(block::get_maximum_output_size(self.piece.len())), 0);
        let length = block::compress_into(&self.piece, &mut self.packed).expect("there is room for the worst case");
        for length in [self.piece.len(), length] {
            let length = u32::try_from(length).expect("an item has less than 4 GiB");
            self.body.extend_from_slice(&length.to_le_bytes());
        }
        self.body.extend_from_slice(&self.packed[..length]);
        self.piece.clear();
    }
}

impl Mark {
    pub(super) fn event(self) -> EventId {
        match self {
            Self::Arrived { event, .. } | Self::Handled { event } | Self::Run { event, .. } => event,
        }
    }
}

/// Reads a body of a format that is known; why it cannot be, in words.
pub(super) fn read(format: i64, body: &[u8]) -> Result<BatchBody, String> {
    let body = match format {
        ..COMPRESSED => read_earlier(body),
        COMPRESSED => read_earlier(&decompressed_after_size(body)?),
        _ => BatchBody::read(&decompressed(body)?),
    };
    body.map_err(|error| error.to_string())
}

/// The pieces of a body, one after the other, up to its end.
fn decompressed(mut body: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    while body != END {
        let piece = body.split_at_checked(8).and_then(|(lengths, rest)| {
            let (size, length) = lengths.split_at(4);
            let piece = rest.split_at_checked(length_of(length)?)?;
            Some((length_of(size)?, piece))
        });
        let (size, (piece, rest)) = piece.ok_or("it has no end")?;
        decompress(size, piece, &mut plain)?;
        body = rest;
    }
    Ok(plain)
}

fn length_of(bytes: &[u8]) -> Option<usize> {
    u32::from_le_bytes(bytes.try_into().ok()?).try_into().ok()
}

/// A body that is one piece after its size.
fn decompressed_after_size(body: &[u8]) -> Result<Vec<u8>, String> {
    let (size, piece) = block::uncompressed_size(body).map_err(|error| error.to_string())?;
    let mut plain = Vec::new();
    decompress(size, piece, &mut plain)?;
    Ok(plain)
}

/// Adds what a piece of a body holds.
fn decompress(size: usize, piece: &[u8], plain: &mut Vec<u8>) -> Result<(), String> {
    // A damaged size asks for memory without end.
    if size > piece.len() * LONGEST {
        return Err(format!("it cannot have {size} bytes"));
    }
    let start = plain.len();
    plain.resize(start + size, 0);
    let end = block::decompress_into(piece, &mut plain[start..]).map_err(|error| error.to_string())?;
    if end < size { Err(format!("it has {end} bytes of {size}")) } else { Ok(()) }
}

/// Reads a body of a format that is not made of items.
fn read_earlier(bytes: &[u8]) -> postcard::Result<BatchBody> {
    let (events, handled, runs): (Vec<EventRow>, Vec<Handled>, Vec<EarlierChange>) = postcard::from_bytes(bytes)?;
    Ok(BatchBody { events, handled, runs: runs.into_iter().map(RunChange::from).collect() })
}

/// As [`RunChange`], in such a format.
#[derive(Deserialize)]
struct EarlierChange {
    id: RunId,
    event: EventId,
    begun: Option<EarlierRow>,
    standing: Standing,
    entries: Vec<(u32, CallRecord)>,
}

/// As [`RunRow`], in such a format.
#[derive(Deserialize)]
struct EarlierRow {
    id: RunId,
    event: EventId,
    session: Arc<str>,
    script: Arc<str>,
    function: Arc<str>,
    generation: i64,
    bundle: [u8; 32],
    started: Timestamp,
    rebuild: bool,
    format: i64,
}

impl From<EarlierChange> for RunChange {
    fn from(EarlierChange { id, event, begun, standing, entries }: EarlierChange) -> Self {
        let begun = begun.map(|row| Box::new(row.into()));
        Self { id, event, begun, standing, entries, answers: Vec::new() }
    }
}

impl From<EarlierRow> for RunRow {
    fn from(row: EarlierRow) -> Self {
        let EarlierRow { id, event, session, script, function, generation, bundle, started, rebuild, format } = row;
        let bundle = BundleHash(bundle);
        Self { id, event, session, script, function, generation, bundle, started, rebuild, format }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Content;

    fn body() -> BatchBody {
        let event = |id: i64| EventRow {
            id: EventId::new(id),
            session: "main".into(),
            subcommand: "RECEIVE_MESSAGE".into(),
            content: Content::new(format!(r#"{{"id":"{id}","from":"u0123456789abcdef","text":"ping"}}"#)),
            at: 1_700_000_000_000 + id,
            done: true,
            answered: None,
        };
        BatchBody { events: (1..=100).map(event).collect(), handled: Vec::new(), runs: Vec::new() }
    }

    #[test]
    fn what_earlier_formats_wrote_is_read() {
        let runs = Vec::<()>::new();
        let handled = vec![Handled { event: EventId::new(7), answered: None }];
        let plain = postcard::to_allocvec(&(body().events, &handled, runs)).expect("it holds only plain data");
        for format in [1, 2] {
            let read = read(format, &plain).expect("it is whole");
            assert_eq!((read.events, read.handled), (body().events, handled.clone()));
        }
        let packed = Packer::default().pack(Batch { events: body().events, ..Batch::default() }).body;
        assert_eq!(read(FORMAT, &packed).expect("it is whole").events, body().events);
        assert!(packed.len() * 4 < plain.len(), "{} of {} bytes", packed.len(), plain.len());
    }

    #[test]
    fn a_long_body_is_read_piece_by_piece() {
        let events: Vec<_> = body().events.into_iter().cycle().take(2_000).collect();
        let packed = Packer::default().pack(Batch { events: events.clone(), ..Batch::default() }).body;
        let first = length_of(&packed[..4]).expect("the size of the first piece");
        assert!((PIECE..2 * PIECE).contains(&first), "{first}");
        assert_eq!(read(FORMAT, &packed).expect("it is whole").events, events);
    }

    #[test]
    fn a_damaged_body_is_an_error_wherever_it_is_damaged() {
        let whole = Packer::default().pack(Batch { events: body().events, ..Batch::default() }).body;
        for length in 0..whole.len() {
            assert!(read(FORMAT, &whole[..length]).is_err(), "{length} bytes of it");
        }
        for at in 0..8 {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x80;
            assert!(read(FORMAT, &damaged).is_err(), "byte {at} of its size");
        }
    }
}
