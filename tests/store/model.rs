//! What the journal keeps of events and runs: a small reference model, batch by batch, against the store on disk.

use std::collections::BTreeMap;

use hotline::protocol::Content;
use hotline::store::{
    Batch, BundleHash, BundleRow, CallKind, CallOutcome, CallRecord, Durability, EventId, EventRow, Handled, Handling,
    JournalReader, MessageRow, RunChange, RunId, RunOutcome, RunRecord, RunRow, Standing, Store, Tenant,
};
use proptest::prelude::*;
use tempfile::{TempDir, tempdir};

const START: i64 = 1_700_000_000_000;
const SESSION: &str = "main";

/// What can happen to a journal.
#[derive(Clone, Debug)]
enum Step {
    /// An event arrives.
    Arrive,
    /// A run of an event begins that is not done.
    Begin(usize),
    /// A run makes a call that is not answered yet.
    Call(usize),
    /// A run's last call is answered.
    Answer(usize),
    /// A run ends.
    End(usize),
    /// An event is done.
    Done(usize),
    /// A batch is taken, this many milliseconds after the last one.
    Batch(u16),
    /// The process ends and another begins.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Arrive),
        4 => any::<usize>().prop_map(Step::Begin),
        3 => any::<usize>().prop_map(Step::Call),
        3 => any::<usize>().prop_map(Step::Answer),
        3 => any::<usize>().prop_map(Step::End),
        3 => any::<usize>().prop_map(Step::Done),
        4 => (0_u16..3_000).prop_map(Step::Batch),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..60)
}

/// A store beside the model of what it must have.
struct Journal {
    folder: TempDir,
    store: Option<Store>,
    model: BTreeMap<EventId, Handling>,
    batch: Batch,
    /// Runs that have changed since the last batch: whether they have begun since, and their entries of before.
    changed: BTreeMap<RunId, (bool, usize)>,
    next: i64,
    /// How many messages have arrived, pruned ones too.
    messages: usize,
}

impl Journal {
    fn new() -> Self {
        let folder = tempdir().expect("a folder");
        let store = Some(Store::open(folder.path(), Durability::Relaxed).expect("it opens"));
        let batch = Batch { at: START, ..Batch::default() };
        Self { folder, store, model: BTreeMap::new(), batch, changed: BTreeMap::new(), next: 1, messages: 0 }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("it is open")
    }

