//! How what happens reads in the log, which is one of those who are told.
//!
//! The targets are those of the places where it happens: by them, lines are chosen and gathered.

use super::event::{Happening, NewGeneration};

impl Happening {
    /// Writes its line, where it has one.
    pub(super) fn log(&self) {
        match self {
            Self::ScriptLoaded(new) | Self::ScriptSwapped(new) => new.log(),
            Self::ScriptRefused { fault, is_survived } => {
                let live = if *is_survived { "the version before it stays live" } else { "nothing of it is live" };
                let headline = format!("{} does not load: {live}", fault.file);
                tracing::error!(target: "hotline::host::run", card = fault.card, headline, "{}", fault.text);
            }
            Self::ScriptMended { file } => tracing::info!(target: "hotline::host::run", "{file} is in order again"),
            Self::ScriptMissing { script, file } => tracing::warn!(
                target: "hotline::host::run",
                "{file} is missing: {script} is held until it is back, or `hotline forget {script}` ends what it was at"
            ),
            Self::ScriptBack { script, file } => {
                tracing::info!(target: "hotline::host::run", "{file} is back: what {script} was at goes on");
            }
            Self::ScriptForgotten { script } => {
                tracing::info!(target: "hotline::host::run", "{script} is forgotten: its runs, timers and state end");
            }
            Self::RunFailed { script, session, function, event, generation, fault } => tracing::error!(
                target: "hotline::script",
                script, session, function, event, generation, card = fault.card, "{}", fault.text
            ),
            Self::RunKilled { run } => {
                tracing::info!(target: "hotline::runtime::worker::state", run = run.number(), "killed");
            }
            // The PIN is for the log alone. Runs that go on well are not in it.
            Self::PinWanted { .. } | Self::RunBegan { .. } | Self::RunWaits { .. } | Self::RunEnded { .. } => {}
            of_session => of_session.log_of_session(),
        }
    }

    fn log_of_session(&self) {
        match self {
            Self::LoggedIn { session, mid, name } => tracing::info!(
                target: "hotline::runtime::worker::sessions",
                session, mid, name = name.as_deref().unwrap_or_default(), "logged in"
            ),
            Self::Lost { session, reason, retry, .. } => {
                let seconds = retry.as_secs_f64();
                tracing::warn!(
                    target: "hotline::runtime::worker::sessions",
                    session, "{reason}; trying again in {seconds:.1} s"
                );
            }
            Self::Slowed { session, complaint, pause } if pause.is_zero() => tracing::warn!(
                target: "hotline::runtime::worker::sessions",
                session, "the gateway complains: {complaint}; pacing is off, so nothing is held back"
            ),
            Self::Slowed { session, complaint, pause } => tracing::warn!(
                target: "hotline::runtime::worker::sessions",
                session, "the gateway complains: {complaint}; nothing is sent for {pause:?}"
            ),
            Self::LoginRefused { session, code, reason } => tracing::error!(
                target: "hotline::runtime::worker::sessions",
                session, code, "the login was refused, it is not tried again: {reason}"
            ),
            Self::Unusable { session, reason } => tracing::error!(
                target: "hotline::runtime::worker::sessions",
                session, "{reason}; it is not tried again"
            ),
            Self::TakenUp { session, events, runs } => tracing::info!(
                target: "hotline::runtime::worker::sessions",
                session, events, runs, "taking up what was left behind"
            ),
            Self::TimerWaits { session, script, until } => tracing::warn!(
                target: "hotline::runtime::worker::sessions",
                session, script, "a timer is due and waits until the script {until}"
            ),
            _ => {}
        }
    }
}

impl NewGeneration {
    fn log(&self) {
        let Self { file, generation, hooks, is_called, is_blank, took, .. } = self;
        let took = took.as_millis();
        match is_called {
            _ if *is_blank => tracing::warn!(
                target: "hotline::host::run",
                generation,
                "{file} is live, {took} ms after it was saved: no hooks, since it is empty; its timers wait until it has text again"
            ),
            true => tracing::info!(
                target: "hotline::host::run",
                generation, "{file} is live, {took} ms after it was saved: {hooks}"
            ),
            false => tracing::warn!(
                target: "hotline::host::run",
                generation, "{file} is live, {took} ms after it was saved: {hooks}"
            ),
        }
    }
}
