//! The owner, who is told of troubles, and what `hotline status` is told.

use std::time::Duration;

use hotline::clock::Clock;
use hotline::host::Host;
use hotline::host::config::BotOwner;

use super::support::{Answer, Bot, Gateway, Setup, is_text_to, soon};

const OWNER: &str = "u0123456789abcdef0123456789abcdef";

const BREAKING: &str =
    "fn on_message(msg) {\n    if msg.text == \"break\" { throw \"broken\"; }\n    msg.reply(msg.text);\n}\n";

/// Waits until this many troubles were noted.
async fn troubles(bot: &Bot, count: u64) {
    let noted = async {
        while bot.status().await.troubles.iter().map(|trouble| trouble.count).sum::<u64>() < count {
            tokio::task::yield_now().await;
        }
    };
    soon("troubles", noted).await;
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_failures_is_one_message_and_the_next_comes_a_minute_later() {
    let clock = Clock::manual(1_700_000_000_000);
    let bot = Setup::new().clock(&clock).owner(OWNER, None).script("bot", BREAKING).start().await;
    for _ in 0..50 {
        bot.says("u1", "break");
    }
    troubles(&bot, 50).await;
    clock.advance(seconds(2));
    let place = format!("{}:2:30: broken", bot.file("bot").display());
    let line = format!("on_message of bot failed in session main: {place}");
    assert_eq!(bot.text_to(OWNER).await, format!("{line} (50 times)"));
    bot.save("worse", "fn on_message(msg) {");
    bot.says("u1", "break");
    troubles(&bot, 52).await;
    clock.advance(seconds(30));
    // Whoever is served after the message was due would have come after it.
    bot.says("u2", "hello");
    assert_eq!(bot.text_to("u2").await, "hello");
    assert_eq!(bot.texts_to(OWNER).len(), 1);
    clock.advance(seconds(30));
    let text = bot.text_to(OWNER).await;
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), 2, "{text}");
    let worse = bot.file("worse").display().to_string();
    assert!(lines[0].starts_with(&format!("• {worse} does not load, and nothing of it is live: line 1: ")), "{text}");
    assert_eq!(lines[1], format!("• {line}"));
    bot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_refused_is_kept_and_what_the_network_says_of_it_is_no_trouble() {
    let clock = Clock::manual(1_700_000_000_000);
    let setup = Setup::new().clock(&clock).session("a").session("b").owner(OWNER, None);
    let bot = setup.script("bot", BREAKING).start().await;
    bot.gateway(0).answers(|request| match is_text_to(request, OWNER) {
        true => Answer::Refuse(35, "ABUSE_BLOCK: enough"),
        false => Answer::Content(serde_json::json!({})),
    });
    bot.says("u1", "break");
    troubles(&bot, 1).await;
    clock.advance(seconds(2));
    assert!(bot.gateway(0).text_to(OWNER).await.contains("broken"));
    // It is noted, though not told.
    troubles(&bot, 2).await;
    clock.advance(seconds(60));
    let text = bot.gateway(1).text_to(OWNER).await;
    assert!(text.contains("broken") && !text.contains("ABUSE_BLOCK"), "{text}");
    bot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_reaches_the_owner_through_another_session_and_nothing_else() {
    let clock = Clock::manual(1_700_000_000_000);
    let setup = Setup::new().clock(&clock).session("a").session("b").owner(OWNER, None).script("bot", BREAKING);
    let gateways = [Gateway::listen(None).await, Gateway::listen(Some("271828")).await];
    let options = setup.options(&gateways);
    let data = options.config.data.clone();
    let host = Host::start(options).await.expect("the engine starts");
    // Where the session was not up yet, it is looked again a second later.
    let told = async {
        loop {
            tokio::select! {
                biased;
                text = gateways[0].text_to(OWNER) => return text,
                () = tokio::task::yield_now() => clock.advance(Duration::from_millis(100)),
            }
        }
    };
    let text = soon("the PIN", told).await;
    assert_eq!(text, "session b: a PIN is to be typed on the phone of b@bot.test: 271828");
    soon("the engine to stop", host.stop()).await.expect("the disk takes writes");
    for file in std::fs::read_dir(data).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).unwrap_or_default();
        assert!(!bytes.windows(6).any(|part| part == b"271828"), "a PIN is kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_reaches_the_owner_through_the_session_that_the_configuration_names() {
    let clock = Clock::manual(1_700_000_000_000);
    let setup = Setup::new().clock(&clock).session("a").session("b").session("c").owner(OWNER, Some("c"));
    let gateways =
        [Gateway::listen(None).await, Gateway::refusing(1, "AUTHENTICATION_FAILED").await, Gateway::listen(None).await];
    let options = setup.options(&gateways);
    assert_eq!(options.config.owner, Some(BotOwner { mid: OWNER.to_owned(), session: Some("c".to_owned()) }));
    let host = Host::start(options).await.expect("the engine starts");
    let told = async {
        loop {
            tokio::select! {
                biased;
                text = gateways[2].text_to(OWNER) => return text,
                () = tokio::task::yield_now() => clock.advance(Duration::from_millis(100)),
            }
        }
    };
    let text = soon("the refusal", told).await;
    assert_eq!(text, "session b: the login was refused, and is not tried again: AUTHENTICATION_FAILED");
    soon("the engine to stop", host.stop()).await.expect("the disk takes writes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_tells_sessions_scripts_runs_timers_and_troubles() {
    let script = format!("every(\"1h\", \"beat\");\nfn beat() {{}}\n{BREAKING}fn on_start() {{ sleep(\"1h\"); }}\n");
    let clock = Clock::manual(1_700_000_000_000);
    let bot = Setup::new().clock(&clock).script("bot", script).script("bad", "fn on_message(").start().await;
    bot.says("u1", "break");
    bot.says("u1", "hello");
    troubles(&bot, 2).await;
    let answered = async {
        while bot.status().await.snapshot.sessions[0].latency.is_none() {
            tokio::task::yield_now().await;
        }
    };
    soon("the answer to a command", answered).await;
    let status = bot.status().await;
    assert_eq!((status.started, status.process), (1_700_000_000_000, std::process::id()));
    let session = &status.snapshot.sessions[0];
    assert_eq!((session.name.as_str(), session.latency), ("main", Some(0)));
    let scripts: Vec<_> = status.snapshot.scripts.iter().map(|it| (it.name.as_str(), it.fault.is_some())).collect();
    assert_eq!(scripts, [("bad", true), ("bot", false)]);
    let runs: Vec<_> = status.snapshot.runs.iter().map(|it| it.function.as_str()).collect();
    assert_eq!((runs.as_slice(), status.snapshot.timers.len()), (&["on_start"][..], 1));
    assert!(status.bytes > 0 && status.troubles.iter().any(|it| it.text.contains("broken")), "{status:?}");
    bot.stop().await;
}
