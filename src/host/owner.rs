//! The owner of a bot, who is told of troubles by a message, and the task that follows them. What a trouble is, `trouble` knows.
//!
//! The first message is sent soon, so that a burst is in it; after that there is one a minute at most, with all that came. A PIN is
//! told as soon as another session is up. A message that cannot be sent is no trouble of its own: the log says it, and the next attempt is later each time.

use std::mem::take;
use std::time::Duration;

use tokio::task::AbortHandle;

use super::config::BotOwner;
use super::trouble::{BotTrouble, RecentTroubles};
use crate::clock::Clock;
use crate::protocol::LINE;
use crate::protocol::commands::SendText;
use crate::runtime::{Announcer, Directory, EventStream, Happening, MissedEvents};
use crate::session::{Handle, Phase};

/// How long troubles are gathered before the first message.
const GATHER: Duration = Duration::from_secs(2);

/// How long it is at least from one message to the next, and at most while none can be sent.
const PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// How often it is looked whether a session is up.
const LOOK: Duration = Duration::from_secs(1);

/// How long a PIN is of use.
const PIN_LIFE: Duration = Duration::from_secs(180);

/// How long a message may take: a session that sends too much already has it wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many different troubles one message names.
const NAMED: usize = 10;

/// Follows the troubles of a bot until it is dropped.
pub(super) struct FollowedTroubles(AbortHandle);

impl FollowedTroubles {
    /// Follows them from now on; `earlier` are those that there are already.
    pub(super) fn follow(
        events: &Announcer,
        clock: &Clock,
        recent: RecentTroubles,
        post: Option<OwnerPost>,
        earlier: Vec<Happening>,
    ) -> Self {
        let mut follower = Follower { clock: clock.clone(), recent, post };
        let news = events.read_news();
        let task = tokio::spawn(async move {
            earlier.iter().for_each(|happening| follower.note(happening));
            follower.run(news).await;
        });
        Self(task.abort_handle())
    }
}

impl Drop for FollowedTroubles {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Follower {
    clock: Clock,
    recent: RecentTroubles,
    post: Option<OwnerPost>,
}

impl Follower {
    async fn run(mut self, mut news: EventStream) {
        loop {
            let due = self.post.as_ref().and_then(|post| post.due(self.clock.elapsed()));
            let clock = self.clock.clone();
            let wait = async move {
                match due {
                    Some(due) => clock.sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = news.next() => match event {
                    None => return,
                    Some(Ok(event)) => self.note(&event.happening),
                    Some(Err(MissedEvents(count))) => {
                        self.post.iter_mut().for_each(|post| post.digest.further += count);
                    }
                },
                () = wait => if let Some(post) = &mut self.post {
                    post.send(&self.clock).await;
                },
            }
        }
    }

    fn note(&mut self, happening: &Happening) {
        let Some(trouble) = BotTrouble::of(happening) else { return };
        if let Some(post) = &mut self.post
            && !post.has_caused(happening)
        {
            post.add(trouble.clone(), self.clock.elapsed());
        }
        self.recent.note(&trouble, self.clock.now());
    }
}

/// How the owner is reached, and what they are still to be told.
pub(super) struct OwnerPost {
    owner: BotOwner,
    directory: Directory,
    digest: Digest,
    /// PINs, each with when it came.
    pins: Vec<(BotTrouble, Duration)>,
    /// The session by which the latest message could not be sent: it may complain of that.
    failed_by: Option<String>,
}

impl OwnerPost {
    pub(super) fn new(owner: BotOwner, directory: Directory) -> Self {
        Self { owner, directory, digest: Digest::default(), pins: Vec::new(), failed_by: None }
    }

    fn add(&mut self, trouble: BotTrouble, now: Duration) {
        match trouble.pin {
            Some(_) => self.pins.push((trouble, now)),
            None => self.digest.add(trouble, now),
        }
    }

    /// When it is to be sent what there is to tell; where no session is up, that is looked at again.
    fn due(&self, now: Duration) -> Option<Duration> {
        let due = if self.pins.is_empty() { self.digest.due()? } else { now };
        Some(if due <= now && self.way().is_none() { now + LOOK } else { due })
    }

    /// The session that a message goes through: one that is up, and better one that is not held back.
    fn way(&self) -> Option<Handle> {
        let names = self.directory.names().into_iter();
        let named = names.filter(|name| self.owner.session.as_ref().is_none_or(|only| only == name));
        let handles = named.filter_map(|name| Some(self.directory.get(&name)?.handle));
        let is_there = |handle: &Handle| std::ptr::eq(handle.network(), &LINE) == self.owner.is_on_line();
        let up = handles.filter(|handle| is_there(handle) && handle.status().phase == Phase::Live);
        up.min_by_key(|handle| handle.status().restraint.pause_until)
    }

    /// Whether the message of a trouble is what has caused it.
    fn has_caused(&self, happening: &Happening) -> bool {
        matches!(happening, Happening::Slowed { session, .. } if self.failed_by.as_ref() == Some(session))
    }

