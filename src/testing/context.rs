//! What every function of a test stands on: the world of the test that runs on this thread, how to wait in it, and how to fail.
//!
//! What a world is, is in `world`.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::{Dynamic, ImmutableString};

use super::bot::WorldSession;
use super::error::WorldError;
use super::unmet::TestError;
use super::world::TestWorld;
use crate::protocol::{Failure, Request};
use crate::runtime::guest;

/// A person of the world who speaks with the bot.
#[derive(Clone, Debug)]
pub(super) struct TestPerson {
    pub(super) name: ImmutableString,
    /// With which session of it.
    pub(super) with: TestBot,
}

/// The bot as one of its sessions has it: that of this name, or the first one.
#[derive(Clone, Debug, Default)]
pub(super) struct TestBot(pub(super) Option<ImmutableString>);

impl TestBot {
    /// The session.
    pub(super) fn session(&self) -> TestOutcome<WorldSession> {
        world()?.session(self.0.as_deref()).map_err(|reason| error(reason.to_string()))
    }

    /// The name of its account.
    pub(super) fn account(&self) -> TestOutcome<String> {
        self.session().map(|session| session.account)
    }
}

/// Stands for the world's gateway.
#[derive(Clone)]
pub(super) struct Gateway;

/// What a function of a test comes to.
pub(super) type TestOutcome<T = Dynamic> = Result<T, TestError>;

thread_local! {
    static CURRENT: RefCell<Option<Rc<TestWorld>>> = const { RefCell::new(None) };
}

/// Has the tests of this thread act on a world, or on none.
pub(super) fn enter(world: Option<Rc<TestWorld>>) {
    CURRENT.set(world);
}

/// The world of the test that runs on this thread.
pub(super) fn world() -> TestOutcome<Rc<TestWorld>> {
    CURRENT.with_borrow(Clone::clone).ok_or_else(|| error("this only works inside a running test"))
}

/// Waits on the test's fiber.
pub(super) fn wait<T>(future: impl Future<Output = Result<T, WorldError>>) -> TestOutcome<T> {
    guest::park(future).ok_or_else(|| error("nothing can wait here"))?.map_err(|reason| error(reason.to_string()))
}

/// The error of a function that was called wrongly.
pub(super) fn error(message: impl AsRef<str>) -> TestError {
    guest::thrown(-1, "BAD_ARGUMENT", message.as_ref(), None)
}

/// What a test is told when the gateway refuses what somebody does.
pub(super) fn refused(failure: Failure) -> TestError {
    let (code, name) = (failure.code, failure.name().to_owned());
    guest::thrown(code, &name, &WorldError::Refused(failure).to_string(), None)
}

/// Sends a request as somebody other than the bot's session, and gives its content.
pub(super) fn act(who: &str, request: Request) -> TestOutcome<Dynamic> {
    let world = world()?;
    let content = wait(world.act(who, request))?;
    Ok(guest::from_json(&content.to_string()).unwrap_or_default())
}
