//! `hotline chat`: a terminal in which a person talks to the bot.
//!
//! A chat is an ordinary session at the gateway, with the account of that person; the bot is not in here.

mod book;
mod line;
mod lookup;
mod said;
mod terminal;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::book::{Book, Recipient};
use self::line::{HELP, Line};
use self::said::{SaidMessages, SeenMessage};
use self::terminal::Terminal;
use super::exit::Exit;
use super::live::{CertificateStore, LiveSession, RefusedLogin};
use super::{account, blocking};
use crate::host::config::Session;
use crate::language::duration::parse_duration;
use crate::protocol::commands::{
    AcceptGroupInvitation, CreateGroup, GetAllContactIds, GetJoinedGroupIds, InviteIntoGroup, LeaveGroup,
    RejectGroupInvitation, SendText,
};
use crate::protocol::line::Server;
use crate::protocol::{Call, Event, FailureCode, LINE, is_group};
use crate::sandbox::{
    DEFAULT_LISTEN, DEMO_ACCOUNTS, DEMO_DOMAIN, DEMO_PASSWORD, OFFICIAL_ACCOUNT, PLAY_COMMAND, PlayedDeed,
};
use crate::session::{CallError, Credentials, Handle, Pacing, Secret, SessionConfig, Signal};
use crate::visible;

/// Who talks unless someone else is named.
pub(super) const DEFAULT_PERSON: &str = "alice";

/// The arguments of `chat`.
#[derive(Debug, clap::Args)]
pub(super) struct ChatArgs {
    /// Who talks: an account of the sandbox
    #[arg(long = "as", value_name = "NAME", default_value = DEFAULT_PERSON)]
    name: String,

    /// At the end of piped input, how long to wait for further answers after the last one
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = parse_duration)]
    wait: Duration,

    #[command(flatten)]
    account: account::SessionFlags,
}

/// Who talks, where, and for how long.
pub(super) struct ChatOptions {
    /// The gateway's url.
    pub(super) gateway: String,
    /// The account.
    pub(super) login: Credentials,
    /// What the bot is to be found by, where its account is known.
    pub(super) bot: Option<String>,
    /// How long the silence after the end of piped input has to be.
    pub(super) wait: Duration,
}

impl ChatOptions {
    /// A demo account at a sandbox.
    pub(super) fn demo(gateway: String, name: &str) -> Self {
        let email = if name.contains('@') { name.to_owned() } else { format!("{name}@{DEMO_DOMAIN}") };
        let login = Credentials::Email { email, password: Secret::new(DEMO_PASSWORD) };
        Self { gateway, login, bot: None, wait: Duration::from_secs(2) }
    }
}

impl ChatArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        let login = self.account.login();
        let mut partner = None;
        let gateway = match &self.account.gateway {
            Some(gateway) => account::gateway(gateway).map_err(Exit::Usage)?.to_string(),
            // The bot's configuration says where it is to be found; who talks to it is another account.
            None => match self.account.bot()? {
                // Who plays LINE has people too, who log in where the sandbox of this machine usually is.
                Some(bot) if std::ptr::eq(bot.network(), &LINE) => {
                    if bot.gateway.as_str().trim_end_matches('/') == Server::Api.url() {
                        return Err(Exit::usage(anyhow!(
                            "the bot of the configuration is on LINE itself, where people write to it: here they do where `hotline sandbox` \
                             plays LINE and \"api\" says so"
                        )));
                    }
                    partner = Some(OFFICIAL_ACCOUNT.0.to_owned());
                    format!("ws://{DEFAULT_LISTEN}")
                }
                // A password of the sandbox is no business of any other gateway.
                Some(bot) if login.is_none() && !is_demo(bot.login.account()) => {
                    return Err(Exit::usage(no_demo(&bot)));
                }
                Some(bot) => {
                    partner = Some(name_of(bot.login.account()).to_owned());
                    bot.gateway.to_string()
                }
                None => format!("ws://{DEFAULT_LISTEN}"),
            },
        };
        let demo = ChatOptions::demo(gateway, &self.name);
        let login = login.unwrap_or(demo.login);
        let options = ChatOptions { wait: self.wait, login, bot: partner, ..demo };
        let (_never, stop) = watch::channel(false);
        run(options, stop)
    }
}