    async fn send(&mut self, clock: &Clock) {
        self.pins.retain(|(_, since)| clock.elapsed() < *since + PIN_LIFE);
        let Some(handle) = self.way() else { return };
        for (BotTrouble { text, pin, .. }, _) in take(&mut self.pins) {
            let pin = pin.as_ref().map_or("", |pin| pin.expose());
            self.say(&handle, &format!("{text}: {pin}"), clock).await;
        }
        if self.digest.due().is_none_or(|due| due > clock.elapsed()) {
            return;
        }
        let is_sent = self.say(&handle, &self.digest.text(), clock).await;
        self.failed_by = (!is_sent).then(|| handle.name().to_owned());
        match is_sent {
            true => self.digest.sent(clock.elapsed()),
            false => self.digest.failed(clock.elapsed()),
        }
    }

    /// Sends a message; whether that worked.
    async fn say(&self, handle: &Handle, text: &str, clock: &Clock) -> bool {
        let message = SendText { to: self.owner.mid.clone(), content: text.to_owned(), msg_id: None };
        let sent = tokio::select! {
            sent = handle.request(&message) => sent.map(drop).map_err(|error| error.to_string()),
            () = clock.sleep(PATIENCE) => Err(format!("it took longer than {} s", PATIENCE.as_secs())),
        };
        if let Err(reason) = &sent {
            tracing::warn!(session = handle.name(), "the owner could not be told of troubles: {reason}");
        }
        sent.is_ok()
    }
}

/// What the owner is to be told next, and when.
#[derive(Debug)]
struct Digest {
    /// Each with how often it came.
    troubles: Vec<(BotTrouble, u64)>,
    /// How many came besides.
    further: u64,
    /// When the first of them came.
    since: Option<Duration>,
    /// No message goes out before.
    next: Duration,
    pause: Duration,
}

impl Default for Digest {
    fn default() -> Self {
        Self { troubles: Vec::new(), further: 0, since: None, next: Duration::ZERO, pause: PAUSE }
    }
}

impl Digest {
    fn add(&mut self, trouble: BotTrouble, now: Duration) {
        self.since.get_or_insert(now);
        match self.troubles.iter().position(|(known, _)| known.is_like(&trouble)) {
            Some(index) => self.troubles[index].1 += 1,
            None if self.troubles.len() < NAMED => self.troubles.push((trouble, 1)),
            None => self.further += 1,
        }
    }

    /// When a message is due, if there is anything to tell.
    fn due(&self) -> Option<Duration> {
        self.since.map(|since| (since + GATHER).max(self.next))
    }

    fn text(&self) -> String {
        let line = |(trouble, count): &(BotTrouble, u64)| match count {
            1 => trouble.text.clone(),
            count => format!("{} ({count} times)", trouble.text),
        };
        let mut lines: Vec<_> = self.troubles.iter().map(line).collect();
        if self.further > 0 {
            lines.push(format!("and {} further troubles, which the log tells", self.further));
        }
        match lines.as_slice() {
            [only] => only.clone(),
            lines => lines.iter().map(|line| format!("• {line}")).collect::<Vec<_>>().join("\n"),
        }
    }

    fn sent(&mut self, now: Duration) {
        *self = Self { next: now + PAUSE, ..Self::default() };
    }

    /// What could not be sent is kept for the next attempt.
    fn failed(&mut self, now: Duration) {
        self.next = now + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(reason: &str) -> BotTrouble {
        let happening = Happening::Unusable { session: "main".to_owned(), reason: reason.to_owned() };
        BotTrouble::of(&happening).expect("it is one")
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_burst_is_one_message_and_what_follows_waits_for_its_minute() {
        let mut digest = Digest::default();
        assert_eq!(digest.due(), None);
        for _ in 0..50 {
            digest.add(trouble("a"), seconds(10));
        }
        digest.add(trouble("b"), seconds(11));
        assert_eq!(digest.due(), Some(seconds(12)));
        let text = "• session main: a; it is not tried again (50 times)\n• session main: b; it is not tried again";
        assert_eq!(digest.text(), text);
        digest.sent(seconds(12));
        assert_eq!(digest.due(), None);
        digest.add(trouble("c"), seconds(13));
        assert_eq!(
            (digest.due(), digest.text().as_str()),
            (Some(seconds(72)), "session main: c; it is not tried again")
        );
    }

    #[test]
    fn of_many_different_troubles_ten_are_named() {
        let mut digest = Digest::default();
        (0..25).for_each(|number| digest.add(trouble(&number.to_string()), Duration::ZERO));
        assert_eq!(digest.text().lines().count(), NAMED + 1);
        assert!(digest.text().ends_with("\n• and 15 further troubles, which the log tells"));
    }

    #[test]
    fn what_cannot_be_sent_is_kept_and_tried_less_and_less_often() {
        let mut digest = Digest::default();
        digest.add(trouble("a"), Duration::ZERO);
        let mut now = seconds(2);
        let mut waits = Vec::new();
        for _ in 0..8 {
            digest.failed(now);
            let due = digest.due().expect("it is kept");
            waits.push((due - now).as_secs());
            now = due;
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
        digest.sent(now);
        digest.add(trouble("b"), now);
        assert_eq!(digest.due(), Some(now + PAUSE));
    }
}
