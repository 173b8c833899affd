//! Someone who chats with a bot.

use std::time::Duration;

use hotline::protocol::Message;
use hotline::sandbox::{Control, Watcher};

use crate::crash::PATIENCE;

/// A person of the sandbox's world, and the bot that they talk to.
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) bot: String,
    control: Control,
    watcher: Watcher,
}

impl Person {
    pub(crate) fn new(control: &Control, name: &str, bot: &str) -> Self {
        let watcher = control.watch(name).expect("the person is known");
        Self { name: name.to_owned(), bot: bot.to_owned(), control: control.clone(), watcher }
    }

    /// Writes to the bot, once it is there to hear it.
    pub(crate) async fn says(&self, text: &str) {
        self.is_heard().await;
        self.control.say(&self.name, &self.bot, text).expect("both are known");
    }

    /// Waits until the bot is connected.
    pub(crate) async fn is_heard(&self) {
        self.connections(|count| count > 0).await;
    }

    /// Waits until the bot is no longer connected.
    pub(crate) async fn is_alone(&self) {
        self.connections(|count| count == 0).await;
    }

    async fn connections(&self, are: impl Fn(usize) -> bool) {
        let reached = async {
            while !are(self.control.connections(&self.bot)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{} does not come or go", self.bot));
    }

    /// The next text that arrives within this time.
    pub(crate) async fn hears_within(&mut self, time: Duration) -> Option<String> {
        let text = async {
            loop {
                let event = self.watcher.next().await.expect("the sandbox runs");
                if event.subcommand == "RECEIVE_MESSAGE"
                    && let Some(text) = Message::read(event.content.as_str()).and_then(|message| message.text)
                {
                    return text;
                }
            }
        };
        tokio::time::timeout(time, text).await.ok()
    }
}