fn is_demo(account: &str) -> bool {
    name_of(account) != account
}

/// What an account is found by: its name where it is one of a sandbox's, else itself, such as a phone number.
fn name_of(account: &str) -> &str {
    let name = account.strip_suffix(DEMO_DOMAIN).and_then(|account| account.strip_suffix('@'));
    name.unwrap_or(account)
}

fn no_demo(bot: &Session) -> anyhow::Error {
    let account = bot.login.account();
    anyhow!(
        "the bot of the configuration is {account}, which is no account of a sandbox: \
         say who talks by --email and --password, or where another bot is by --gateway"
    )
}

/// Chats until the person ends it, the process is asked to end, or `stop` becomes true.
///
/// It takes the calling thread, with a runtime of its own, so that it goes beside an engine in the same process.
pub(super) fn run(options: ChatOptions, mut stop: watch::Receiver<bool>) -> Result<(), Exit> {
    let outcome = blocking::run(async {
        let mut asked = blocking::Asked::listen()?;
        let settings = SessionConfig {
            // A person types as fast as a person does.
            pacing: Pacing::Off,
            ..SessionConfig::new("chat", options.gateway.clone(), options.login.clone())
        };
        let mut live = LiveSession::start(settings, CertificateStore::Nowhere)?;
        let outcome = tokio::select! {
            outcome = talk(&mut live, &options) => outcome,
            _ = stop.wait_for(|stop| *stop) => Ok(()),
            () = asked.wait() => Ok(()),
        };
        live.stop().await;
        outcome
    })?;
    outcome.map_err(Exit::Failed)
}

