//! The login phase of a session: PINs, certificates, and who this account is. When a login is sent is decided above.

use std::time::Duration;

use serde_json::Value;

use super::{Completion, LOGIN, Machine, Output, PIN, State, own_request};
use crate::protocol::{Content, Failure, FailureCode, Incoming, decode_noting, find_text, read_value};
use crate::session::calls::CallError;
use crate::session::config::Credentials;
use crate::session::signal::Signal;

/// A profile that cannot be had yet is asked for again after this, then after twice as long, and so on up to the second.
const PROFILE_RETRY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// So many notices of one login are shown, and so many characters of each.
const NOTICES: usize = 100;
const NOTICE_LENGTH: usize = 500;

impl<T: Completion> Machine<T> {
    /// How long a login waits for its answer.
    ///
    /// How a gateway shows a PIN is not known for sure. A first login by email needs one, so it waits long enough for
    /// a person even if no frame said so: to log in anew would ask for another PIN.
    pub(super) fn login_patience(&self) -> Duration {
        let needs_pin = matches!(self.config.login, Credentials::Email { .. }) && self.certificate.is_none();
        if needs_pin { PIN } else { LOGIN }
    }

    /// The gateway does not take the login. One who complains of haste is asked again when its pause is over; whatever else it
    /// says is about the account, and asking again could cost it.
    fn login_failed(&mut self, failure: Failure, now: Duration) {
        if let Some(pause) = self.queues.login_pause(&failure, now) {
            let told = self.secrets.hidden(&failure.to_string());
            return self.lose_until(&format!("the login is put off: {told}"), now, now + pause);
        }
        // What this account had is no paper any more, and would be refused at every start.
        if FailureCode::of(failure.code) == Some(FailureCode::NotAuthorizedDevice) && self.certificate.take().is_some()
        {
            self.signal(Signal::Certificate(String::new()));
        }
        self.refuse(failure);
    }

    pub(super) fn refuse(&mut self, failure: Failure) {
        let failure = Failure { content: self.secrets.hidden(&failure.content), ..failure };
        self.give_up(State::Refused(failure.clone()), &CallError::LoginRefused(failure.clone()));
        self.signal(Signal::Refused(failure));
    }

    /// A frame of the time between the login and its answer: any of them may carry a PIN.
    pub(super) fn login_frame(&mut self, text: &str, now: Duration) {
        let incoming = decode_noting(text, &mut self.damages);
        if matches!(incoming, Ok(Incoming::HeartBeat)) {
            return;
        }
        let value = read_value(text, &mut self.damages).unwrap_or(Value::Null);
        let find = |names: &[&str]| find_text(&value, names);
        let is_event = matches!(incoming, Ok(Incoming::Event(_)));
        let certificate = find(&["cert", "certificate"]);
        let mid = find(&["mid"]);
        match incoming {
            Ok(Incoming::Login(Err(failure))) => return self.login_failed(failure, now),
            Ok(Incoming::Login(Ok(_))) => {
                let found_pin = find(&["pin", "pinCode", "pin_code"]);
                if found_pin.is_none() || mid.is_some() || certificate.is_some() {
                    return self.logged_in(certificate, mid, find(&["displayName", "display_name"]), now);
                }
            }
            Ok(Incoming::Event(event)) => {
                // It may carry a PIN and is an event all the same.
                self.event(event, now);
            }
            _ => {}
        }
        let State::LoggingIn { deadline, pin, notices } = &mut self.state else { return };
        if let Some(found) = find(&["pin", "pinCode", "pin_code"]) {
            // The same one again is no reason to wait longer: a gateway may repeat it for ever.
            if pin.as_deref() != Some(&found) {
                *deadline = now + PIN;
                *pin = Some(found.clone());
                self.signal(Signal::Pin(found));
            }
        } else if !is_event {
            *notices += 1;
            let shown = *notices <= NOTICES;
            self.counts.ignored += 1;
            if shown {
                let shown = self.secrets.hidden(text);
                self.signal(Signal::LoginNotice(shown.chars().take(NOTICE_LENGTH).collect()));
            }
        }
    }

    fn logged_in(
        &mut self,
        certificate: Option<String>,
        mid: Option<String>,
        display_name: Option<String>,
        now: Duration,
    ) {
        if certificate.is_some() && certificate != self.certificate {
            self.certificate.clone_from(&certificate);
            self.secrets.add(certificate.as_deref().unwrap_or_default());
            self.outputs.extend(certificate.map(|certificate| Output::Signal(Signal::Certificate(certificate))));
        }
        match mid {
            Some(mid) => self.live(mid, display_name, now),
            None => {
                self.state = State::Identifying { question: None, due: now, refusals: 0, display_name };
                self.ask_profile(now);
            }
        }
    }

    pub(super) fn ask_profile(&mut self, now: Duration) {
        let task_id = self.calls.take_task_id();
        if let State::Identifying { question, due, .. } = &mut self.state {
            *question = Some(task_id);
            *due = now + self.config.reply;
            self.send(own_request(task_id));
        }
    }

    /// A reply that belongs to no call: the answer to the question who this is, or nothing.
    pub(super) fn profile(&mut self, task_id: i64, outcome: Result<Content, Failure>, now: Duration) {
        let State::Identifying { question, due, refusals, display_name } = &mut self.state else {
            self.counts.ignored += 1;
            return;
        };
        if *question != Some(task_id) {
            self.counts.ignored += 1;
            return;
        }
        let profile = outcome.as_ref().map_or(Value::Null, Content::value);
        if let Some(mid) = find_text(&profile, &["mid"]) {
            let display_name = display_name.take().or_else(|| find_text(&profile, &["displayName"]));
            return self.live(mid, display_name, now);
        }
        let (first, longest) = PROFILE_RETRY;
        *question = None;
        *due = now + first.saturating_mul(1 << (*refusals).min(10)).min(longest);
        *refusals += 1;
        if let Err(failure) = &outcome {
            self.hear(failure, now);
        }
        let pause = self.queues.pause_until();
        if let State::Identifying { due, .. } = &mut self.state {
            *due = pause.max(*due);
        }
        let notice = match outcome {
            Ok(_) => "the profile names no mid, asking again".to_owned(),
            Err(failure) => {
                format!("the profile is refused, asking again: {}", self.secrets.hidden(&failure.to_string()))
            }
        };
        self.signal(Signal::LoginNotice(notice));
    }
}
