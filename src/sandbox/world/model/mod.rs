//! The sandbox against a small model of membership, blocking and delivery: random deeds of several people with two
//! connections each, the same answers, events and histories.
//!
//! Neither side looks at the other: `expected` says what should happen, in names such as `p1` and `g0`, and `real` what
//! did, translated into the same names.

mod expected;
mod real;

use std::rc::Rc;

use proptest::prelude::*;
use serde_json::Value;

use self::expected::Model;
use self::real::Real;
use super::*;

/// How many people there are.
const PEOPLE: usize = 4;

/// How many connections each of them has.
const DEVICES: usize = 2;

/// The time at which everything happens.
const NOW: Timestamp = 1_700_000_000_000;

/// A deed; groups and messages are numbered in the order in which they come to be.
#[derive(Clone, Debug)]
enum Step {
    Create { invited: Vec<usize> },
    Invite { group: usize, invited: Vec<usize> },
    Accept { group: usize },
    Reject { group: usize },
    Leave { group: usize },
    AllowUrl { group: usize, allow: bool },
    JoinByUrl { group: usize },
    Rename { group: usize },
    Block { person: usize, block: bool },
    Add { person: usize },
    Write { person: usize },
    WriteToGroup { group: usize },
    // For these there is no command: the control interface does them.
    Kick { group: usize, target: usize },
    Cancel { group: usize, target: usize },
    Unsend { message: usize },
    FriendsOnly { only: bool },
    Unregister,
}

impl Step {
    fn is_operation(&self) -> bool {
        use Step::{Cancel, FriendsOnly, Kick, Unregister, Unsend};
        matches!(self, Kick { .. } | Cancel { .. } | Unsend { .. } | FriendsOnly { .. } | Unregister)
    }
}

/// What came of a deed.
#[derive(Debug, Default, PartialEq)]
struct Result {
    /// The name of the refusal, or the answer of a command that sends.
    answer: Option<String>,
    /// What each connection was sent, by person and device; sorted, since the order of events is the network's affair.
    heard: [[Vec<Rc<str>>; DEVICES]; PEOPLE],
}

impl Result {
    fn hear(&mut self, person: usize, device: usize, event: &Rc<str>) {
        let heard = &mut self.heard[person][device];
        let place = heard.partition_point(|other| other <= event);
        heard.insert(place, Rc::clone(event));
    }
}

/// An event as both sides write it down.
fn written(subcommand: &str, content: &Value) -> Rc<str> {
    format!("{subcommand} {content}").into()
}

fn steps() -> impl Strategy<Value = Vec<(usize, usize, Step)>> {
    let person = || 0..PEOPLE;
    let people = || prop::collection::vec(0..PEOPLE, 0..3);
    let group = || 0..3_usize;
    let step = prop_oneof![
        6 => people().prop_map(|invited| Step::Create { invited }),
        6 => (group(), people()).prop_map(|(group, invited)| Step::Invite { group, invited }),
        6 => group().prop_map(|group| Step::Accept { group }),
        3 => group().prop_map(|group| Step::Reject { group }),
        3 => group().prop_map(|group| Step::Leave { group }),
        4 => (group(), any::<bool>()).prop_map(|(group, allow)| Step::AllowUrl { group, allow }),
        4 => group().prop_map(|group| Step::JoinByUrl { group }),
        2 => group().prop_map(|group| Step::Rename { group }),
        6 => (person(), any::<bool>()).prop_map(|(person, block)| Step::Block { person, block }),
        4 => person().prop_map(|person| Step::Add { person }),
        6 => person().prop_map(|person| Step::Write { person }),
        6 => group().prop_map(|group| Step::WriteToGroup { group }),
        3 => (group(), person()).prop_map(|(group, target)| Step::Kick { group, target }),
        3 => (group(), person()).prop_map(|(group, target)| Step::Cancel { group, target }),
        4 => (0..6_usize).prop_map(|message| Step::Unsend { message }),
        3 => any::<bool>().prop_map(|only| Step::FriendsOnly { only }),
        1 => Just(Step::Unregister),
    ];
    prop::collection::vec((person(), 0..DEVICES, step), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_deeds_are_answered_and_told_as_a_small_model_says(steps in steps()) {
        let (mut model, mut real) = (Model::default(), Real::new());
        for (by, device, step) in &steps {
            // What is done in the name of a closed account is the operator's own affair.
            if model.is_closed(*by) && step.is_operation() {
                continue;
            }
            let (found, expected) = (real.step(*by, *device, step), model.step(*by, *device, step));
            prop_assert_eq!(found, expected, "{} at {} does {:?}", by, device, step);
            prop_assert_eq!(real.memberships(), model.memberships());
        }
        for person in 0..PEOPLE {
            prop_assert_eq!(real.histories(person), model.histories(person), "what {} reads", person);
        }
        // The deeds, written down and read again, make the same world: that is what the data file rests on.
        let mut replayed = World::new(1);
        for deed in &real.deeds {
            let line = serde_json::to_string(deed).expect("it can be written");
            let deed: Deed = serde_json::from_str(&line).expect("it can be read");
            let outcome = replayed.apply(&Scene { now: NOW, media: "", device: None }, &deed);
            prop_assert!(outcome.reply.is_ok());
        }
        prop_assert_eq!(real.world(), &replayed);
    }
}
