//! Single scenes in the life of a machine, each with the moments at which something has to happen.

use super::tests::config;
use super::*;
use crate::session::Pacing;
use crate::session::calls::{CallOrder, CallStep};
use crate::session::config::SILENCE;

/// A machine that is live on its first connection, its outputs taken.
fn live(seed: u64) -> Machine<u32> {
    let mut machine = Machine::new(config(), seed, Duration::ZERO);
    log_in(&mut machine, Duration::ZERO);
    machine
}

fn log_in(machine: &mut Machine<u32>, now: Duration) {
    let connection = machine.connection;
    machine.connected(connection, now);
    machine.frame(connection, r#"{"command":"OnLogin","code":0,"content":"{\"mid\":\"u9\"}"}"#, now);
    while machine.output().is_some() {}
}

#[test]
fn the_delays_grow_and_a_minute_of_health_makes_them_short_again() {
    let mut longest = [Duration::ZERO; 8];
    for seed in 0..300 {
        let mut machine = live(seed);
        let mut now = Duration::from_secs(1);
        for longest in &mut longest {
            machine.disconnected(machine.connection, "it broke", now);
            let retry = machine.next_wake().expect("it tries again");
            let delay = retry - now;
            assert!(delay >= BACKOFF_MIN && delay <= BACKOFF_MAX);
            *longest = delay.max(*longest);
            now = retry;
            machine.tick(now);
        }
        log_in(&mut machine, now);
        now += HEALTHY;
        machine.disconnected(machine.connection, "it broke", now);
        assert!(machine.next_wake().expect("it tries again") - now <= 2 * BACKOFF_MIN);
    }
    let seconds = longest.map(|longest| longest.as_secs());
    assert_eq!(seconds[..5], [1, 3, 7, 15, 29], "just under 2, 4, 8, 16 and 30");
}

#[test]
fn silence_means_nothing_while_the_socket_is_not_read() {
    let mut machine = live(1);
    machine.reading_stopped();
    machine.tick(10 * SILENCE);
    let frames: Vec<_> = std::iter::from_fn(|| machine.output()).collect();
    assert!(matches!(&frames[..], [Output::Send(_, beat)] if beat == HEARTBEAT), "{frames:?}");
    machine.reading_resumed(10 * SILENCE);
    machine.tick(11 * SILENCE);
    let frames: Vec<_> = std::iter::from_fn(|| machine.output()).collect();
    assert!(matches!(&frames[..], [Output::Send(_, question), Output::Send(..)] if question.contains("GetProfile")));
}

#[test]
fn a_machine_that_is_held_makes_no_connection_before_it_is_not() {
    let mut machine = live(1);
    machine.set_held(true, Duration::ZERO);
    machine.disconnected(machine.connection, "it broke", Duration::ZERO);
    while machine.output().is_some() {}
    assert_eq!(machine.next_wake(), None);
    machine.tick(HEALTHY);
    assert!(machine.output().is_none());
    machine.set_held(false, HEALTHY);
    assert!(matches!(machine.output(), Some(Output::Connect(_))));
}

#[test]
fn any_frame_proves_life_and_the_question_is_forgotten() {
    let mut machine = live(1);
    machine.tick(SILENCE);
    machine.frame(1, r#"{"command":"HeartBeat"}"#, SILENCE + PROBE / 2);
    machine.tick(SILENCE + PROBE);
    assert!(matches!(machine.state, State::Live { probe: None, .. }));
}

#[test]
fn a_pin_that_is_not_typed_costs_the_connection_after_ten_minutes() {
    let certificate = Some("paper".to_owned());
    let mut machine = Machine::<u32>::new(SessionConfig { certificate, ..config() }, 1, Duration::ZERO);
    machine.connected(1, Duration::ZERO);
    machine.frame(1, r#"{"command":"X","content":"{\"a\":[{\"pinCode\":\"77\"}]}"}"#, Duration::from_secs(100));
    machine.tick(Duration::from_secs(100) + LOGIN);
    assert_eq!(machine.phase(), Phase::AwaitingPin);
    machine.tick(Duration::from_secs(100) + PIN);
    assert_eq!(machine.phase(), Phase::Lost { attempts: 1 });
}

#[test]
fn a_first_login_waits_for_a_person_and_a_later_one_for_the_gateway() {
    for (certificate, patience) in [(None, PIN), (Some("paper".to_owned()), LOGIN)] {
        let mut machine = Machine::<u32>::new(SessionConfig { certificate, ..config() }, 1, Duration::ZERO);
        machine.connected(1, Duration::ZERO);
        machine.tick(patience - Duration::from_secs(1));
        assert_eq!(machine.phase(), Phase::LoggingIn);
        machine.tick(patience);
        assert_eq!(machine.phase(), Phase::Lost { attempts: 1 });
    }
}

#[test]
fn a_certificate_is_taken_from_the_frame_and_told_once() {
    let mut machine = Machine::<u32>::new(config(), 1, Duration::ZERO);
    let login = r#"{"command":"OnLogin","code":0,"certificate":"c","content":{"session":{"mid":"u9"}}}"#;
    for connection in 1..=2 {
        machine.connected(connection, Duration::ZERO);
        machine.frame(connection, login, Duration::ZERO);
        let outputs: Vec<_> = std::iter::from_fn(|| machine.output()).collect();
        let is_told = |output: &Output<u32>| matches!(output, Output::Signal(Signal::Certificate(told)) if told == "c");
        assert_eq!(outputs.iter().filter(|output| is_told(output)).count(), usize::from(connection == 1));
        assert!(matches!(outputs.last(), Some(Output::Signal(Signal::LoggedIn { mid, .. })) if mid == "u9"));
        machine.disconnected(connection, "it broke", Duration::ZERO);
        machine.tick(Duration::from_secs(30));
    }
}

/// The signals among the outputs.
fn signals(machine: &mut Machine<u32>) -> Vec<Signal> {
    std::iter::from_fn(|| machine.output())
        .filter_map(|output| match output {
            Output::Signal(signal) => Some(signal),
            _ => None,
        })
        .collect()
}

/// The number of the question that the machine asks.
fn question(machine: &mut Machine<u32>) -> Option<i64> {
    let frames = std::iter::from_fn(|| machine.output()).filter_map(|output| match output {
        Output::Send(_, frame) if frame.contains("GetProfile") => {
            serde_json::from_str::<serde_json::Value>(&frame).ok()
        }
        _ => None,
    });
    frames.last()?["task_id"].as_i64()
}

#[test]
fn the_same_pin_again_gives_no_more_time_and_a_new_one_does() {
    let minute = Duration::from_secs(60);
    let mut machine = Machine::<u32>::new(config(), 1, Duration::ZERO);
    machine.connected(1, Duration::ZERO);
    let pin = |pin: &str| format!(r#"{{"command":"OnPinCode","content":{{"pin":"{pin}"}}}}"#);
    machine.frame(1, &pin("1"), minute);
    machine.frame(1, &pin("1"), 9 * minute);
    machine.frame(1, &pin("2"), 10 * minute);
    machine.tick(11 * minute);
    assert_eq!(machine.phase(), Phase::AwaitingPin);
    machine.frame(1, &pin("2"), 19 * minute);
    machine.tick(20 * minute);
    assert_eq!(machine.phase(), Phase::Lost { attempts: 1 });
}

#[test]
fn a_profile_that_is_refused_is_asked_for_less_and_less_often() {
    let mut machine = Machine::<u32>::new(SessionConfig { pacing: Pacing::Gentle, ..config() }, 1, Duration::ZERO);
    machine.connected(1, Duration::ZERO);
    let mut now = Duration::ZERO;
    machine.frame(1, r#"{"command":"OnLogin","code":0,"content":"{}"}"#, now);
    let mut waits = Vec::new();
    for _ in 0..8 {
        let task_id = question(&mut machine).expect("it asks");
        let refusal = format!(r#"{{"command":"GetProfile","task_id":{task_id},"code":17,"content":"not yet"}}"#);
        machine.frame(1, &refusal, now);
        let asked = now;
        while question(&mut machine).is_none() {
            now += Duration::from_secs(1);
            machine.tick(now);
            if let State::Identifying { question: Some(_), .. } = &machine.state {
                break;
            }
        }
        waits.push((now - asked).as_secs());
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300]);
}

#[test]
fn a_complaint_about_the_profile_is_heard() {
    let mut machine = Machine::<u32>::new(SessionConfig { pacing: Pacing::Gentle, ..config() }, 1, Duration::ZERO);
    machine.connected(1, Duration::ZERO);
    machine.frame(1, r#"{"command":"OnLogin","code":0,"content":"{}"}"#, Duration::ZERO);
    let task_id = question(&mut machine).expect("it asks");
    let abuse = format!(r#"{{"command":"GetProfile","task_id":{task_id},"code":35,"content":"ABUSE_BLOCK: enough"}}"#);
    machine.frame(1, &abuse, Duration::ZERO);
    let told = signals(&mut machine);
    assert!(matches!(&told[..], [Signal::Slowed { pause, .. }, Signal::LoginNotice(_)] if pause.as_secs() == 300));
    machine.tick(Duration::from_secs(299));
    assert_eq!(question(&mut machine), None);
    machine.tick(Duration::from_secs(300));
    assert!(question(&mut machine).is_some());
}

#[test]
fn what_a_gateway_says_while_logging_in_is_shown_without_secrets() {
    let config = SessionConfig { certificate: Some("paper".into()), ..config() };
    let mut machine = Machine::<u32>::new(config, 1, Duration::ZERO);
    machine.connected(1, Duration::ZERO);
    machine.frame(1, r#"{"command":"X","content":"{\"cert\":\"new\",\"note\":\"had paper\"}"}"#, Duration::ZERO);
    let [Signal::LoginNotice(notice)] = &signals(&mut machine)[..] else { panic!("no notice") };
    assert_eq!(notice, r#"{"command":"X","content":"{\"cert\":\"***\",\"note\":\"had ***\"}"}"#);
    machine.frame(1, r#"{"command":"OnLogin","code":1,"content":"paper is no certificate"}"#, Duration::ZERO);
    let [Signal::Refused(failure)] = &signals(&mut machine)[..] else { panic!("not refused") };
    assert_eq!(failure.content, "*** is no certificate");
}

#[test]
fn a_session_that_takes_the_place_of_another_goes_on_with_its_pauses() {
    let pacing = Pacing::Gentle;
    let mut machine = Machine::<u32>::new(SessionConfig { pacing: pacing.clone(), ..config() }, 1, Duration::ZERO);
    log_in(&mut machine, Duration::ZERO);
    let abuse = Failure { code: 35, content: "ABUSE_BLOCK: enough".into() };
    machine.hear(&abuse, Duration::from_secs(1));
    for _ in 0..3 {
        machine.disconnected(machine.connection, "it broke", Duration::from_secs(2));
        machine.connect(Duration::from_secs(2));
    }
    machine.disconnected(machine.connection, "it broke", Duration::from_secs(2));
    let retry = machine.next_wake().expect("it tries again");
    let mut status = Status::default();
    machine.write_status(&mut status);

    let config = SessionConfig { pacing, restraint: status.restraint, ..config() };
    let mut next = Machine::<u32>::new(config, 2, Duration::from_secs(2));
    assert!(next.output().is_none(), "it does not connect yet");
    assert_eq!(next.next_wake(), Some(retry));
    assert_eq!(next.phase(), Phase::Lost { attempts: 4 });
    next.tick(retry);
    log_in(&mut next, retry);
    let order =
        CallOrder { step: CallStep::Whole, command: "SendText".into(), row: None, fields: "{}".into(), reply: 1 };
    next.call(order, retry);
    assert_eq!(next.queues.next_wake(), Some(Duration::from_secs(301)));
    next.hear(&abuse, Duration::from_secs(302));
    let told = signals(&mut next);
    assert!(matches!(&told[..], [Signal::Slowed { pause, .. }] if pause.as_secs() == 600), "{told:?}");
}

#[test]
fn a_login_that_meets_a_complaint_of_haste_is_put_off_and_one_that_is_refused_ends() {
    let mut machine = Machine::<u32>::new(config(), 1, Duration::ZERO);
    machine.connected(1, Duration::ZERO);
    machine.frame(1, r#"{"command":"OnLogin","code":35,"content":"ABUSE_BLOCK: enough"}"#, Duration::ZERO);
    let told = signals(&mut machine);
    assert!(matches!(&told[..], [Signal::Disconnected { retry, .. }] if retry.as_secs() == 300), "{told:?}");
    machine.tick(Duration::from_secs(299));
    assert!(machine.output().is_none());
    machine.tick(Duration::from_secs(300));
    assert!(matches!(machine.output(), Some(Output::Connect(2))));
    machine.connected(2, Duration::from_secs(300));
    machine.frame(2, r#"{"command":"OnLogin","code":17,"content":"NOT_AUTHENTICATED"}"#, Duration::from_secs(300));
    assert!(matches!(machine.end(), Ended::Refused(failure) if failure.code == 17));
}

#[test]
fn a_certificate_that_the_gateway_does_not_know_any_more_is_given_up() {
    for certificate in [Some("paper".to_owned()), None] {
        let has_one = certificate.is_some();
        let mut machine = Machine::<u32>::new(SessionConfig { certificate, ..config() }, 1, Duration::ZERO);
        machine.connected(1, Duration::ZERO);
        machine.frame(1, r#"{"command":"OnLogin","code":8,"content":"NOT_AUTHORIZED_DEVICE"}"#, Duration::ZERO);
        let told = signals(&mut machine);
        assert_eq!(
            told.iter().filter(|signal| **signal == Signal::Certificate(String::new())).count(),
            usize::from(has_one)
        );
        assert!(matches!(told.last(), Some(Signal::Refused(_))));
    }
}

#[test]
fn what_an_outage_leaves_to_be_sent_again_waits_while_the_gateway_complains() {
    let mut machine = Machine::<u32>::new(SessionConfig { pacing: Pacing::Gentle, ..config() }, 1, Duration::ZERO);
    log_in(&mut machine, Duration::ZERO);
    let row = crate::protocol::Command::named("GetProfile");
    let order = CallOrder { step: CallStep::Whole, command: "GetProfile".into(), row, fields: "{}".into(), reply: 1 };
    machine.call(order, Duration::ZERO);
    assert!(question(&mut machine).is_some());
    let haste = Failure { code: 4, content: "EXCESSIVE_ACCESS: slow down".into() };
    machine.hear(&haste, Duration::from_secs(1));
    machine.disconnected(machine.connection, "it broke", Duration::from_secs(1));
    machine.tick(Duration::from_secs(6));
    log_in(&mut machine, Duration::from_secs(6));
    assert_eq!(question(&mut machine), None);
    assert_eq!(machine.next_wake(), Some(Duration::from_secs(11)));
    machine.tick(Duration::from_secs(11));
    assert!(question(&mut machine).is_some());
}

/// What became of the calls that are over.
fn completed(machine: &mut Machine<u32>) -> Vec<(u32, bool)> {
    let outputs = std::iter::from_fn(|| machine.output());
    let over = |output| match output {
        Output::Complete(reply, result) => Some((reply, result.is_ok())),
        _ => None,
    };
    outputs.filter_map(over).collect()
}

#[test]
fn an_answer_that_has_lost_its_number_is_that_of_the_one_call_of_its_command() {
    let call = |machine: &mut Machine<u32>, command: &'static str, reply| {
        let row = crate::protocol::Command::named(command);
        let order = CallOrder { step: CallStep::Whole, command: command.into(), row, fields: "{}".into(), reply };
        machine.call(order, Duration::ZERO);
    };
    for number in ["", r#""task_id":null,"#, r#""task_id":"x","#, r#""task_id":{},"#, r#""task_id":NaN,"#] {
        let mut machine = live(1);
        call(&mut machine, "GetSettings", 1);
        call(&mut machine, "GetProfile", 2);
        let answer = format!(r#"{{"command":"GetProfile",{number}"code":0,"content":"{{}}"}}"#);
        machine.frame(machine.connection, &answer, Duration::ZERO);
        assert_eq!(completed(&mut machine), [(2, true)], "{number}");
        call(&mut machine, "GetProfile", 3);
        call(&mut machine, "GetProfile", 4);
        let ignored = machine.counts.ignored;
        machine.frame(machine.connection, &answer, Duration::ZERO);
        assert_eq!((completed(&mut machine), machine.counts.ignored), (vec![], ignored + 1), "either may be meant");
    }
    let mut machine = Machine::<u32>::new(config(), 1, Duration::ZERO);
    machine.connected(1, Duration::ZERO);
    machine.frame(1, r#"{"command":"OnLogin","code":0,"content":"{}"}"#, Duration::ZERO);
    machine.frame(1, r#"{"command":"GetProfile","code":0,"content":"{\"mid\":\"u9\"}"}"#, Duration::ZERO);
    assert_eq!(machine.phase(), Phase::Live);
}

#[test]
fn events_that_come_before_the_login_are_kept_within_reason_and_cost_no_connection() {
    let mut machine = Machine::<u32>::new(config(), 1, Duration::ZERO);
    machine.connected(1, Duration::ZERO);
    let large = "x".repeat(KEPT_BYTES / 4);
    for number in 0..6 {
        let event =
            serde_json::json!({"command": "OnNotify", "subcommand": "NEW", "content": format!("{number}{large}")});
        machine.frame(1, &event.to_string(), Duration::ZERO);
    }
    machine.frame(1, r#"{"command":"OnLogin","code":0,"content":"{\"mid\":\"u9\"}"}"#, Duration::ZERO);
    let events = signals(&mut machine).into_iter().filter(|signal| matches!(signal, Signal::Event(_))).count();
    assert_eq!((events, machine.phase()), (3, Phase::Live));
}