async fn talk(live: &mut LiveSession, options: &ChatOptions) -> anyhow::Result<()> {
    let (account, wait) = (options.login.account(), options.wait);
    let me = live.logged_in().await.map_err(|error| advised(error, account))?;
    let (notes, mut failures) = mpsc::channel(64);
    let mut chat = Conversation {
        handle: live.handle().clone(),
        book: Book { me: me.mid.clone(), ..Book::default() },
        is_demo: is_demo(account),
        bot: None,
        current: None,
        terminal: Terminal::open()?,
        notes,
        sending: Rc::new(()),
        said: Rc::default(),
        latest: None,
    };
    let partner = options.bot.as_deref().filter(|bot| *bot != name_of(account));
    chat.get_acquainted(me.name, partner).await?;
    chat.greet(partner)?;
    chat.terminal.ask(&chat.prompt());
    let mut ending: Option<Instant> = None;
    loop {
        let silence = async {
            match ending {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            signal = live.next() => {
                let Some(signal) = signal else { bail!("the session has ended") };
                chat.take(signal).await?;
                ending = ending.map(|_| Instant::now() + wait);
            }
            Some(failure) = failures.recv() => {
                if !chat.terminal.is_prompt() {
                    return Err(failure);
                }
                chat.tell(&format!("{failure:#}"))?;
            }
            line = chat.terminal.line(), if ending.is_none() => match line.map(|line| Line::read(&line)) {
                Some(Line::Quit) => return Ok(()),
                Some(line) => {
                    chat.work(line).await?;
                    chat.terminal.ask(&chat.prompt());
                }
                None if chat.terminal.is_prompt() => return Ok(()),
                None => ending = Some(Instant::now() + wait),
            },
            () = silence => {
                if chat.is_sending() {
                    ending = Some(Instant::now() + wait);
                } else {
                    return Ok(());
                }
            }
        }
    }
}

/// Adds what helps against a login that did not come about.
fn advised(error: anyhow::Error, account: &str) -> anyhow::Error {
    if !error.is::<RefusedLogin>() {
        return error.context("`hotline run` or `hotline sandbox` starts a gateway on this machine");
    }
    if !is_demo(account) {
        return error;
    }
    let names = DEMO_ACCOUNTS.map(|(name, _)| name).join(", ");
    error.context(format!("the demo accounts of a sandbox are {names}, with the password \"{DEMO_PASSWORD}\""))
}

/// One person's side of their chats.
struct Conversation {
    handle: Handle,
    book: Book,
    /// Whether the account is one of a sandbox's, where the demo people are to be found.
    is_demo: bool,
    /// Whom they came to talk to.
    bot: Option<Recipient>,
    /// Where their messages go.
    current: Option<Recipient>,
    terminal: Terminal,
    /// Where messages that could not be sent are told.
    notes: mpsc::Sender<anyhow::Error>,
    /// Shared with every message that is on its way.
    sending: Rc<()>,
    /// The messages of one's chats.
    said: Rc<RefCell<SaidMessages>>,
    /// The latest message that one has sent, while it is on its way.
    latest: Option<JoinHandle<()>>,
}

impl Conversation {
    fn is_sending(&self) -> bool {
        Rc::strong_count(&self.sending) > 1
    }

    fn prompt(&self) -> String {
        let me = self.book.name(&self.book.me);
        match &self.current {
            Some(current) if Some(current) != self.bot.as_ref() => {
                format!("{me} to {}> ", self.book.name(&current.mid))
            }
            None if self.bot.is_some() => format!("{me} to nobody> "),
            _ => format!("{me}> "),
        }
    }

    /// Learns who one is, whom one knows, and who of them is the bot: whoever `partner` names, else the likeliest.
    async fn get_acquainted(&mut self, my_name: Option<String>, partner: Option<&str>) -> anyhow::Result<()> {
        let me = self.book.me.clone();
        if let Some(name) = my_name {
            self.book.people.insert(me.clone(), name);
        } else {
            self.learn(vec![me.clone()]).await;
        }
        let contacts = mids(&self.request(&GetAllContactIds {}).await?);
        self.learn(contacts.clone()).await;
        let groups = mids(&self.request(&GetJoinedGroupIds {}).await?);
        self.learn(groups).await;
        self.bot = match partner {
            // Where it is not found, nobody else is written to in its place.
            Some(partner) => self.find(partner).await.ok(),
            None => self.find_default(&contacts).await,
        };
        self.current.clone_from(&self.bot);
        Ok(())
    }

    fn greet(&mut self, partner: Option<&str>) -> anyhow::Result<()> {
        if !self.terminal.is_prompt() {
            return Ok(());
        }
        let me = self.book.name(&self.book.me);
        let greeting = match (&self.bot, partner) {
            (Some(bot), _) => format!("You are {me}, and this is your chat with {}.", bot.name),
            (None, Some(partner)) => format!("You are {me}, and the bot, {partner}, is not to be found: /to NAME."),
            (None, None) => format!("You are {me}, who knows nobody yet."),
        };
        self.terminal.notice(&format!("{greeting} Type a message, /help for more, Ctrl-D to leave."))?;
        Ok(())
    }

    async fn request<C: Call>(&self, call: &C) -> Result<Value, CallError> {
        Ok(self.handle.request(call).await?.value())
    }

    async fn take(&mut self, signal: Signal) -> anyhow::Result<()> {
        match signal {
            Signal::Event(event) => return self.hear(&event).await,
            Signal::Disconnected { reason, was_live: true, .. } => {
                self.tell(&format!("the connection is lost and tried again: {reason}"))?;
            }
            // One more attempt that failed is no news.
            Signal::Disconnected { was_live: false, .. } => {}
            Signal::LoggedIn { .. } => self.tell("connected again")?,
            Signal::Refused(failure) => bail!("the gateway refuses the login: {}", failure.content),
            Signal::Unusable(reason) => bail!("{reason}"),
            Signal::Pin(pin) => self.tell(&format!("type this PIN on the phone: {pin}"))?,
            Signal::LoginNotice(frame) => self.tell(&format!("the gateway says: {frame}"))?,
            Signal::Slowed { failure, pause } => {
                let seconds = pause.as_secs();
                self.tell(&format!("the gateway complains, nothing is sent for {seconds} s: {failure}"))?;
            }
            Signal::Certificate(_) => {}
        }
        Ok(())
    }

    /// Says something that is no message, on one line: a gateway may have worded it.
    fn tell(&mut self, text: &str) -> anyhow::Result<()> {
        Ok(self.terminal.notice(&format!("! {}", visible::line(text)))?)
    }

    async fn hear(&mut self, event: &Event) -> anyhow::Result<()> {
        let strangers = self.book.strangers(event);
        if !strangers.is_empty() {
            self.learn(strangers).await;
        }
        self.book.note(event);
        self.said.borrow_mut().hear(event, &self.book.me);
        if let Some(line) = self.book.describe(event, self.current.as_ref().map(|target| target.mid.as_str())) {
            self.terminal.print(&line)?;
        }
        if let Some(group) = self.book.learn_names(event) {
            let old = self.book.name(&group);
            self.learn(vec![group.clone()]).await;
            if let Some(line) = self.book.renamed(event, &old, &group) {
                self.terminal.print(&line)?;
            }
        }
        Ok(())
    }

    async fn work(&mut self, line: Line) -> anyhow::Result<()> {
        let outcome = match line {
            Line::Empty | Line::Quit => Ok(()),
            Line::Say(text) => self.say(text),
            Line::SayAndHint(text) => {
                let said = self.say(text);
                if said.is_ok() && self.terminal.is_prompt() {
                    self.tell("that went to the bot; /help lists what this chat knows, /quit ends it")?;
                }
                said
            }
            Line::Help => return Ok(self.terminal.notice(HELP.trim_end())?),
            Line::Incomplete(usage) => Err(anyhow!("usage: {usage}")),
            Line::Me => return self.show_me(),
            Line::People => return self.list_people(),
            Line::Groups => return self.list_groups(),
            Line::To(name) => self.go_to(name.as_deref()).await,
            Line::Group { name, people } => self.make_group(name, &people).await,
            Line::Invite(people) => self.invite(&people).await,
            Line::Accept(group) => self.accept(group.as_deref()).await,
            Line::Reject(group) => self.reject(group.as_deref()).await,
            Line::Leave => self.leave().await,
            Line::Kick(name) => self.kick(&name).await,
            Line::Unsend(before) => self.unsend(before).await,
            Line::React(before) => self.react(before).await,
        };
        match outcome {
            Err(error) if self.terminal.is_prompt() => self.tell(&format!("{error:#}")),
            outcome => outcome,
        }
    }

    /// Sends a message without waiting for its reply, so that one can go on typing; the order is kept.
    fn say(&mut self, text: String) -> anyhow::Result<()> {
        let to = self.current()?.mid.clone();
        let (handle, notes, sending) = (self.handle.clone(), self.notes.clone(), Rc::clone(&self.sending));
        let said = Rc::clone(&self.said);
        self.latest = Some(tokio::task::spawn_local(async move {
            match handle.request(&SendText { to: to.clone(), content: text, msg_id: None }).await {
                Ok(sent) => {
                    let id = sent.value()["id"].as_str().map(str::to_owned);
                    id.into_iter()
                        .for_each(|id| said.borrow_mut().note(SeenMessage { chat: to.clone(), id, is_own: true }));
                }
                // Where the chat has ended, nobody reads it.
                Err(error) => drop(notes.send(anyhow::Error::new(error).context("the message was not sent")).await),
            }
            drop(sending);
        }));
        Ok(())
    }

    async fn go_to(&mut self, name: Option<&str>) -> anyhow::Result<()> {
        // Where nobody is found, what is typed next must not go to whomever one wanted to turn away from.
        self.current = None;
        self.current = match name {
            Some(name) => Some(self.find(name).await?),
            None => self.bot.clone(),
        };
        Ok(())
    }

    async fn make_group(&mut self, name: String, people: &[String]) -> anyhow::Result<()> {
        self.current = None;
        let mut mids: BTreeSet<_> = self.find_all(people).await?.into_iter().collect();
        mids.extend(self.bot.iter().map(|bot| bot.mid.clone()));
        mids.remove(&self.book.me);
        let content = self.request(&CreateGroup { name, mids: mids.into_iter().collect() }).await?;
        let chats = self.book.learn_groups(&content);
        let group = chats.first().context("the gateway does not tell which group it made")?;
        self.current = Some(self.book.target(&group.chat_mid));
        Ok(())
    }

    fn here(&self) -> anyhow::Result<Recipient> {
        let group = self.current.as_ref().filter(|target| is_group(&target.mid));
        group.cloned().context("this is no group: /to GROUP or /group NAME")
    }

    async fn invite(&mut self, people: &[String]) -> anyhow::Result<()> {
        let group_id = self.here()?.mid;
        let mids = self.find_all(people).await?;
        self.request(&InviteIntoGroup { group_id, mids }).await?;
        Ok(())
    }

    async fn invitation(&mut self, name: Option<&str>) -> anyhow::Result<Recipient> {
        match name {
            Some(name) => self.find(name).await,
            None => {
                let latest = self.book.invitations.last().context("there is no invitation")?;
                Ok(self.book.target(latest))
            }
        }
    }

    async fn accept(&mut self, name: Option<&str>) -> anyhow::Result<()> {
        let group = self.invitation(name).await?;
        self.request(&AcceptGroupInvitation { group_id: group.mid.clone() }).await?;
        self.book.invitations.retain(|known| *known != group.mid);
        self.current = Some(group);
        Ok(())
    }

    async fn reject(&mut self, name: Option<&str>) -> anyhow::Result<()> {
        let group = self.invitation(name).await?;
        self.request(&RejectGroupInvitation { group_id: group.mid.clone() }).await?;
        self.book.invitations.retain(|known| *known != group.mid);
        Ok(())
    }

    async fn leave(&mut self) -> anyhow::Result<()> {
        let group = self.here()?;
        self.request(&LeaveGroup { group_id: group.mid.clone() }).await?;
        self.book.groups.remove(&group.mid);
        self.current.clone_from(&self.bot);
        Ok(())
    }

    async fn kick(&mut self, name: &str) -> anyhow::Result<()> {
        let group = self.here()?.mid;
        let target = self.find(name).await?.mid;
        self.play(PlayedDeed::Kick { group, target }).await
    }

    async fn unsend(&mut self, before: usize) -> anyhow::Result<()> {
        let msg_id = self.message(true, before).await?;
        self.play(PlayedDeed::Unsend { msg_id: msg_id.clone() }).await?;
        self.said.borrow_mut().forget(&msg_id);
        Ok(())
    }

    async fn react(&mut self, before: usize) -> anyhow::Result<()> {
        let msg_id = self.message(false, before).await?;
        self.play(PlayedDeed::React { msg_id }).await
    }

    /// A message of this chat, of one's own or of somebody else.
    async fn message(&mut self, is_own: bool, before: usize) -> anyhow::Result<String> {
        // What was typed last has no id before it is sent.
        if let Some(latest) = self.latest.take() {
            let _ = latest.await;
        }
        let chat = self.current()?.mid.clone();
        let whose = if is_own { "of yours" } else { "of somebody else" };
        let found = self.said.borrow().latest(&chat, is_own, before);
        found.with_context(|| format!("there is no such message {whose} here since this chat began"))
    }

    /// Does what only a sandbox lets people do from here.
    async fn play(&self, deed: PlayedDeed) -> anyhow::Result<()> {
        let played = self.handle.call(PLAY_COMMAND, serde_json::to_string(&deed)?).await;
        played.map(drop).map_err(|error| match &error {
            CallError::Refused(failure) if FailureCode::of(failure.code) == Some(FailureCode::Malformed) => {
                anyhow!("people do that on their phones: a gateway other than the sandbox has no command for it")
            }
            _ => anyhow::Error::new(error),
        })
    }

    fn show_me(&mut self) -> anyhow::Result<()> {
        let line = format!("{}  {}", self.book.name(&self.book.me), self.book.me);
        Ok(self.terminal.notice(&line)?)
    }

    fn list_people(&mut self) -> anyhow::Result<()> {
        let me = &self.book.me;
        let people = self.book.people.iter().filter(|(mid, _)| *mid != me);
        let lines: Vec<_> = people.map(|(mid, _)| format!("{}  {}", self.book.name(mid), visible::line(mid))).collect();
        Ok(self.terminal.notice(&or_nobody(&lines))?)
    }

    fn list_groups(&mut self) -> anyhow::Result<()> {
        let invited = |mid: &String| if self.book.invitations.contains(mid) { "  (you are invited)" } else { "" };
        let groups = self.book.groups.iter();
        let line = |mid: &String| format!("{}  {}{}", self.book.name(mid), visible::line(mid), invited(mid));
        let lines: Vec<_> = groups.map(|(mid, _)| line(mid)).collect();
        Ok(self.terminal.notice(&or_nobody(&lines))?)
    }
}

/// The mids in an answer.
fn mids(content: &Value) -> Vec<String> {
    content.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn or_nobody(lines: &[String]) -> String {
    if lines.is_empty() { "none".to_owned() } else { lines.join("\n") }
}
