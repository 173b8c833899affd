//! Runs that were in the web when their process ended: several of one chat at once, each goes on, and none twice.

use hotline::sandbox::{InjectedFault, Traffic, Trouble, When};
use std::time::Duration;

use crate::crash::scene::Scene;
use crate::site::Site;

/// A message that begins with a slash is fetched or, after "post ", posted; each says how often it has begun.
fn script(site: &Site) -> String {
    format!(
        r#"
fn on_message(msg) {{
    let nth = store.incr(`begun ${{msg.text}}`);
    if msg.text == "order" {{ msg.reply(`One ${{msg.ask("What?").text}}.`); return; }}
    if msg.text == "hold" {{ get_settings(); }}
    let answer = "";
    try {{
        if msg.text.starts_with("/") {{ answer = http_get(`{url}${{msg.text}}`).body; }}
        if msg.text == "post" {{ answer = http_post("{url}/post", "once").body; }}
        if msg.text == "put" {{ http(#{{ url: "{url}/put", method: "PUT", json: #{{ n: 1 }} }}); }}
        if msg.text == "look" {{ answer = http(#{{ url: "{url}/look", query: #{{ n: 1 }}, timeout: "10m" }}).body; }}
    }} catch (error) {{ answer = error.name; }}
    msg.reply(`${{msg.text}} ${{nth}} ${{answer}}`);
    if msg.text == "/timer" {{ after("1ms", "later", [msg.chat, 1]); after("1ms", "later", [msg.chat, 2]); }}
}}
fn later(chat, number) {{
    let answer = http_get(`{url}/later${{number}}`).body;
    sleep("10ms");
    send_text(chat, `later ${{number}} ${{answer}}`);
}}
"#,
        url = site.url("")
    )
}

async fn start(site: &Site) -> Scene {
    let mut scene = Scene::new("[http]\nallow = [\"127.0.0.1\"]", &script(site)).await;
    scene.start();
    scene
}

async fn is_in_the_web(scene: &Scene, site: &Site, path: &str) {
    scene.alice.says(path).await;
    site.is_asked(path, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_runs_of_a_chat_are_asked_for_again_after_a_kill_and_go_on_as_they_are_answered() {
    let site = Site::open().await;
    let mut scene = start(&site).await;
    for path in ["/a", "/b", "/c"] {
        is_in_the_web(&scene, &site, path).await;
    }
    scene.alice.says("hello").await;
    assert_eq!(scene.hears().await, "hello 1 ");
    scene.kill().await;
    scene.start();
    for path in ["/a", "/b", "/c"] {
        site.is_asked(path, 2).await;
    }
    scene.alice.says("hello").await;
    assert_eq!(scene.hears().await, "hello 2 ");
    scene.kill().await;
    scene.start();
    for path in ["/c", "/a", "/b"] {
        site.is_asked(path, 3).await;
        for text in ["nobody waits", "nobody waits", "done"] {
            site.answers(path, text);
        }
        assert_eq!(scene.hears().await, format!("{path} 1 done"));
    }
    scene.is_over().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_was_not_answered_is_in_doubt_and_one_that_was_is_not_made_again() {
    let site = Site::open().await;
    let mut scene = start(&site).await;
    scene.alice.says("post").await;
    site.is_asked("/post", 1).await;
    scene.alice.says("/a").await;
    site.is_asked("/a", 1).await;
    scene.kill().await;
    scene.start();
    assert_eq!(scene.hears().await, "post 1 IN_DOUBT");
    scene.alice.says("post").await;
    site.is_asked("/post", 2).await;

    // The chat is held by a command when the answer comes.
    let delay = Trouble::Delay(Duration::from_secs(3600)..=Duration::from_secs(3600));
    let fault =
        InjectedFault { account: Some("bot".into()), on: Traffic::Replies, trouble: delay, when: When::Next(1) };
    scene.control.inject(fault).expect("there is a bot");
    scene.alice.says("hold").await;
    scene.is_in("GetSettings").await;
    site.answers("/post", "nobody waits");
    site.answers("/post", "posted");
    scene.is_in("http_post: it is answered, and the chat is taken").await;
    scene.kill().await;
    scene.start();
    let mut heard = [scene.hears().await, scene.hears().await];
    heard.sort();
    assert_eq!(heard, ["hold 1 ", "post 2 posted"]);
    assert_eq!(site.bodies("/post"), ["once", "once"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_only_looks_is_made_again_and_any_other_is_in_doubt() {
    let site = Site::open().await;
    let mut scene = start(&site).await;
    scene.alice.says("put").await;
    site.is_asked("/put", 1).await;
    assert!(site.latest("/put").starts_with("PUT\n"));
    scene.kill().await;
    scene.start();
    assert_eq!(scene.hears().await, "put 1 IN_DOUBT");
    assert_eq!(site.bodies("/put"), [r#"{"n":1}"#]);
    scene.alice.says("look").await;
    site.is_asked("/look?n=1", 1).await;
    scene.kill().await;
    site.serves("/look?n=1", "200 OK", b"seen");
    scene.start();
    assert_eq!(scene.hears().await, "look 1 seen");
    scene.is_over().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_no_answer_when_it_was_handled_is_none_after_a_kill() {
    let site = Site::open().await;
    let mut scene = start(&site).await;
    is_in_the_web(&scene, &site, "/a").await;
    scene.alice.says("order").await;
    assert_eq!(scene.hears().await, "What?");
    scene.kill_in("ask").await;
    scene.start();
    site.is_asked("/a", 2).await;
    site.answers("/a", "nobody waits");
    site.answers("/a", "done");
    assert_eq!(scene.hears().await, "/a 1 done");
    scene.alice.says("tea").await;
    assert_eq!(scene.hears().await, "One tea.");
    scene.is_over().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_in_the_web_go_on_beside_each_other_after_a_kill() {
    let site = Site::open().await;
    let mut scene = start(&site).await;
    is_in_the_web(&scene, &site, "/timer").await;
    site.answers("/timer", "");
    assert_eq!(scene.hears().await, "/timer 1 ");
    for number in [1, 2] {
        site.is_asked(&format!("/later{number}"), 1).await;
    }
    scene.kill().await;
    scene.start();
    for number in [2, 1] {
        let path = format!("/later{number}");
        site.is_asked(&path, 2).await;
        site.answers(&path, "nobody waits");
        site.answers(&path, "done");
        assert_eq!(scene.hears().await, format!("later {number} done"));
    }
    scene.is_over().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_is_asked_to_end_waits_for_the_web_for_a_moment() {
    let site = Site::open().await;
    let mut scene = start(&site).await;
    for path in ["/a", "/b"] {
        is_in_the_web(&scene, &site, path).await;
    }
    let process = scene.process.take().expect("it runs");
    process.is_asked_to_end();
    scene.folder.logs("stopping: ").await;
    scene.alice.says("for the next one").await;
    for path in ["/b", "/a"] {
        site.answers(path, "done");
        assert_eq!(scene.hears().await, format!("{path} 1 done"));
    }
    tokio::task::spawn_blocking(|| process.has_ended()).await.expect("with status 0");
    scene.start();
    assert_eq!(scene.hears().await, "for the next one 1 ");
    scene.is_over().await;
    scene.end().await;
}
