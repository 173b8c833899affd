//! A running session as a test sees it: its handle, its signals in order, and its clock.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use hotline::clock::Clock;
use hotline::protocol::Event;
use hotline::session::{Credentials, Ended, Flow, Handle, Pacing, Secret, SessionConfig, Signal, channel, run};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, LocalSet};

use crate::gateway::soon;

/// A session with an email login that sends as fast as it can.
pub(crate) fn config(gateway: &str) -> SessionConfig {
    let login = Credentials::Email { email: "bot@sandbox.test".into(), password: Secret::new("sandbox") };
    SessionConfig { pacing: Pacing::Off, ..SessionConfig::new("main", gateway, login) }
}

/// A running session.
pub(crate) struct Session {
    pub(crate) handle: Handle,
    pub(crate) clock: Clock,
    pub(crate) is_pausing: Rc<Cell<bool>>,
    signals: mpsc::UnboundedReceiver<Signal>,
    task: JoinHandle<Ended>,
}

impl Session {
    /// Starts a session on the test's clock.
    pub(crate) fn start(config: SessionConfig) -> Self {
        Self::start_on(config, Clock::manual(1_700_000_000_000))
    }

    pub(crate) fn start_on(config: SessionConfig, clock: Clock) -> Self {
        let (handle, inbox) = channel(&config);
        let (sender, signals) = mpsc::unbounded_channel();
        let is_pausing = Rc::new(Cell::new(false));
        let pausing = Rc::clone(&is_pausing);
        let sink = move |signal| {
            // A test that ends early no longer listens.
            let _ = sender.send(signal);
            if pausing.get() { Flow::Pause } else { Flow::Continue }
        };
        let task = tokio::task::spawn_local(run(config, clock.clone(), 1, inbox, sink));
        Self { handle, clock, is_pausing, signals, task }
    }

    /// The next signal.
    pub(crate) async fn signal(&mut self) -> Signal {
        soon("a signal", self.signals.recv()).await.expect("the session runs")
    }

    /// The next signal; `None` when the session is over.
    pub(crate) async fn next_signal(&mut self) -> Option<Signal> {
        soon("a signal", self.signals.recv()).await
    }

    /// A signal that is there already.
    pub(crate) fn signal_now(&mut self) -> Option<Signal> {
        self.signals.try_recv().ok()
    }

    /// The next signal, which has to be an event.
    pub(crate) async fn event(&mut self) -> Event {
        match self.signal().await {
            Signal::Event(event) => event,
            other => panic!("no event but {other:?}"),
        }
    }

    /// The next signal, which has to be that the session is live.
    pub(crate) async fn logged_in(&mut self) -> String {
        match self.signal().await {
            Signal::LoggedIn { mid, .. } => mid,
            other => panic!("not logged in but {other:?}"),
        }
    }

    /// The next signal, which has to be the loss of the connection.
    pub(crate) async fn disconnected(&mut self) -> String {
        match self.signal().await {
            Signal::Disconnected { reason, .. } => reason,
            other => panic!("not disconnected but {other:?}"),
        }
    }

    /// Lets the session's next attempt at a connection begin.
    pub(crate) fn wait_out_the_backoff(&self) {
        self.clock.advance(Duration::from_secs(30));
    }

    /// Drops the only handle and waits until the session has ended.
    pub(crate) async fn abandoned(self) -> Ended {
        drop(self.handle);
        soon("the end", self.task).await.expect("the session does not panic")
    }

    /// Waits until the session has ended.
    pub(crate) async fn ended(self) -> Ended {
        soon("the end", self.task).await.expect("the session does not panic")
    }
}

/// Runs a test on a thread of its own, as a worker runs its sessions.
pub(crate) fn on_a_worker(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, test);
}
