//! What can be seen of a running engine: a snapshot of how it is, and the events that lead there.

use std::time::Duration;

use hotline::clock::Clock;
use hotline::host::KillOutcome;
use hotline::runtime::{EventStream, Happening, PhaseView, RunView, ScriptState};
use hotline::store::{RunId, RunOutcome};

use super::support::{Answer, Bot, Setup, is_text_to, soon};

const HOUR: i64 = 3_600_000;

/// Asks, sleeps or sends, whatever it is told.
const BOT: &str = r#"fn on_start() { after("1h", "remind"); every("2h", "tick"); send_text("start", "ready"); }
fn remind() {}
fn tick() {}
fn on_message(msg) {
    if msg.text == "order" { msg.ask("What?", #{ timeout: "1h" }); }
    if msg.text == "rest" { sleep("2h"); }
    if msg.text == "send" { let sent = send_text("far", "hello"); state.sent = sent != (); }
    if msg.text == "fail" { throw "ouch"; }
}
"#;

async fn start(clock: &Clock) -> Bot {
    let setup = Setup::new().clock(clock).script("bot", BOT).script("broken", "fn on_message(msg) {");
    let bot = setup.script("z", "fn on_message(msg) {}").session("main").session("other").start().await;
    for session in [0, 1] {
        bot.gateway(session).text_to("start").await;
    }
    bot.answers(|request| if is_text_to(request, "far") { Answer::Hold } else { Answer::Content("ok".into()) });
    bot
}

/// Waits for the next event of which this gives something.
async fn happens<T>(what: &str, stream: &mut EventStream, wanted: impl Fn(Happening) -> Option<T>) -> T {
    let waiting = async {
        loop {
            let event = stream.next().await.expect("the engine runs").expect("nothing is missed");
            if let Some(found) = wanted(event.happening) {
                return found;
            }
        }
    };
    soon(what, waiting).await
}

/// Waits until a run waits in a call; gives its id.
async fn waits_in(stream: &mut EventStream, call: &str) -> RunId {
    happens(call, stream, |happening| match happening {
        Happening::RunWaits { run, waits } if waits.call == call => Some(run.run),
        _ => None,
    })
    .await
}

async fn run(bot: &Bot, id: RunId) -> RunView {
    let runs = bot.host().view().await.runs;
    runs.into_iter().find(|run| run.id == id).expect("it goes on")
}

#[tokio::test]
async fn a_run_shows_what_it_waits_for_and_whom_and_where_and_until_when() {
    let clock = Clock::manual(HOUR);
    let bot = start(&clock).await;
    let mut stream = bot.host().events();

    bot.says_in("c1", "u1", "order");
    let asking = run(&bot, waits_in(&mut stream, "ask").await).await;
    assert_eq!((&*asking.session, &*asking.script, &*asking.function), ("main", "bot", "on_message"));
    let waits = asking.waits.expect("it waits");
    assert_eq!((waits.chat.as_deref(), waits.person.as_deref()), (Some("c1"), Some("u1")));
    assert_eq!((waits.since, waits.until), (HOUR, Some(2 * HOUR)));
    assert!(asking.is_parked && waits.place.ends_with("bot.rhai:5"), "{}", waits.place);

    bot.says("u2", "rest");
    let sleeping = run(&bot, waits_in(&mut stream, "sleep").await).await;
    let waits = sleeping.waits.expect("it waits");
    assert_eq!((waits.until, waits.chat), (Some(3 * HOUR), None));
    assert!(sleeping.is_parked && waits.place.ends_with("bot.rhai:6"), "{}", waits.place);

    bot.says("u3", "send");
    bot.holds(1).await;
    let sending = run(&bot, waits_in(&mut stream, "SendText").await).await;
    assert!(!sending.is_parked, "its event waits for it");
    let snapshot = bot.host().view().await;
    assert_eq!((snapshot.counters.running, snapshot.counters.parked), (1, 2));
    assert_eq!(snapshot.sessions[0].queues.events, 1);
    let timers: Vec<_> = snapshot.timers.iter().map(|timer| (&*timer.session, &*timer.function, timer.due)).collect();
    let both = |function, due| [("main", function, due), ("other", function, due)];
    assert_eq!(timers, [both("remind", 2 * HOUR), both("tick", 3 * HOUR)].concat());
    assert_eq!(snapshot.timers.iter().map(|timer| timer.repeats).collect::<Vec<_>>(), [false, false, true, true]);

    bot.release();
    let ended = happens("the end", &mut stream, |happening| match happening {
        Happening::RunEnded { run, outcome } if run.run == sending.id => Some(outcome),
        _ => None,
    })
    .await;
    assert_eq!(ended, RunOutcome::PassedOn);
    bot.stop().await;
}

#[tokio::test]
async fn a_kill_is_answered_with_what_became_of_the_run() {
    let bot = start(&Clock::manual(HOUR)).await;
    let mut stream = bot.host().events();
    bot.says("u1", "order");
    let id = waits_in(&mut stream, "ask").await;
    // It is known by its id once it is on disk.
    bot.says("u2", "rest");
    let resting = waits_in(&mut stream, "sleep").await;
    for run in [id, resting] {
        assert_eq!(bot.kill(run).await, Ok(KillOutcome::Ends));
        happens("the kill", &mut stream, |happening| match happening {
            Happening::RunKilled { run: killed } => (killed == run).then_some(()),
            _ => None,
        })
        .await;
    }
    assert_eq!(bot.host().view().await.runs, []);
    assert_eq!(bot.kill(resting).await, Ok(KillOutcome::Over));
    assert_eq!(bot.kill(RunId::new(999_999_999)).await, Ok(KillOutcome::Over));
    bot.stop().await;
}

#[tokio::test]
async fn a_script_shows_whether_it_is_live_faulty_or_missing() {
    let bot = start(&Clock::system()).await;
    let mut stream = bot.host().events();
    let scripts = async || {
        let scripts = bot.host().view().await.scripts;
        let row = |script: hotline::runtime::ScriptView| {
            (script.name, script.state, script.fault.and_then(|fault| fault.line))
        };
        scripts.into_iter().map(row).collect::<Vec<_>>()
    };
    let row = |name: &str, state, line: Option<usize>| (name.to_owned(), state, line);
    let (bot_row, broken) = (row("bot", ScriptState::Live, None), row("broken", ScriptState::Faulty, Some(1)));
    assert_eq!(scripts().await, [bot_row.clone(), broken.clone(), row("z", ScriptState::Live, None)]);

    bot.save("z", "fn on_message(msg) { }");
    let generation = happens("another version", &mut stream, |happening| match happening {
        Happening::ScriptSwapped(new) => Some(new.generation),
        _ => None,
    })
    .await;
    let z = bot.host().view().await.scripts.pop().expect("it is there");
    assert_eq!((z.generation, z.hooks), (Some(generation), vec!["on_message".to_owned()]));

    bot.save("z", "fn on_message(msg) {\n");
    let fault = happens("a refusal", &mut stream, |happening| match happening {
        Happening::ScriptRefused { fault, is_survived: true } => Some(fault),
        _ => None,
    })
    .await;
    assert!(fault.file.ends_with("z.rhai") && fault.card.contains("z.rhai:"), "{}", fault.card);
    let z = bot.host().view().await.scripts.pop().expect("it is there");
    assert_eq!((z.state, z.generation), (ScriptState::Faulty, Some(generation)), "the version before it stays live");

    bot.delete("z").await;
    assert_eq!(scripts().await, [bot_row, broken, row("z", ScriptState::Missing, None)]);
    assert_eq!(bot.host().scripts().iter().filter(|script| script.is_missing).count(), 1);
    happens("that it is missing", &mut stream, |happening| match happening {
        Happening::ScriptMissing { script, .. } => (script == "z").then_some(()),
        _ => None,
    })
    .await;

    bot.save("broken", "fn on_message(msg) {}");
    happens("a first version", &mut stream, |happening| match happening {
        Happening::ScriptLoaded(new) => (new.script == "broken").then_some(()),
        _ => None,
    })
    .await;
    bot.stop().await;
}

#[tokio::test]
async fn a_session_shows_that_it_is_lost_and_that_it_is_back() {
    let clock = Clock::manual(HOUR);
    let bot = start(&clock).await;
    let phases = async || bot.host().view().await.sessions.into_iter().map(|session| session.phase).collect::<Vec<_>>();
    assert_eq!(phases().await, [PhaseView::Live, PhaseView::Live]);
    let mut stream = bot.host().events();
    bot.gateway(1).cut();
    let retry = happens("the loss", &mut stream, |happening| match happening {
        Happening::Lost { session, was_live: true, retry, .. } if session == "other" => Some(retry),
        _ => None,
    })
    .await;
    assert!(matches!(phases().await[..], [PhaseView::Live, PhaseView::Lost { .. }]));
    clock.advance(retry + Duration::from_millis(1));
    happens("another login", &mut stream, |happening| match happening {
        Happening::LoggedIn { session, mid, .. } => (session == "other" && mid == "ume").then_some(()),
        _ => None,
    })
    .await;
    assert_eq!(bot.host().view().await.sessions[1].counters.logins, 2);
    bot.stop().await;
}

#[tokio::test]
async fn a_failed_run_is_told_with_its_fault() {
    let bot = start(&Clock::manual(HOUR)).await;
    let mut stream = bot.host().events();
    bot.says("u1", "fail");
    let fault = happens("the fault", &mut stream, |happening| match happening {
        Happening::RunFailed { script, function, fault, .. } => {
            assert_eq!((&*script, &*function), ("bot", "on_message"));
            Some(fault)
        }
        _ => None,
    })
    .await;
    assert_eq!(fault.line, Some(8));
    assert!(fault.message.contains("ouch") && fault.card.contains("ouch"), "{}", fault.card);
    bot.stop().await;
}

#[tokio::test]
async fn a_pin_is_wanted_and_nobody_is_told_which() {
    let clock = Clock::manual(HOUR);
    let bot = Setup::new()
        .clock(&clock)
        .script("bot", "fn on_pin(pin) {}\nfn on_start() { send_text(\"start\", \"ready\"); }");
    let bot = bot.with_pin("271828").start().await;
    bot.text_to("start").await;
    let mut stream = bot.host().events();
    bot.cut();
    let lost = |happening| if let Happening::Lost { retry, .. } = happening { Some(retry) } else { None };
    let retry = happens("the loss", &mut stream, lost).await;
    clock.advance(retry + Duration::from_millis(1));
    let wanted = |happening| match happening {
        Happening::PinWanted { session, account, .. } => Some((session, account)),
        _ => None,
    };
    let wanted = happens("the PIN", &mut stream, wanted).await;
    assert_eq!(wanted, ("main".to_owned(), "main@bot.test".to_owned()));
    bot.stop().await;
    let mut told = Vec::new();
    while let Some(event) = stream.next().await {
        told.push(serde_json::to_string(&event.expect("nothing is missed")).expect("it is plain data"));
    }
    assert!(told.iter().any(|event| event.contains("on_pin")), "{told:?}");
    assert!(told.iter().all(|event| !event.contains("271828")), "{told:?}");
}
