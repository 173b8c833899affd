//! The embedded gateway: a world of accounts, chats and messages behind the same wire.
