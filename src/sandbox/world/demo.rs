//! The accounts that a new world has.

use super::account::Friend;
use super::operator::NewAccount;
use super::{World, operator};

/// The password, and the login token, of every demo account.
pub const DEMO_PASSWORD: &str = "sandbox";

/// The domain of the demo accounts' email addresses.
pub const DEMO_DOMAIN: &str = "sandbox.test";

impl World {
    /// A world with `bot`, `alice`, `bob`, `carol` and `dave`.
    ///
    /// alice, bob and carol have `bot` as their one contact; dave needs a PIN at his first login.
    pub(crate) fn demo(seed: u64) -> Self {
        let mut world = Self::new(seed);
        let mut bot = None;
        for (index, name) in ["bot", "alice", "bob", "carol", "dave"].into_iter().enumerate() {
            let phone = format!("+8190000000{:02}", index + 1);
            let account = NewAccount { phone, needs_pin: name == "dave", ..NewAccount::named(name) };
            let Ok(account) = operator::create_account(&mut world, &account) else { continue };
            match (&bot, name) {
                (None, _) => bot = Some(account),
                (Some(bot), "alice" | "bob" | "carol") => {
                    if let Some(account) = world.accounts.get_mut(&account) {
                        account.contacts.insert(bot.clone(), Friend::default());
                    }
                }
                _ => {}
            }
        }
        world
    }
}
