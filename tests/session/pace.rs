//! How fast a session sends, and what it does when the gateway complains.

use std::time::Duration;

use hotline::session::{Pacing, SessionConfig, Signal};
use serde_json::json;
use tokio::task::{JoinHandle, spawn_local};

use crate::gateway::{Gateway, soon};
use crate::watch::{Session, config, on_a_worker};

fn send_text(session: &Session) -> JoinHandle<()> {
    let handle = session.handle.clone();
    spawn_local(async move {
        // Whether it is answered is not what these tests are about.
        let _ = handle.call("SendText", json!({"to": "u1", "content": "x"}).to_string()).await;
    })
}

async fn until_paced(session: &Session, count: usize) {
    soon("calls to wait for their turn", async {
        while session.handle.status().paced != count {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[test]
fn texts_beyond_the_rate_wait_for_their_turn_and_can_be_seen_waiting() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let pacing = Pacing::Custom([(hotline::protocol::Family::Text, "12/min".parse().expect("a rate"))].into());
        let mut session = Session::start(SessionConfig { pacing, ..config(&gateway.url()) });
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        let calls: Vec<_> = (0..4).map(|_| send_text(&session)).collect();
        for _ in 0..2 {
            assert_eq!(client.receive().await["command"], "SendText");
        }
        until_paced(&session, 2).await;
        let read = spawn_local({
            let handle = session.handle.clone();
            async move { handle.call("GetProfile", "{}".into()).await }
        });
        assert_eq!(client.receive().await["command"], "GetProfile", "another family does not wait");
        session.clock.advance(Duration::from_secs(6));
        assert_eq!(client.receive().await["command"], "SendText");
        until_paced(&session, 1).await;
        calls[3].abort();
        read.abort();
        session.clock.advance(Duration::from_secs(6));
        until_paced(&session, 0).await;
        assert_eq!(session.handle.status().outstanding, 4, "the withdrawn one is not sent");
    });
}

#[test]
fn a_complaint_of_the_gateway_slows_the_session_down_and_is_told() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(SessionConfig { pacing: Pacing::Gentle, ..config(&gateway.url()) });
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        send_text(&session);
        let request = client.receive().await;
        client.reply(&request, 4, "EXCESSIVE_ACCESS: slow down").await;
        let Signal::Slowed { failure, pause } = session.signal().await else { panic!("it is not slowed") };
        assert_eq!((failure.code, pause), (4, Duration::from_secs(10)));
        send_text(&session);
        until_paced(&session, 1).await;
        session.clock.advance(pause);
        assert_eq!(client.receive().await["command"], "SendText");
    });
}