    fn id(&mut self) -> i64 {
        self.next += 1;
        self.next - 1
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Arrive => {
                let id = EventId::new(self.id());
                let event = EventRow {
                    id,
                    session: SESSION.into(),
                    subcommand: "RECEIVE_MESSAGE".into(),
                    content: Content::new(format!(r#"{{"id":"m{id}"}}"#)),
                    at: self.batch.at,
                    done: false,
                    answered: None,
                };
                self.messages += 1;
                let message = format!("m{id}").as_str().into();
                self.batch.messages.push(MessageRow { session: SESSION.into(), id: message, at: self.batch.at });
                self.batch.events.push(event.clone());
                self.model.insert(id, Handling { event, runs: Vec::new() });
            }
            Step::Begin(which) => {
                let Some(event) = self.pick_event(*which) else { return };
                let id = RunId::new(self.id());
                let run = RunRow {
                    id,
                    event,
                    session: SESSION.into(),
                    script: "bot".into(),
                    function: "on_message".into(),
                    generation: 1,
                    bundle: BundleHash([7; 32]),
                    started: self.batch.at,
                    rebuild: true,
                    format: 1,
                };
                self.changed.insert(id, (true, 0));
                let record = RunRecord { run, standing: Standing::default(), entries: Vec::new() };
                self.model.get_mut(&event).expect("it was picked").runs.push(record);
            }
            Step::Call(which) => self.change(*which, |run, at| {
                run.entries.push(CallRecord {
                    kind: CallKind::Effect,
                    name: "SendText".into(),
                    detail: run.entries.len().to_string().into(),
                    place: "bot.rhai:1".into(),
                    at,
                    took: 0,
                    outcome: CallOutcome::Pending,
                });
            }),
            Step::Answer(which) => self.change(*which, |run, _| {
                if let Some(last) = run.entries.last_mut() {
                    last.outcome = CallOutcome::Content("{}".to_owned());
                }
            }),
            Step::End(which) => self.change(*which, |run, at| {
                run.standing = Standing { ended: Some(at), outcome: RunOutcome::Handled, ..Standing::default() };
            }),
            Step::Done(which) => {
                let Some(event) = self.pick_event(*which) else { return };
                let handling = self.model.get_mut(&event).expect("it was picked");
                handling.event.done = true;
                match self.batch.events.iter_mut().find(|new| new.id == event) {
                    Some(new) => new.done = true,
                    None => self.batch.handled.push(Handled { event, answered: None }),
                }
            }
            Step::Batch(later) => self.record(*later),
            Step::Restart => {
                self.record(0);
                self.store = None;
                self.store = Some(Store::open(self.folder.path(), Durability::Relaxed).expect("it opens again"));
            }
        }
    }

    fn pick_event(&self, which: usize) -> Option<EventId> {
        let open: Vec<_> = self.model.values().filter(|one| !one.event.done).map(|one| one.event.id).collect();
        (!open.is_empty()).then(|| open[which % open.len()])
    }

    fn change(&mut self, which: usize, change: impl FnOnce(&mut RunRecord, i64)) {
        let runs = self.model.values_mut().flat_map(|one| &mut one.runs);
        let mut open: Vec<_> = runs.filter(|run| run.standing.ended.is_none()).collect();
        if open.is_empty() {
            return;
        }
        let run = which % open.len();
        let run = &mut open[run];
        // The last entry may be replaced.
        self.changed.entry(run.run.id).or_insert((false, run.entries.len().saturating_sub(1)));
        change(run, self.batch.at);
    }

    fn record(&mut self, later: u16) {
        for run in self.model.values().flat_map(|one| &one.runs) {
            let Some((begins, known)) = self.changed.remove(&run.run.id) else { continue };
            let entries = (0_u32..).zip(run.entries.iter().cloned()).skip(known).collect();
            let begun = begins.then(|| Box::new(run.run.clone()));
            let (id, event, standing) = (run.run.id, run.run.event, run.standing.clone());
            self.batch.runs.push(RunChange { id, event, begun, standing, entries, answers: Vec::new() });
        }
        let next = Batch { at: self.batch.at + i64::from(later), ..Batch::default() };
        let batch = std::mem::replace(&mut self.batch, next);
        self.store().record(batch, None);
    }

    /// Compares everything that can be read with the model.
    fn check(&mut self) {
        self.record(0);
        self.store().flush().expect("the disk is there");
        let reader = JournalReader::open(self.folder.path()).expect("there is a journal");
        let expected: Vec<_> = self.model.values().rev().cloned().collect();
        assert_eq!(reader.events(u32::MAX).expect("it can be read"), expected);
        assert_eq!(reader.events(2).expect("it can be read"), expected[..expected.len().min(2)]);
        for handling in self.model.values() {
            assert_eq!(reader.event(handling.event.id).expect("it can be read").as_ref(), Some(handling));
            for run in &handling.runs {
                assert_eq!(reader.run(run.run.id).expect("it can be read").as_ref(), Some(run));
            }
        }
        assert_eq!(reader.event(EventId::new(self.next)).expect("it can be read"), None);
        let runs = self.model.values().flat_map(|handling| &handling.runs);
        let mut open: Vec<_> = runs.filter(|run| run.standing.ended.is_none()).cloned().collect();
        open.sort_by_key(|run| run.run.id);
        assert_eq!(reader.open_runs().expect("it can be read"), open);

        let (gateway, account) = ("ws://a".to_owned(), "bot".to_owned());
        let tenant = Tenant { gateway, account, scripts: None, now: self.batch.at };
        let recovered = self.store().recover(SESSION, tenant).expect("it can be read");
        let new: Vec<_> = self.model.values().filter(|one| !one.event.done).cloned().collect();
        assert_eq!(recovered.events, new);
        let waiting = self.model.values().filter(|one| one.event.done).cloned().filter_map(|mut one| {
            one.runs.retain(|run| run.standing.ended.is_none());
            (!one.runs.is_empty()).then_some(one)
        });
        assert_eq!(recovered.waiting, waiting.collect::<Vec<_>>());
        assert_eq!(recovered.messages.len(), self.messages);
        let highest = self.store().highest_id().expect("it can be read");
        assert_eq!(highest, self.next - 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn everything_that_was_recorded_is_there_however_it_was_batched(steps in steps()) {
        let mut journal = Journal::new();
        for step in &steps {
            journal.take(step);
        }
        journal.check();
        // Reading what a session left behind settles it; nothing is lost by that.
        journal.check();
        journal.take(&Step::Restart);
        journal.check();
    }
}

#[test]
fn what_is_over_goes_and_what_is_needed_stays() {
    let mut journal = Journal::new();
    journal.batch.bundles.push(BundleRow {
        hash: BundleHash([7; 32]),
        script: "bot".to_owned(),
        sources: "{}".to_owned(),
    });
    for step in [Step::Arrive, Step::Begin(0), Step::End(0), Step::Done(0), Step::Batch(5_000)] {
        journal.take(&step);
    }
    for step in [Step::Arrive, Step::Begin(0), Step::Done(0), Step::Batch(5_000), Step::Batch(0)] {
        journal.take(&step);
    }
    let year = 365 * 24 * 3_600 * 1_000;
    journal.store().prune(START + year, START + year).expect("the disk is there");
    journal.model.remove(&EventId::new(1));
    journal.check();
    let bundle = |store: &Store| store.bundle(&BundleHash([7; 32])).expect("it can be read");
    assert_eq!(bundle(journal.store()).as_deref(), Some("{}"), "a run needs it");

    journal.take(&Step::End(0));
    journal.take(&Step::Batch(0));
    journal.store().prune(START + 2 * year, START + 2 * year).expect("the disk is there");
    assert!(bundle(journal.store()).is_some(), "its script is loaded");
    journal.take(&Step::Restart);
    journal.store().prune(START + 4 * year, START + 4 * year).expect("the disk is there");
    assert_eq!(bundle(journal.store()), None);
}
