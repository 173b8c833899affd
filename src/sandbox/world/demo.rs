//! The accounts that a new world has.

use super::account::Friend;
use super::operator::NewAccount;
use super::{World, operator};

/// The password, and the login token, of every demo account.
pub const DEMO_PASSWORD: &str = "sandbox";

/// The demo accounts: what each is called, and its phone number.
pub const DEMO_ACCOUNTS: [(&str, &str); 5] = [
    ("bot", "+819000000001"),
    ("alice", "+819000000002"),
    ("bob", "+819000000003"),
    ("carol", "+819000000004"),
    ("dave", "+819000000005"),
];

/// The official account: what it is called, and its phone number.
pub const OFFICIAL_ACCOUNT: (&str, &str) = ("shop", "+819000000100");

/// The domain of the demo accounts' email addresses.
pub const DEMO_DOMAIN: &str = "sandbox.test";

impl World {
    /// A world with `bot`, `alice`, `bob`, `carol` and `dave`, and the official account `shop`.
    ///
    /// alice, bob and carol have `bot` as their one contact; dave needs a PIN at his first login. Nobody has added `shop`.
    pub(crate) fn demo(seed: u64) -> Self {
        let mut world = Self::new(seed);
        let mut bot = None;
        for (name, phone) in DEMO_ACCOUNTS {
            let account = NewAccount { phone: phone.to_owned(), needs_pin: name == "dave", ..NewAccount::named(name) };
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
        world.found_official();
        world
    }
}
